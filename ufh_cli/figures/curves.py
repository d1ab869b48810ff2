"""Time-courses: mean best fitness against cost, with bands of ± 2 SEM (the paper's Figures 5 top, 8, 9, S1 to S4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.timecourse import Band, average
from ufh_cli.figures.legend import place_legend
from ufh_cli.figures.style import axis_label, figure, labels_of, line_styles, notice_of

_POINTS = 400
_FEW = 4  # lines


def plot_curves(series: Sequence[Series], out: Path, *, quantity: str = "best_fitness") -> None:
    """Draw the mean time-course of each series to `out`.

    Parameters
    ----------
    quantity : {"best_fitness", "test_fitness"}
        The fitness that the search saw, or that of the same candidates on unseen data.
    """
    if all(np.isnan(getattr(curve, quantity)).all() for one in series for curve in one.curves.values()):
        raise InputError("fitness on unseen data was not followed; run with --set reevaluate=improvements")
    with figure(out, notice_of(series)) as (fig, axes):
        draw_bands(axes, series, quantity)
        place_legend(fig, axes, title="mean ± 2 SEM", fontsize="small" if len(series) <= _FEW else "x-small")


def draw_bands(axes: Any, series: Sequence[Series], quantity: str, labels: Sequence[str] | None = None) -> None:
    """The mean time-courses with their bands on `axes`, named.

    Of more than a few lines each has its marker too, for colours and dashes do not tell them apart in grey.
    """
    lows: list[float] = []
    highs: list[float] = []
    styles = line_styles([one.technique for one in series])
    many = len(series) > _FEW
    alpha = 0.06 if many else 0.2
    for place, (one, label, (colour, dash, marker)) in enumerate(
        zip(series, labels or labels_of(series), styles, strict=True)
    ):
        end = one.time_span
        grid = np.linspace(end / _POINTS, end, _POINTS)
        band = band_of(one, grid, quantity)
        style = {"color": colour, "linestyle": dash}
        if many:
            style |= {"marker": marker, "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.7}
            style["markevery"] = (place * _POINTS // (6 * len(series)), _POINTS // 6)  # no two at one place
        axes.plot(grid, band.mean, label=f"{label} (n = {band.trials.max()})", **style)
        axes.fill_between(grid, band.mean - 2 * band.sem, band.mean + 2 * band.sem, color=colour, alpha=alpha, lw=0)
        late = band.mean[grid > 0.04 * end]
        lows += late[np.isfinite(late)].tolist()
        upper = band.mean + np.nan_to_num(2 * band.sem)
        highs += upper[np.isfinite(upper)].tolist()
    low, high = min(lows, default=0.0), max(highs, default=0.0)
    if high > low:
        axes.set_ylim(low - 0.03 * (high - low), high + 0.06 * (high - low))
    axes.set_xlabel(f"cost so far ({series[0].cost_unit})")
    axes.set_ylabel(axis_label("curve", series) if quantity == "best_fitness" else "its fitness on unseen data")


def band_of(series: Series, grid: np.ndarray, quantity: str) -> Band:
    """The mean curve of a series and its standard error on `grid`."""
    return average([(curve.cost.tolist(), getattr(curve, quantity).tolist()) for curve in series.curves.values()], grid)
