"""The journal: a line a finished evaluation, so that an interrupted search resumes by replay.

``journal.jsonl`` starts with a line that names the format and the experiment. A search that is started again is run
from its seed; as long as the journal has answers they are used, in the order in which they came, and then it goes on.
So no state is ever saved, and the outcome equals that of a search never interrupted.

A kill may leave the beginning of a line at the end of the file, and another process may have gone on writing behind
it. Such beginnings are dropped; everything else that is no entry is refused.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import pickle
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import xxhash

from ufh_cli.configuration.errors import InputError
from ufh_cli.core.setup import Evaluation, TaskValues
from ufh_cli.files import lines, open_to_write
from ufh_cli.records.outcome import FINISHED, RAISED

FORMAT = "ufh journal"
VERSION = 1
JOURNAL = "journal.jsonl"
_STATUSES = (FINISHED, "died", "timeout", "memory", RAISED)
_HEXADECIMAL = re.compile("-?[0-9a-f]{1,16}")
_BEGINNING = b'{"cell": '
_BLOCK = 1 << 20  # bytes
_SYNC_EVERY = 1.0  # seconds; a crash of the machine, unlike one of the program, may lose what is younger


@dataclass(frozen=True)
class Entry:
    """A finished evaluation.

    Attributes
    ----------
    cell, trial, number : int
        Whose: the number-th candidate proposed in that trial of that cell.
    proposed : int
        How many candidates the trial had proposed when this evaluation was taken in. It tells a replay how proposals
        and outcomes were interleaved, so that it need not have as many workers.
    candidate : str
        A digest of the candidate, to be sure that the replayed search asks about the same one.
    key : str or None
        Its key in hexadecimal, or those of its tasks, where one was computed.
    fitness, cost : float
        The evaluation; the hashes' cost is not included.
    seconds : float
        How long it took.
    elapsed : float
        Seconds that the trial had run when it was written, earlier runs included.
    status : str
        ``"finished"``, or why it has the lowest fitness: ``"died"``, ``"timeout"``, ``"memory"``.
    hurdle, early : float or None
        Only where there are hurdles: what the first stage had to reach, and its fitness, None if that is not known.
    tasks : tuple of float or None, or None
        Only where tasks are cached apart: the fitness on each task, None where that was known before.
    objectives : tuple of float or None
        Only where there are several.
    refined : str or None
        Only where the evaluation changed the candidate: the description of what it became.
    shared : bool or None
        Only where a cache file answered: True.
    """

    cell: int
    trial: int
    number: int
    proposed: int
    candidate: str
    key: str | None
    fitness: float
    cost: float
    seconds: float
    elapsed: float
    status: str = FINISHED
    hurdle: float | None = None
    early: float | None = None
    tasks: TaskValues | None = None
    objectives: tuple[float, ...] | None = None
    refined: str | None = None
    shared: bool | None = None

    @property
    def stopped(self) -> bool:
        """Whether a hurdle stopped it, so that `fitness` is that of the first stage."""
        return self.hurdle is not None and self.early is not None and self.early < self.hurdle

    def evaluation(self, parse: Callable[[str], Any]) -> Evaluation:
        """What was found; `parse` reads what the candidate became."""
        return Evaluation(
            self.fitness if self.fitness == self.fitness else -math.inf,
            self.cost,
            self.objectives or (),
            self.early,
            self.stopped,
            self.tasks,
            None if self.refined is None else parse(self.refined),
        )


_NAMES = {field.name for field in fields(Entry)}
_OPTIONAL = {"hurdle", "early", "tasks", "objectives", "refined", "shared"}  # left out where they are None


class Journal:
    """The journal of one experiment.

    Parameters
    ----------
    path : Path
        The file.
    identity : str
        What the experiment is; from `experiment_identity`.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self._file: int | None = None
        self._synced = 0.0

    def prepare(self, cells: int) -> None:
        """Check the file, cut off a torn last line, or begin it. Only for the process that holds the experiment's lock.

        The experiment has so many `cells`.

        Raises
        ------
        InputError
            When the file is not a journal of this experiment, or holds a line that none wrote.
        """
        check_journal(self.path, self.identity, cells)
        try:
            file = open_to_write(self.path, os.O_CREAT, os.O_RDWR)
            try:
                sound = _sound(file)
                if sound < os.fstat(file).st_size:
                    os.ftruncate(file, sound)
                    os.lseek(file, sound, os.SEEK_SET)
                if sound == 0:
                    _write(file, _line(_header(self.identity)))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise self._unwritable(error) from error

    def entries(self, cell: int, trial: int) -> list[Entry]:
        """What one trial has finished, in the order in which it finished; of repeated lines the first."""
        beginning = b'%s%d, "trial": %d, ' % (_BEGINNING, cell, trial)
        entries: dict[int, Entry] = {}
        for entry in _entries(self.path, beginning):
            if (entry.cell, entry.trial) == (cell, trial):
                entries.setdefault(entry.number, entry)
        return list(entries.values())

    def append(self, entry: Entry) -> None:
        """Write one entry; it survives whatever happens to the program afterwards.

        Raises
        ------
        InputError
            When it cannot be written, for instance because the disk is full; what was written before stays.
        """
        try:
            if self._file is None:
                # Trials of several processes append to one file: each line goes out in one write at its end.
                self._file = open_to_write(self.path, os.O_APPEND)
            _write(self._file, _line(_written(entry)))
            if time.monotonic() - self._synced > _SYNC_EVERY:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Put everything on the disk.

        Raises
        ------
        InputError
            When the disk fails only now.
        """
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            os.fsync(file)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            os.close(file)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path}: {error.strerror}; everything finished is kept, and the same command goes on from there"
        )


def experiment_identity(*decisive: Any) -> str:
    """A digest of all that decides evaluations: the configuration without what may change, and what names the data."""
    return xxhash.xxh3_64_hexdigest(json.dumps(decisive, sort_keys=True).encode())


def candidate_digest(candidate: Any) -> str:
    """What the journal keeps of a candidate: a digest of its pickle, which is never read back."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(candidate)
    return xxhash.xxh3_64_hexdigest(buffer.getvalue())


class _Pickler(pickle.Pickler):
    """Equal candidates give equal bytes, in every process."""

    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, protocol=4)
        self.fast = True  # whichever of their parts are the same object

    def persistent_id(self, part: Any) -> Any:
        """What stands for a set: its order is another in each process. None for all else, which stands for itself."""
        if isinstance(part, set | frozenset):
            return type(part).__qualname__, sorted(map(candidate_digest, part))
        return None


def check_journal(path: Path, identity: str | None = None, cells: float = math.inf) -> None:
    """Read all of a journal.

    Raises
    ------
    InputError
        When it cannot be read, is none, is another experiment's (where `identity` is given), or holds a foreign line,
        such as one of a cell beyond `cells`.
    """
    for _ in _entries(path, _BEGINNING, identity, cells):
        pass


def read_entries(path: Path) -> Iterator[Entry]:
    """All entries of a journal, whatever its experiment; repeated lines are not sorted out."""
    return _entries(path, _BEGINNING)


def parse_line(line: bytes) -> Entry | None:
    """The entry in one line without its end; None where there is none, as in the header.

    A kill in the middle of a line leaves its beginning; another process may have gone on behind it.
    """
    return _parse(line) or _parse(line[max(0, line.rfind(_BEGINNING)) :])


def _entries(path: Path, beginning: bytes, identity: str | None = None, cells: float = math.inf) -> Iterator[Entry]:
    """The entries in lines that contain `beginning`; a last line without its end is dropped."""
    if not path.exists():
        return
    first = None
    try:
        for number, line in enumerate(lines(path), 1):
            if not line.endswith(b"\n"):
                return
            if first is None:
                first = line
                _check_header(path, line, identity)
            elif beginning in line or beginning is _BEGINNING:
                entry = parse_line(line[:-1])
                if entry is None or entry.cell >= cells:
                    raise InputError(
                        f"{path}, line {number}: not an entry of a journal; remove the line, or the file to start anew"
                    )
                yield entry
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


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
    if not isinstance(values, dict) or values.keys() | _OPTIONAL != _NAMES:
        return None
    try:
        for name in ("fitness", "cost", "seconds", "elapsed", *(values.keys() & {"hurdle", "early"})):
            values[name] = float(values[name])
        if "tasks" in values:
            values["tasks"] = tuple(None if value is None else float(value) for value in values["tasks"])
        if "objectives" in values:
            values["objectives"] = tuple(map(float, values["objectives"]))
        whole = all(type(values[name]) is int for name in ("cell", "trial", "number", "proposed"))
        whole = whole and all(0 <= values[name] < 1 << 63 for name in ("cell", "trial", "number", "proposed"))
    except (TypeError, ValueError, OverflowError):
        return None
    named = isinstance(values["candidate"], str) and values["status"] in _STATUSES and _is_key(values["key"])
    named = named and isinstance(values.get("refined", ""), str) and values.get("shared", True) is True
    possible = values["status"] != FINISHED or 0 <= values["cost"] < math.inf
    return Entry(**values) if whole and named and possible else None


def _is_key(key: Any) -> bool:
    return key is None or (isinstance(key, str) and all(map(_HEXADECIMAL.fullmatch, key.split(" "))))


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _written(entry: Entry) -> dict[str, Any]:
    return {key: _ready(value) for key, value in vars(entry).items() if value is not None or key not in _OPTIONAL}


def _ready(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_ready(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _sound(file: int) -> int:
    """How many bytes of an open journal are whole lines."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        os.lseek(file, start, os.SEEK_SET)
        found = os.read(file, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _write(file: int, line: bytes) -> None:
    if os.write(file, line) < len(line):  # the rest does not fit; the next start cuts off what did
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
