"""The commands on setups and their data: parse, dispatch, print."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ufh_cli.commands.options import ConfigFile, Settings, SetupName, home_expanded

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Fetch, convert and verify a setup's data.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(setups)
    app.command("hash")(hash_)
    app.add_typer(data_app, name="data")


def setups() -> None:
    """List the installed setups."""
    from ufh_cli.analyses.tables import print_setups

    print_setups()


_LONGEST_CANDIDATE = 1 << 20  # characters


def hash_(
    setup: SetupName,
    candidate: Annotated[str, typer.Argument(help="A candidate as text, a file that holds one, or - for the input.")],
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Print the key of one candidate, and how the setup reads it."""
    from ufh_cli.configuration.errors import InputError, printable
    from ufh_cli.configuration.request import read_request
    from ufh_cli.configuration.sweep import make_cells
    from ufh_cli.core.hashing import key_text
    from ufh_cli.experiment.trials import make_key, make_setup
    from ufh_cli.files import read_text

    cell = make_cells(*read_request(setup, config, {}, settings, []))[0].config
    made = make_setup(cell)
    try:
        text = sys.stdin.read(_LONGEST_CANDIDATE + 1) if candidate == "-" else candidate
        if candidate != "-" and os.path.exists(candidate) and not os.path.isdir(candidate):
            text = read_text(Path(candidate), _LONGEST_CANDIDATE)
    except (OSError, ValueError) as error:
        raise InputError(f"{candidate}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(text) > _LONGEST_CANDIDATE:
        raise InputError(f"a candidate's text may have up to {_LONGEST_CANDIDATE:,} characters")
    try:
        parsed = made.parse(text)
        key = make_key(cell, made)[0](parsed)
    except ValueError as error:
        raise InputError(f"{setup}: {error}") from error
    typer.echo(key_text(key) or repr(key))
    typer.echo(printable(made.describe(parsed)))


@data_app.command("fetch")
def data_fetch(setup: SetupName) -> None:
    """Download a setup's official data."""
    _data("fetch", setup, None)


@data_app.command("convert")
def data_convert(
    setup: SetupName,
    source: Annotated[
        Path | None,
        typer.Option("--from", callback=home_expanded, help="The official file. [default: what was fetched]"),
    ] = None,
) -> None:
    """Turn official data into the form that the setup reads."""
    _data("convert", setup, source)


@data_app.command("verify")
def data_verify(
    setup: SetupName,
    source: Annotated[
        Path | None,
        typer.Option("--from", callback=home_expanded, help="What to verify. [default: all that is there]"),
    ] = None,
) -> None:
    """Check a setup's data against their checksums."""
    _data("verify", setup, source)


def _data(action: str, setup: str, source: Path | None) -> None:
    from ufh_cli.configuration.errors import InputError, nearest
    from ufh_cli.configuration.registry import load_setup
    from ufh_cli.progress import progress_bar

    actions = load_setup(setup).data_actions
    if action not in actions:
        raise InputError(f"{setup} has no data to {action}; {nearest(action, actions)}")
    with progress_bar(f"{action} {setup}", None, counted=False) as bar:
        try:
            sentence = actions[action](source=source, progress=lambda done, total: bar.show(done=done, total=total))
        except ValueError as error:
            raise InputError(str(error)) from error
    typer.echo(sentence)
