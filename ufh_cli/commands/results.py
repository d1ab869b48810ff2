"""The commands that look at results: parse, dispatch, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ufh_cli.commands.options import KIND_NAMES, RESULTS, ResultsRoot, TableFile, figure_file


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (status, plot, show, compare):
        app.command()(command)


def status(
    name: Annotated[str, typer.Argument(help="A result, whether it is being made or was interrupted.")],
    results: ResultsRoot = RESULTS,
) -> None:
    """Tell how a running or interrupted experiment stands; from any terminal."""
    from ufh_cli.analyses.tables import print_status
    from ufh_cli.records.folder import find_results
    from ufh_cli.records.status import read_status

    found = find_results(name, results)
    print_status(found, read_status(found))


def plot(
    names: Annotated[list[str], typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")],
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KIND_NAMES)}.")] = "curves",
    out: Annotated[
        Path | None,
        typer.Option(callback=figure_file, help="PNG, PDF or SVG. [default: KIND.png in the first result]"),
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="In inches, such as 3.3x2.5.")] = None,
    dpi: Annotated[float, typer.Option(help="Dots an inch, of PNG.")] = 150.0,
    title: Annotated[str, typer.Option(help="What stands above the figure.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="What a series is called; once for each of them, in their order.")
    ] = None,
    table: TableFile = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Draw figures from results."""
    from ufh_cli.analyses.rows import summary_rows, write_rows
    from ufh_cli.analyses.series import call, select_all
    from ufh_cli.configuration.errors import InputError, nearest
    from ufh_cli.figures.kinds import KINDS
    from ufh_cli.figures.style import Look

    if kind not in KINDS:
        raise InputError(f"unknown kind of figure {kind!r}; {nearest(kind, KINDS)}")
    look = Look(_sides(size), dpi, title)
    series = call(select_all(names, results), label or [])
    target = out or series[0].results.path / f"{kind}.png"
    KINDS[kind](series, target, look)
    if table is not None:
        write_rows(summary_rows(series), table)
    typer.echo(f"wrote {target}")


def _sides(size: str | None) -> tuple[float, float] | None:
    """``6.4x4.2`` as numbers."""
    if size is None:
        return None
    try:
        width, height = map(float, size.lower().split("x"))
    except ValueError as error:
        raise typer.BadParameter(f"--size: {size!r} is not WIDTHxHEIGHT in inches, such as 6.4x4.2") from error
    return width, height


def show(
    name: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")],
    best: Annotated[bool, typer.Option("--best", help="Print the best candidate found.")] = False,
    front: Annotated[
        bool, typer.Option("--front", help="Print the front, where there are several objectives.")
    ] = False,
    each: Annotated[bool, typer.Option("--trials", help="A line a trial.")] = False,
    json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
    results: ResultsRoot = RESULTS,
) -> None:
    """Print results as a table."""
    from ufh_cli.analyses.series import select
    from ufh_cli.analyses.tables import print_best, print_front, print_summary, print_trials

    series = select(name, results)
    if json:
        from ufh_cli.analyses.markup import json_text, result_tables

        typer.echo(json_text(result_tables(series)), nl=False)
        return
    (print_trials if each else print_summary)(series)
    if best:
        print_best(series)
    if front:
        print_front(series)


def compare(
    first: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for one of its cells.")],
    second: Annotated[
        str | None,
        typer.Argument(help="What to compare with. [default: each technique in FIRST with its baseline]"),
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="As a LaTeX table (booktabs).")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    results: ResultsRoot = RESULTS,
) -> None:
    """Tell whether one is better than another: differences with a confidence interval and a test."""
    from ufh_cli.analyses.baseline import with_baselines
    from ufh_cli.analyses.markup import marked_up
    from ufh_cli.analyses.rows import difference_rows
    from ufh_cli.analyses.series import select_all
    from ufh_cli.analyses.tables import print_differences
    from ufh_cli.configuration.errors import InputError

    forms = [form for form, asked in (("latex", latex), ("markdown", markdown), ("json", json)) if asked]
    if len(forms) > 1:
        raise InputError(f"one form at a time: --{' or --'.join(forms)}")
    series = select_all([first] if second is None else [first, second], results)
    if second is None and len(series) > 2:
        pairs = with_baselines(series)
    elif len(series) == 2:
        pairs = [(series[0], series[1])]
    else:
        labels = "; ".join(one.label for one in series)
        raise InputError(f"a comparison is between two, but {len(series)} are named ({labels}); use NAME:key=value")
    if forms:
        typer.echo(marked_up(difference_rows(pairs), forms[0]), nl=False)
    else:
        print_differences(pairs)
