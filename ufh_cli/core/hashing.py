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
import struct
import sys
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from typing import NamedTuple

import numba as nb
import numpy as np
from xxhash import xxh3_64, xxh3_64_intdigest

MANTISSA_BITS = {2: 10, 4: 23, 8: 52}  # bytes a value -> bits of its mantissa

_WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_FLOATS = {4: np.float32, 8: np.float64}
_MAGIC = b"ufh1"
_DECIMAL = 128
_WANTED = "hashable outputs must be float16, float32 or float64 arrays"
_LAYOUT = struct.Struct("<BQ")
_SHORT = 1024  # values; up to here one call of the hash, above it blocks that stay in the processor's cache
_BLOCK = 8192


class _Plan(NamedTuple):
    """How values of one type are made canonical."""

    given: type  # as what the kernel reads the values
    word: type  # as what it writes them
    kernel: Callable[..., None]
    setting: float | np.ndarray  # mask of the bits that stay, units in one, or the table of what each float16 becomes
    precision: int  # the byte of the message that tells it


class FunctionalHash:
    """Turns hashable outputs into a key (Methods 3 and 4).

    Parameters
    ----------
    mantissa_bits : int or None
        Bits of the mantissa to keep: 1 to 10 for float16, 23 for float32, 52 for float64. ``None`` keeps half of
        what the type has, the paper's starting point (§6.5).
    decimals : int or None
        Round to so many decimals instead (as §4.1 does for MNAS). Excludes `mantissa_bits`.

    Examples
    --------
    >>> key = FunctionalHash(mantissa_bits=24)
    >>> key(np.array([0.5, 0.25])) == key([np.array([0.5, 0.25 + 1e-12])])
    True
    """

    __slots__ = ("_plans", "decimals", "mantissa_bits")

    def __init__(self, *, mantissa_bits: int | None = None, decimals: int | None = None) -> None:
        if mantissa_bits is not None and decimals is not None:
            raise ValueError("give mantissa_bits or decimals, not both")
        self.mantissa_bits = _whole("mantissa_bits", mantissa_bits, 1, 52)
        self.decimals = _whole("decimals", decimals, 0, 15)
        self._plans: dict[np.dtype, _Plan] = {}

    def __call__(self, outputs: np.ndarray | Iterable[np.ndarray]) -> int:
        """The key, an int in [0, 2**64), of one float array or of several in their order.

        Raises
        ------
        ValueError
            When an array is not float16, float32 or float64, or has fewer mantissa bits than `mantissa_bits`.
        """
        if type(outputs) is np.ndarray and outputs.size <= _SHORT:  # what a quick search asks for all the time
            values, plan = self._prepared(outputs)
            return xxh3_64_intdigest(_header(values, plan) + self._canonical(values, plan))
        arrays = list(outputs) if isinstance(outputs, Iterable) and not isinstance(outputs, np.ndarray) else [outputs]
        digest = xxh3_64(_MAGIC)
        for array in arrays:
            if not isinstance(array, np.ndarray | np.generic):
                raise ValueError(f"{_WANTED}, got a {type(array).__name__}")
            values, plan = self._prepared(np.asarray(array))
            digest.update(_header(values, plan)[len(_MAGIC) :])
            for start in range(0, values.size, _BLOCK):
                digest.update(self._canonical(values[start : start + _BLOCK], plan))
        return digest.intdigest()

    def rows(self, outputs: np.ndarray) -> list[int]:
        """The key of each row of one array, as if each were hashed alone, but quicker."""
        values, plan = self._prepared(outputs)
        count = len(outputs)
        header, data = _header(values[: values.size // max(count, 1)], plan), self._canonical(values, plan)
        size = len(data) // max(count, 1)
        return [xxh3_64_intdigest(header + data[row * size : (row + 1) * size]) for row in range(count)]

    def _prepared(self, array: np.ndarray) -> tuple[np.ndarray, _Plan]:
        """The values in one row, in the machine's byte order, and what to do with them."""
        plan = self._plans.get(array.dtype) or self._make_plan(array.dtype)
        if array.ndim != 1 or not array.flags.c_contiguous or not array.dtype.isnative:
            array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(-1)
        return array, plan

    def _make_plan(self, dtype: np.dtype) -> _Plan:
        if dtype.kind != "f" or dtype.itemsize not in MANTISSA_BITS:
            raise ValueError(f"{_WANTED}, got {dtype}")
        size = dtype.itemsize
        if self.decimals is not None and size == 2:
            plan = _Plan(np.uint16, np.float64, _look_up, _float16_units(self.decimals), 8 | _DECIMAL)
        elif self.decimals is not None:
            plan = _Plan(_FLOATS[size], np.float64, _to_units, 10.0**self.decimals, 8 | _DECIMAL)
        else:
            available = MANTISSA_BITS[size]
            bits = available // 2 if self.mantissa_bits is None else self.mantissa_bits
            if bits > available:
                raise ValueError(
                    f"mantissa_bits is {bits}, but the hashable outputs are {dtype}, which has {available}"
                )
            plan = _Plan(_WORDS[size], _WORDS[size], _CANONICAL[size], -(1 << (available - bits)), size)
        self._plans[dtype] = plan
        return plan

    def _canonical(self, values: np.ndarray, plan: _Plan) -> bytes:
        words: np.ndarray = np.empty(values.size, plan.word)
        plan.kernel(values.view(plan.given), plan.setting, words)
        return words.tobytes() if sys.byteorder == "little" else words.byteswap().tobytes()


class TaskKeys(tuple[int, ...]):
    """The key of a candidate, made up of the functional keys of its tasks."""


def functional_key(
    outputs: np.ndarray | Iterable[np.ndarray],
    *,
    mantissa_bits: int | None = None,
    decimals: int | None = None,
) -> int:
    """The 64-bit key of `outputs`: `FunctionalHash` for those who hash once."""
    return FunctionalHash(mantissa_bits=mantissa_bits, decimals=decimals)(outputs)


def key_text(key: Hashable) -> str | None:
    """A key that is a number, or those of several tasks, in hexadecimal; None for any other."""
    if isinstance(key, int):
        return f"{key:016x}"
    return " ".join(f"{one:016x}" for one in key) if isinstance(key, TaskKeys) else None


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


def _header(values: np.ndarray, plan: _Plan) -> bytes:
    return _MAGIC + _LAYOUT.pack(plan.precision, values.size)


@nb.njit(cache=True)
def _to_units(values, scale, out):
    """Whole numbers of 1 / scale, canonical; infinities and values too large for a float64 of them stay as they are."""
    for i in range(values.size):
        value = np.float64(values[i])
        unit = np.rint(value * scale)
        unit = unit if np.isfinite(unit) else value
        out[i] = np.nan if np.isnan(unit) else unit + 0.0  # −0.0 + 0.0 is 0.0


@nb.njit(cache=True)
def _look_up(places, table, out):
    for i in range(places.size):
        out[i] = table[places[i]]


@cache
def _float16_units(decimals: int) -> np.ndarray:
    """What `_to_units` makes of each float16, by its bits: quicker than to widen every value."""
    units = np.empty(1 << 16)
    _to_units(np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64), 10.0**decimals, units)
    return units


def _canonical_kernel(word, sign, infinity, quiet):
    """Compiles, for one width of float, the loop that writes the canonical form of `words` to `out`."""
    zero, sign, infinity, quiet = word(0), word(sign), word(infinity), word(quiet)

    @nb.njit(cache=True)
    def canonical(words, keep, out):
        mask = word(keep)  # the bits that stay
        for i in range(words.size):
            kept = words[i] & mask
            kept = quiet if (words[i] & ~sign) > infinity else kept
            out[i] = zero if (kept & ~sign) == zero else kept

    return canonical


_CANONICAL = {
    2: _canonical_kernel(np.uint16, 0x8000, 0x7C00, 0x7E00),
    4: _canonical_kernel(np.uint32, 0x80000000, 0x7F800000, 0x7FC00000),
    8: _canonical_kernel(np.uint64, 0x8000000000000000, 0x7FF0000000000000, 0x7FF8000000000000),
}
