"""A package with a search space of one's own, written from the one in `ufh_cli.templates`."""

from __future__ import annotations

import keyword
import re
import shlex
import shutil
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import setup_entry_points
from ufh_cli.files import write_text

_NAME, _CLASS = "myspace", "MySpace"
_FILES = {
    "myspace.py": "myspace.py",
    "test_myspace.py.txt": "test_myspace.py",  # these two would be taken for ours under their own names
    "package.toml": "pyproject.toml",
    "README.md": "README.md",
}


def python_command() -> str:
    """What starts the Python that has ufh: ``python`` where that is it, else its path."""
    typed = shutil.which("python")
    return "python" if typed and Path(typed).parent == Path(sys.executable).parent else shlex.quote(sys.executable)


def write_package(name: str, parent: Path = Path()) -> Path:
    """Write the package `name` into a new folder of that name in `parent`, which is returned.

    Raises
    ------
    InputError
        When the name cannot be a module's or is taken, the folder is there, or it cannot be written.
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,49}", name) or keyword.iskeyword(name):
        raise InputError(f"{name!r} cannot be the name: small letters, digits and _, the first a letter, up to 50")
    folder = parent / name
    if folder.exists():
        raise InputError(f"{folder} is there already; choose another name, or take it away")
    if name in setup_entry_points() or find_spec(name) is not None:
        raise InputError(f"{name!r} is the name of a setup or module that is installed; choose another")
    kind = "".join(part.capitalize() for part in name.split("_")) if name != _NAME else _CLASS
    try:
        folder.mkdir(parents=True)
        for source, target in _FILES.items():
            text = (files("ufh_cli.templates") / source).read_text(encoding="utf-8")
            text = text.replace(_CLASS, kind).replace(_NAME, name)
            write_text(folder / target.replace(_NAME, name), text)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from error
    return folder
