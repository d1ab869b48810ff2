"""Time-courses: mean best fitness against cost, with bands of ± 2 SEM (the paper's Figures 5 top, 8, 9, S1 to S4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.core.timecourse import Band, average
from ufh_cli.experiment.series import Series
from ufh_cli.figures.style import COLOURS, DASHES, figure

_POINTS = 400


def plot_curves(series: Sequence[Series], out: Path, *, quantity: str = "best_fitness") -> None:
    """Draw the mean time-course of each series to `out`.

    Parameters
    ----------
    quantity : {"best_fitness", "test_fitness"}
        The fitness that the search saw, or that of the same candidates on unseen data.
    """
    end = max(time_span(one) for one in series)
    grid = np.linspace(end / _POINTS, end, _POINTS)
    notice = " ".join(dict.fromkeys(one.results.notice for one in series)).strip()
    with figure(out, notice) as (_, axes):
        lows, highs = [], []
        for number, one in enumerate(series):
            band = band_of(one, grid, quantity)
            colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            axes.plot(grid, band.mean, color=colour, linestyle=dash, label=f"{one.label} (n = {len(one.trials)})")
            axes.fill_between(grid, band.mean - 2 * band.sem, band.mean + 2 * band.sem, color=colour, alpha=0.2, lw=0)
            late = band.mean[grid > 0.04 * end]
            lows.append(np.nanmin(late) if np.isfinite(late).any() else np.nan)
            highs.append(np.nanmax(band.mean + np.nan_to_num(2 * band.sem)))
        low, high = np.nanmin(lows), np.nanmax(highs)
        if np.isfinite(low) and high > low:
            axes.set_ylim(low - 0.03 * (high - low), high + 0.06 * (high - low))
        axes.set_xlabel(f"cost so far ({series[0].cost_unit})")
        axes.set_ylabel("best fitness so far" if quantity == "best_fitness" else "its fitness on unseen data")
        axes.legend(title="mean ± 2 SEM", loc="lower right")


def time_span(series: Series) -> float:
    """The largest cost of its trials, or its budget."""
    budget = series.results.experiment.get("budget", {}).get("cost")
    return float(budget) if budget is not None else float(np.nanmax(series.column("cost")))


def band_of(series: Series, grid: np.ndarray, quantity: str) -> Band:
    """The mean curve of a series and its standard error on `grid`."""
    return average(
        [([row["cost"] for row in rows], [row[quantity] for row in rows]) for rows in series.curves.values()], grid
    )
