"""What results say to a claim: a number with its interval, and whether it agrees. For the tables of ``ufh report``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.baseline import Pair, condition_label, with_baselines
from ufh_cli.analyses.compare import Difference, compare, holm
from ufh_cli.analyses.fronts import objective_names
from ufh_cli.analyses.series import FITTEST, MIDWAY, REEVALUATED_AUC, Series, select_all
from ufh_cli.analyses.speedup import speed_up
from ufh_cli.configuration.errors import InputError, nearest

_LEVEL = 0.05
_LIMITS = {"low", "high", "above", "below", "at"}
YES, NO, OPEN, NONE = "yes", "no", "cannot tell", "–"
HARMLESS, ALIKE = "no harm found", "no difference found"  # less than a proof: a larger experiment might find some


@dataclass(frozen=True)
class Finding:
    """One row of a report.

    Attributes
    ----------
    measured : str
        The number or numbers with their intervals and tests.
    trials : str
        How many there are a side; a range where that differs.
    agrees : str
        "yes", "no", "in part (…)", "cannot tell", or that no harm or no difference was found; p-values are adjusted
        after Holm where several tests answer the claim.
    """

    measured: str
    trials: str
    agrees: str


def find(claim: dict[str, Any], root: Path) -> Finding:
    """Measure one claim.

    Parameters
    ----------
    claim : dict
        ``measure`` says how ("difference", "between", "speed-up", "speed-up between", "level", "attained"), ``series``
        of which results (as for `ufh plot`); the other keys depend on it.
    root : Path
        Where results are.

    Raises
    ------
    InputError
        When results are missing or the claim has a key or value that is unknown.
    """
    measure, names = str(claim.get("measure")), claim.get("series")
    if measure not in _MEASURES:
        raise InputError(f"a claim has the unknown measure {measure!r}; {nearest(measure, _MEASURES)}")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"a claim with the measure {measure!r}: series must be a list of results, got {names!r}")
    series = select_all(names, root)
    rest = {key: value for key, value in claim.items() if key not in ("paper", "measure", "series")}
    try:
        inspect.signature(_MEASURES[measure]).bind(series, **rest)
        _check_values(rest, series)
    except (TypeError, InputError) as error:
        raise InputError(f"a claim with the measure {measure!r}: {error}") from error
    return _MEASURES[measure](series, **rest)


def _check_values(values: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Limits are numbers, all else is text, and quantities are columns of numbers."""
    for key, value in values.items():
        kinds, wanted = ((int, float), "a number") if key in _LIMITS else ((str,), "text")
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise InputError(f"{key} must be {wanted}, got {value!r}")
    shared = set.intersection(*(set(one.trials[0]) for one in series))
    columns = [name for name in shared if isinstance(series[0].trials[0][name], int | float)]
    columns += {f"{FITTEST}{name}" for one in series for entry in one.front[:1] for name in entry["objectives"]}
    if values.get("quantity", MIDWAY) not in (MIDWAY, REEVALUATED_AUC, *columns):
        raise InputError(f"unknown quantity {values['quantity']!r}; {nearest(values['quantity'], columns)}")


def difference(series: Sequence[Series], *, quantity: str = "auc", expect: str = "higher") -> Finding:
    """Each technique against its baseline; for `expect` see `_verdict`."""
    return _judged(with_baselines(series), quantity, expect, lambda pair: _name(pair[1]))


def between(
    series: Sequence[Series], *, quantity: str = "auc", expect: str = "higher", budgets: str = "equal"
) -> Finding:
    """The second series against the first, the fourth against the third, …; for `expect` see `_verdict`.

    With ``budgets = "any"`` one of a pair may have been given more to spend than the other, which its words then say.
    """
    if budgets not in ("equal", "any"):
        raise InputError(f"budgets must be 'equal' or 'any', got {budgets!r}")
    if budgets == "any" and quantity in ("auc", REEVALUATED_AUC):
        raise InputError(f"{quantity} is of a budget, and cannot be compared with that of another")
    return _judged(_pairs(series), quantity, expect, _names, budgets == "equal")


def _pairs(series: Sequence[Series]) -> list[Pair]:
    if len(series) % 2:
        raise InputError(f"a measure 'between' is of pairs of series, got {len(series)}")
    return list(zip(series[::2], series[1::2], strict=True))


def _judged(
    pairs: Sequence[Pair], quantity: str, expect: str, words: Callable[[Pair], str], same_budget: bool = True
) -> Finding:
    found = [_difference(pair, quantity, same_budget) for pair in pairs]
    adjusted = holm([one.p_value for one in found])
    higher = sum(p < _LEVEL and one.difference > 0 for one, p in zip(found, adjusted, strict=True))
    lower = sum(p < _LEVEL and one.difference < 0 for one, p in zip(found, adjusted, strict=True))
    above = sum(one.difference > 0 for one in found)
    if len(found) <= 4:
        numbers = [_numbers(one, p) for one, p in zip(found, adjusted, strict=True)]
        text = _listed(quantity, map(words, pairs), numbers)
    else:
        mean = float(np.mean([one.difference for one in found]))
        text = (
            f"{quantity}: {above} of {len(found)} differences above 0, {higher} significantly; {lower} significantly "
            f"below 0 (p < {_LEVEL} after Holm); their mean is {mean:+.3g}"
        )
    trials = _count(min(len(pair[0].trials), len(pair[1].trials)) for pair in pairs)
    return Finding(text, trials, _verdict(expect, found, higher, lower, above))


def _verdict(expect: str, found: Sequence[Difference], higher: int, lower: int, above: int) -> str:
    """What the tests say to what is expected: "higher", "mostly higher", "not lower" or "equal".

    Parameters
    ----------
    found : sequence of Difference
        All that were tested.
    higher, lower : int
        How many of them are significant after Holm, by sign.
    above : int
        How many differences are above 0.
    """
    if expect == "mostly higher":
        return YES if above > len(found) / 2 else NO
    if expect == "not lower":
        return NO if lower else HARMLESS if _may_be_significant(found) else OPEN
    if expect == "equal":
        return NO if higher or lower else ALIKE if _may_be_significant(found) else OPEN
    if expect != "higher":
        raise InputError(f"expect must be 'higher', 'mostly higher', 'not lower' or 'equal', got {expect!r}")
    if higher == len(found):
        return YES
    if higher:
        return f"in part ({higher} of {len(found)})"
    return NO if lower else OPEN


def speed(series: Sequence[Series], *, low: float, high: float) -> Finding:
    """The speed-up of each technique over its baseline, expected between `low` and `high`.

    Where only speed-ups of 1 and more are expected, the interval must be above 1 too.
    """
    return _sped(with_baselines(series), low, high, lambda pair: _name(pair[1]))


def speed_between(series: Sequence[Series], *, low: float, high: float) -> Finding:
    """The speed-up of the second series over the first, of the fourth over the third, …, expected in these limits."""
    return _sped(_pairs(series), low, high, _names)


def _sped(pairs: Sequence[Pair], low: float, high: float, words: Callable[[Pair], str]) -> Finding:
    found = [speed_up(pair) for pair in pairs]
    reached = ["not reached" if np.isnan(one.factor) else f"{one.factor:.2f}x" for one in found]
    numbers = [f"{word} ({one.low:.2f} … {one.high:.2f})" for word, one in zip(reached, found, strict=True)]
    text = _listed("speed-up", map(words, pairs), numbers)
    inside = sum(low <= one.factor <= high and (low < 1.0 or one.low > 1.0) for one in found)
    apart = sum(one.high < low or one.low > high for one in found)
    verdict = f"in part ({inside} of {len(found)})" if inside else OPEN
    if inside == len(found):
        verdict = YES
    elif apart == len(found):
        verdict = NO
    return Finding(text, _count(one.trials for one in found), verdict)


def level(
    series: Sequence[Series], *, quantity: str, above: float | None = None, below: float | None = None
) -> Finding:
    """The mean of a column of each series, and whether every single trial is above or below a number."""
    texts, values = [], []
    for one in series:
        column = one.column(quantity)
        spread = 2 * column.std(ddof=1) / np.sqrt(column.size) if column.size > 1 else 0.0
        outermost = column.min() if below is None else column.max()
        word = "lowest" if below is None else "highest"
        texts.append(f"{column.mean():.4g} ± {spread:.2g}, {word} {outermost:.4g}")
        values.append(column)
    text, trials = _listed(quantity, map(_name, series), texts), _count(column.size for column in values)
    together = np.concatenate(values)
    fits = np.ones(together.size, bool)
    if above is not None:
        fits &= together > above
    if below is not None:
        fits &= together < below
    if above is None and below is None:
        return Finding(text, trials, NONE)
    return Finding(text, trials, YES if fits.all() else f"{fits.mean():.0%} of the trials" if fits.any() else NO)


def attained(series: Sequence[Series], *, at: float, above: float) -> Finding:
    """The highest first objective on each trial's front where the last one is `at` or more, and how many are above."""
    texts, shares = [], []
    objective_names(series)
    for one in series:
        fronts = one.fronts()
        best = np.array([max((point[0] for point in front if point[-1] >= at), default=-np.inf) for front in fronts])
        reached = int((best > above).sum())
        texts.append(
            f"{reached} of {best.size} above {above:g}; median {np.median(best):.4g}, "
            f"lowest {best.min():.4g}, highest {best.max():.4g}"
        )
        shares.append(reached / best.size)
    text, trials = _listed("attained", map(_name, series), texts), _count(len(one.fronts()) for one in series)
    share = min(shares)
    return Finding(text, trials, YES if share == 1 else NO if max(shares) == 0 else f"{share:.0%} of the trials")


def _difference(pair: Pair, quantity: str, same_budget: bool) -> Difference:
    try:
        differences = compare(*pair, quantities=(quantity,), same_budget=same_budget)
    except InputError as error:
        raise InputError(f"{pair[1].results.name}, {pair[1].label}: {error}") from error
    if not differences:
        raise InputError(f"{pair[1].label}: {quantity!r} cannot be compared")
    return differences[0]


def _may_be_significant(found: Sequence[Difference]) -> bool:
    """Whether there are pairs enough: n that all differ the same way have p = 2 / 2**n, before Holm."""
    return all(not one.pairs or len(found) * 2.0 ** (1 - one.pairs) < _LEVEL for one in found)


def _name(series: Series) -> str:
    return ", ".join(filter(None, [series.technique, condition_label(series)]))


def _names(pair: Pair) -> str:
    """Both, with their results' names where nothing else tells them apart, and their budgets where these differ."""
    names = [_name(one) for one in pair]
    if names[0] == names[1]:
        names = [f"{name} ({one.results.name})" for name, one in zip(names, pair, strict=True)]
    if pair[0].budget != pair[1].budget:
        names = [f"{name}, cost {one.budget or math.inf:g}" for name, one in zip(names, pair, strict=True)]
    return " → ".join(names)


def _numbers(found: Difference, adjusted: float) -> str:
    counted = max(abs(found.first), abs(found.second)) >= 1000.0  # such as candidates
    mean, change = (",.0f", "+,.0f") if counted else (".5f", "+.2g")
    return (
        f"{found.first:{mean}} → {found.second:{mean}}, {found.difference:{change}} "
        f"({found.low:{change}} … {found.high:{change}}; p = {adjusted:.1g})"
    )


def _listed(quantity: str, names: Iterable[str], numbers: Sequence[str]) -> str:
    """``"auc of fec: …; of fcm: …"``."""
    return f"{quantity} " + "; ".join(f"of {name}: {number}" for name, number in zip(names, numbers, strict=True))


def _count(numbers: Iterable[int]) -> str:
    """``"20"``, or ``"500 to 1000"`` where they differ."""
    different = sorted(set(numbers))
    return f"{different[0]}{f' to {different[-1]}' if len(different) > 1 else ''}"


_MEASURES: dict[str, Callable[..., Finding]] = {
    "difference": difference,
    "between": between,
    "speed-up": speed,
    "speed-up between": speed_between,
    "level": level,
    "attained": attained,
}
