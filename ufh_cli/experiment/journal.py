"""The journal: a line a finished evaluation, so that an interrupted search resumes by replay.

``journal.jsonl`` starts with a line that names the format and the experiment. A search that is started again is run
from its seed; as long as the journal has answers they are used, in the order in which they came, and then it goes on.
So no state is ever saved, and the outcome equals that of a search never interrupted.
"""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import xxhash

from ufh_cli.experiment.errors import InputError

FORMAT = "ufh journal"
VERSION = 1
_SYNC_EVERY = 1.0  # seconds; a crash of the machine, unlike one of the program, may lose what is younger


@dataclass(frozen=True)
class Entry:
    """A finished evaluation.

    Attributes
    ----------
    cell, trial, number : int
        Whose: the number-th candidate proposed in that trial of that cell.
    candidate : str
        A digest of the candidate's description, to be sure that the replayed search asks about the same one.
    key : str or None
        Its key in hexadecimal, where one was computed.
    fitness, cost : float
        The evaluation; the hashes' cost is not included.
    seconds : float
        How long it took.
    status : str
        ``"finished"``, or why it has the lowest fitness: ``"died"``, ``"timeout"``.
    """

    cell: int
    trial: int
    number: int
    candidate: str
    key: str | None
    fitness: float
    cost: float
    seconds: float
    status: str = "finished"


class Journal:
    """The journal of one experiment.

    Parameters
    ----------
    path : Path
        The file. It is created with the first entry.
    identity : str
        What the experiment is; from `experiment_identity`. A file of another one is refused.

    Raises
    ------
    InputError
        When the file is not a journal of this experiment, or holds a line that none wrote. A torn last line is dropped.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self._file: int | None = None
        self._synced = 0.0
        self._entries, self._sound = _read(path, identity)

    def repair(self) -> None:
        """Cut off a torn last line. Only for the process that holds the experiment's lock."""
        if self.path.exists() and self.path.stat().st_size > self._sound:
            os.truncate(self.path, self._sound)

    def entries(self, cell: int, trial: int) -> list[Entry]:
        """What one trial has finished, in the order in which it finished."""
        return [entry for entry in self._entries if entry.cell == cell and entry.trial == trial]

    def append(self, entry: Entry) -> None:
        """Write one entry; it survives whatever happens to the program afterwards.

        Raises
        ------
        InputError
            When it cannot be written, for instance because the disk is full; what was written before stays.
        """
        try:
            if self._file is None:
                self._file = self._open()
            _write(self._file, _line({key: _ready(value) for key, value in asdict(entry).items()}))
            if time.monotonic() - self._synced > _SYNC_EVERY:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror}; everything finished is kept, and the same command goes on from there"
            ) from error

    def close(self) -> None:
        """Put everything on the disk."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        # Trials of several processes append to one file: each line goes out in one write at the end of the file.
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(file).st_size == 0:
            _write(file, _line(_header(self.identity)))
        return file


def experiment_identity(experiment: Mapping[str, Any], data: str) -> str:
    """A digest of all that decides evaluations: the configuration without the number of trials, and the data."""
    decisive = {key: value for key, value in experiment.items() if key not in ("trials", "provenance")}
    return xxhash.xxh3_64_hexdigest(json.dumps([decisive, data], sort_keys=True).encode())


def candidate_digest(description: str) -> str:
    """What the journal keeps of a candidate."""
    return xxhash.xxh3_64_hexdigest(description.encode())


def read_entries(path: Path) -> list[Entry]:
    """All entries of a journal, whatever its experiment."""
    return _read(path, None)[0]


def _read(path: Path, identity: str | None) -> tuple[list[Entry], int]:
    """The entries, first of equals, and how many bytes of the file are sound."""
    if not path.exists():
        return [], 0
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    sound = data.rfind(b"\n") + 1
    lines = data[:sound].split(b"\n")[:-1]
    if lines:
        _check_header(path, lines[0], identity)
    entries: dict[tuple[int, int, int], Entry] = {}
    for number, line in enumerate(lines[1:], 2):
        if line == lines[0]:
            continue  # two processes began the file at the same moment
        entry = _parse(line)
        if entry is None:
            raise InputError(
                f"{path}, line {number}: not an entry of a journal; remove the line, or the file to start anew"
            )
        entries.setdefault((entry.cell, entry.trial, entry.number), entry)
    return list(entries.values()), sound


def _check_header(path: Path, line: bytes, identity: str | None) -> None:
    header = _json(line)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"{path}: not a journal of ufh")
    if header.get("version") != VERSION:
        raise InputError(f"{path}: a journal of version {header.get('version')!r}; this ufh reads version {VERSION}")
    if identity is not None and header.get("experiment") != identity:
        raise InputError(f"{path}: the journal of another experiment; choose another --name")


def _header(identity: str) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, "experiment": identity}


def _parse(line: bytes) -> Entry | None:
    values = _json(line)
    if not isinstance(values, dict) or values.keys() != {field.name for field in fields(Entry)}:
        return None
    try:
        for name in ("fitness", "cost", "seconds"):
            values[name] = float(values[name])
        whole = all(type(values[name]) is int and values[name] >= 0 for name in ("cell", "trial", "number"))
    except (TypeError, ValueError):
        return None
    texts = isinstance(values["candidate"], str) and isinstance(values["status"], str)
    return Entry(**values) if whole and texts and isinstance(values["key"], str | None) else None


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _ready(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _write(file: int, line: bytes) -> None:
    """All of the line or nothing of it."""
    written = os.write(file, line)
    if written < len(line):  # the disk is full
        size = os.fstat(file).st_size
        os.ftruncate(file, size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
