"""The best candidates of results, drawn as their setup draws them (the paper's Figures 1, 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.best import best_candidate
from ufh_cli.analyses.series import Series
from ufh_cli.figures.style import figure, labels_of, notice_of

_COLUMNS = 2


def plot_best(series: Sequence[Series], out: Path) -> None:
    """Draw the fittest candidate of all trials of each series, a panel each.

    Raises
    ------
    InputError
        When a candidate cannot be read back from its description.
    """
    found = [best_candidate(one) for one in series]
    columns = min(_COLUMNS, len(series))
    rows = -(-len(series) // columns)
    with figure(out, notice_of(series), rows=rows, columns=columns, width=6.0 * columns, height=6.0 * rows) as (fig, _):
        places = fig.axes
        for axes, one, label, (setup, candidate) in zip(places, series, labels_of(series), found, strict=False):
            setup.draw(candidate, axes)
            entry = one.best()
            axes.set_title(f"{label}: fitness {float(entry['fitness']):.5g}" if entry else label, fontsize=12)
        for axes in places[len(series) :]:
            axes.set_axis_off()
