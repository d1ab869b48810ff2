"""The best candidates of results, drawn as their setup draws them (the paper's Figures 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.experiment.best import best_candidate
from ufh_cli.experiment.series import Series
from ufh_cli.figures.style import figure, notice_of


def plot_best(series: Sequence[Series], out: Path) -> None:
    """Draw the fittest candidate of all trials of each series, a panel each.

    Raises
    ------
    InputError
        When a candidate cannot be read back from its description.
    """
    found = [best_candidate(one) for one in series]
    with figure(out, notice_of(series), columns=len(series), width=6.0 * len(series), height=6.0) as (fig, _):
        for axes, one, (setup, candidate) in zip(fig.axes, series, found, strict=True):
            setup.draw(candidate, axes)
            entry = one.best()
            axes.set_title(f"{one.label}: fitness {float(entry['fitness']):.5g}" if entry else one.label, fontsize=10)
