"""``ufh cache``: the files of `ufh_cli.functional_cache`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

cache_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look into, merge and prune cache files.")

File = Annotated[Path, typer.Argument(help="The cache's file.")]


@cache_app.command("show")
def show(file: File) -> None:
    """Print the spaces of a cache file, with their values and settings."""
    from ufh_cli.configuration.errors import InputError, printable
    from ufh_cli.library.files import describe

    try:
        rows = describe(file)
    except ValueError as error:
        raise InputError(str(error)) from error
    for row in rows:
        typer.echo(printable(", ".join(f"{name} {value!r}" for name, value in row.items())))
    if not rows:
        typer.echo("empty")


@cache_app.command("merge")
def merge(source: File, target: File) -> None:
    """Take the values of SOURCE that TARGET has not into TARGET."""
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.library.files import merge as merge_files

    try:
        count = merge_files(source, target)
    except ValueError as error:
        raise InputError(str(error)) from error
    typer.echo(f"{count} values are new in {target}")


@cache_app.command("prune")
def prune(
    file: File,
    entries: Annotated[int | None, typer.Option(help="Keep so many, the latest.")] = None,
    most: Annotated[int | None, typer.Option("--bytes", help="Keep the latest that take at most so many.")] = None,
    space: Annotated[str | None, typer.Option(help="Drop this space.")] = None,
) -> None:
    """Drop the oldest values, or a space."""
    from ufh_cli.configuration.errors import InputError
    from ufh_cli.library.files import prune as prune_file

    try:
        count = prune_file(file, max_entries=entries, max_bytes=most, space=space)
    except ValueError as error:
        raise InputError(str(error)) from error
    typer.echo(f"{count} values dropped")


@cache_app.command("export")
def export(file: File) -> None:
    """Print the values as CSV."""
    from ufh_cli.configuration.errors import InputError, printable
    from ufh_cli.library.files import export as export_file

    class Shown:
        """The output, where nothing of a file from others steers the terminal."""

        def write(self, text: str) -> None:
            sys.stdout.write(printable(text))

    try:
        export_file(file, Shown())
    except ValueError as error:
        raise InputError(str(error)) from error
