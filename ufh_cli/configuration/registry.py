"""Setups are found by the entry-point group ``ufh.setups``, ours and everyone's alike."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ufh_cli.configuration.errors import InputError, nearest
from ufh_cli.core.setup import Setup

GROUP = "ufh.setups"


def setup_entry_points() -> dict[str, EntryPoint]:
    """The installed setups by name, not yet imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def load_setup(name: str) -> type[Setup]:
    """The class of the setup called `name`.

    Raises
    ------
    InputError
        When there is no such setup, or it cannot be imported, or is no `Setup`.
    """
    entries = setup_entry_points()
    if name not in entries:
        raise InputError(f"unknown setup {name!r}; {nearest(name, entries)}")
    try:
        found = entries[name].load()
    except (ImportError, AttributeError, SyntaxError, NameError) as error:
        raise InputError(f"setup {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Setup)):
        raise InputError(f"setup {name!r}: {entries[name].value} is not a subclass of ufh_cli.core.setup.Setup")
    return found
