"""Linear Bradley-Terry: the chance that one candidate beats another is the logistic function of a weighted difference.

The plain model beside the boosted trees. Written out in loops: a library's product of matrices sums in an order that
differs between machines, and a resumed search must be the same to the bit.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from ufh_cli.core.compiled import splitmix64, word_below
from ufh_cli.core.guided.order import beats


@nb.njit("float64[::1](float32[:, ::1], float64[:, ::1], int64, float64, float64, uint64)", cache=True)
def fit(rows, points, steps, rate, penalty, word):
    """Weights of the columns, shape (columns,), by stochastic gradient descent with AdaGrad's step sizes.

    Parameters
    ----------
    rows : array of float32, shape (n, columns)
    points : array of float64, shape (n, objectives)
        How good each is; pairs of which none is better (see `order.beats`) are passed over.
    steps : int
        How many random pairs.
    rate : float
        The step size.
    penalty : float
        Of the squares of the weights of standardised columns.
    word : int
        The random word that draws the pairs.
    """
    n, width = rows.shape
    scale = np.zeros(width)
    for c in range(width):
        total = squares = 0.0
        for r in range(n):
            total += rows[r, c]
            squares += rows[r, c] * rows[r, c]
        variance = squares / n - (total / n) ** 2
        if variance > 1e-12:
            scale[c] = 1.0 / np.sqrt(variance)
    weights, squared = np.zeros(width), np.full(width, 1e-8)
    state = word
    for _ in range(steps):
        state, draw = splitmix64(state)
        a = np.int64(word_below(draw, nb.uint64(n)))
        state, draw = splitmix64(state)
        b = np.int64(word_below(draw, nb.uint64(n)))
        if beats(points[b], points[a]):
            a, b = b, a
        elif not beats(points[a], points[b]):
            continue
        margin = 0.0
        for c in range(width):
            margin += weights[c] * scale[c] * (rows[a, c] - rows[b, c])
        slope = 1.0 / (1.0 + np.exp(min(margin, 500.0)))
        for c in range(width):
            gradient = penalty * weights[c] - slope * scale[c] * (rows[a, c] - rows[b, c])
            squared[c] += gradient * gradient
            weights[c] -= rate * gradient / np.sqrt(squared[c])
    return weights * scale


@nb.njit("float64[::1](float64[::1], float32[:, ::1])", cache=True)
def score(weights, rows):
    """The weighted sum of each row, shape (n,), in log-odds."""
    total = np.zeros(len(rows))
    for r in range(len(rows)):
        for c in range(weights.size):
            total[r] += weights[c] * rows[r, c]
    return total
