"""Results as tables in the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from ufh_cli.experiment.comparable import other_differences
from ufh_cli.experiment.compare import NOTHING_FINITE, Difference, wilson_interval
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.records import STOPPED, Results
from ufh_cli.experiment.registry import load_setup, setup_entry_points
from ufh_cli.experiment.series import Series
from ufh_cli.experiment.status import Status

# Whatever goes into a file or a pipe is not folded to some terminal's width.
console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_summary(series: Sequence[Series]) -> None:
    """A row a cell: means over trials, ± two standard errors."""
    table = _table()
    keys = series[0].results.over if series else []
    for key in keys or ["technique"]:
        table.add_column(key)
    for heading in ("trials", "AUC", "best", "on unseen data", "candidates", "evaluations", "hits"):
        table.add_column(heading, justify="right")
    counterfactual = any(one.column("comparisons").any() for one in series)
    if counterfactual:
        table.add_column("wrong hits", justify="right")
    hurdles = any(STOPPED in row for one in series for row in one.trials)
    if hurdles:
        table.add_column(STOPPED, justify="right")
    for one in series:
        row = [
            *(one.swept.values() if keys else [one.label]),
            str(len(one.trials)),
            *(_mean(one.column(name), 5) for name in ("auc", "best_fitness", "reevaluated_fitness")),
            *(f"{one.column(name).mean():,.0f}" for name in ("candidates", "evaluations")),
            _mean(one.column("hit_fraction"), 3),
        ]
        if counterfactual:
            row.append(_collision_rate(one))
        if hurdles:
            known = one.trials and STOPPED in one.trials[0]
            row.append(f"{one.column(STOPPED).mean():,.0f}" if known else "–")
        table.add_row(*row)
    console.print(table)
    for notice in dict.fromkeys(one.results.notice for one in series):
        if notice:
            console.print(f"note: {notice}", style="dim")


def print_trials(series: Sequence[Series]) -> None:
    """A row a trial."""
    table = _table()
    keys = series[0].results.over if series else []
    columns = (
        "trial",
        "auc",
        "best_fitness",
        "reevaluated_fitness",
        "candidates",
        "evaluations",
        "hit_fraction",
        "cost",
    )
    for heading in (*keys, *columns, "stopped_by"):
        table.add_column(heading, justify="right")
    for one in series:
        for row in one.trials:
            values = [f"{row[name]:.6g}" if isinstance(row[name], float) else str(row[name]) for name in columns]
            table.add_row(*one.swept.values(), *values, row["stopped_by"])
    console.print(table)


def print_status(results: Results, status: Status) -> None:
    """Whether an experiment is running, and how far each of its unfinished trials is."""
    state = "running" if status.running else "finished" if status.finished >= status.total else "interrupted"
    age = "" if status.age is None else f", last evaluation {status.age:,.0f} s ago"
    console.print(f"{results.name}: {state}, {status.finished} of {status.total} trials finished{age}")
    if status.unfinished:
        table = _table()
        for heading in (*results.over, "trial", "evaluations", "best fitness", "seconds", "lost"):
            table.add_column(heading, justify="right")
        for swept, trial, found in status.unfinished:
            best = f"{found.best:.6g}" if math.isfinite(found.best) else "–"
            lost = ", ".join(f"{count} {reason}" for reason, count in sorted(found.lost.items()))
            table.add_row(*swept.values(), str(trial), f"{found.evaluations:,}", best, f"{found.seconds:,.0f}", lost)
        console.print(table)
    if state == "interrupted":
        console.print(f"the command that began it goes on from there, with --name {results.name}", style="dim")


def print_best(series: Sequence[Series]) -> None:
    """The fittest candidate of each series."""
    for one in series:
        best = one.best()
        if best is None:
            continue
        unseen = float(best["reevaluated_fitness"])
        console.print(
            f"\nbest of {one.label}: fitness {float(best['fitness']):.6g}, on unseen data {unseen:.6g}, "
            f"trial {best['trial']}, key {best['key']}",
        )
        console.print(best["description"], soft_wrap=True)
        if "details" in best:
            console.print(f"\n{best['details']}", soft_wrap=True)


def print_differences(first: Series, second: Series, differences: Sequence[Difference]) -> None:
    """What `compare` found; `InputError` when that is nothing."""
    if not differences:
        raise InputError(NOTHING_FINITE)
    table = _table()
    headings = ("", first.label, second.label, "difference", "95 % interval", "p")
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for found in differences:
        table.add_row(
            found.quantity,
            f"{found.first:.6g}",
            f"{found.second:.6g}",
            f"{found.difference:+.3g}",
            f"{found.low:+.3g} … {found.high:+.3g}",
            f"{found.p_value:.2g}",
        )
    console.print(table)
    others = other_differences(first, second)
    if others:
        console.print(f"note: the two differ in more than technique, cache, proposals and hash: {'; '.join(others)}")
    pairs = differences[0].pairs
    console.print(
        f"{pairs} pairs of trials with the same seed; Student's interval, Wilcoxon's signed-rank test"
        if pairs
        else "independent trials; Welch's interval, Mann and Whitney's test",
        style="dim",
    )
    for notice in dict.fromkeys([first.results.notice, second.results.notice]):
        if notice:
            console.print(f"note: {notice}", style="dim")


def print_setups() -> None:
    """The installed setups and what each is, from the first line of its documentation."""
    table = _table()
    for heading in ("setup", "from", "what"):
        table.add_column(heading)
    for name, entry in sorted(setup_entry_points().items()):
        try:
            what = (load_setup(name).__doc__ or "").strip().partition("\n")[0]
        except InputError as error:
            what = str(error)
        table.add_row(name, entry.dist.name if entry.dist else "", what)
    console.print(table)


def _table() -> Table:
    return Table(box=None, header_style="bold", pad_edge=False)


def _mean(values: np.ndarray, digits: int) -> str:
    values = values[np.isfinite(values)]
    if not values.size:
        return "–"
    if values.size == 1:
        return f"{values[0]:.{digits}f}"
    return f"{values.mean():.{digits}f} ± {2 * values.std(ddof=1) / math.sqrt(values.size):.{digits}f}"


def _collision_rate(series: Series) -> str:
    collisions, comparisons = (int(series.column(name).sum()) for name in ("collisions", "comparisons"))
    low, high = wilson_interval(collisions, comparisons)
    rate = collisions / comparisons if comparisons else math.nan
    return f"{rate:.2%} ({low:.2%} … {high:.2%})"
