"""The loops of `canonical`, compiled: a third of the time, once numba is loaded."""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np

from ufh_cli.core.canonical import special_words

Canonical = Callable[[np.ndarray], np.ndarray]


def truncation(width: int, mask: int) -> Canonical:
    """Floats of `width` bytes -> their canonical words, of which the bits of `mask` stay."""
    word, kernel = _TRUNCATE[width]
    keep = word(mask)

    def truncated(values: np.ndarray) -> np.ndarray:
        words: np.ndarray = np.empty(values.size, word)
        kernel(values.view(word), keep, words)
        return words

    return truncated


def rounding(scale: float) -> Canonical:
    """Floats -> whole numbers of 1 / scale, as `canonical.in_units`."""

    def rounded(values: np.ndarray) -> np.ndarray:
        units = np.empty(values.size)
        _to_units(values, scale, units)
        return units

    return rounded


@nb.njit(cache=True)
def _to_units(values, scale, out):
    for i in range(values.size):
        value = np.float64(values[i])
        unit = np.rint(value * scale)
        unit = unit if np.isfinite(unit) else value
        out[i] = np.nan if np.isnan(unit) else unit + 0.0


def _truncate_kernel(width, word):
    """Compiles, for one width of float, the loop that writes the canonical form of `words` to `out`."""
    zero, (sign, infinity, quiet) = word(0), map(word, special_words(width))

    @nb.njit(cache=True)
    def truncate(words, mask, out):
        for i in range(words.size):
            kept = words[i] & mask
            kept = quiet if (words[i] & ~sign) > infinity else kept
            out[i] = zero if (kept & ~sign) == zero else kept

    return truncate


_TRUNCATE = {
    2: (np.uint16, _truncate_kernel(2, np.uint16)),
    4: (np.uint32, _truncate_kernel(4, np.uint32)),
    8: (np.uint64, _truncate_kernel(8, np.uint64)),
}
