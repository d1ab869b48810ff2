"""Where tables are kept: the official one once converted, and the surrogate's, built on first use."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from importlib import resources
from pathlib import Path

import xxhash

from setups.data import Progress, data_directory
from setups.nasbench.table import REQUIRED, SOURCES, Table, is_surrogate_table, write_table
from ufh_cli.core.names import nearest
from ufh_cli.files import reading

_SURROGATE_PARTS = ("surrogate_model.npz", "surrogate.py", "features.py", "enumeration.py")
_SURROGATE_NAME = re.compile("surrogate-[0-9a-f]{12}")
_ANOTHER_DIRECTORY = "the environment variable UFH_DATA names another directory for data"


def official_path() -> Path:
    """Where the converted official table belongs."""
    return data_directory() / "nasbench" / "official"


def surrogate_path() -> Path:
    """Where the surrogate's table belongs; another place for every version of the model and of its code."""
    digest = xxhash.xxh3_64()
    for part in _SURROGATE_PARTS:
        digest.update(resources.files(__package__).joinpath(part).read_bytes())
    return data_directory() / "nasbench" / f"surrogate-{digest.hexdigest()[:12]}"


def open_table(name_or_path: str | Path, progress: Progress | None = None) -> Table:
    """The table "surrogate" or "official", or the one in a directory.

    The surrogate's is computed and kept on first use, which takes seconds, and again when what is kept is damaged;
    those of earlier versions are then deleted.

    Parameters
    ----------
    progress : callable, optional
        Called with (steps done, steps in all) when the surrogate's table is computed, and only then.

    Raises
    ------
    ValueError
        One line: the official table has not been converted yet, there is no such table, or it cannot be read or kept.
    """
    if name_or_path == "surrogate":
        return _open_surrogate(surrogate_path(), progress or _silent)
    if name_or_path == "official":
        if not official_path().exists():
            raise ValueError(
                f"there is no official table in {official_path()} yet: type `ufh data fetch nasbench`, then `ufh data "
                f"convert nasbench`, or `ufh data convert nasbench --from FILE` when you have nasbench_full.tfrecord"
            )
        return Table.load(official_path())
    if not os.path.exists(name_or_path):  # Path.exists raises on names that are too long
        name = str(name_or_path)
        raise ValueError(f"there is no table and no directory {name!r}; {nearest(name, SOURCES)}")
    return Table.load(name_or_path)


def _open_surrogate(path: Path, progress: Progress) -> Table:
    with suppress(ValueError):
        return Table.load(path)
    _check_access(path)  # before seconds of work
    table = _build_surrogate(path, progress)
    for sibling in path.parent.iterdir():
        if sibling != path and _SURROGATE_NAME.fullmatch(sibling.name) and is_surrogate_table(sibling):
            shutil.rmtree(sibling, ignore_errors=True)
    return table


def _build_surrogate(path: Path, progress: Progress) -> Table:
    """Steps: the space, each forest of the model, the files."""
    from setups.nasbench.space import Space
    from setups.nasbench.surrogate import FORESTS, predict

    steps = len(FORESTS) + 2
    progress(0, steps)
    cells = Space.build().cells
    progress(1, steps)
    predicted = predict(cells, progress=lambda done, _: progress(1 + done, steps))
    columns = {"cells": cells} | {name: getattr(predicted, name) for name in REQUIRED if name != "cells"}
    provenance = {"made_by": "the embedded surrogate model"}
    table = write_table(path, columns, source="surrogate", provenance=provenance)
    progress(steps, steps)
    return table


def _check_access(path: Path) -> None:
    """Refuse a table that is there but may not be read, and a place where none may be written."""
    try:
        for file in path.iterdir():
            with reading(file, None):
                pass
    except PermissionError as error:
        raise ValueError(
            f"cannot read the surrogate's table in {path}: {error.strerror or error}; {_ANOTHER_DIRECTORY}"
        ) from None
    except OSError:
        pass  # not there, or damaged: it is written anew
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(
            f"cannot write the surrogate's table to {path}: {error.strerror or error}; {_ANOTHER_DIRECTORY}"
        ) from None


def _silent(done: int, total: int | None) -> None:
    """No one wants to know."""
