"""The kinds of figure that ``ufh plot`` draws, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ufh_cli.experiment.series import Series
from ufh_cli.figures.curves import plot_curves
from ufh_cli.figures.strip import plot_strip

Draw = Callable[[Sequence[Series], Path], None]

KINDS: dict[str, Draw] = {
    "curves": partial(plot_curves, quantity="best_fitness"),
    "test-curves": partial(plot_curves, quantity="test_fitness"),
    "auc": partial(plot_strip, quantity="auc"),
    "fitness": partial(plot_strip, quantity="best_fitness"),
    "reevaluation": partial(plot_strip, quantity="reevaluated_fitness"),
    "hits": partial(plot_strip, quantity="hit_fraction"),
}
