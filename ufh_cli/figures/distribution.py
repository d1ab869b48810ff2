"""How a quantity is spread over trials, a panel a condition (Figure 11 right); evaluations of one candidate (left)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.baseline import condition_label
from ufh_cli.analyses.best import best_candidate
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.rng import Rng
from ufh_cli.figures.legend import handles, legend_below, place_legend
from ufh_cli.figures.style import axis_label, figure, labels_of, line_styles, name_of, notice_of
from ufh_cli.progress import progress_bar

_COLUMNS = 2
_BINS = 24
_LOOKED_UP, _TRAINED = 1000, 100  # evaluations of one candidate, by what they take


def plot_distribution(series: Sequence[Series], out: Path, *, quantity: str = "reevaluated_fitness") -> None:
    """Draw histograms over trials as outlines, the techniques of a condition in one panel, with their means."""
    panels: dict[str, list[Series]] = {}
    for one in series:
        panels.setdefault(condition_label(one), []).append(one)
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width = max(5.0, 4.4 * columns)
    for one in series:
        if not np.isfinite(one.column(quantity)).any():
            raise InputError(f"{one.results.name}, {one.label}: no trial has a finite {quantity}")
    with figure(out, notice_of(series), rows=rows, columns=columns, width=width, height=3.1 * rows) as (fig, _):
        for axes, (title, members) in zip(fig.axes, panels.items(), strict=False):
            _draw_histograms(axes, members, quantity)
            axes.set_title(title, fontsize=10)
        for axes in fig.axes[len(panels) :]:
            axes.set_axis_off()
        legend_below(fig, *handles(fig.axes), fontsize=7, title="upright lines: means", title_fontsize=7)


def _draw_histograms(axes: Any, members: Sequence[Series], quantity: str) -> None:
    values = [one.column(quantity)[np.isfinite(one.column(quantity))] for one in members]
    everything = np.concatenate(values)
    # Rare failures would squeeze the bulk of the distribution into one bin; the outermost bins take them up.
    low, high = np.percentile(everything, [1.0, 99.5])
    bins = np.linspace(low, high if high > low else low + 1e-6, _BINS)
    styles = line_styles([one.technique for one in members])
    for one, found, (colour, dash, _) in zip(members, values, styles, strict=True):
        label = f"{name_of(one)} (n = {found.size})"
        shares = np.full(found.size, 1.0 / max(found.size, 1))
        axes.hist(
            np.clip(found, bins[0], bins[-1]), bins, weights=shares, histtype="step", color=colour, linestyle=dash,
            linewidth=1.4, label=label,
        )  # fmt: skip
        axes.axvline(found.mean(), color=colour, linestyle=dash, linewidth=0.8)
    axes.set_xlabel(axis_label(quantity, members))
    axes.set_ylabel("fraction of trials")


def plot_evaluations(series: Sequence[Series], out: Path) -> None:
    """Draw histograms of many evaluations of one discovered candidate: the best of all trials of each series.

    1,000 evaluations where they are look-ups, else 100.

    Raises
    ------
    InputError
        When the candidate cannot be read back from its description.
    """
    with figure(out, notice_of(series)) as (fig, axes):
        found = [evaluations_of_best(one) for one in series]
        bins = np.linspace(min(map(np.min, found)), max(map(np.max, found)), 80 if found[0].size > _TRAINED else 30)
        styles = line_styles([one.technique for one in series])
        for name, fitness, (colour, dash, _) in zip(labels_of(series), found, styles, strict=True):
            label = f"{name}, standard deviation {fitness.std(ddof=1):.2g}"
            shares = np.full(fitness.size, 1.0 / fitness.size)
            axes.hist(
                fitness, bins, weights=shares, histtype="step", color=colour, linestyle=dash, linewidth=1.4, label=label
            )
        axes.set_xlabel(f"fitness in {found[0].size} evaluations of one candidate")
        axes.set_ylabel("fraction of the evaluations")
        place_legend(fig, axes, fontsize=8)


def evaluations_of_best(series: Series, count: int | None = None) -> np.ndarray:
    """`count` fitnesses of the best candidate of the series, each evaluated afresh."""
    setup, candidate = best_candidate(series)
    count = count or (_LOOKED_UP if setup.simulated_cost else _TRAINED)
    fitness = np.empty(count)
    with progress_bar("evaluating", count) as bar:
        for i in range(count):
            fitness[i] = setup.evaluate(candidate, Rng.from_seed([1, i])).fitness
            bar.advance()
    return fitness
