"""How an experiment stands, from its files alone: for another terminal, and for the progress line."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.configuration.sweep import combinations
from ufh_cli.files import LONGEST_LINE, check_target, reading
from ufh_cli.records.folder import Results
from ufh_cli.records.journal import JOURNAL, parse_line
from ufh_cli.records.outcome import FINISHED


@dataclass
class TrialStanding:
    """What the journal says of one trial.

    Attributes
    ----------
    evaluations : int
        Finished, the lost ones included.
    candidates : int
        Proposed when the last of them was taken in.
    best : float
        The highest fitness among them.
    cost : float
        Of the evaluations; hashes are not in the journal.
    seconds : float
        How long the trial has run.
    lost : Counter of str
        Evaluations that could not be finished, by reason.
    written : int
        How many-th line of the journal was its last one.
    """

    evaluations: int = 0
    candidates: int = 0
    best: float = -math.inf
    cost: float = 0.0
    seconds: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    written: int = 0


class Standing:
    """Follows a growing journal.

    Parameters
    ----------
    path : Path
        The journal; it need not exist yet.

    Attributes
    ----------
    trials : dict
        (cell, trial) -> TrialStanding.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0  # bytes
        self._lines = 0
        self._seen: dict[tuple[int, int], set[int]] = {}
        self.trials: dict[tuple[int, int], TrialStanding] = {}

    def update(self) -> None:
        """Read what has been written since; whole lines only, and what is no entry is left to the next run."""
        if not self._path.is_file():
            return
        try:
            with reading(self._path, None) as file:
                file.seek(self._read)
                while (line := file.readline(LONGEST_LINE)).endswith(b"\n"):
                    self._read += len(line)
                    self._take(line[:-1])
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}") from error

    @property
    def age(self) -> float | None:
        """Seconds since the last line was written; None when there is none."""
        return time.time() - self._path.stat().st_mtime if self.trials else None

    def _take(self, line: bytes) -> None:
        entry = parse_line(line)
        if entry is None:
            return
        where = (entry.cell, entry.trial)
        numbers = self._seen.setdefault(where, set())
        if entry.number in numbers:
            return
        numbers.add(entry.number)
        self._lines += 1
        trial = self.trials.setdefault(where, TrialStanding())
        trial.evaluations += 1
        if not entry.stopped:
            trial.best = max(trial.best, entry.fitness)
        trial.candidates = max(trial.candidates, entry.proposed)
        trial.cost += entry.cost
        trial.seconds = entry.elapsed
        trial.written = self._lines
        if entry.status != FINISHED:
            trial.lost[entry.status] += 1


@dataclass(frozen=True)
class Status:
    """How an experiment stands.

    Attributes
    ----------
    running : bool
        Whether a process holds its lock.
    finished, total : int
        Trials.
    age : float or None
        Seconds since the last evaluation that the journal has; None when there is none.
    unfinished : list of tuple
        The swept values, the trial's number and its standing, of trials that are begun and not finished.
    """

    running: bool
    finished: int
    total: int
    age: float | None
    unfinished: list[tuple[dict[str, str], int, TrialStanding]]


def read_status(results: Results) -> Status:
    """How the experiment stands now."""
    running = is_running(results.path)
    cells = combinations(results.experiment.get("over", {}), str(results.path / "experiment.toml"))
    trials = int(results.experiment.get("trials", ExperimentConfig.model_fields["trials"].default))
    finished = {(*(row[key] for key in results.over), row["trial"]) for row in results.trials}
    standing = Standing(results.path / JOURNAL)
    standing.update()
    unfinished = [
        (cells[cell], trial, found)
        for (cell, trial), found in sorted(standing.trials.items())
        if cell < len(cells) and (*cells[cell].values(), trial) not in finished
    ]
    return Status(running, len(finished), trials * len(cells), standing.age, unfinished)


def is_running(path: Path) -> bool:
    """Whether a process is writing to the experiment in the folder `path`."""
    if not (path / ".lock").exists():
        return False
    try:
        check_target(path / ".lock")
        lock = FileLock(path / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # not ours to lock; then it cannot be told from here
        return False
    lock.release()
    return False
