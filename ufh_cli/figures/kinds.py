"""The kinds of figure that ``ufh plot`` draws, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ufh_cli.analyses.comparable import mixture
from ufh_cli.analyses.series import MIDWAY, REEVALUATED_AUC, Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.best import plot_best
from ufh_cli.figures.curves import plot_curves
from ufh_cli.figures.distribution import plot_distribution, plot_evaluations
from ufh_cli.figures.front import plot_front
from ufh_cli.figures.guidance import plot_guidance
from ufh_cli.figures.hits import plot_hits_along
from ufh_cli.figures.learning import plot_learning
from ufh_cli.figures.panels import plot_against_baseline, plot_by_condition
from ufh_cli.figures.recurrence import plot_recurrence
from ufh_cli.figures.redundancy import plot_redundancy
from ufh_cli.figures.response import plot_response
from ufh_cli.figures.scatter import plot_scatter
from ufh_cli.figures.strip import plot_strip

Draw = Callable[[Sequence[Series], Path], None]


def _drawing(kind: str, draw: Draw) -> Draw:
    """`draw` for series in which there is something to draw; `InputError` for others."""

    def checked(series: Sequence[Series], out: Path) -> None:
        for one in series:
            if not one.column("candidates").any():
                raise InputError(f"{_cell(one)}: no trial finished a candidate within its budget")
            why = mixture(series[0], one)
            if why is not None and kind not in _WITHOUT_UNITS:
                raise InputError(why)
        draw(series, out)

    return checked


def _cell(series: Series) -> str:
    """The series as one names it: NAME, or NAME:key=value,key=value."""
    settings = ",".join(f"{key}={value}" for key, value in series.swept.items())
    return ":".join(filter(None, [series.results.name, settings]))


_WITHOUT_UNITS = ("best", "hits")  # whose axes are no setup's own, so that several setups may be on them

_KINDS: dict[str, Draw] = {
    "curves": partial(plot_curves, quantity="best_fitness"),
    "test-curves": partial(plot_curves, quantity="test_fitness"),
    "auc": partial(plot_strip, quantity="auc"),
    "reevaluated-auc": partial(plot_strip, quantity=REEVALUATED_AUC),
    "fitness": partial(plot_strip, quantity="best_fitness"),
    "reevaluation": partial(plot_strip, quantity="reevaluated_fitness"),
    "midway-reevaluation": partial(plot_strip, quantity=MIDWAY),
    "hits": partial(plot_strip, quantity="hit_fraction"),
    "hits-along": plot_hits_along,
    "panels": partial(plot_by_condition, quantity="best_fitness"),
    "test-panels": partial(plot_by_condition, quantity="test_fitness"),
    "against-baseline": partial(plot_against_baseline, quantity="best_fitness"),
    "test-against-baseline": partial(plot_against_baseline, quantity="test_fitness"),
    "scatter": partial(plot_scatter, quantity="auc"),
    "response": partial(plot_response, quantity="auc"),
    "fitness-response": partial(plot_response, quantity="best_fitness"),
    "test-response": partial(plot_response, quantity="reevaluated_fitness"),
    "repeats": partial(plot_strip, quantity="repeats"),
    "distribution": plot_distribution,
    "evaluations": plot_evaluations,
    "best": plot_best,
    "learning": plot_learning,
    "front": plot_front,
    "recurrence": plot_recurrence,
    "redundancy": plot_redundancy,
    "guidance": plot_guidance,
}

KINDS: dict[str, Draw] = {name: _drawing(name, draw) for name, draw in _KINDS.items()}
