"""Writes what an experiment leaves in ``results/NAME``."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from ufh_cli.configuration.errors import InputError
from ufh_cli.files import append, check_target, write_text
from ufh_cli.records.folder import (
    CURVE_COLUMNS,
    experiment_differences,
    read_best,
    read_experiment,
    read_front,
    read_rows,
    read_table,
    trial_columns,
)
from ufh_cli.records.trial_record import TrialRecord

_LOCK_PATIENCE = 0.2  # seconds: `ufh status` holds the lock for an instant


class Recorder:
    """Writes one experiment's files. Finished trials are never lost; only one process may write at a time.

    Parameters
    ----------
    path : Path
        The experiment's folder.
    experiment : dict
        The configuration as resolved, with the swept keys under ``over``; `trials` does not count when an old
        experiment is compared with it.
    provenance : dict
        Versions and the data's fingerprint, from `make_provenance`.
    swept : list of dict
        The swept values of each cell.

    Raises
    ------
    InputError
        When the folder holds another experiment, or somebody else is writing to it.
    """

    def __init__(
        self,
        path: Path,
        experiment: Mapping[str, Any],
        provenance: Mapping[str, Any],
        swept: Sequence[Mapping[str, str]],
    ) -> None:
        self.path = path
        self.swept = swept
        self._keys = tuple(swept[0]) if swept else ()
        self._columns = trial_columns(experiment)
        self._trials: dict[tuple[int, int], list[str]] = {}
        # As they stand in the files: lists would take ten times the memory, and be made into text at each writing.
        self._curves: dict[tuple[int, int], str] = {}
        self._best: dict[tuple[int, int], str] = {}
        self._fronts: dict[tuple[int, int], str] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            check_target(path / ".lock")  # it is emptied whatever it is
            self._lock = FileLock(path / ".lock")
            self._lock.acquire(timeout=_LOCK_PATIENCE, poll_interval=0.02)
        except Timeout as error:
            raise InputError(f"{path} is being written by another run of ufh") from error
        except OSError as error:
            raise InputError(f"{error.filename or path} cannot be written: {error.strerror}") from error
        with ExitStack() as undo:
            undo.callback(self.close)  # the lock is given back, whatever goes wrong
            self._check_same(experiment, provenance)
            self._load()
            _write(path / "experiment.toml", tomli_w.dumps(self._tables(experiment, provenance)))
            self.write_all()
            undo.pop_all()

    def finished(self) -> set[tuple[int, int]]:
        """The (cell, trial) that need not be run again."""
        return set(self._trials)

    def add(self, records: Iterable[TrialRecord]) -> None:
        """Write finished trials; when this returns they are on disk."""
        new = []
        for record in records:
            where = (record.cell, record.trial)
            swept = list(self.swept[record.cell].values())
            self._trials[where] = [*swept, *(_text(record.row[column]) for column in self._columns)]
            self._curves[where] = _csv_text(
                [*swept, str(record.trial), *(_text(value) for value in point)] for point in record.curve
            )
            self._best[where] = _json_text([{**self.swept[record.cell], **record.best}])
            if record.front:
                self._fronts[where] = _json_text({**self.swept[record.cell], **entry} for entry in record.front)
            new.append(where)
        if new:
            # The row of trials.csv says that a trial is finished, so it goes last.
            _append(self.path / "curves.csv", "".join(self._curves[where] for where in new))
            self._write_best()
            _append(self.path / "trials.csv", _csv_text(self._trials[where] for where in new))

    def write_all(self) -> None:
        """Write all files anew, in the order of cells and trials whatever the order they were finished in."""
        order = sorted(self._trials)
        self._write_best()
        curves = "".join(self._curves[where] for where in order)
        _write(self.path / "curves.csv", _csv_text([[*self._keys, *CURVE_COLUMNS]]) + curves)
        trials = (self._trials[where] for where in order)
        _write(self.path / "trials.csv", _csv_text([[*self._keys, *self._columns], *trials]))

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    def _write_best(self) -> None:
        self._write_entries("best.json", self._best)
        if self._fronts:  # only with several objectives
            self._write_entries("front.json", self._fronts)

    def _write_entries(self, name: str, entries: Mapping[tuple[int, int], str]) -> None:
        text = ",\n".join(entries[where] for where in sorted(entries))
        _write(self.path / name, f"[\n{text}\n]\n" if text else "[]\n")

    def _tables(self, experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
        """What ``experiment.toml`` says; as many trials as were ever asked for."""
        trials = experiment["trials"]
        if (self.path / "experiment.toml").exists():
            old = read_experiment(self.path)
            trials = max(trials, old["trials"])
            if "run" in old["provenance"]:  # when and how it was begun
                provenance = {**provenance, "run": old["provenance"]["run"]}
        return {**experiment, "trials": trials, "provenance": provenance}

    def _check_same(self, experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        lines = experiment_differences(self.path, experiment, provenance)
        if lines:
            raise InputError(f"{self.path} holds another experiment ({'; '.join(lines)}); choose another --name")

    def _load(self) -> None:
        """Take over what an earlier run finished; a torn last line, and what belongs to it, is dropped."""
        cells = {tuple(swept.values()): index for index, swept in enumerate(self.swept)}
        width = len(self._keys)
        for name, columns in (("trials.csv", self._columns), ("curves.csv", CURVE_COLUMNS)):
            read_table(self.path / name, (*self._keys, *columns))  # refuses what is no number
        for row in read_rows(self.path / "trials.csv", (*self._keys, *self._columns)):
            if tuple(row[:width]) in cells:
                self._trials[cells[tuple(row[:width])], int(row[width])] = row
        # An interruption in the middle of writing may have left rows twice.
        curves: dict[tuple[int, int], dict[tuple[str, ...], None]] = {where: {} for where in self._trials}
        for row in read_rows(self.path / "curves.csv", (*self._keys, *CURVE_COLUMNS)):
            where = (cells.get(tuple(row[:width]), -1), int(row[width]))
            if where in curves:
                curves[where][tuple(row)] = None
        for entry in read_best(self.path / "best.json"):
            where = (cells.get(tuple(str(entry.get(key)) for key in self._keys), -1), entry["trial"])
            if where in self._trials:
                self._best[where] = _json_text([entry])
        fronts: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for entry in read_front(self.path / "front.json"):
            where = (cells.get(tuple(str(entry.get(key)) for key in self._keys), -1), entry["trial"])
            if where in self._trials:
                fronts.setdefault(where, []).append(entry)
        self._fronts = {where: _json_text(entries) for where, entries in fronts.items()}
        self._forget_incomplete(curves)

    def _forget_incomplete(self, curves: Mapping[tuple[int, int], Iterable[Sequence[str]]]) -> None:
        """A trial whose curve or best candidate was lost is run again."""
        width = len(self._keys)
        reached_place = width + CURVE_COLUMNS.index("best_fitness")
        best_place = width + self._columns.index("best_fitness")
        for where, row in list(self._trials.items()):
            rows = list(curves[where])
            reached = rows[-1][reached_place] if rows else "nan"
            if reached == row[best_place] and where in self._best:
                self._curves[where] = _csv_text(rows)
            else:
                del self._trials[where]
                self._best.pop(where, None)
                self._fronts.pop(where, None)


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)


def _json_text(entries: Iterable[Mapping[str, Any]]) -> str:
    """The entries as they stand in a list; JSON has no infinities and no NaN: they are written as strings."""
    ready = [
        {
            key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in entry.items()
        }
        for entry in entries
    ]
    return json.dumps(ready, indent=1, ensure_ascii=False)[2:-2]  # without the brackets


def _csv_text(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _append(path: Path, text: str) -> None:
    try:
        append(path, text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    try:
        write_text(path, text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: {error.strerror}; what is finished is kept, and the same command goes on from there")
