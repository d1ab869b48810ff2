"""A setup as Python gives it (a name, a class, an instance), as the name and options that an experiment records."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import xxhash

from ufh_cli.configuration.errors import InputError, shown
from ufh_cli.configuration.registry import give_setup, given_setup, setup_entry_points
from ufh_cli.core.setup import Setup
from ufh_cli.machines.evaluation import forget_setups

_NOTEBOOK = "notebook"  # what the module of a notebook, or of a script that is run, is called in records


def name_setup(setup: str | Setup | type[Setup]) -> tuple[str, dict[str, Any]]:
    """The name under which `setup` is run, and the options that it says itself.

    An installed class has its installed name; another one is called ``notebook.Class``, or ``module.Class``.

    Raises
    ------
    InputError
        When it is no setup, or an instance keeps an option where nobody finds it.
    """
    if isinstance(setup, str):
        return setup, {}
    kind = setup if isinstance(setup, type) else type(setup)
    if not issubclass(kind, Setup):
        raise InputError(f"setup: must be a name, or a subclass or instance of ufh.Setup, got {shown(setup)}")
    options = {} if isinstance(setup, type) else _options(setup)
    where = f"{kind.__module__}:{kind.__qualname__}"
    for name, entry in setup_entry_points().items():
        # An entry point may take the class from another module of its package, as ours do.
        near = entry.attr == kind.__qualname__ and kind.__module__.startswith(entry.module)
        if entry.value == where or (near and entry.load() is kind):
            return name, options
    module = _NOTEBOOK if kind.__module__ == "__main__" else kind.__module__
    name = f"{module}.{kind.__qualname__.replace('<locals>.', '')}"
    if given_setup(name) is not kind:
        forget_setups()
    give_setup(name, kind)
    return name, options


def provenance_of(name: str) -> dict[str, str]:
    """What the record says of a class that is not installed: where it is from, and a digest of its source.

    The digest is that of the code alone: comments and layout may change. None is there where nobody has the source.
    """
    kind = given_setup(name)
    if kind is None:
        return {}
    told = {"class": f"{kind.__module__}.{kind.__qualname__}, given from Python"}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return told
    return told | {"source": xxhash.xxh64_hexdigest(ast.unparse(tree).encode())}


def _options(setup: Setup) -> dict[str, Any]:
    """The options that an instance was made with, from its attributes of the same names."""
    options = {}
    for name, parameter in inspect.signature(type(setup).__init__).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        found = [key for key in (name, f"_{name}") if hasattr(setup, key)]
        if not found:
            raise InputError(
                f"setup: this {type(setup).__name__} has no attribute {name} that tells its option; "
                f"give the class, and set={{'options.{name}': …}}"
            )
        options[name] = getattr(setup, found[0])
    return options
