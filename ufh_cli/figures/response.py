"""How a quantity depends on a swept number: mean ± 2 SEM (Figure 10 right, and the sensitivity analyses)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.baseline import key_words
from ufh_cli.analyses.series import Series, with_same_seeds
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.legend import place_legend
from ufh_cli.figures.style import axis_label, figure, line_styles, notice_of, technique_name

_WIDE = 30.0  # ratio of the largest to the smallest value from which the axis is logarithmic


def plot_response(series: Sequence[Series], out: Path, *, quantity: str = "auc") -> None:
    """Draw `quantity` against the swept key that is a number; a line for each combination of the others.

    Raises
    ------
    InputError
        When no key, or more than one, is swept over several numbers.
    """
    key = swept_number(series)
    series = with_same_seeds(series)  # else a line jumps where only the number of trials changes
    lines: dict[tuple[str, str], list[tuple[float, float, float]]] = {}  # technique, label -> its points
    for one in series:
        values = one.column(quantity)
        values = values[np.isfinite(values)]
        if key in one.swept and values.size:
            sem = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else 0.0
            points = lines.setdefault((one.technique, _label(one, key)), [])
            points.append((float(one.swept[key]), float(values.mean()), float(sem)))
    styles = line_styles([technique for technique, _ in lines])
    with figure(out, notice_of(series)) as (fig, axes):
        for ((_, label), points), (colour, dash, marker) in zip(lines.items(), styles, strict=True):
            x, mean, sem = np.array(sorted(points)).T
            axes.plot(x, mean, color=colour, linestyle=dash, marker=marker, markersize=4, label=label)
            axes.fill_between(x, mean - 2 * sem, mean + 2 * sem, color=colour, alpha=0.2, lw=0)
        ticks = sorted({x for points in lines.values() for x, _, _ in points})
        positive = [x for x in ticks if x > 0]
        if positive and positive[-1] / positive[0] >= _WIDE:
            axes.set_xscale("log" if len(positive) == len(ticks) else "symlog", **_linear_below(positive, ticks))
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks], minor=False)
        axes.set_xticks([], minor=True)
        unit = f" ({series[0].cost_unit})" if key in ("hash.cost", "budget.cost") else ""
        axes.set_xlabel(key_words(key) + unit)
        axes.set_ylabel(axis_label(quantity, series))
        place_legend(fig, axes, title=f"mean ± 2 SEM{_trials(series)}", fontsize="small")


def swept_number(series: Sequence[Series]) -> str:
    """The key that is swept over several numbers."""
    found = []
    for key in dict.fromkeys(key for one in series for key in one.swept):
        values = {one.swept[key] for one in series if key in one.swept}
        if len(values) > 1 and all(map(_is_number, values)):
            found.append(key)
    if len(found) != 1:
        what = f"there are several: {', '.join(found)}" if found else "there is none"
        raise InputError(f"this kind of figure needs one key swept over several numbers, but {what}")
    return found[0]


def _trials(series: Sequence[Series]) -> str:
    """How many there are of each, where that is the same."""
    counts = {len(one.trials) for one in series}
    return f" (n = {counts.pop()})" if len(counts) == 1 else ""


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _linear_below(positive: Sequence[float], ticks: Sequence[float]) -> dict[str, float]:
    return {} if len(positive) == len(ticks) else {"linthresh": positive[0]}


def _label(series: Series, key: str) -> str:
    if series.called:
        return series.called
    rest = [f"{key_words(k)} = {v}" for k, v in series.swept.items() if k not in (key, "technique")]
    return ", ".join([technique_name(series.technique), *rest])
