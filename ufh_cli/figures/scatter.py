"""A point a condition: mean AUC of a technique against that of its baseline, and the line y = x (Figure 7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.baseline import condition_label, with_baselines
from ufh_cli.analyses.series import Series, with_same_seeds
from ufh_cli.figures.legend import handles, legend_below
from ufh_cli.figures.style import COLOURS, MARKERS, figure, notice_of, technique_name


def plot_scatter(series: Sequence[Series], out: Path, *, quantity: str = "auc") -> None:
    """Draw mean ± 2 SEM of each technique's cells against their baselines; above the line the technique is better."""
    with figure(out, notice_of(series), width=6.0, height=5.6) as (fig, axes):
        edges = []
        pairs = with_baselines(series)
        alike = len({one.technique for _, one in pairs}) == 1
        for number, pair in enumerate(pairs):
            baseline, one = with_same_seeds(pair)
            (x, dx), (y, dy) = _mean(baseline, quantity), _mean(one, quantity)
            style = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
            words = ["" if alike and condition_label(one) else technique_name(one.technique), condition_label(one)]
            label = one.called or ", ".join(filter(None, words))
            axes.errorbar(x, y, 2 * dy, 2 * dx, linestyle="none", capsize=2, label=label, **style)
            edges += [x - 2 * dx, x + 2 * dx, y - 2 * dy, y + 2 * dy]
        low, high = np.nanmin(edges), np.nanmax(edges)
        margin = 0.05 * (high - low) or 1e-3
        span = (low - margin, high + margin)
        axes.plot(span, span, color="black", linewidth=0.8, linestyle=":", label="y = x")
        axes.set(xlim=span, ylim=span)
        axes.locator_params(nbins=5)
        technique = technique_name(pairs[0][1].technique) if alike else "a technique"
        axes.set_xlabel(f"mean {quantity.upper()} without a technique")
        axes.set_ylabel(f"mean {quantity.upper()} with {technique}")
        legend_below(fig, *handles([axes]), fontsize=7, title="mean ± 2 SEM", title_fontsize=8)


def _mean(series: Series, quantity: str) -> tuple[float, float]:
    values = series.column(quantity)
    values = values[np.isfinite(values)]
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0
