"""How much of what a search proposes the cache knows, and how much of each candidate has no effect, as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.rerun import Rerun, rerun
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.legend import place_legend
from ufh_cli.figures.style import figure, labels_of, line_styles, notice_of
from ufh_cli.progress import progress_bar

_WINDOWS = 40
_END = 10  # the last tenth is told in numbers


def plot_redundancy(series: Sequence[Series], out: Path) -> None:
    """Draw the share of hits, and the mean redundancy, of the candidates in each fortieth of a search.

    Mean ± 2 SEM over trials, which are run again from their seeds; trials of one series are cut to the shortest.

    Raises
    ------
    InputError
        When trials cannot be run again, or their setup does not tell what is redundant.
    """
    drawn = []
    with progress_bar("running again", sum(len(one.trials) for one in series)) as bar:
        for one in series:
            shares = []
            for number in one.numbers:
                shares.append(along(rerun(one, number)))
                bar.advance()
            if any(np.isnan(redundant).any() for _, redundant in shares):
                name = one.results.experiment["setup"]
                raise InputError(f"{one.results.name}: the setup {name} does not tell what of a candidate is redundant")
            shortest = min(len(hits) for hits, _ in shares)
            drawn.append([np.array([share[:shortest] for share in kind]) for kind in zip(*shares, strict=True)])
    styles = line_styles([one.technique for one in series])
    titles = ("hits of the cache", "redundancy: what has no effect")
    with figure(out, notice_of(series), columns=2, width=9.0) as (fig, _):
        for panel, (axes, title) in enumerate(zip(fig.axes, titles, strict=True)):
            for label, values, (colour, dash, _) in zip(labels_of(series), drawn, styles, strict=True):
                _draw(axes, values[panel], label, colour, dash)
            axes.set_ylim(0, 1)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("candidates so far")
        for axes in fig.axes:
            place_legend(fig, axes, fontsize=8, title="mean ± 2 SEM in the last tenth", title_fontsize=8)
        fig.axes[0].set_ylabel("fraction")


def along(run: Rerun) -> tuple[np.ndarray, np.ndarray]:
    """Of each candidate in order, whether the cache answered (0 or 1), and its redundancy; float (candidates,)."""
    hits = np.diff(run.hits, prepend=0).astype(float)
    return hits, np.array([run.setup.redundancy(individual.candidate) for individual in run.individuals])


def _draw(axes: Any, values: np.ndarray, label: str, colour: str, dash: Any) -> None:
    """One line: `values` are of (trials, candidates)."""
    trials, count = values.shape
    edges = np.unique(np.linspace(0, count, min(_WINDOWS, count) + 1).astype(int))
    windows = np.array([values[:, a:b].mean(axis=1) for a, b in pairwise(edges)])
    end = values[:, -max(1, count // _END) :].mean(axis=1)
    (last, spread), (mean, band) = _mean_and_band(end[None]), _mean_and_band(windows)
    text = (
        f"{label}: {last[0]:.3f} ± {spread[0]:.3f} (n = {trials})" if trials > 1 else f"{label}: {last[0]:.3f} (n = 1)"
    )
    axes.plot(edges[1:], mean, color=colour, linestyle=dash, label=text)
    axes.fill_between(edges[1:], mean - band, mean + band, color=colour, alpha=0.2, lw=0)


def _mean_and_band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and two standard errors over the last axis, which are 0 for a single trial."""
    trials = values.shape[1]
    band = 2.0 * values.std(axis=1, ddof=1) / np.sqrt(trials) if trials > 1 else np.zeros(len(values))
    return values.mean(axis=1), band
