"""The commands that list results, and those for who writes a search space: parse, dispatch, print."""

from __future__ import annotations

from typing import Annotated

import typer

from ufh_cli.commands.options import RESULTS, ConfigFile, ResultsRoot, Settings, SetupName


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("list")(list_)
    app.command()(new)
    app.command()(check)


def list_(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False, results: ResultsRoot = RESULTS
) -> None:
    """List the results that there are: setup, technique, trials, when and state."""
    from ufh_cli.analyses.listing import list_results
    from ufh_cli.analyses.markup import json_text
    from ufh_cli.analyses.tables import print_table

    rows = list_results(results)
    if json:
        typer.echo(json_text(rows), nl=False)
    elif not rows:
        typer.echo(f"no results in {results}")
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows], left=len(rows[0]))


def new(
    name: Annotated[str, typer.Argument(help="What the search space, its module and its folder are to be called.")],
) -> None:
    """Write a package with a search space of your own, to be changed; it runs at once."""
    from ufh_cli.analyses.scaffold import python_command, write_package

    folder = write_package(name)
    run = f"cd {folder} && {python_command()} {name}.py"
    typer.echo(f"wrote {folder}/\nnext:  {run}    {folder}/README.md says more")


def check(setup: SetupName, config: ConfigFile = None, settings: Settings = None) -> None:
    """Check that a setup does what every setup must do, a line a check; exit code 2 when it does not."""
    from ufh_cli.analyses.conformance import conformance
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.configuration.request import read_request
    from ufh_cli.configuration.sweep import make_cells
    from ufh_cli.experiment.probe import probe

    cell = make_cells(*read_request(setup, config, {}, settings, []))[0].config
    probe(cell.model_copy(update={"technique": "fec"}))  # which a line tells, not one for each check that it spoils
    verdicts = []
    for verdict in conformance(setup, cell.options):
        verdicts.append(verdict)
        typer.echo(f"FAIL  {verdict.check}: {verdict.fault}" if verdict.fault else f"ok    {verdict.check}")
    failed = sum(bool(verdict.fault) for verdict in verdicts)
    if failed:
        raise InputError(f"setup {setup} fails {failed} of {len(verdicts)} checks")
    typer.echo(f"setup {setup} passes all {len(verdicts)} checks")
