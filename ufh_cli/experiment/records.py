"""What an experiment writes into ``results/NAME`` and how it is read back."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import platform
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w
from filelock import FileLock, Timeout

from ufh_cli.experiment.config import differences
from ufh_cli.experiment.errors import InputError, nearest
from ufh_cli.experiment.trials import TrialRecord

TRIAL_COLUMNS = (
    "trial", "seed", "status", "auc", "best_fitness", "reevaluated_fitness", "candidates", "evaluations", "cache_hits",
    "hit_fraction", "cost", "cost_unit", "wall_seconds", "stopped_by", "partial_hits", "collisions", "comparisons",
    "repeats", "waits",
)  # fmt: skip
CURVE_COLUMNS = ("trial", "cost", "candidates", "evaluations", "best_fitness", "test_fitness")
_TEXT_COLUMNS = {"status", "cost_unit", "stopped_by"}
_FLOAT_COLUMNS = {
    "auc", "best_fitness", "reevaluated_fitness", "hit_fraction", "cost", "wall_seconds", "test_fitness",
}  # fmt: skip
_LIBRARIES = ("numpy", "numba", "xxhash", "scipy", "tensorflow-cpu", "tensorflow", "gymnasium")


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
        self._trials: dict[tuple[int, int], list[str]] = {}
        self._curves: dict[tuple[int, int], list[list[str]]] = {}
        self._best: dict[tuple[int, int], dict[str, Any]] = {}
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / ".lock")
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{path} is being written by another run of ufh") from error
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from error
        try:
            self._check_same(experiment, provenance)
            self._load()
            _write(path / "experiment.toml", tomli_w.dumps({**experiment, "provenance": provenance}))
            self.write_all()
        except BaseException:
            self.close()
            raise

    def finished(self) -> set[tuple[int, int]]:
        """The (cell, trial) that need not be run again."""
        return set(self._trials)

    def add(self, records: Iterable[TrialRecord]) -> None:
        """Write finished trials; when this returns they are on disk."""
        new = []
        for record in records:
            where = (record.cell, record.trial)
            swept = list(self.swept[record.cell].values())
            self._trials[where] = [*swept, *(_text(record.row[column]) for column in TRIAL_COLUMNS)]
            self._curves[where] = [
                [*swept, str(record.trial), *(_text(value) for value in point)] for point in record.curve
            ]
            self._best[where] = {**self.swept[record.cell], **record.best}
            new.append(where)
        if new:
            # The row of trials.csv says that a trial is finished, so it goes last.
            _append(self.path / "curves.csv", [row for where in new for row in self._curves[where]])
            self._write_best()
            _append(self.path / "trials.csv", [self._trials[where] for where in new])

    def write_all(self) -> None:
        """Write all files anew, in the order of cells and trials whatever the order they were finished in."""
        order = sorted(self._trials)
        trials = [self._trials[where] for where in order]
        curves = [row for where in order for row in self._curves[where]]
        self._write_best()
        _write(self.path / "curves.csv", _csv_text([[*self._keys, *CURVE_COLUMNS], *curves]))
        _write(self.path / "trials.csv", _csv_text([[*self._keys, *TRIAL_COLUMNS], *trials]))

    def close(self) -> None:
        """Let others write."""
        self._lock.release()

    def _write_best(self) -> None:
        best = [_json_ready(self._best[where]) for where in sorted(self._best)]
        _write(self.path / "best.json", json.dumps(best, indent=1, ensure_ascii=False) + "\n")

    def _check_same(self, experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        lines = experiment_differences(self.path, experiment, provenance)
        if lines:
            raise InputError(f"{self.path} holds another experiment ({'; '.join(lines)}); choose another --name")

    def _load(self) -> None:
        """Take over what an earlier run finished; a torn last line, and what belongs to it, is dropped."""
        cells = {tuple(swept.values()): index for index, swept in enumerate(self.swept)}
        width = len(self._keys)
        for row in _read_rows(self.path / "trials.csv", (*self._keys, *TRIAL_COLUMNS)):
            if tuple(row[:width]) in cells:
                self._trials[cells[tuple(row[:width])], int(row[width])] = row
        self._curves = {where: [] for where in self._trials}
        for row in _read_rows(self.path / "curves.csv", (*self._keys, *CURVE_COLUMNS)):
            where = (cells.get(tuple(row[:width]), -1), int(row[width]))
            if where in self._curves:
                self._curves[where].append(row)
        for entry in _read_best(self.path / "best.json"):
            where = (cells.get(tuple(str(entry.get(key)) for key in self._keys), -1), entry["trial"])
            if where in self._trials:
                self._best[where] = entry


class Results:
    """A finished or running experiment, read back.

    Attributes
    ----------
    path, name : Path, str
        Its folder and the folder's name.
    experiment : dict
        The tables of ``experiment.toml``.
    over : list of str
        The swept keys.
    trials, curves : list of dict
        The rows of the CSV files, numbers as numbers.
    best : list of dict
        The entries of ``best.json``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.experiment = read_experiment(path)
        self.over = list(self.experiment.get("over", {}))
        self.trials = _read_table(path / "trials.csv", (*self.over, *TRIAL_COLUMNS))
        self.curves = _read_table(path / "curves.csv", (*self.over, *CURVE_COLUMNS))
        self.best = _read_best(path / "best.json")

    @property
    def notice(self) -> str:
        """What every output made of these results shall say about their data."""
        return str(self.experiment.get("provenance", {}).get("notice", ""))


def find_results(name: str, root: Path) -> Results:
    """The results called `name` below `root`, or in the folder `name`."""
    for path in (root / name, Path(name)):
        if (path / "experiment.toml").exists():
            return Results(path)
    known = [path.parent.name for path in root.glob("*/experiment.toml")]
    raise InputError(f"no results called {name!r} in {root}; {nearest(name, known)}")


def read_experiment(path: Path) -> dict[str, Any]:
    """The tables of ``experiment.toml``."""
    try:
        return tomllib.loads((path / "experiment.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path / 'experiment.toml'}: cannot be read: {error}") from error


def make_provenance(fingerprint: str, notice: str) -> dict[str, Any]:
    """What made the results: versions of ufh, Python and the libraries that matter, and the data."""
    versions = {}
    for library in ("ufh", *_LIBRARIES):
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return {"data": fingerprint, "notice": notice, "python": platform.python_version(), "versions": versions}


def experiment_differences(path: Path, experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[str]:
    """How the experiment in `path`, if there is one, differs from the one given; the number of trials may."""
    if not (path / "experiment.toml").exists():
        return []
    old = read_experiment(path)
    fingerprint = old.pop("provenance", {}).get("data", "")
    lines = differences(_identity(old), _identity(experiment))
    if fingerprint != provenance["data"]:
        lines.append(f"data: {fingerprint!r} there, {provenance['data']!r} now")
    return lines


def _identity(experiment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in experiment.items() if key != "trials"}


def _text(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)


def _json_ready(entry: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no infinities and no NaN: they are written as strings."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in entry.items()
    }


def _csv_text(rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _append(path: Path, rows: list[list[str]]) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(_csv_text(rows))
        file.flush()
        os.fsync(file.fileno())


def _write(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


def _read_rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    complete = text[: text.rfind("\n") + 1]  # a line without its end was torn by a crash
    rows = list(csv.reader(io.StringIO(complete)))
    if rows and tuple(rows[0]) != tuple(columns):
        raise InputError(f"{path}: its columns are not those of this experiment: {','.join(rows[0])[:200]}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            raise InputError(f"{path}, line {number}: {len(row)} values where {len(columns)} belong")
    return rows[1:]


def _read_table(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    table = []
    for number, row in enumerate(_read_rows(path, columns), 2):
        try:
            values = [_typed(column, text, columns) for column, text in zip(columns, row, strict=True)]
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        table.append(dict(zip(columns, values, strict=True)))
    return table


def _typed(column: str, text: str, columns: Sequence[str]) -> Any:
    if column in _TEXT_COLUMNS or (column not in TRIAL_COLUMNS and column not in CURVE_COLUMNS):
        return text
    return float(text) if column in _FLOAT_COLUMNS else int(text)


def _read_best(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("trial"), int) for e in entries
    ):
        raise InputError(f"{path}: not a list of best candidates")
    return entries
