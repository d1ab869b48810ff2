"""Methods 3 and 4: the hashable outputs of a candidate -> one 64-bit key.

The key's format, version 1, which golden values in the tests hold fast:

1. Every value is made canonical: with ``mantissa_bits`` the mantissa is truncated (not rounded) to that many bits;
   with ``decimals`` the value is rounded, half to even, to a whole number of 10**-decimals, kept as a float64. Then
   −0.0 becomes 0.0 and every NaN the quiet NaN with no payload; infinities stay.
2. The message is the bytes ``ufh1``, and for each array: one byte for the precision (2, 4 or 8 bytes a value, or 136
   when rounded to decimals), the number of values (8 bytes), then the canonical values; everything little-endian.
3. The key is XXH3-64 of the message.

So the key depends on the precision, the number and the order of the outputs, and on the sign, exponent and kept
mantissa of each, and it is the same on every machine. Method 4 mixes value by value; hashing the canonical bytes at
once depends on the same things and runs at the speed of memory.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Hashable, Iterable

import numpy as np
from xxhash import xxh3_64, xxh3_64_intdigest

from ufh_cli.core.canonical import MANTISSA_BITS, Form, header, make_form

__all__ = ["MANTISSA_BITS", "FunctionalHash", "TaskKeys", "functional_key", "key_text"]

_MAGIC = b"ufh1"
_WANTED = "hashable outputs must be float16, float32 or float64 arrays"
_NOTHING = "nothing to hash: the hashable outputs hold no value (an empty array, or an iterator that was used before?)"
_SMALL = (192, 24)  # values; up to here whole numbers of Python are quicker than numpy's operations, and numba's
_SHORT = 1024  # values; up to here one call of the hash, above it blocks that stay in the processor's cache
_BLOCK = 8192
_FEW = 4  # arrays; from here on those of one type are made canonical together


class FunctionalHash:
    """Turns hashable outputs into a key (Methods 3 and 4).

    Parameters
    ----------
    mantissa_bits : int or None
        Bits of the mantissa to keep: 1 to 10 for float16, 23 for float32, 52 for float64. ``None`` keeps half of
        what the type has, the paper's starting point (§6.5).
    decimals : int or None
        Round to so many decimals instead (as §4.1 does for MNAS). Excludes `mantissa_bits`.
    at_most : bool
        Of types with fewer than `mantissa_bits`, keep all that they have instead of refusing them.

    Examples
    --------
    >>> key = FunctionalHash(mantissa_bits=24)
    >>> key(np.array([0.5, 0.25])) == key([np.array([0.5, 0.25 + 1e-12])])
    True
    """

    __slots__ = ("_forms", "_small", "at_most", "decimals", "mantissa_bits")

    def __init__(self, *, mantissa_bits: int | None = None, decimals: int | None = None, at_most: bool = False) -> None:
        if mantissa_bits is not None and decimals is not None:
            raise ValueError("give mantissa_bits or decimals, not both")
        if at_most and mantissa_bits is None:
            raise ValueError("at_most=True goes with mantissa_bits")
        self.mantissa_bits = _whole("mantissa_bits", mantissa_bits, 1, 52)
        self.decimals = _whole("decimals", decimals, 0, 15)
        self.at_most = at_most
        self._forms: dict[np.dtype, Form] = {}
        self._small: dict[tuple[np.dtype, int], tuple] = {}

    def __call__(self, outputs: np.ndarray | Iterable[np.ndarray]) -> int:
        """The key, an int in [0, 2**64), of one float array or of several in their order.

        Masked values of a masked array count as masked, whatever lies under the mask: the array counts as two, that of
        its values with 0 where they are masked, and that of its mask. Without a masked value it counts as one.

        Raises
        ------
        ValueError
            When an array is not float16, float32 or float64, or has fewer mantissa bits than `mantissa_bits`; or when
            there is no value at all, which says nothing of what a candidate does.
        """
        if type(outputs) is not _ARRAY:
            while type(outputs) in _SEQUENCES and len(outputs) == 1:  # type: ignore[arg-type]
                outputs = outputs[0]  # type: ignore[index]
                if not isinstance(outputs, np.ndarray | np.generic):
                    raise _refusal(outputs)
            if type(outputs) is not _ARRAY:
                return self._key_of_several(outputs)
        # What a quick search asks for all the time, and so here, not in functions that would cost a fifth of it all.
        small = self._small.get((outputs.dtype, outputs.size))
        if small is None:
            return self._key_of_one(outputs)
        start, count, keep, magnitudes, signs, ones = small
        words = _from_bytes(outputs.tobytes(), "little") & keep
        plain = words & magnitudes
        if (plain + ones) & signs:  # an infinity or a NaN: its exponent's bits are all set, and one more carries over
            return self._key_of_one(outputs)
        if words != plain:  # there are signs; they stay where 1 or more, the magnitude, carries over: not at −0.0
            words &= magnitudes | (plain + magnitudes)
        return xxh3_64_intdigest(start + words.to_bytes(count, "little"))

    def _key_of_one(self, array: np.ndarray) -> int:
        dtype, size = array.dtype, array.size
        form = self._forms.get(dtype) or self._make_form(dtype)
        if not 0 < size <= _SHORT:
            return self._key_of_several(array)
        if size <= _SMALL["numba" in sys.modules] and (split := form.split(size)) is not None:
            self._small[dtype, size] = (header(_MAGIC, form, size), *split)
        return xxh3_64_intdigest(header(_MAGIC, form, size) + form.canonical(_in_a_row(array)))

    def _key_of_several(self, outputs: np.ndarray | Iterable[np.ndarray]) -> int:
        if isinstance(outputs, np.ndarray | np.generic) or not isinstance(outputs, Iterable):
            arrays = [outputs]
        else:
            arrays = list(outputs)
        if len(arrays) >= _FEW and (message := self._message_of_many(arrays)) is not None:
            return xxh3_64_intdigest(message)
        digest, total = xxh3_64(_MAGIC), 0
        for array in _counted_masks(arrays):
            form = self._forms.get(array.dtype) or self._make_form(array.dtype)
            values = _in_a_row(array)
            total += values.size
            digest.update(header(b"", form, values.size))
            for start in range(0, values.size, _BLOCK):
                digest.update(form.canonical(values[start : start + _BLOCK]))
        if not total:
            raise ValueError(_NOTHING)
        return digest.intdigest()

    def _message_of_many(self, arrays: list[np.ndarray]) -> bytes | None:
        """The message of short plain arrays of one type, made canonical at once; None where they are not."""
        if set(map(type, arrays)) != {np.ndarray}:
            return None
        dtypes, sizes = list(map(_DTYPE, arrays)), list(map(_SIZE, arrays))
        total = sum(sizes)
        if not 0 < total <= len(arrays) * _SHORT or dtypes.count(dtypes[0]) != len(arrays):
            return None
        form = self._forms.get(dtypes[0]) or self._make_form(dtypes[0])
        try:  # in a third of the time of numpy's concatenation
            values = np.frombuffer(b"".join(arrays), dtypes[0])  # type: ignore[arg-type]
        except TypeError:  # an array whose values are not in their order is no bytes
            values = np.concatenate(arrays, axis=None)
        words = form.words(_in_a_row(values))
        if sizes.count(sizes[0]) == len(sizes):
            start = header(b"", form, sizes[0])
            message = np.empty((len(sizes), len(start) + sizes[0] * form.width), np.uint8)
            message[:, : len(start)] = np.frombuffer(start, np.uint8)
            message[:, len(start) :] = words.view(np.uint8).reshape(len(sizes), -1)
            return _MAGIC + message.tobytes()
        parts: list[bytes | memoryview] = [_MAGIC]
        at = 0
        for size in sizes:
            parts += (header(b"", form, size), words[at : at + size].data)
            at += size
        return b"".join(parts)

    def rows(self, outputs: np.ndarray) -> list[int]:
        """The key of each row of one array, as if each were hashed alone, but quicker."""
        if isinstance(outputs, np.ma.MaskedArray):
            return [self(row) for row in outputs]
        form = self._forms.get(outputs.dtype) or self._make_form(outputs.dtype)
        count = len(outputs)
        if count and not outputs.size:
            raise ValueError(_NOTHING)
        data = form.canonical(_in_a_row(np.asarray(outputs)))
        size = len(data) // max(count, 1)
        start = header(_MAGIC, form, size // form.width)
        return [xxh3_64_intdigest(start + data[row * size : (row + 1) * size]) for row in range(count)]

    def _make_form(self, dtype: np.dtype) -> Form:
        if dtype.kind != "f" or dtype.itemsize not in MANTISSA_BITS:
            raise ValueError(f"{_WANTED}, got {dtype}")
        available = MANTISSA_BITS[dtype.itemsize]
        bits = available // 2 if self.mantissa_bits is None else self.mantissa_bits
        if bits > available and not self.at_most and self.decimals is None:
            raise ValueError(
                f"mantissa_bits is {bits}, but the hashable outputs are {dtype}, which has {available}: give at most "
                f"{available}, or at_most=True to keep all that a type has"
            )
        form = self._forms[dtype] = make_form(dtype, mantissa_bits=bits, decimals=self.decimals)
        return form


class TaskKeys(tuple[int, ...]):
    """The key of a candidate, made up of the functional keys of its tasks."""


def functional_key(
    outputs: np.ndarray | Iterable[np.ndarray],
    *,
    mantissa_bits: int | None = None,
    decimals: int | None = None,
    at_most: bool = False,
) -> int:
    """The 64-bit key of `outputs`; the parameters are those of `FunctionalHash`."""
    try:
        made = _MADE.get((mantissa_bits, decimals, at_most))
    except TypeError:
        made = None
    # True is equal to 1, yet is no number of bits.
    if made is None or mantissa_bits is True or decimals is True or decimals is False:
        made = FunctionalHash(mantissa_bits=mantissa_bits, decimals=decimals, at_most=at_most)
        _MADE[made.mantissa_bits, made.decimals, made.at_most] = made  # there are not many
    return made(outputs)


def key_text(key: Hashable) -> str | None:
    """A key that is a number, or those of several tasks, in hexadecimal; None for any other."""
    if isinstance(key, int):
        return f"{key:016x}"
    return " ".join(f"{one:016x}" for one in key) if isinstance(key, TaskKeys) else None


_MADE: dict[tuple[int | None, int | None, bool], FunctionalHash] = {}
_SEQUENCES = (tuple, list)
_ARRAY = np.ndarray
_from_bytes = int.from_bytes
_DTYPE, _SIZE = operator.attrgetter("dtype"), operator.attrgetter("size")


def _whole(name: str, value: int | None, low: int, high: int) -> int | None:
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if not low <= number <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {number}")
    return number


def _in_a_row(array: np.ndarray) -> np.ndarray:
    """The values one after the other, in the machine's byte order."""
    if not array.flags.c_contiguous or not array.dtype.isnative:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array if array.ndim == 1 else array.reshape(-1)


def _counted_masks(arrays: list) -> Iterable[np.ndarray]:
    """The arrays, each with masked values followed by its mask."""
    for array in arrays:
        if not isinstance(array, np.ndarray | np.generic):
            raise _refusal(array)
        if isinstance(array, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(array)
            values = np.asarray(array.filled(0.0) if array.dtype.kind == "f" else array.data)
            yield values
            if mask.any():
                yield mask.astype(values.dtype)
        else:
            yield np.asarray(array)


def _refusal(given: object) -> ValueError:
    return ValueError(f"{_WANTED}, got a {type(given).__name__}")
