"""The commands that search: parse, dispatch, print."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ufh_cli.commands.options import (
    RESULTS,
    RESULTS_VARIABLE,
    Asked,
    SetupName,
    home_expanded,
    takes_asked,
)

if TYPE_CHECKING:
    from ufh_cli.experiment.plan import Experiment


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(run)
    app.command()(sweep)


@takes_asked
def run(setup: SetupName, asked: Asked) -> None:
    """Run a search, several times, and write its time-courses.

    The same command again runs only what is missing.
    """
    _run(_experiment(setup, asked, []), asked, best=True)


@takes_asked
def sweep(
    setup: SetupName,
    asked: Asked,
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,…",
            help="A key and the values to run it at; several make a grid. [default: [over] of the configuration]",
        ),
    ] = None,
) -> None:
    """Run a search at every combination of some values, such as --over technique=none,fec."""
    experiment = _experiment(setup, asked, over or [])
    if not experiment.cells[0].swept:
        from ufh_cli.configuration.errors import InputError

        raise InputError("nothing to sweep: give --over KEY=V1,V2,… or a configuration with a section [over]")
    _run(experiment, asked)


def _experiment(setup: str, asked: Asked, over: list[str]) -> Experiment:
    from ufh_cli.configuration.request import read_request
    from ufh_cli.experiment.plan import make_experiment

    given = {
        "technique": asked.technique,
        "search.method": asked.search,
        "trials": asked.trials,
        "budget.cost": asked.budget,
        "seed": asked.seed,
        "workers": asked.workers,
        "cache.warm": _folder(asked.warm_cache, asked.results),
    }
    keys = [text.partition("=")[0].strip() for text in asked.settings or []]
    return make_experiment(*read_request(setup, asked.config, given, asked.settings, over), asked=keys)


def _folder(name: str | None, results: Path) -> str | None:
    """The folder of the result called `name`."""
    from ufh_cli.records.folder import find_folder

    return None if name is None else str(find_folder(name, results))


def _run(experiment: Experiment, asked: Asked, best: bool = False) -> None:
    from ufh_cli.analyses.remarks import remarks
    from ufh_cli.analyses.series import split
    from ufh_cli.analyses.tables import print_best, print_summary
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.experiment.run import check_name, choose_name, record_command, run_experiment
    from ufh_cli.machines.sites import ignore_interrupts

    name, cluster = asked.name, asked.cluster
    if asked.jobs is not None and asked.jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {asked.jobs}")
    if name is not None:
        check_name(name)
    name = name or choose_name(experiment, asked.results)
    path = asked.results / name
    if asked.resume and not (path / "experiment.toml").exists():
        raise InputError(f"there is nothing to resume in {path}")
    if cluster is not None:
        from ufh_cli.machines.cluster import count_workers

        if not count_workers(cluster):  # also before anything is written
            typer.echo(f"the cluster at {cluster} has no workers yet; waiting for them", err=True)

    def warn() -> None:
        for line in experiment.warnings:
            typer.echo(f"ufh: warning: {line}", err=True)

    record_command(experiment, sys.argv[1:])
    try:
        finished = run_experiment(experiment, path, asked.jobs, cluster, begin=warn)
    except KeyboardInterrupt:
        ignore_interrupts()  # nor shall the end of the process be spoilt by another
        with suppress(OSError):  # the terminal may be gone
            typer.echo(
                f"interrupted; finished trials are in {path}; "
                f"the same command with --name {shlex.quote(name)} goes on from there",
                err=True,
            )
        raise
    series = split(finished)
    print_summary(series)
    if not sys.stdout.isatty():  # else they are on the screen already
        for line in remarks(series):
            typer.echo(f"ufh: warning: {line}", err=True)
    if best:
        print_best(series)
    where = shlex.quote(name) + where_option(asked.results)
    typer.echo(f"\nfiles: {path}\nnext:  ufh plot {where}    ufh show {where} --best")


def where_option(results: Path) -> str:
    """`` --results …`` as the next command needs it: nothing where it looks there anyway."""
    usual = home_expanded(Path(os.environ.get(RESULTS_VARIABLE) or RESULTS))
    return "" if results == usual else f" --results {shlex.quote(str(results))}"
