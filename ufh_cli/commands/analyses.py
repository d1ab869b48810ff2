"""The command line's analyses of results and of a setup's hash: parses, dispatches, prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ufh_cli.commands.options import (
    RESULTS,
    ConfigFile,
    Names,
    ResultsRoot,
    Settings,
    TableFile,
    figure_file,
    home_expanded,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (speedup, equivalents, collisions, calibrate, export, report):
        app.command()(command)


def speedup(names: Names, table: TableFile = None, results: ResultsRoot = RESULTS) -> None:
    """Tell how much sooner a technique is as good as its baseline in the end."""
    from ufh_cli.analyses.baseline import with_baselines
    from ufh_cli.analyses.rows import print_rows, speed_up_rows
    from ufh_cli.analyses.series import select_all
    from ufh_cli.analyses.speedup import speed_up

    series = select_all(names, results)
    rows = speed_up_rows([speed_up(pair) for pair in with_baselines(series)])
    print_rows(rows, table, [one.results.notice for one in series])


def equivalents(
    name: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for one of its cells.")],
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs to draw.")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="In how many trials to count.")] = 5,
    structure: Annotated[
        str, typer.Option(help="Of the pairs: any, or differs, for those that a structural key does not find.")
    ] = "any",
    out: Annotated[
        Path | None,
        typer.Option(callback=figure_file, help="PNG, PDF or SVG. [default: equivalents.png in the result]"),
    ] = None,
    table: TableFile = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Find candidates that look different and behave alike: count them, and draw some side by side.

    Trials are run again from their seeds, candidate by candidate.
    """
    from ufh_cli.analyses.equivalents import census, find_equivalents
    from ufh_cli.analyses.rerun import rerun
    from ufh_cli.analyses.rows import census_rows, print_rows
    from ufh_cli.analyses.series import select
    from ufh_cli.configuration.errors import InputError, nearest
    from ufh_cli.figures.pairs import plot_pairs

    if structure not in (kinds := ("any", "differs")):
        raise InputError(f"unknown --structure {structure!r}; {nearest(structure, kinds)}")
    series = select(name, results)
    if len(series) != 1:
        raise InputError(f"{name} has {len(series)} cells ({'; '.join(s.label for s in series)}); use NAME:key=value")
    runs = [rerun(series[0], number) for number in series[0].numbers[:trials]]
    print_rows(census_rows([census(run) for run in runs]), table, [series[0].results.notice])
    target = out or series[0].results.path / "equivalents.png"
    differ = structure == "differs"
    shown = max(runs, key=lambda run: max(one.fitness for one in run.individuals)) if differ else runs[0]
    plot_pairs(shown.setup, find_equivalents(shown, pairs, differ=differ), target)
    typer.echo(f"wrote {target}")


def collisions(
    setup: Annotated[str, typer.Argument(help="The setup, as listed by: ufh setups")],
    bits: Annotated[str, typer.Option(help="Mantissa bits, divided by commas.")] = "1,2,3,4,5,6,7,8,24",
    models: Annotated[int, typer.Option(min=1, help="How many to find where they cannot be enumerated.")] = 20_000,
    out: Annotated[Path | None, typer.Option(callback=figure_file, help="Also draw it: PNG, PDF or SVG.")] = None,
    table: TableFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Count the models (candidates of different structure) that share a key, at several precisions of the hash."""
    from ufh_cli.analyses.collisions import models_per_key, parse_bits, structures
    from ufh_cli.analyses.rows import collision_rows, print_rows
    from ufh_cli.configuration.request import read_request
    from ufh_cli.configuration.sweep import make_cells
    from ufh_cli.experiment.trials import make_setup

    wanted = parse_bits(bits)
    made = make_setup(make_cells(*read_request(setup, config, {}, settings, []))[0].config)
    found, complete = structures(made, models)
    rows = models_per_key(made, found, wanted)
    print_rows(collision_rows(rows, complete), table, [made.notice()])
    if out is not None:
        from ufh_cli.figures.settings import plot_models_per_key

        plot_models_per_key(rows, out, made.notice())
        typer.echo(f"wrote {out}")


def calibrate(
    setup: Annotated[str, typer.Argument(help="The setup, as listed by: ufh setups")],
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2,…", help="Settings to try. [default: the precision, and the setup's N_E, N_S]"),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Candidates of each experiment.")] = 1000,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each experiment.")] = 5,
    jobs: Annotated[int | None, typer.Option(min=1, help="Trials run side by side.")] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    name: Annotated[str | None, typer.Option(help="The folder in results. [default: calibrate-SETUP]")] = None,
    out: Annotated[
        Path | None, typer.Option(callback=figure_file, help="PNG, PDF or SVG. [default: calibration.png in it]")
    ] = None,
    table: TableFile = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Recommend the hash's settings, by short experiments that evaluate on hits too (Section 6.5)."""
    from ufh_cli.analyses.calibrate import LAST_DIGITS, advice, default_sweep, measured, recommend
    from ufh_cli.analyses.rows import print_rows, setting_rows
    from ufh_cli.analyses.series import split
    from ufh_cli.configuration.request import read_request
    from ufh_cli.experiment.plan import make_experiment
    from ufh_cli.experiment.run import check_name, record_command, run_experiment
    from ufh_cli.experiment.trials import make_setup
    from ufh_cli.figures.settings import plot_settings

    short = {"technique": "fec", "trials": trials, "cache.counterfactual": True, "reevaluate": "end"}
    short |= {"budget.cost": "none", "budget.candidates": candidates}
    short |= {"cache.relative_tolerance": LAST_DIGITS}
    tables, tried, source = read_request(setup, config, short, settings, over or [])
    if not over:
        one = make_experiment(tables, tried, source).cells[0].config
        tried |= default_sweep(make_setup(one), one)
    if name is not None:
        check_name(name)
    path = results / (name or f"calibrate-{setup}")
    experiment = make_experiment(tables, tried, source)
    record_command(experiment, sys.argv[1:])
    finished = run_experiment(experiment, path, jobs)
    found = measured(split(finished))
    recommended = recommend(found)
    print_rows(setting_rows(found), table, [finished.notice])
    typer.echo(advice(found, recommended))
    target = out or path / "calibration.png"
    plot_settings(found, recommended, target, finished.notice)
    typer.echo(f"wrote {target}")


def export(
    setup: Annotated[str, typer.Argument(help="The setup that the result is of.")],
    name: Annotated[str, typer.Argument(help="Results: NAME, or NAME:key=value for one of its cells.")],
    out: Annotated[
        Path,
        typer.Option(callback=home_expanded, help="The file to write; its ending says the form, such as model.keras."),
    ],
    results: ResultsRoot = RESULTS,
) -> None:
    """Write the best candidate of a result in a form that other programs read."""
    from ufh_cli.analyses.best import best_candidate
    from ufh_cli.analyses.series import select
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.core.rng import Rng

    series = max(select(name, results), key=lambda one: float((one.best() or {}).get("fitness", "-inf")))
    found = series.results.experiment["setup"]
    if found != setup:
        raise InputError(f"{name} is of the setup {found}, not of {setup}")
    made, candidate = best_candidate(series)
    try:
        sentence = made.export(candidate, out, Rng.from_seed([3, 0]))
    except (ValueError, OSError) as error:
        raise InputError(f"{out}: {getattr(error, 'strerror', None) or error}") from error
    typer.echo(sentence)


def report(
    what: Annotated[
        list[str],
        typer.Argument(
            help="A TOML file of claims, such as results/nasbench.toml, or a folder: all of them, and all verdicts. "
            "With --html the names of results."
        ),
    ],
    html: Annotated[
        Path | None,
        typer.Option(callback=home_expanded, help="Write a page of results to this file, which needs no other."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(callback=home_expanded, help="The Markdown file. [default: CLAIMS.md beside CLAIMS.toml]"),
    ] = None,
    results: ResultsRoot = RESULTS,
) -> None:
    """Write what was claimed and measured and whether it agrees, as Markdown; or a page of results (--html)."""
    from ufh_cli.configuration.errors import InputError

    if html is not None:
        if out is not None:
            raise InputError("one page at a time: --html of results, or --out of a file of claims")
        from ufh_cli.pages.page import write_page

        write_page(what, results, html)
        typer.echo(f"wrote {html}")
        return
    from ufh_cli.analyses.report import write_report, write_reports

    if len(what) > 1:
        raise InputError(f"one file of claims at a time, not {len(what)}; of results: --html page.html")
    claims = Path(what[0]).expanduser()
    if claims.is_dir():
        if out is not None:
            raise InputError(f"--out is for one file of claims; {claims} is a folder")
        pages = write_reports(claims, results)
    else:
        pages = [out or claims.with_suffix(".md")]
        write_report(claims, results, pages[0])
    for page in pages:
        typer.echo(f"wrote {page}")
