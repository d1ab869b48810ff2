"""Results as tables in the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ufh_cli.analyses.comparable import other_differences
from ufh_cli.analyses.compare import NOTHING_FINITE, Difference, compare, holm, wilson_interval
from ufh_cli.analyses.fronts import joint_front, objective_names
from ufh_cli.analyses.remarks import remarks
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError, printable
from ufh_cli.configuration.registry import first_line, setup_entry_points
from ufh_cli.records.folder import STOPPED, Results
from ufh_cli.records.status import Status

# Whatever goes into a file or a pipe is not folded to some terminal's width.


class _Console(Console):
    """Shows what would steer the terminal: names, units, notices and descriptions come from others' files."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


console = _Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 10_000)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> None:
    """Print a table, the first `left` columns aligned left, the others right.

    Where the terminal is too narrow for it, the headings stand below each other and the rows beside each other, as many
    at a time as there is room for, so that no number is cut.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    if not rows or _fits(table):
        console.print(table)
        return
    start = 0
    while start < len(rows):
        # A column of values is at least one wide, and the space before it.
        most = min(len(rows) - start, console.width // 2)
        turned = (_turned(headings, rows[start : start + count]) for count in range(most, 1, -1))
        block = next(filter(_fits, turned), None) or _turned(headings, rows[start : start + 1])
        if start:
            console.print()
        console.print(block)
        start += len(block.columns) - 1


def _turned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A line a heading, a column a row."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", overflow="fold")
    for _ in rows:
        table.add_column(justify="right", overflow="fold")
    for line in zip(headings, *rows, strict=True):
        table.add_row(*line)
    return table


def _fits(table: Table) -> bool:
    """Is the terminal wide enough to fold none of its lines?"""
    unbounded = console.options.update(width=10_000)
    return console.measure(table, options=unbounded).maximum <= console.width


def print_summary(series: Sequence[Series]) -> None:
    """A row a cell: means over trials, ± two standard errors."""
    keys = series[0].results.over if series else []
    headings = list(keys or ["technique"])
    headings += ["trials", "AUC", "best", "on unseen data", "candidates", "evaluations", "hits"]
    counterfactual = any(one.column("comparisons").any() for one in series)
    if counterfactual:
        headings.append("wrong hits")
    hurdles = any(STOPPED in row for one in series for row in one.trials)
    if hurdles:
        headings.append(STOPPED)
    rows = []
    for one in series:
        row = [
            *(one.swept.values() if keys else [one.label]),
            str(len(one.trials)),
            *(mean_text(one.column(name), 5) for name in ("auc", "best_fitness", "reevaluated_fitness")),
            *(f"{one.column(name).mean():,.0f}" for name in ("candidates", "evaluations")),
            mean_text(one.column("hit_fraction"), 3),
        ]
        if counterfactual:
            row.append(_collision_rate(one))
        if hurdles:
            known = one.trials and STOPPED in one.trials[0]
            row.append(f"{one.column(STOPPED).mean():,.0f}" if known else "–")
        rows.append(row)
    print_table(headings, rows, left=len(keys or ["technique"]))
    for note in [*remarks(series), *dict.fromkeys(one.results.notice for one in series)]:
        if note:
            console.print(f"note: {note}", style="dim")


def print_trials(series: Sequence[Series]) -> None:
    """A row a trial."""
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
    rows = []
    for one in series:
        for row in one.trials:
            values = [_number_text(row[name]) if isinstance(row[name], float) else str(row[name]) for name in columns]
            rows.append([*one.swept.values(), *values, row["stopped_by"]])
    print_table([*keys, *columns, "stopped_by"], rows)


def print_status(results: Results, status: Status) -> None:
    """Whether an experiment is running, and how far each of its unfinished trials is."""
    state = "running" if status.running else "finished" if status.finished >= status.total else "interrupted"
    age = "" if status.age is None else f", last evaluation {status.age:,.0f} s ago"
    console.print(f"{results.name}: {state}, {status.finished} of {status.total} trials finished{age}")
    if status.unfinished:
        rows = []
        for swept, trial, found in status.unfinished:
            best = f"{found.best:.6g}" if math.isfinite(found.best) else "–"
            lost = ", ".join(f"{count} {reason}" for reason, count in sorted(found.lost.items()))
            rows.append([*swept.values(), str(trial), f"{found.evaluations:,}", best, f"{found.seconds:,.0f}", lost])
        print_table([*results.over, "trial", "evaluations", "best fitness", "seconds", "lost"], rows)
    if state == "interrupted":
        console.print(f"the command that began it goes on from there, with --name {results.name}", style="dim")


def print_best(series: Sequence[Series]) -> None:
    """The fittest candidate of each series."""
    for one in series:
        best = one.best()
        if best is None:
            continue
        fitness, unseen = (_number_text(float(best[name])) for name in ("fitness", "reevaluated_fitness"))
        console.print(
            f"\nbest of {one.label}: fitness {fitness}, on unseen data {unseen}, "
            f"trial {best['trial']}" + (f", key {best['key']}" if best.get("key", "None") != "None" else ""),
        )
        console.print(best["description"], soft_wrap=True)
        if "details" in best:
            console.print(f"\n{best['details']}", soft_wrap=True)


def print_front(series: Sequence[Series]) -> None:
    """The candidates of each series that none of it dominates, with how many of its trials attain as much."""
    names = objective_names(series)
    for one in series:
        found = joint_front(one)
        console.print(f"\nfront of {one.label}, of {len(one.fronts())} trials together:")
        rows = []
        for number, (entry, attained) in enumerate(found, 1):
            values = [_number_text(float(value)) for value in entry["objectives"].values()]
            rows.append([str(number), *values, str(attained), str(entry["trial"])])
        print_table(["", *names, "trials that attain it", "trial"], rows)
        for number, (entry, _) in enumerate(found, 1):
            lines = entry["description"].splitlines() or [""]
            console.print(
                "\n".join([f"{number}:", *lines] if len(lines) > 1 else [f"{number}: {lines[0]}"]), soft_wrap=True
            )


def print_differences(pairs: Sequence[tuple[Series, Series]]) -> None:
    """A table a pair of what `compare` finds; of several pairs also the p-values adjusted after Holm, by quantity.

    Raises
    ------
    InputError
        When nothing is found.
    """
    found = [(pair, differences) for pair in pairs if (differences := compare(*pair))]
    if not found:
        raise InputError(NOTHING_FINITE)
    adjusted: dict[str, list[float]] = {}
    for quantity in dict.fromkeys(one.quantity for _, differences in found for one in differences):
        values = [one.p_value for _, differences in found for one in differences if one.quantity == quantity]
        adjusted[quantity] = holm(values)
    for number, ((first, second), differences) in enumerate(found):
        if number:
            console.print()
        rows = [_difference_row(one) for one in differences]
        headings = ["", first.label, second.label, "difference", "95 % interval", "p"]
        if len(pairs) > 1:
            headings.append("p (Holm)")
            for row, one in zip(rows, differences, strict=True):
                row.append(f"{adjusted[one.quantity].pop(0):.2g}")
        print_table(headings, rows, left=1)
        if others := other_differences(first, second):
            what = "the two differ in more than technique, cache, proposals and hash"
            console.print(f"note: {what}: {'; '.join(others)}")
        paired = differences[0].pairs
        console.print(
            f"{paired} pairs of trials with the same seed; Student's interval, Wilcoxon's signed-rank test"
            if paired
            else "independent trials; Welch's interval, Mann and Whitney's test",
            style="dim",
        )
    for notice in dict.fromkeys(one.results.notice for pair, _ in found for one in pair):
        if notice:
            console.print(f"note: {notice}", style="dim")


def _difference_row(found: Difference) -> list[str]:
    return [
        found.quantity,
        f"{found.first:.6g}",
        f"{found.second:.6g}",
        f"{found.difference:+.3g}",
        f"{found.low:+.3g} … {found.high:+.3g}",
        f"{found.p_value:.2g}",
    ]


def print_setups() -> None:
    """The installed setups and what each is, from the first line of its documentation."""
    table = Table("setup", "from", "what", box=None, header_style="bold", pad_edge=False)
    for name, entry in sorted(setup_entry_points().items()):
        try:
            what = first_line(name)
        except InputError as error:
            what = str(error)
        table.add_row(name, entry.dist.name if entry.dist else "", what)
    console.print(table)


def mean_text(values: np.ndarray, digits: int) -> str:
    """The mean of what is finite, and ± two standard errors where there are several."""
    values = values[np.isfinite(values)]
    if not values.size:
        return "–"
    mean, error = mean_and_error(values)
    # Fixed digits, so that columns line up; but neither zeros alone nor hundreds of digits.
    largest = float(np.abs(values).max())
    usual = largest == 0.0 or 10.0 ** (2 - digits) <= largest < 1e9
    if values.size == 1:
        return f"{mean:.{digits}f}" if usual else f"{mean:.{digits}g}"
    return f"{mean:.{digits}f} ± {error:.{digits}f}" if usual else f"{mean:.{digits}g} ± {error:.2g}"


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean of finite values and twice its standard error (NaN of one value), also where their sum is too large."""
    scale = float(np.abs(values).max()) or 1.0
    scaled = values / scale
    if not np.isfinite(scaled).all():  # the scale is below all normal numbers
        scale, scaled = 1.0, values
    error = 2 * scaled.std(ddof=1) / math.sqrt(values.size) if values.size > 1 else math.nan
    return float(scaled.mean() * scale), float(error * scale)


def _number_text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.6g}"


def _collision_rate(series: Series) -> str:
    collisions, comparisons = (int(series.column(name).sum()) for name in ("collisions", "comparisons"))
    low, high = wilson_interval(collisions, comparisons)
    rate = collisions / comparisons if comparisons else math.nan
    return f"{rate:.2%} ({low:.2%} … {high:.2%})"
