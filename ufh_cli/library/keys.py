"""Keys of what people have: arrays, tensors, lists and dictionaries of numbers."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from xxhash import xxh3_64

from ufh_cli.core import hashing

_core_call = hashing.FunctionalHash.__call__
_WHAT = "give arrays, tensors or numbers, as np.asarray(...) makes them"


class FunctionalHash(hashing.FunctionalHash):
    """Turns what a candidate does into a key (Methods 3 and 4): `ufh_cli.core.FunctionalHash` of more types.

    Arrays of floats have the keys that they have in a search. Besides, it takes

    - Python floats, and (nested) lists of them of equal lengths: one float64 array;
    - integers and booleans, alone or in arrays: whole, whatever the precision, and other than the float of their value;
    - tensors of torch, tensorflow and jax, and what else has ``__array__``; bfloat16 counts as float32, long double as
      float64, a complex array as its real and its imaginary part;
    - dictionaries: the values in the order of the names; the names themselves do not count;
    - sequences and iterators of all these: each an output, in their order.

    The parameters are those of `ufh_cli.core.FunctionalHash`.
    """

    __slots__ = ()

    def __call__(self, outputs: Any, *, shape: tuple[int, ...] | None = None) -> int:
        """The key, an int in [0, 2**64).

        Parameters
        ----------
        outputs
            What the candidate puts out.
        shape : tuple of int or None
            What every output is broadcast to: a constant that a function returned for many examples is then as if it
            had been returned for each.

        Raises
        ------
        ValueError
            For what cannot be hashed, and where there is nothing to hash.
        """
        if shape is None and type(outputs) is np.ndarray and outputs.dtype.char in "efd":
            return _core_call(self, outputs)
        arrays: list[np.ndarray] = []
        _collect(outputs, arrays)
        if shape is not None:
            arrays = [np.broadcast_to(array, shape, subok=True) for array in arrays]
        if all(array.dtype.kind == "f" for array in arrays):
            return _core_call(self, arrays)
        if not any(array.size for array in arrays):
            return _core_call(self, [])  # which refuses it
        digest = xxh3_64(b"ufh1+exact")
        for array in arrays:
            if array.dtype.kind == "f":
                digest.update(b"f" + _core_call(self, array).to_bytes(8, "little"))
            else:
                digest.update(f"{array.dtype.kind}{array.size}:".encode() + _exact_bytes(array))
        return digest.intdigest()


def functional_key(
    outputs: Any,
    *,
    mantissa_bits: int | None = None,
    decimals: int | None = None,
    at_most: bool = False,
    shape: tuple[int, ...] | None = None,
) -> int:
    """The 64-bit key of `outputs`; the parameters are those of `FunctionalHash`.

    Examples
    --------
    >>> functional_key([0.5, 0.25]) == functional_key(np.array([0.5, 0.25]))
    True
    """
    if shape is None and type(outputs) is np.ndarray and outputs.dtype.char in "efd":
        return hashing.functional_key(outputs, mantissa_bits=mantissa_bits, decimals=decimals, at_most=at_most)
    return FunctionalHash(mantissa_bits=mantissa_bits, decimals=decimals, at_most=at_most)(outputs, shape=shape)


def _collect(outputs: Any, arrays: list[np.ndarray]) -> None:
    if isinstance(outputs, np.ndarray | np.generic) or hasattr(outputs, "__array__"):
        arrays += _plain(_as_array(outputs))
    elif isinstance(outputs, numbers.Number):
        arrays += _plain(np.asarray(outputs))
    elif isinstance(outputs, str | bytes):
        raise ValueError(f"cannot hash {'nothing' if not outputs else 'a text'}; {_WHAT}")
    elif isinstance(outputs, Mapping):
        for name in sorted(outputs, key=str):
            _collect(outputs[name], arrays)
    elif isinstance(outputs, Iterable):
        items = list(outputs)
        whole = _array_of_numbers(items)
        for item in items if whole is None else [whole]:
            _collect(item, arrays)
    else:
        raise ValueError(f"cannot hash a {type(outputs).__name__}; {_WHAT}")


def _array_of_numbers(items: list) -> np.ndarray | None:
    """(Nested) lists of Python's numbers of one kind and of equal lengths as one array; None for all else."""
    kinds: set[type] = set()

    def look(level: list | tuple) -> None:
        for item in level:
            if type(item) in (list, tuple):
                look(item)
            else:
                kinds.add(type(item))

    look(items)
    if len(kinds) != 1 or not kinds <= {float, int, bool}:
        return None
    try:
        return np.array(items)
    except ValueError:  # of unequal lengths
        return None


def _as_array(given: Any) -> np.ndarray:
    if isinstance(given, np.ndarray):
        return given
    if hasattr(given, "detach"):  # torch
        given = given.detach().cpu()
        if "bfloat16" in str(given.dtype):
            given = given.float()
    return np.asarray(given)


def _plain(array: np.ndarray) -> list[np.ndarray]:
    """`array` as types that are hashed."""
    kind = array.dtype.kind
    if array.dtype.name == "bfloat16":
        return [array.astype(np.float32)]
    if kind == "f":
        return [array if array.dtype.itemsize <= 8 else array.astype(np.float64)]
    if kind == "c":
        return [*_plain(array.real), *_plain(array.imag)]
    if kind in "iub":
        return [array]
    if kind == "O" and array.size and all(type(value) is int for value in array.flat):
        return [array]
    raise ValueError(f"cannot hash an array of {array.dtype}; {_WHAT}")


def _exact_bytes(array: np.ndarray) -> bytes:
    """Integers whatever their width, and booleans."""
    if isinstance(array, np.ma.MaskedArray):
        return _exact_bytes(array.filled(0)) + np.ma.getmaskarray(array).tobytes()
    if array.dtype.kind == "O":
        return ",".join(map(str, array.flat)).encode()
    return np.ascontiguousarray(array, dtype={"i": "<i8", "u": "<u8", "b": "?"}[array.dtype.kind]).tobytes()
