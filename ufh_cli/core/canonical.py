"""The canonical form of floats, the second point of the key's format: see `hashing`.

Written with numpy, and so ready at once. Where numba is loaded, as in every search, its loops do the same in one pass.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from functools import cache

import numpy as np

MANTISSA_BITS = {2: 10, 4: 23, 8: 52}  # bytes a value -> bits of its mantissa

_WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_DECIMAL = 128
_LAYOUT = struct.Struct("<BQ")


class Form:
    """How values of one type are made canonical.

    Attributes
    ----------
    given : dtype
        The type in the machine's byte order.
    precision : int
        The byte of the message that tells it.
    width : int
        Bytes of a canonical value.
    """

    __slots__ = ("_compiled", "_mask", "_scale", "_splits", "given", "precision", "width")

    def __init__(self, dtype: np.dtype, *, mask: int, scale: float | None) -> None:
        size = dtype.itemsize
        self.given = dtype.newbyteorder("=")
        self.precision = size if scale is None else 8 | _DECIMAL
        self.width = size if scale is None else 8
        self._mask, self._scale = mask, scale
        self._splits = scale is None and dtype == dtype.newbyteorder("<")
        self._compiled: Callable[[np.ndarray], np.ndarray] | None = None

    def split(self, size: int) -> tuple | None:
        """For `size` values as one whole number: how many bytes it has, and four masks; None where it cannot be so.

        The masks are of the bits that stay, the magnitudes, the signs, and the exponents' lowest bits.
        """
        if not self._splits:
            return None
        bits, mantissa = 8 * self.width, MANTISSA_BITS[self.width]
        sign, one = 1 << (bits - 1), 1 << mantissa
        each = sum(1 << (bits * i) for i in range(size))
        return size * self.width, *(each * mask for mask in (self._mask, sign - 1, sign, one))

    def canonical(self, values: np.ndarray) -> bytes:
        """The bytes of `values`, shape (n,), contiguous and in the machine's byte order."""
        return self.words(values).tobytes()

    def words(self, values: np.ndarray) -> np.ndarray:
        """As `canonical`, as an array; little-endian on every machine."""
        if self._compiled is None and "numba" in sys.modules:
            self._compiled = self._compile()
        if self._compiled is not None:
            words = self._compiled(values)
        elif self._scale is not None:
            words = in_units(values, self._scale)
        else:
            words = self._truncated(values)
        return words if sys.byteorder == "little" else words.byteswap()

    def _truncated(self, values: np.ndarray) -> np.ndarray:
        word = _WORDS[self.width]
        sign, _, quiet = special_words(self.width)
        kept = values.view(word) & word(self._mask)
        zeros = kept == word(sign)
        if zeros.any():
            kept[zeros] = 0
        nans = np.isnan(values)
        if nans.any():
            kept[nans] = quiet
        return kept

    def _compile(self) -> Callable[[np.ndarray], np.ndarray]:
        from ufh_cli.core import canonical_compiled

        if self._scale is None:
            return canonical_compiled.truncation(self.width, self._mask)
        if self.given.itemsize == 2:
            table = _float16_units(self._scale)
            return lambda values: table[values.view(np.uint16)]
        return canonical_compiled.rounding(self._scale)


def make_form(dtype: np.dtype, *, mantissa_bits: int, decimals: int | None) -> Form:
    """How floats of `dtype` are made canonical: with so many mantissa bits, all at most, or to so many decimals."""
    if decimals is not None:
        return Form(dtype, mask=0, scale=10.0**decimals)
    bits, available = 8 * dtype.itemsize, MANTISSA_BITS[dtype.itemsize]
    cut = max(available - mantissa_bits, 0)
    return Form(dtype, mask=(1 << bits) - (1 << cut), scale=None)


def header(magic: bytes, form: Form, size: int) -> bytes:
    """What comes before `size` values."""
    return magic + _LAYOUT.pack(form.precision, size)


def special_words(width: int) -> tuple[int, int, int]:
    """The words of −0.0, infinity and the quiet NaN without payload, of floats of `width` bytes."""
    sign, one = 1 << (8 * width - 1), 1 << MANTISSA_BITS[width]
    return sign, sign - one, sign - one // 2


def in_units(values: np.ndarray, scale: float) -> np.ndarray:
    """Whole numbers of 1 / scale, canonical; infinities and values too large for a float64 of them stay as they are."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = values.astype(np.float64)
        units = np.rint(wide * scale)
        units = np.where(np.isfinite(units), units, wide)
    units[np.isnan(units)] = np.nan
    return units + 0.0  # −0.0 + 0.0 is 0.0


@cache
def _float16_units(scale: float) -> np.ndarray:
    """What `in_units` makes of each float16, by its bits: quicker than to widen every value."""
    return in_units(np.arange(1 << 16, dtype=np.uint16).view(np.float16), scale)
