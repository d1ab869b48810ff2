"""A point a trial, side by side: AUC (Figure 5 bottom), unseen data (Figure 6), hit fractions (Figure 12)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.baseline import conditions, key_words
from ufh_cli.analyses.series import MIDWAY, REEVALUATED_AUC, Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.hits import with_cache
from ufh_cli.figures.style import axis_label, figure, labels_of, notice_of, style_of


def plot_strip(series: Sequence[Series], out: Path, *, quantity: str = "auc") -> None:
    """Draw the column `quantity` of each series' trials to `out`, with its mean ± 2 SEM."""
    if quantity in (MIDWAY, REEVALUATED_AUC) and not any(np.isfinite(one.column(quantity)).any() for one in series):
        raise InputError("fitness on unseen data was not followed; run with --set reevaluate=improvements")
    if quantity == "hit_fraction":
        series = with_cache(series)
    swept = {tuple(conditions(one)) for one in series}
    labels = labels_of(series, sep="\n", keys=len(swept) > 1)
    jitter = np.random.default_rng(0)
    with figure(out, notice_of(series), width=max(4.8, 1.2 * len(series) + 1.6)) as (_, axes):
        for place, one in enumerate(series):
            colour, _, marker = style_of(one.technique)
            values = one.column(quantity)
            values = values[np.isfinite(values)]
            x = place + jitter.uniform(-0.18, 0.18, values.size)
            axes.scatter(x, values, s=14, alpha=0.45, linewidths=0, color=colour, marker=marker)
            if values.size:
                sem = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else 0.0
                axes.errorbar(place, values.mean(), 2 * sem, color="black", marker="_", markersize=16, capsize=4)
            labels[place] += f"\n(n = {values.size})"
        axes.set_xticks(range(len(series)), labels)
        if len(swept) == 1:
            axes.set_xlabel(", ".join(map(key_words, swept.pop())))
        axes.set_xlim(-0.6, len(series) - 0.4)
        axes.set_ylabel(axis_label(quantity, series))
        axes.grid(visible=False, axis="x")
        if quantity == "hit_fraction":
            axes.set_ylim(0, 1)
            axes.axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
