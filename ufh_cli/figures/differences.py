"""Differences of pairs with their 95 % intervals, a panel a quantity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.baseline import pairs_of
from ufh_cli.analyses.compare import NOTHING_FINITE, Difference, compare
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.style import figure, labels_of, notice_of, style_of, write_below

_COLUMNS = 2
QUANTITY_WORDS = {
    "auc": "AUC",
    "reevaluated_auc": "AUC on unseen data",
    "best_fitness": "best fitness",
    "reevaluated_fitness": "fitness on unseen data",
}


def plot_differences(series: Sequence[Series], out: Path) -> None:
    """Draw for each series the difference from what it is compared with; see `pairs_of`.

    Raises
    ------
    InputError
        When nothing can be compared.
    """
    pairs = pairs_of(series)
    found: dict[str, list[tuple[int, Difference]]] = {}  # of a quantity the pairs, by number, and their differences
    for number, pair in enumerate(pairs):
        for one in compare(*pair):
            found.setdefault(one.quantity, []).append((number, one))
    if not found:
        raise InputError(NOTHING_FINITE)
    labels = dict(zip(map(id, series), labels_of(series), strict=True))
    same = len({id(first) for first, _ in pairs}) == 1
    names = [labels[id(second)] + ("" if same else f" − {labels[id(first)]}") for first, second in pairs]
    rows = -(-len(found) // _COLUMNS)
    height = rows * (1.1 + 0.24 * len(pairs))
    with figure(out, notice_of(series), rows=rows, columns=_COLUMNS, share_y=True, width=4.8, height=height) as (
        fig,
        _,
    ):
        for axes, (quantity, of_pairs) in zip(fig.axes, found.items(), strict=False):
            for place, one in of_pairs:
                colour, _, marker = style_of(pairs[place][1].technique)
                reach = [[one.difference - one.low], [one.high - one.difference]]
                axes.errorbar(one.difference, place, xerr=reach, color=colour, marker=marker, markersize=5, capsize=3)
            axes.axvline(0.0, color="black", linewidth=0.8, linestyle=":")
            axes.set_title(QUANTITY_WORDS[quantity], fontsize="small")
            axes.locator_params(axis="x", nbins=3)
            axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
        for axes in fig.axes[len(found) :]:
            axes.set_axis_off()
        fig.axes[0].set_ylim(len(names) - 0.5, -0.5)
        fig.axes[0].set_yticks(range(len(names)), names)
        from_one = f" from {labels[id(pairs[0][0])]}" if same else ""
        write_below(fig, f"difference{from_one}, with 95 % intervals", size="medium")
