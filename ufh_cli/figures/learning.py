"""How the best candidates of results learn: the course of one evaluation each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.best import best_candidate
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Curves
from ufh_cli.figures.style import DASHES, figure, labels_of, line_styles, notice_of
from ufh_cli.progress import progress_bar

_WINDOW = 20


def plot_learning(series: Sequence[Series], out: Path) -> None:
    """Draw one training of each series' best candidate, faint as measured and strong as a running mean over 20.

    What the setup has to set beside them is drawn in grey.

    Raises
    ------
    InputError
        When candidates do not learn, or cannot be read back from their description.
    """
    found: list[tuple[str, list[str], Curves]] = []  # technique, labels of all that learn alike, how
    with progress_bar("training", len(series)) as bar:
        for one, label in zip(series, labels_of(series), strict=True):
            curves = _curves_of_best(one)
            alike = next((labels for _, labels, other in found if _same(curves, other)), None)
            if alike is None:
                found.append((one.technique, [label], curves))
            else:
                alike.append(label)
            bar.advance()
    styles = line_styles([technique for technique, _, _ in found])
    panels = {name: curves for _, _, curves in found for name in curves.values}
    with figure(out, notice_of(series), columns=len(panels), width=max(6.4, 4.4 * len(panels))) as (fig, _):
        for axes, name in zip(fig.axes, panels, strict=True):
            for (_, labels, curves), (colour, dash, _) in zip(found, styles, strict=True):
                if name in curves.values:
                    label = ", ".join(labels)
                    values = np.asarray(curves.values[name], dtype=float)
                    axes.plot(np.arange(1, values.size + 1), values, color=colour, alpha=0.25, linewidth=0.7)
                    axes.plot(np.arange(1, values.size + 1), _running_mean(values), color=colour, ls=dash, label=label)
            for (label, known), dash in zip(panels[name].beside.get(name, {}).items(), DASHES[1:], strict=False):
                mean = _running_mean(np.asarray(known, dtype=float))
                axes.plot(np.arange(1, mean.size + 1), mean, color="#999999", ls=dash, label=f"({label})")
            axes.set_title(name, fontsize=10)
            axes.set_xlabel(panels[name].x_label)
            axes.set_ylabel(panels[name].y_label)
            axes.legend(fontsize=8, title="best candidate of", title_fontsize=8)


def _curves_of_best(series: Series) -> Curves:
    setup, candidate = best_candidate(series)
    curves = setup.learning_curves(candidate, Rng.from_seed([2, 0]))
    if curves is None:
        raise InputError(f"{series.results.name}: evaluations of this setup have no learning curve")
    return curves


def _same(first: Curves, second: Curves) -> bool:
    """Have two the same curves? Different losses never do, one found twice does: all train from the same seed."""
    return first.values.keys() == second.values.keys() and all(
        np.array_equal(values, second.values[name]) for name, values in first.values.items()
    )


def _running_mean(values: np.ndarray) -> np.ndarray:
    """The mean of the last 20 values, or of all so far where there are fewer."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, values.size + 1)
    starts = np.maximum(ends - _WINDOW, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
