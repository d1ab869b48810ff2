"""How much sooner a technique gets where the baseline ends: the speed-up of Section 6.5, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ufh_cli.analyses.baseline import Pair
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.timecourse import on_grid

_POINTS = 1000
_RESAMPLES = 1000


@dataclass(frozen=True)
class SpeedUp:
    """T divided by the cost at which a technique is as good as its baseline is at T.

    Attributes
    ----------
    baseline, technique : Series
        The two.
    factor, low, high : float
        Of the mean curves: T / cost, and the bootstrap's 95 % interval over trials. Below 1 is not seen: a technique
        that does not get there by T has no factor (NaN, and 0 in the interval).
    cost : float
        At which the technique's mean curve reaches the baseline's mean final fitness; infinite when it does not.
    median_trial : float
        The median over trials of T / (cost at which the trial reaches its partner's final fitness), where trials that
        do not reach it count as below 1 (shown as 0).
    reached : int
        How many trials reach their partner's final fitness.
    trials : int
        How many there are on the technique's side.
    """

    baseline: Series
    technique: Series
    factor: float
    low: float
    high: float
    cost: float
    median_trial: float
    reached: int
    trials: int


def speed_up(pair: Pair, *, seed: int = 0) -> SpeedUp:
    """The speed-up of one technique over its baseline.

    Trials are partners, and resampled together, where both sides have the same numbers from the same seed; else each
    trial's partner is the baseline's mean, and the sides are resampled apart.

    Raises
    ------
    InputError
        When the two have different budgets, or fewer than two trials.
    """
    baseline, technique = pair
    span = float(np.nanmax([*_durations(baseline), *_durations(technique)]))
    if not np.allclose([*_durations(baseline), *_durations(technique)], span):
        raise InputError(f"{technique.label}: a speed-up compares trials of one and the same budget")
    paired = baseline.results.experiment["seed"] == technique.results.experiment["seed"]
    common = sorted(set(baseline.numbers) & set(technique.numbers)) if paired else []
    if min(len(common) if paired else 2, len(baseline.trials), len(technique.trials)) < 2:
        raise InputError(f"{technique.label}: a speed-up needs at least two finished trials on each side")
    grid = np.linspace(0.0, span, _POINTS + 1)[1:]
    ends = _curves(baseline, common or baseline.numbers, grid)[:, -1]
    courses = _curves(technique, common or technique.numbers, grid)
    cost = _first_at(courses.mean(axis=0), float(ends.mean()), grid)
    rng = np.random.default_rng(seed)
    weights = _resampled(rng, len(courses))
    goals = (weights if paired else _resampled(rng, len(ends))) @ ends
    factors = [span / _first_at(mean, goal, grid) for mean, goal in zip(weights @ courses, goals, strict=True)]
    low, high = np.percentile(factors, [2.5, 97.5])
    partners = ends if paired else np.full(len(courses), ends.mean())
    own = np.array([span / _first_at(course, end, grid) for course, end in zip(courses, partners, strict=True)])
    return SpeedUp(
        baseline=baseline,
        technique=technique,
        factor=span / cost if np.isfinite(cost) else float("nan"),
        low=float(low),
        high=float(high),
        cost=cost,
        median_trial=float(np.median(own)),
        reached=int((own > 0).sum()),
        trials=len(own),
    )


def _durations(series: Series) -> list[float]:
    """T of each trial: the budget, or the cost spent where there is none."""
    return [row["cost"] if series.budget is None else series.budget for row in series.trials]


def _curves(series: Series, numbers: Sequence[int], grid: np.ndarray) -> np.ndarray:
    """Best fitness so far, shape (trials, points); before a trial's first evaluation its first fitness, as in the AUC.

    Resampling then weighs the same trials at every cost.
    """
    rows = []
    for number in numbers:
        curve = series.curves.get(number)
        if curve is None:
            raise InputError(f"{series.label}: trial {number} found nothing within its budget")
        values = on_grid(curve.cost.tolist(), curve.best_fitness.tolist(), grid)
        rows.append(np.where(np.isnan(values), curve.best_fitness[0], values))
    return np.array(rows)


def _resampled(rng: np.random.Generator, trials: int) -> np.ndarray:
    """The bootstrap's weights of the trials, shape (resamples, trials)."""
    return rng.multinomial(trials, np.full(trials, 1.0 / trials), size=_RESAMPLES) / trials


def _first_at(course: np.ndarray, goal: float, grid: np.ndarray) -> float:
    """The first cost on `grid` at which the non-decreasing `course` is at `goal` or above; infinite when never."""
    goal -= 1e-12 * abs(goal)  # the same mean summed in another order may differ in its last bits
    place = int(np.searchsorted(course, goal, side="left"))
    return float(grid[place]) if place < grid.size else float("inf")
