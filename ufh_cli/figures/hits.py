"""The fraction of candidates that the cache answered, as a search goes on (Figure 12)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.core.techniques import CACHES
from ufh_cli.figures.legend import place_legend
from ufh_cli.figures.style import figure, labels_of, line_styles, notice_of

_POINTS = 200


def plot_hits_along(series: Sequence[Series], out: Path) -> None:
    """Draw the share of all candidates so far that needed no evaluation, mean ± 2 SEM over trials.

    The records hold the numbers of candidates and evaluations at each improvement and at the end; between these they
    are taken to grow evenly.
    """
    series = with_cache(series)
    styles = line_styles([one.technique for one in series])
    with figure(out, notice_of(series)) as (fig, axes):
        for label, one, (colour, dash, _) in zip(labels_of(series), series, styles, strict=True):
            grid = np.linspace(0, one.time_span, _POINTS + 1)[1:]
            shares = np.array([hits_along(one, row, grid) for row in one.trials if row["candidates"]])
            mean, sem = shares.mean(axis=0), shares.std(axis=0, ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else 0
            axes.plot(grid, mean, color=colour, linestyle=dash, label=f"{label} (n = {len(shares)})")
            axes.fill_between(grid, mean - 2 * sem, mean + 2 * sem, color=colour, alpha=0.2, lw=0)
        axes.axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
        axes.set_ylim(0, 1)
        axes.set_xlabel(f"cost so far ({series[0].cost_unit})")
        axes.set_ylabel("fraction of candidates so far without evaluation")
        place_legend(fig, axes, title="mean ± 2 SEM", fontsize="small")


def with_cache(series: Sequence[Series]) -> Sequence[Series]:
    """Those whose technique has a cache, for nothing is ever hit without; all where none has."""
    return [one for one in series if set(one.technique.split("+")) & set(CACHES)] or series


def hits_along(series: Series, trial: dict, grid: np.ndarray) -> np.ndarray:
    """Of one trial: 1 − evaluations / candidates at each cost of `grid`."""
    points = [(0.0, 0.0, 0.0)]
    if (curve := series.curves.get(trial["trial"])) is not None:
        points += zip(curve.cost, curve.candidates, curve.evaluations, strict=True)
    points.append((trial["cost"], trial["candidates"], trial["evaluations"]))
    cost, candidates, evaluations = np.array(points).T
    return 1.0 - np.interp(grid, cost, evaluations) / np.interp(grid, cost, candidates)
