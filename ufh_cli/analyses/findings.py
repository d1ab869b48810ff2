"""What results say to a claim: a number with its interval, and whether it agrees. For the tables of ``ufh report``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.baseline import Pair, condition_label, with_baselines
from ufh_cli.analyses.compare import Difference, compare, holm
from ufh_cli.analyses.series import MIDWAY, REEVALUATED_AUC, Series, select_all
from ufh_cli.analyses.speedup import speed_up
from ufh_cli.configuration.errors import InputError, nearest

_LEVEL = 0.05
_LIMITS = {"low", "high", "above", "below", "at"}
YES, NO, OPEN = "yes", "no", "cannot tell"
HARMLESS, ALIKE = "no harm found", "no difference found"  # less than a proof: a larger experiment might find some


@dataclass(frozen=True)
class Finding:
    """One row of a report.

    Attributes
    ----------
    measured : str
        The number or numbers with their intervals, trials and tests.
    agrees : str
        "yes", "no", "in part (…)", "cannot tell", or that no harm or no difference was found.
    """

    measured: str
    agrees: str


def find(claim: dict[str, Any], root: Path) -> Finding:
    """Measure one claim.

    Parameters
    ----------
    claim : dict
        ``measure`` says how ("difference", "between", "speed-up", "level", "attained"), ``series`` of which results
        (as for `ufh plot`); the other keys depend on it.
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
    if values.get("quantity", MIDWAY) not in (MIDWAY, REEVALUATED_AUC, *columns):
        raise InputError(f"unknown quantity {values['quantity']!r}; {nearest(values['quantity'], columns)}")


def difference(series: Sequence[Series], *, quantity: str = "auc", expect: str = "higher") -> Finding:
    """Each technique against its baseline; `expect` is "higher", "mostly higher" or "not lower"."""
    found = [(pair, _difference(pair, quantity)) for pair in with_baselines(series)]
    adjusted = holm([one.p_value for _, one in found])
    higher = sum(p < _LEVEL and one.difference > 0 for (_, one), p in zip(found, adjusted, strict=True))
    lower = sum(p < _LEVEL and one.difference < 0 for (_, one), p in zip(found, adjusted, strict=True))
    above = sum(one.difference > 0 for _, one in found)
    if len(found) <= 4:
        text = "; ".join(_words(pair, one, p) for (pair, one), p in zip(found, adjusted, strict=True))
    else:
        mean = float(np.mean([one.difference for _, one in found]))
        text = (
            f"{quantity}: {above} of {len(found)} differences above 0, {higher} significantly; {lower} significantly "
            f"below 0 (p < {_LEVEL} after Holm); their mean is {mean:+.3g}"
        )
    n = sorted({min(len(pair[0].trials), len(pair[1].trials)) for pair, _ in found})
    text += f" (n = {n[0]}{f' to {n[-1]}' if n[-1] != n[0] else ''} trials a side)"
    if expect == "not lower":
        return Finding(text, NO if lower else HARMLESS if _may_be_significant(found) else OPEN)
    if expect == "mostly higher":
        return Finding(text, YES if above > len(found) / 2 else NO)
    if expect != "higher":
        raise InputError(f"expect must be 'higher', 'mostly higher' or 'not lower', got {expect!r}")
    if higher == len(found):
        return Finding(text, YES)
    if lower:
        return Finding(text, NO if not higher else f"in part ({higher} of {len(found)})")
    return Finding(text, f"in part ({higher} of {len(found)})" if higher else OPEN)


def between(series: Sequence[Series], *, quantity: str = "auc", expect: str = "higher") -> Finding:
    """The second series against the first; `expect` is "higher", "not lower" or "equal" (their interval holds 0)."""
    if len(series) != 2:
        raise InputError(f"the measure 'between' is of two series, got {len(series)}")
    first, second = series
    found = _difference((first, second), quantity)
    text = (
        f"{_name(first)} → {_name(second)}: {quantity} {found.first:.5f} → {found.second:.5f}, {found.difference:+.2g} "
        f"({found.low:+.2g} … {found.high:+.2g}; p = {found.p_value:.1g}; n = {len(second.trials)})"
    )
    if expect == "equal":
        return Finding(text, ALIKE if found.low <= 0 <= found.high else NO)
    if expect == "not lower":
        return Finding(text, NO if found.high < 0 else HARMLESS)
    if expect != "higher":
        raise InputError(f"expect must be 'higher', 'not lower' or 'equal', got {expect!r}")
    return Finding(text, YES if found.low > 0 else NO if found.high < 0 else OPEN)


def speed(series: Sequence[Series], *, low: float, high: float) -> Finding:
    """The speed-up of each technique over its baseline, expected between `low` and `high`."""
    texts, inside, apart = [], 0, 0
    pairs = with_baselines(series)
    for pair in pairs:
        found = speed_up(pair)
        name = _name(found.technique)
        reached = "not reached" if np.isnan(found.factor) else f"{found.factor:.2f}x"
        texts.append(f"{name}: {reached} ({found.low:.2f} … {found.high:.2f}; n = {found.trials})")
        inside += low <= found.factor <= high
        apart += found.high < low or found.low > high
    verdict = YES if inside == len(pairs) else NO if apart == len(pairs) else f"in part ({inside} of {len(pairs)})"
    return Finding("; ".join(texts), verdict)


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
        texts.append(f"{_name(one)}: {column.mean():.4g} ± {spread:.2g}, {word} {outermost:.4g} (n = {column.size})")
        values.append(column)
    together = np.concatenate(values)
    fits = np.ones(together.size, bool)
    if above is not None:
        fits &= together > above
    if below is not None:
        fits &= together < below
    if above is None and below is None:
        return Finding("; ".join(texts), "–")
    return Finding("; ".join(texts), YES if fits.all() else f"{fits.mean():.0%} of the trials" if fits.any() else NO)


def attained(series: Sequence[Series], *, at: float, above: float) -> Finding:
    """The highest first objective on each trial's front where the last one is `at` or more, and how many are above."""
    texts, shares = [], []
    for one in series:
        fronts = one.fronts()
        if not fronts:
            raise InputError(f"{one.results.name}: no front; only searches with several objectives have one")
        best = np.array([max((point[0] for point in front if point[-1] >= at), default=-np.inf) for front in fronts])
        reached = int((best > above).sum())
        texts.append(
            f"{_name(one)}: {reached} of {best.size} above {above:g}; median {np.median(best):.4g}, "
            f"lowest {best.min():.4g}, highest {best.max():.4g}"
        )
        shares.append(reached / best.size)
    share = min(shares)
    return Finding("; ".join(texts), YES if share == 1 else NO if max(shares) == 0 else f"{share:.0%} of the trials")


def _difference(pair: Pair, quantity: str) -> Difference:
    try:
        differences = compare(*pair, quantities=(quantity,))
    except InputError as error:
        raise InputError(f"{pair[1].results.name}, {pair[1].label}: {error}") from error
    if not differences:
        raise InputError(f"{pair[1].label}: {quantity!r} cannot be compared")
    return differences[0]


def _may_be_significant(found: Sequence[tuple[Pair, Difference]]) -> bool:
    """Whether there are pairs enough: n that all differ the same way have p = 2 / 2**n, before Holm."""
    return all(not one.pairs or len(found) * 2.0 ** (1 - one.pairs) < _LEVEL for _, one in found)


def _name(series: Series) -> str:
    return ", ".join(filter(None, [series.technique, condition_label(series)]))


def _words(pair: Pair, found: Difference, adjusted: float) -> str:
    return (
        f"{_name(pair[1])}: {found.quantity} {found.first:.5f} → {found.second:.5f}, {found.difference:+.2g} "
        f"({found.low:+.2g} … {found.high:+.2g}; p = {adjusted:.1g})"
    )


_MEASURES: dict[str, Callable[..., Finding]] = {
    "difference": difference,
    "between": between,
    "speed-up": speed,
    "level": level,
    "attained": attained,
}
