"""Histogram boosted trees on the ranks of what was evaluated last: the model that guides by default.

Ranks rather than fitnesses, for only order matters and a few disasters would take up a mean. Two scores are compared to
tell which of two candidates is better; that is as good here as a classifier of pairs, transitive, and scores a parent
once. All sums are of whole numbers or run in a fixed order, so that a resumed search has the same trees to the bit.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from ufh_cli.core.compiled import splitmix64

_BINS = 32
_DEPTH = 3
_LEAVES = 2**_DEPTH
_INNER = _LEAVES - 1
_WIDTH = 2 * _INNER + _LEAVES  # of a tree: columns and thresholds of its inner nodes, then values of its leaves
_UNIT = float(2**24)  # of a residual, which is within 1
_SHIFT = 24  # bits for the number of rows


@nb.njit("UniTuple(float64, 2)(int64)", cache=True, inline="always")
def _unpacked(packed):
    """The total and the number of some residuals."""
    number = packed & ((1 << _SHIFT) - 1)
    return (packed >> _SHIFT) / _UNIT, float(number)


@nb.njit("void(float32[::1], float32[::1])", cache=True)
def _cuts_of(column, cuts):
    """Up to 31 thresholds between the values of a column, infinity for those there are not."""
    distinct = np.empty(_BINS, np.float32)
    count = 0
    for value in column:
        place = 0
        while place < count and distinct[place] < value:
            place += 1
        if place < count and distinct[place] == value:
            continue
        if count == _BINS:
            count += 1
            break
        for k in range(count, place, -1):
            distinct[k] = distinct[k - 1]
        distinct[place] = value
        count += 1
    cuts[:] = np.inf
    if count <= _BINS:
        for k in range(count - 1):
            cuts[k] = (distinct[k] + distinct[k + 1]) / np.float32(2)
        return
    ordered, n, found = np.sort(column), column.size, 0
    for k in range(1, _BINS):
        place = k * n // _BINS
        if place and ordered[place] > ordered[place - 1]:
            cut = (ordered[place] + ordered[place - 1]) / np.float32(2)
            if found == 0 or cut > cuts[found - 1]:
                cuts[found] = cut
                found += 1


@nb.njit("Tuple((int64[::1], uint8[:, ::1], float32[:, ::1]))(float32[:, ::1])", cache=True)
def _binned(rows):
    """Of the columns that are not constant: which they are, each row's bin, and the thresholds between bins."""
    n, width = rows.shape
    places = np.empty(width, np.int64)
    bins, cuts = np.empty((width, n), np.uint8), np.empty((width, _BINS - 1), np.float32)
    column = np.empty(n, np.float32)
    used = 0
    for c in range(width):
        for r in range(n):
            column[r] = rows[r, c]
        _cuts_of(column, cuts[used])
        if cuts[used, 0] == np.inf:
            continue
        for r in range(n):
            b = 0
            while b < _BINS - 1 and column[r] > cuts[used, b]:
                b += 1
            bins[used, r] = b
        places[used] = c
        used += 1
    return places[:used], bins[:used], cuts[:used]


@nb.njit("void(uint8[::1], int64, uint16[::1], int64[::1], int64, float64, float64[:, ::1], int64[:, ::1])", cache=True)
def _best_cuts(bins, most, first_bin, packed, nodes, penalty, best, histogram):
    """Improve ``best[node] = gain, column, bin`` by the cuts of one column, whose number stands in ``best[-1, 1]``.

    `packed` are the residuals of the rows, in units and shifted, plus one: a single sum has both total and number.
    Two histograms, of every other row, since a sum waits for the one before it in the same place.
    """
    n = bins.size
    even, odd = histogram[0], histogram[1]
    for at in range(nodes):
        for b in range(at * _BINS, at * _BINS + most):
            even[b] = odd[b] = 0
    for r in range(0, n - 1, 2):
        even[first_bin[r] + bins[r]] += packed[r]
        odd[first_bin[r + 1] + bins[r + 1]] += packed[r + 1]
    if n % 2:
        even[first_bin[n - 1] + bins[n - 1]] += packed[n - 1]
    for at in range(nodes):
        whole = np.int64(0)
        for b in range(at * _BINS, at * _BINS + most):
            even[b] += odd[b]
            whole += even[b]
        total, number = _unpacked(whole)
        unsplit = total * total / (number + penalty)
        so_far = np.int64(0)
        for b in range(most - 1):
            so_far += even[at * _BINS + b]
            left, count = _unpacked(so_far)
            if count == 0.0 or count == number:
                continue
            right = total - left
            gain = left * left / (count + penalty) + right * right / (number - count + penalty) - unsplit
            if gain > best[at, 0]:
                best[at, 0], best[at, 1], best[at, 2] = gain, best[-1, 1], b


@nb.njit("float64[:, ::1](float32[:, ::1], float64[::1], int64, float64, float64, float64, uint64)", cache=True)
def grow(rows, target, trees, rate, penalty, share, word):
    """A forest, shape (trees, 22).

    Parameters
    ----------
    rows : array of float32, shape (n, columns)
    target : array of float64, shape (n,)
    trees : int
        Of depth 3.
    rate : float
        The part of each tree's fit that is kept.
    penalty : float
        Counts in a leaf as so many examples of residual zero.
    share : float
        The probability that a tree may use a column.
    word : int
        The random word that decides on that.
    """
    places, bins, cuts = _binned(rows)
    n, used = rows.shape[0], places.size
    filled = np.ones(used, np.int64)  # bins
    for c in range(used):
        for cut in cuts[c]:
            filled[c] += cut < np.inf
    forest = np.zeros((trees, _WIDTH))
    forest[:, _INNER : 2 * _INNER] = np.inf
    residual = target - target.mean()
    best, histogram = np.empty((_LEAVES, 3)), np.empty((2, _LEAVES * _BINS), np.int64)
    first_bin, packed, state = np.empty(n, np.uint16), np.empty(n, np.int64), word
    node = np.empty(n, np.int64)
    allowed = np.empty(used, np.bool_)
    for t in range(trees):
        for c in range(used):
            state, draw = splitmix64(state)
            allowed[c] = (draw >> nb.uint64(11)) * 2.0**-53 < share
        node[:] = 0
        for r in range(n):
            packed[r] = (np.int64(np.rint(residual[r] * _UNIT)) << _SHIFT) + 1
        for depth in range(_DEPTH):
            nodes, first = 1 << depth, (1 << depth) - 1
            best[:, 0], best[:, 1] = 0.0, -1.0
            for r in range(n):
                first_bin[r] = node[r] * _BINS
            for c in range(used):
                if allowed[c]:
                    best[-1, 1] = c
                    _best_cuts(bins[c], filled[c], first_bin, packed, nodes, penalty, best, histogram)
            for at in range(nodes):
                if best[at, 0] > 0.0:
                    column, cut = np.int64(best[at, 1]), np.int64(best[at, 2])
                    forest[t, first + at] = places[column]
                    forest[t, _INNER + first + at] = cuts[column, cut]
            for r in range(n):
                right = best[node[r], 0] > 0.0 and bins[np.int64(best[node[r], 1]), r] > best[node[r], 2]
                node[r] = 2 * node[r] + right
        sums, counts = np.zeros(_LEAVES), np.zeros(_LEAVES)
        for r in range(n):
            sums[node[r]] += residual[r]
            counts[node[r]] += 1.0
        for leaf in range(_LEAVES):
            forest[t, 2 * _INNER + leaf] = rate * sums[leaf] / (counts[leaf] + penalty)
        for r in range(n):
            residual[r] -= forest[t, 2 * _INNER + node[r]]
    return forest


@nb.njit("float64[::1](float64[:, ::1], float32[:, ::1])", cache=True)
def score(forest, rows):
    """The forest's sum at each row, shape (n,); 0 is the mean of the targets."""
    total = np.zeros(len(rows))
    for r in range(len(rows)):
        for t in range(len(forest)):
            at = 0
            for _ in range(_DEPTH):
                right = rows[r, np.int64(forest[t, at])] > forest[t, _INNER + at]
                at = 2 * at + 1 + right
            total[r] += forest[t, _INNER + at]
    return total
