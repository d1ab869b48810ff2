"""Time-courses in panels side by side: one a condition (Figures 8 and 9), or one a technique (Figures S1 to S4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.baseline import condition_label, with_baselines
from ufh_cli.analyses.series import Series
from ufh_cli.figures.curves import draw_bands
from ufh_cli.figures.legend import handles, legend_below
from ufh_cli.figures.style import figure, name_of, notice_of

_COLUMNS = 3


def plot_by_condition(series: Sequence[Series], out: Path, *, quantity: str = "best_fitness") -> None:
    """A panel for each combination of swept values but the technique; the techniques are its curves."""
    panels: dict[str, list[Series]] = {}
    for one in series:
        panels.setdefault(condition_label(one), []).append(one)
    _plot_panels(panels, out, quantity, notice_of(series))


def plot_against_baseline(series: Sequence[Series], out: Path, *, quantity: str = "best_fitness") -> None:
    """A panel for each series that has a technique, with its baseline."""
    panels = {}
    for baseline, one in with_baselines(series):
        title = one.called or ", ".join(filter(None, [name_of(one), condition_label(one)]))
        panels[title] = [baseline, one]
    _plot_panels(panels, out, quantity, notice_of(series))


def _plot_panels(panels: dict[str, list[Series]], out: Path, quantity: str, notice: str) -> None:
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width = max(5.0, 4.2 * columns)
    with figure(out, notice, rows=rows, columns=columns, width=width, height=3.7 * rows) as (fig, _):
        places = fig.axes
        for axes, (title, members) in zip(places, panels.items(), strict=False):
            names = [name_of(one) for one in members]
            draw_bands(axes, members, quantity, names if len(set(names)) == len(names) else None)
            axes.set_title(title, fontsize=10)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        drawn = places[: len(panels)]
        low, high = min(axes.get_ylim()[0] for axes in drawn), max(axes.get_ylim()[1] for axes in drawn)
        for axes in drawn:
            axes.set_ylim(low, high)
        legend_below(fig, *handles(drawn), title="mean ± 2 SEM", fontsize="small")
