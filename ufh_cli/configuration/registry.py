"""Setups are found by the entry-point group ``ufh.setups``, ours and everyone's alike."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from ufh_cli.configuration.errors import InputError, nearest
from ufh_cli.core.setup import Setup

GROUP = "ufh.setups"
_OWN = Path(__file__).parents[2] / "setups"
_given: dict[str, type[Setup]] = {}  # those of a notebook or script, which are not installed


def setup_entry_points() -> dict[str, EntryPoint]:
    """The installed setups by name, not yet imported."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def give_setup(name: str, kind: type[Setup]) -> None:
    """Let `name` be a setup in this process, as a notebook or a script defines one that is not installed."""
    _given[name] = kind


def given_setup(name: str) -> type[Setup] | None:
    """The class that was given as `name`; None where it is an installed one's."""
    return _given.get(name)


@functools.lru_cache(maxsize=4)
def _entry_points_along(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Looking through all that is installed takes longer than all else that a cell of a sweep needs."""
    return setup_entry_points()


def load_setup(name: str) -> type[Setup]:
    """The class of the setup called `name`.

    Raises
    ------
    InputError
        When there is no such setup, or it cannot be imported, is no `Setup`, or has not all methods of one.
    """
    if name in _given:
        return _whole(name, _given[name])
    entries = _entry_points_along(tuple(sys.path))
    if name not in entries:
        entries = setup_entry_points()  # it may have been installed just now
    if name not in entries and "." in name:
        raise InputError(f"the setup {name} is not installed: a notebook or script defines it, and runs it by ufh.run")
    if name not in entries:
        raise InputError(f"unknown setup {name!r}; {nearest(name, entries)}")
    _find_our_own(entries[name])
    try:
        found = entries[name].load()
    except Exception as error:  # whatever its module does
        raise InputError(f"setup {name!r} cannot be imported: {_what(error)}") from error
    if not (isinstance(found, type) and issubclass(found, Setup)):
        raise InputError(f"setup {name!r}: {entries[name].value} is not a subclass of ufh_cli.core.setup.Setup")
    return _whole(name, found)


def _whole(name: str, kind: type[Setup]) -> type[Setup]:
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        wanted = ", ".join(f"{method}{_without_types(getattr(Setup, method))}" for method in missing)
        raise InputError(f"setup {name}: a method is missing: write {kind.__name__}'s {wanted}")
    return kind


def _without_types(method: Callable) -> str:
    return f"({', '.join(inspect.signature(method).parameters)})"


def _what(error: Exception) -> str:
    told = isinstance(error, ImportError | AttributeError | SyntaxError | NameError)  # by itself
    return str(error) if told else f"{type(error).__name__}: {error}"


def first_line(name: str) -> str:
    """The first line of the documentation of a setup's class; read from its source, since importing takes seconds.

    Raises
    ------
    InputError
        When it cannot be read there, and the setup cannot be imported either.
    """
    entry = setup_entry_points()[name]
    _find_our_own(entry)
    found = _documented(entry.module, entry.attr)
    return (found if found is not None else load_setup(name).__doc__ or "").strip().partition("\n")[0]


def _documented(module: str, attribute: str, hops: int = 3) -> str | None:
    """The documentation of a class that `module` defines or takes from another of its own package."""
    package, *rest = module.split(".")
    try:
        spec = find_spec(package)
        places = [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
        files = [place.joinpath(*rest, "__init__.py") for place in places]
        files += [place.joinpath(*rest).with_suffix(".py") for place in places if rest]
        tree = ast.parse(next(file for file in files if file.is_file()).read_text(encoding="utf-8"))
    except (ImportError, OSError, StopIteration, SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == attribute:
            return ast.get_docstring(node)
        if isinstance(node, ast.ImportFrom) and hops and node.module and node.module.startswith(f"{package}."):
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    return _documented(node.module, alias.name, hops - 1)
    return None


def _find_our_own(entry: EntryPoint) -> None:
    """Let ``setups`` be ours where the working folder has one of that name, and let that one's modules be found too."""
    file = _OWN / "__init__.py"
    if entry.module.partition(".")[0] != _OWN.name or not file.is_file():
        return
    found = sys.modules.get(_OWN.name)
    if found is None:
        theirs = importlib.util.find_spec(_OWN.name)
        spec = importlib.util.spec_from_file_location(_OWN.name, file, submodule_search_locations=[str(_OWN)])
        if spec is None or spec.loader is None:
            return
        found = importlib.util.module_from_spec(spec)
        sys.modules[_OWN.name] = found
        spec.loader.exec_module(found)
        places = theirs.submodule_search_locations if theirs is not None else None
    else:
        places = getattr(found, "__path__", None)
    others = [place for place in places or [] if Path(place) != _OWN]
    found.__path__ = [str(_OWN), *others]
