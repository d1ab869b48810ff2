"""Time-courses: f(t), the best fitness so far as a step function of the cost so far; areas and averages over trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Improvement(NamedTuple):
    """A change of the best: a row of ``curves.csv``."""

    cost: float
    candidates: int
    evaluations: int
    best_fitness: float
    test_fitness: float  # of the same candidate on unseen data; NaN where it was not measured


def area_under_curve(costs: Sequence[float], fitness: Sequence[float], duration: float) -> float:
    """AUC = (1/T) ∫ f(t) dt over the first T = `duration` units of cost (§5).

    Parameters
    ----------
    costs, fitness : sequences of the same length
        When the best changed, ascending, and to what. Before the first fitness above −inf f is taken to be that one:
        no fitness is neutral, and every search pays for its first evaluation.
    duration : float
        T; what comes later does not count.

    Returns
    -------
    float
        NaN when there is no such point or no duration; +inf when the best is +inf for some of it.
    """
    points = [(cost, value) for cost, value in zip(costs, fitness, strict=True) if cost <= duration and value > -np.inf]
    if not points or duration <= 0:
        return float("nan")
    edges = [0.0, *(cost for cost, _ in points[1:]), duration]
    spans = [(edges[i + 1] - edges[i], points[i][1]) for i in range(len(points))]
    return sum(span * value for span, value in spans if span) / duration


def on_grid(costs: Sequence[float], values: Sequence[float], grid: np.ndarray) -> np.ndarray:
    """The step function at each point of `grid`: the last value carried forward, NaN before the first finite one."""
    places = np.searchsorted(np.asarray(costs, float), grid, side="right") - 1
    padded = np.concatenate([np.asarray(values, float), [np.nan]])  # place −1 is the NaN
    return np.where(np.isfinite(padded[places]), padded[places], np.nan)


class Band(NamedTuple):
    """Curves of several trials on a common grid.

    Attributes
    ----------
    grid, mean, sem, trials : arrays, shape (points,)
        The costs; the mean over the trials that have a value there; its standard error (NaN for fewer than two trials);
        how many they are.
    """

    grid: np.ndarray
    mean: np.ndarray
    sem: np.ndarray
    trials: np.ndarray


def average(curves: Sequence[tuple[Sequence[float], Sequence[float]]], grid: np.ndarray) -> Band:
    """Mean and standard error over trials; each curve is (costs, values) of one trial."""
    values = np.array([on_grid(costs, fitness, grid) for costs, fitness in curves]).reshape(len(curves), grid.size)
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = (np.where(there, values - mean, 0.0) ** 2).sum(axis=0) / (count - 1)
        sem = np.where(count > 1, np.sqrt(variance / count), np.nan)
    return Band(grid, mean, sem, count)
