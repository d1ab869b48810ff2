"""What ``results/NAME`` holds, and how it is read back; `recorder` writes it."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ufh_cli import __version__
from ufh_cli.configuration.errors import InputError, nearest, shorten, shown
from ufh_cli.configuration.schema import check_written, differences, read_toml
from ufh_cli.configuration.sweep import make_cells
from ufh_cli.core.techniques import GUIDED
from ufh_cli.files import read_text

TRIAL_COLUMNS = (
    "trial", "seed", "status", "auc", "best_fitness", "reevaluated_fitness", "candidates", "evaluations", "cache_hits",
    "hit_fraction", "cost", "cost_unit", "wall_seconds", "stopped_by", "partial_hits", "collisions", "comparisons",
    "repeats", "waits", "warm_hits", "lost",
)  # fmt: skip
STOPPED = "stopped"  # a further column where there are hurdles
_ALONG = ("online_auc", "better_share")
GUIDANCE = (
    "predictions", "rejected", "asked", "at_once", "skipped", "children",
    *(name + quarter for name in _ALONG for quarter in ("", "_1", "_2", "_3", "_4")), "model_seconds",
)  # fmt: skip
CURVE_COLUMNS = ("trial", "cost", "candidates", "evaluations", "best_fitness", "test_fitness")
_TEXT_COLUMNS = {"status", "cost_unit", "stopped_by"}
_FLOAT_COLUMNS = {
    "auc", "best_fitness", "reevaluated_fitness", "hit_fraction", "cost", "wall_seconds", "test_fitness",
    *GUIDANCE[6:],
}  # fmt: skip
_FINITE_COLUMNS = {"cost", "wall_seconds", "model_seconds"}
_OUTCOMES = ("trials.csv", "curves.csv", "best.json")
_LIBRARIES = ("numpy", "numba", "xxhash", "scipy", "tensorflow-cpu", "tensorflow", "gymnasium")


class NoResults(InputError):
    """There are no results of that name, or no trial of theirs is finished yet.

    Attributes
    ----------
    name : str
        That was looked for.
    """

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


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
    trials : list of dict
        The rows of ``trials.csv``, numbers as numbers; for ``curves.csv`` see `curves.read_curves`.
    best : list of dict
        The entries of ``best.json``.
    front : list of dict
        The entries of ``front.json``; empty where there is one objective.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.experiment = read_experiment(path)
        self.over = list(self.experiment.get("over", {}))
        self.trials = self._once(read_table(path / "trials.csv", (*self.over, *trial_columns(self.experiment))))
        self.best = read_best(path / "best.json")
        self.front = read_front(path / "front.json")

    def _once(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each trial once; an interruption in the middle of writing may have left a row twice, but not another one."""
        once: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            for key in self.over:
                if row[key] not in self.experiment["over"][key]:
                    raise InputError(f"{self.path / 'trials.csv'}: {key} was not swept at {shown(row[key])}")
            where = (*(row[key] for key in self.over), row["trial"])
            if repr(once.setdefault(where, row)) != repr(row):  # also where numbers are NaN
                which = ", ".join(f"{key} {row[key]}" for key in (*self.over, "trial"))
                raise InputError(f"{self.path / 'trials.csv'}: two different rows of {which}")
        return list(once.values())

    @property
    def notice(self) -> str:
        """What every output made of these results shall say about their data."""
        return str(self.experiment.get("provenance", {}).get("notice", ""))


def find_results(name: str, root: Path) -> Results:
    """The results called `name` below `root`, or in the folder `name`."""
    return Results(find_folder(name, root))


def find_folder(name: str, root: Path) -> Path:
    """The folder of the results called `name` below `root`, or the folder `name`."""
    for path in (root / name, Path(name)):
        if name and os.path.isfile(path / "experiment.toml"):  # a name that no file can have is none either
            return path
    known = [path.parent.name for path in root.glob("*/experiment.toml")]
    raise NoResults(f"no results called {name!r} in {root}; {nearest(name, known)}", name)


def read_experiment(path: Path) -> dict[str, Any]:
    """The tables of ``experiment.toml``."""
    file = path / "experiment.toml"
    tables = read_toml(file)
    kinds = {"setup": str, "seed": int, "trials": int, "budget": dict, "provenance": dict}
    whole = all(isinstance(tables.get(key), kind) for key, kind in kinds.items())
    if not whole or not isinstance(tables.get("over", {}), dict):
        raise InputError(f"{file}: not the configuration of an experiment")
    for key in ("data", "notice"):
        if not isinstance(told := tables["provenance"].setdefault(key, ""), str):
            raise InputError(f"{file}: provenance.{key}: must be text, got {shown(told)}")
    for key in ("warm", "versions"):
        told = tables["provenance"].get(key, {})
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise InputError(f"{file}: provenance.{key}: must be a table of texts, got {shown(told)}")
    check_written({key: value for key, value in tables.items() if key not in ("over", "provenance")},
                  tables.get("over", {}), str(file))  # fmt: skip
    budget = tables["budget"] | {key[7:]: 1 for key in tables.get("over", {}) if key.startswith("budget.")}
    if not budget.keys() & {"cost", "candidates"}:
        raise InputError(f"{file}: budget: neither cost nor candidates is there")
    return tables


def make_provenance(fingerprint: str, notice: str) -> dict[str, Any]:
    """What made the results: versions of ufh, Python and the libraries that matter, the data, when and where."""
    versions = {"ufh": __version__}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    run = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "host": platform.node()}
    python = platform.python_version()
    return {"data": fingerprint, "notice": notice, "python": python, "versions": versions, "run": run}


def experiment_differences(path: Path, experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[str]:
    """How the experiment in `path`, if there is one, differs from the one given; the number of trials may."""
    if not os.path.exists(path / "experiment.toml"):  # it is written first: without it, it was taken away
        return [f"{name} without experiment.toml" for name in _OUTCOMES if os.path.exists(path / name)]
    old = read_experiment(path)
    before = old.pop("provenance", {})
    lines = differences(decisive(_completed(old), provenance), decisive(experiment, provenance))
    for what, default in (("data", ""), ("warm", {}), ("class", ""), ("source", "")):
        if before.get(what, default) != provenance.get(what, default):
            lines.append(f"{what}: {before.get(what, default)!r} there, {provenance.get(what, default)!r} now")
    return lines


def _completed(experiment: dict[str, Any]) -> dict[str, Any]:
    """The same with the defaults of keys that were not there yet when it was written."""
    over = experiment.get("over", {})
    tables = {key: value for key, value in experiment.items() if key != "over"}
    try:
        cell = make_cells(tables, {key: values[:1] for key, values in over.items()}, "")[0]
    except InputError:  # it has keys that are no longer there, which the differences name
        return experiment
    return cell.config.as_dict() | ({"over": over} if over else {})


def decisive(experiment: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the results: not how many trials there are, nor how many real workers a trial has."""
    circumstances = {"trials", "provenance", "journal"}
    if provenance.get("workers") == "real":
        circumstances.add("workers")
    return {key: value for key, value in experiment.items() if key not in circumstances}


def trial_columns(experiment: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of ``trials.csv`` after the swept ones."""
    key = "hurdle_percentile"
    hurdles = key in experiment.get("evaluation", {}) or f"evaluation.{key}" in experiment.get("over", {})
    techniques = [str(experiment.get("technique", "none")), *experiment.get("over", {}).get("technique", ())]
    guided = any(GUIDED in technique.split("+") for technique in techniques)
    return (*TRIAL_COLUMNS, *((STOPPED,) if hurdles else ()), *(GUIDANCE if guided else ()))


def read_rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """The rows of a CSV file as text, without its header; a torn last line is left out."""
    if not path.exists():
        return []
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    complete = text[: text.rfind("\n") + 1]  # a line without its end was torn by a crash
    try:
        rows = list(csv.reader(io.StringIO(complete)))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if rows and tuple(rows[0]) != tuple(columns):
        raise InputError(f"{path}: its columns are not those of this experiment: {','.join(rows[0])[:200]}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(columns):
            raise InputError(f"{path}, line {number}: {len(row)} values where {len(columns)} belong")
    return rows[1:]


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a CSV file by column, numbers as numbers."""
    table = []
    for number, row in enumerate(read_rows(path, columns), 2):
        try:
            values = [_typed(column, text, columns) for column, text in zip(columns, row, strict=True)]
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        table.append(dict(zip(columns, values, strict=True)))
    return table


def _typed(column: str, text: str, columns: Sequence[str]) -> Any:
    if column in _TEXT_COLUMNS or column not in (*TRIAL_COLUMNS, STOPPED, *GUIDANCE, *CURVE_COLUMNS):
        return text
    if column in _FLOAT_COLUMNS:
        value = float(text)
        if column in _FINITE_COLUMNS and not 0.0 <= value < math.inf:
            raise ValueError(f"{column}: {text!r} is no finite number of at least 0")
        return value
    if not text.isdecimal():
        raise ValueError(f"{column}: {text!r} is not a whole number")
    if len(text) > 18:
        raise ValueError(f"{column}: {shorten(text, 40)!r} is too large")
    return int(text)


def read_best(path: Path) -> list[dict[str, Any]]:
    """The entries of ``best.json``."""
    return _read_entries(path, _is_best, "best candidates")


def read_front(path: Path) -> list[dict[str, Any]]:
    """The entries of ``front.json``: the non-dominated candidates of each trial, where there are several objectives."""
    return _read_entries(path, _is_on_a_front, "non-dominated candidates")


def _read_entries(path: Path, is_right: Callable[[Mapping[str, Any]], bool], what: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        entries = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and _names_a_trial(entry) and _has_texts(entry) and is_right(entry) for entry in entries
    ):
        raise InputError(f"{path}: not a list of {what}")
    return entries


def _names_a_trial(entry: Mapping[str, Any]) -> bool:
    return type(trial := entry.get("trial")) is int and 0 <= trial < 1 << 63


def _has_texts(entry: Mapping[str, Any]) -> bool:
    return all(isinstance(entry.get(name, ""), str) for name in ("key", "description", "details"))


def _is_on_a_front(entry: Mapping[str, Any]) -> bool:
    objectives = entry.get("objectives")
    return (
        isinstance(objectives, dict)
        and len(objectives) > 1
        and all(type(value) in (int, float) and abs(value) <= sys.float_info.max for value in objectives.values())
        and "description" in entry
    )


def _is_best(entry: Mapping[str, Any]) -> bool:
    # There is no fitness of a trial whose budget ended before its first candidate was finished.
    return "fitness" not in entry or all(_is_a_number(entry.get(name)) for name in ("fitness", "reevaluated_fitness"))


def _is_a_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
