"""The accuracy table's format: a directory of memory-mapped columns, versioned and checksummed.

::

    manifest.json      format, version, source, number of cells, columns (dtype, shape, bytes, checksum), provenance
    cells.npy          uint32 (N,)         canonical cell codes, ascending: row i of every column is about cells[i]
    accuracy4.npy      float  (N, 3, 2, 3) after 4 epochs: run, [half-way, final], [train, validation, test]
    time4.npy          float  (N, 3, 2)    seconds of training up to there: run, [half-way, final]
    accuracy108.npy, time108.npy           the same after 108 epochs
    accuracy12.npy, time12.npy, accuracy36.npy, time36.npy    where the source has them

Floats are float32, or float64 where float32 would change a value: a table holds exactly what its source says, for
the functional hash reads all mantissa bits. Checksums are XXH3 (128 bits) of the whole file. Nothing is ever unpickled.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import tempfile
import tokenize
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from ufh_cli.files import read_bytes, reading

FORMAT = "ufh nasbench accuracy table"
VERSION = 1
SOURCES = ("official", "surrogate")
RUNS = 3
BUDGETS = (4, 12, 36, 108)
REQUIRED = ("cells", "accuracy4", "time4", "accuracy108", "time108")

_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_SHAPES = {"cells": (), **{f"accuracy{b}": (RUNS, 2, 3) for b in BUDGETS}, **{f"time{b}": (RUNS, 2) for b in BUDGETS}}
_UNREADABLE = (OSError, EOFError, ValueError, SyntaxError, RecursionError, tokenize.TokenError)


@dataclass(frozen=True, eq=False)
class Table:
    """An accuracy table, its columns mapped into memory and read-only.

    Attributes
    ----------
    path : Path
        The directory it was loaded from.
    source : {"official", "surrogate"}
        Measured by the benchmark's authors, or predicted by the embedded model.
    provenance : mapping
        How the table was made; strings and numbers, for people.
    fingerprint : str
        Equal only for tables of the same source, format and data; for instance "official-0123456789ab".
    columns : mapping of str to array
        All columns by name, as in the module's description.
    cells, accuracy4, time4, accuracy108, time108 : array
        The columns that every table has.
    """

    path: Path
    source: str
    provenance: Mapping[str, Any]
    fingerprint: str
    columns: Mapping[str, np.ndarray]
    cells: np.ndarray
    accuracy4: np.ndarray
    time4: np.ndarray
    accuracy108: np.ndarray
    time108: np.ndarray

    @classmethod
    def load(cls, path: str | Path, verify: bool = False) -> Table:
        """Map a table into memory.

        Parameters
        ----------
        path : path
            The table's directory.
        verify : bool
            Read every byte and compare the checksums too. Without it only the manifest, the files' sizes, their
            headers, the order of the cells and the range of the values are checked.

        Raises
        ------
        ValueError
            One line: there is no table, it was written by another version, or it is damaged.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        columns = {name: _map_column(path, name, entry) for name, entry in manifest["columns"].items()}
        cells = columns["cells"]
        if not np.all(cells[1:] > cells[:-1]):
            raise ValueError(f"{path} is damaged: cells.npy is not in ascending order")
        for name, column in columns.items():
            try:
                _check_values(name, column)
            except ValueError as error:
                raise ValueError(f"{path} is damaged: {error}") from None
        if verify:
            for name, entry in manifest["columns"].items():
                if _checksum(path / f"{name}.npy") != entry["xxh3_128"]:
                    raise ValueError(f"{path} is damaged: wrong checksum of {name}.npy")
        if _read_manifest(path) != manifest:
            raise ValueError(f"{path} was replaced while it was read: try again")
        common = {name: columns[name] for name in REQUIRED}
        return cls(path, manifest["source"], manifest["provenance"], _fingerprint(manifest), columns, **common)


def write_table(
    path: str | Path,
    columns: Mapping[str, np.ndarray],
    *,
    source: str,
    provenance: Mapping[str, Any] | None = None,
) -> Table:
    """Write a table and load it.

    It appears at `path` whole or not at all: it is written beside it and renamed. When several processes write the
    same table at the same time, one of them wins and all return it. A table with other data at `path` is replaced;
    processes that have it mapped keep the old one.

    Parameters
    ----------
    columns : mapping of str to array
        By name, in the shapes of the module's description; floats in float32 or float64.
    source : {"official", "surrogate"}
    provenance : mapping of str to str, int, float or bool, optional
        How the table was made.

    Raises
    ------
    ValueError
        One line: a column is missing, has another shape or holds impossible values; something that is no table is in
        the way; the disk is full or cannot be written.
    """
    path = Path(os.path.realpath(path))  # where a link points to, the table is replaced and not the link
    if source not in SOURCES:
        raise ValueError(f"the source of a table is one of {', '.join(SOURCES)}, not {source!r}")
    _check_columns(columns)
    try:
        _check_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise ValueError(f"cannot write a table to {path}: {error.strerror or error}") from None
    try:
        entries = {name: _write_column(staging, name, columns[name]) for name in _SHAPES if name in columns}
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "source": source,
            "cells": len(columns["cells"]),
            "columns": entries,
            "provenance": dict(provenance or {}),
        }
        with (staging / _MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1)
            _sync(file)
        staging.chmod(0o755)
        return _publish(staging, path)
    except OSError as error:
        raise ValueError(f"cannot write a table to {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def is_surrogate_table(path: Path) -> bool:
    """Whether the directory `path` (no link) is a table of source surrogate, its manifest whole, and nothing else."""
    try:
        _check_replaceable(path)
        return not path.is_symlink() and _read_manifest(path)["source"] == "surrogate"
    except (OSError, ValueError):
        return False


def _read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the table at `path`, everything that is used later checked."""
    file = path / _MANIFEST
    try:
        manifest = json.loads(read_bytes(file, _MANIFEST_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{path} holds no accuracy table (there is no {_MANIFEST})") from None
    except _UNREADABLE as error:
        raise ValueError(f"cannot read {file}: {_one_line(error)}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"{file} does not describe an accuracy table (its format is not {FORMAT!r})")
    if manifest.get("version") != VERSION:
        raise ValueError(
            f"{path} is a table of version {manifest.get('version')!r}; this program reads version {VERSION}"
        )
    n, columns = manifest.get("cells"), manifest.get("columns")
    if manifest.get("source") not in SOURCES or not isinstance(manifest.get("provenance"), dict):
        raise ValueError(f"{file} is damaged: it does not say where the table is from")
    if type(n) is not int or n < 1 or not isinstance(columns, dict):
        raise ValueError(f"{file} is damaged: it does not say how many cells and columns there are")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise ValueError(f"{path} lacks the column {missing[0]}")
    for name, entry in columns.items():
        if name not in _SHAPES or not _entry_fits(name, entry, n):
            raise ValueError(f"{file} is damaged: the entry of column {name!r} does not fit a table of {n} cells")
    return manifest


def _entry_fits(name: str, entry: Any, n: int) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("dtype") in (("<u4",) if name == "cells" else ("<f4", "<f8"))
        and entry.get("shape") == [n, *_SHAPES[name]]
        and type(entry.get("bytes")) is int
        and isinstance(entry.get("xxh3_128"), str)
    )


def _map_column(path: Path, name: str, entry: dict[str, Any]) -> np.ndarray:
    file = path / f"{name}.npy"
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise ValueError("it is no regular file")
        size = found.st_size
        if size != entry["bytes"]:
            raise ValueError(f"it has {size} bytes instead of {entry['bytes']}")
        # open_memmap, unlike numpy.load, opens no other format and refuses pickled objects without a switch.
        array = np.lib.format.open_memmap(file, mode="r")
    except _UNREADABLE as error:
        raise ValueError(f"{path} is damaged: cannot map {file.name}: {_one_line(error)}") from None
    if array.dtype.str != entry["dtype"] or list(array.shape) != entry["shape"] or not array.flags.c_contiguous:
        raise ValueError(f"{path} is damaged: {file.name} has not the type and shape that its manifest says")
    return np.asarray(array)  # a plain view: indexing a memmap costs several times as much


def _check_columns(columns: Mapping[str, np.ndarray]) -> None:
    unknown = [name for name in columns if name not in _SHAPES]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown or missing:
        raise ValueError(
            f"a table has no column {unknown[0]!r}" if unknown else f"a table needs the column {missing[0]!r}"
        )
    cells = columns["cells"]
    if cells.dtype != np.uint32 or cells.ndim != 1 or len(cells) == 0 or not np.all(cells[1:] > cells[:-1]):
        raise ValueError("the column 'cells' must be a list of different uint32 codes in ascending order")
    for name, column in columns.items():
        shape = (len(cells), *_SHAPES[name])
        if column.shape != shape:
            raise ValueError(f"the column {name!r} must have shape {shape}, not {column.shape}")
        if name == "cells":
            continue
        if column.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"the column {name!r} must be float32 or float64, not {column.dtype}")
        _check_values(name, column)


def _check_values(name: str, column: np.ndarray) -> None:
    if name == "cells":
        return
    highest = 1.0 if name.startswith("accuracy") else np.finfo(np.float32).max
    low, high = float(column.min()), float(column.max())
    if not 0.0 <= low <= high <= highest:  # false for NaN too
        raise ValueError(f"the column {name!r} must lie between 0 and {highest:g}; it reaches from {low} to {high}")


def _check_replaceable(path: Path) -> None:
    """Nothing but a table, whole or damaged, is ever replaced."""
    own = {_MANIFEST, *(f"{name}.npy" for name in _SHAPES)}
    with suppress(FileNotFoundError):
        if not own.issuperset(os.listdir(path)):
            raise ValueError(f"{path} exists and is no accuracy table: choose another place")


def _write_column(directory: Path, name: str, column: np.ndarray) -> dict[str, Any]:
    column = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    path = directory / f"{name}.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, column, allow_pickle=False)
        _sync(file)
    return {
        "dtype": column.dtype.str,
        "shape": list(column.shape),
        "bytes": path.stat().st_size,
        "xxh3_128": _checksum(path),
    }


def _publish(staging: Path, path: Path) -> Table:
    """Rename `staging` to `path`, unless the same table has come there meanwhile; the table as loaded."""
    _sync_directory(staging)
    table = Table.load(staging)
    for _ in range(100):  # each further turn means that another process published in between
        try:
            staging.rename(path)  # fails on a directory that is not empty
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) and not path.is_dir():
                raise
        else:
            _sync_directory(path.parent)
            return replace(table, path=path)
        with suppress(ValueError):  # it is damaged, or just being replaced by another process
            found = Table.load(path, verify=True)
            if found.fingerprint == table.fingerprint:
                return found
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as old, suppress(FileNotFoundError):
            path.rename(Path(old) / "table")
    raise ValueError(f"cannot write a table to {path}: other processes keep replacing it")


def _checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    try:
        with reading(path, None) as file:
            while block := file.read(1 << 22):
                digest.update(block)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None
    return digest.hexdigest()


def _fingerprint(manifest: dict[str, Any]) -> str:
    lines = [f"{FORMAT} {VERSION}"]
    lines += [f"{name} {entry['xxh3_128']}" for name, entry in sorted(manifest["columns"].items())]
    return f"{manifest['source']}-{xxhash.xxh3_64_hexdigest(chr(10).join(lines).encode())[:12]}"


def _sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Make renames inside `path` durable, where the system can (Windows cannot open directories)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _one_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())
