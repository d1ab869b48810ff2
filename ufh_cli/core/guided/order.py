"""Which of two is better: the fitter one or, with several objectives, the one that dominates the other."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from ufh_cli.core.front import dominance
from ufh_cli.core.guided.tally import midranks
from ufh_cli.core.search import Individual

Point = tuple[float, ...]


def point_of(individual: Individual, objectives: int) -> Point:
    """Its so many objectives or, where there is but one, its fitness.

    One that a hurdle stopped has none of several objectives: it is the lowest in each.
    """
    return individual.objectives or ((individual.fitness,) if objectives == 1 else (-math.inf,) * objectives)


def is_better(a: Point, b: Point) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better."""
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


@nb.njit("boolean(float64[::1], float64[::1])", cache=True)
def beats(a, b):
    """The same for compiled code, of arrays of shape (objectives,)."""
    somewhere = False
    for k in range(a.size):
        if not a[k] >= b[k]:
            return False
        somewhere |= a[k] > b[k]
    return somewhere


def standings(points: np.ndarray) -> np.ndarray:
    """The share of the points, shape (n, objectives), that each is better than, those of no order counting half."""
    if points.shape[1] == 1:
        return midranks(points[:, 0])
    wins = dominance(points)
    return 0.5 + (wins.sum(axis=1) - wins.sum(axis=0)) / (2.0 * len(points))
