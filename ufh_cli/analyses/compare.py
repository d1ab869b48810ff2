"""Is one better than the other: differences with their intervals and tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ufh_cli.analyses.comparable import obstacle
from ufh_cli.analyses.series import REEVALUATED_AUC, Series
from ufh_cli.configuration.errors import InputError


@dataclass(frozen=True)
class Difference:
    """Second minus first.

    Attributes
    ----------
    quantity : str
        The column compared.
    first, second : float
        The two means.
    difference, low, high : float
        The difference of the means and its 95 % confidence interval (Student's t; Welch's where not paired).
    p_value : float
        Two-sided: Wilcoxon's signed-rank test where paired, else Mann and Whitney's.
    pairs : int
        How many pairs; 0 where not paired.
    """

    quantity: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    pairs: int


QUANTITIES = ("auc", REEVALUATED_AUC, "best_fitness", "reevaluated_fitness")
NOTHING_FINITE = "nothing to compare: on one side fewer than two trials found a candidate within their budget"


def compare(
    first: Series, second: Series, quantities: Sequence[str] = QUANTITIES, same_budget: bool = True
) -> list[Difference]:
    """Differences in these columns, as far as they are finite; trials are paired where both have the same seed.

    Raises
    ------
    InputError
        When the two are of different setups or data or, unless `same_budget` is False, budgets, or have fewer than two
        trials.
    """
    a, b = first.results.experiment, second.results.experiment
    forbidden = obstacle(first, second, same_budget)
    if forbidden is not None:
        raise InputError(forbidden)
    paired = a["seed"] == b["seed"]
    common = sorted(set(first.numbers) & set(second.numbers)) if paired else []
    if min(len(first.trials), len(second.trials)) < 2 or (paired and len(common) < 2):
        raise InputError("a comparison needs at least two finished trials on each side")
    found = []
    for quantity in quantities:
        x, y = first.column(quantity), second.column(quantity)
        if paired:
            x, y = x[np.isin(first.numbers, common)], y[np.isin(second.numbers, common)]
        keep = np.isfinite(x) & np.isfinite(y) if paired else None
        x, y = (x[keep], y[keep]) if keep is not None else (x[np.isfinite(x)], y[np.isfinite(y)])
        if min(x.size, y.size) >= 2:
            found.append(_difference(quantity, x, y, paired))
    return found


def _difference(quantity: str, x: np.ndarray, y: np.ndarray, paired: bool) -> Difference:
    from scipy import stats

    with warnings.catch_warnings():
        # Trials that differ by a constant have an interval of one point, and that is all there is to say of them.
        warnings.filterwarnings("ignore", message="Precision loss", category=RuntimeWarning)
        if paired:
            low, high = stats.ttest_rel(y, x).confidence_interval(0.95)
            p_value = 1.0 if np.array_equal(x, y) else float(stats.wilcoxon(y, x).pvalue)
        else:
            low, high = stats.ttest_ind(y, x, equal_var=False).confidence_interval(0.95)
            p_value = float(stats.mannwhitneyu(y, x).pvalue)
    difference = float(y.mean() - x.mean())
    if math.isnan(low):  # all differences are equal: no spread, no interval
        low = high = difference
    return Difference(
        quantity, float(x.mean()), float(y.mean()), difference, float(low), float(high), p_value, x.size * paired
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, adjusted after Holm (1979) for there being several."""
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a proportion, after Wilson; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    from scipy import stats

    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
