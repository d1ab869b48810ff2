"""What is found again over trials: the forms on their fronts, and on how many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.recurrence import Recurrence, recurrences
from ufh_cli.analyses.series import Series
from ufh_cli.figures.style import COLOURS, figure, labels_of, notice_of

_MOST = 2  # forms a level
_LONGEST = 72


def plot_recurrence(series: Sequence[Series], out: Path) -> None:
    """Draw a panel a series: the most frequent forms of each last objective, bars as long as their share of the trials.

    Raises
    ------
    InputError
        When there is no front, or candidates cannot be read back from their description.
    """
    found = [_most_frequent(recurrences(one)) for one in series]
    height = 1.0 + 0.24 * sum(map(len, found))
    with figure(out, notice_of(series), rows=len(series), width=9.6, height=height) as (fig, _):
        for axes, one, label, rows in zip(fig.axes, series, labels_of(series), found, strict=True):
            levels = list(dict.fromkeys(row.level for row in rows))
            colours = [COLOURS[(1, 4)[levels.index(row.level) % 2]] for row in rows]
            axes.barh(range(len(rows)), [row.share for row in rows], color=colours, height=0.7)
            axes.set_yticks(range(len(rows)), [_text(row) for row in rows], family="monospace", fontsize=7)
            axes.invert_yaxis()
            axes.set(xlim=(0, 1), xlabel=f"share of {len(one.trials)} trials")
            axes.set_title(f"{label}: last objective, form, highest first objective", fontsize=9)


def _most_frequent(rows: Sequence[Recurrence]) -> list[Recurrence]:
    """Rows come by level, the most frequent first."""
    kept: dict[float, list[Recurrence]] = {}
    for row in rows:
        kept.setdefault(row.level, []).append(row)
    return [row for group in kept.values() for row in group[:_MOST]]


def _text(row: Recurrence) -> str:
    form = row.form if len(row.form) <= _LONGEST else row.form[: _LONGEST - 1] + "…"
    return f"{row.level + 0.0:g}  {form}  {row.best:.4g}"  # + 0.0: not -0
