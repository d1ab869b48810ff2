"""Results in the form that tables, comparisons and figures want: a series is all trials of one cell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.configuration.errors import InputError, nearest
from ufh_cli.configuration.schema import parse_setting, parse_value
from ufh_cli.core.timecourse import area_under_curve
from ufh_cli.records.curves import Curve, Curves, read_curves
from ufh_cli.records.folder import NoResults, Results, find_folder

MIDWAY = "midway_reevaluated_fitness"
REEVALUATED_AUC = "reevaluated_auc"
FITTEST = "fittest:"


@dataclass(frozen=True)
class Series:
    """The trials of one cell of one experiment.

    Attributes
    ----------
    label : str
        What tells it from the others shown with it.
    swept : dict
        Its swept values.
    trials : list of dict
        Its rows of ``trials.csv``, by trial number.
    curves : mapping
        trial number -> its rows of ``curves.csv``, which is read when they are first looked at.
    results : Results
        Where they are from.
    called : str
        What somebody wants it to be called in figures; "" leaves that to them.
    """

    label: str
    swept: dict[str, str]
    trials: list[dict[str, Any]]
    curves: Mapping[int, Curve]
    results: Results
    called: str = ""

    def column(self, name: str) -> np.ndarray:
        """A column of ``trials.csv`` as floats, shape (trials,).

        Or `MIDWAY`: the fitness on unseen data of what was best at half of the time span; NaN where it was not
        followed. Or `REEVALUATED_AUC`: the AUC of the incumbents' fitness on unseen data, unlike the best of noisy
        fitnesses not biased upwards; NaN where these were not followed. Or `FITTEST` and an objective's name: that
        objective of the fittest on each trial's front, which is the highest in the first.
        """
        if name.startswith(FITTEST):
            return self._of_fittest(name.removeprefix(FITTEST))
        if name == MIDWAY:
            return np.array([self._midway(number) for number in self.numbers], dtype=float)
        if name == REEVALUATED_AUC:
            return np.array([self._reevaluated_auc(row) for row in self.trials], dtype=float)
        return np.array([row[name] for row in self.trials], dtype=float)

    def _of_fittest(self, objective: str) -> np.ndarray:
        found: dict[int, dict[str, float]] = {}
        for entry in self.front:
            objectives = {name: float(value) for name, value in entry["objectives"].items()}
            if _first(objectives) > _first(found.get(entry["trial"], {})):
                found[entry["trial"]] = objectives
        return np.array([found.get(number, {}).get(objective, np.nan) for number in self.numbers])

    def _midway(self, number: int) -> float:
        half, curve = self.time_span / 2, self.curves.get(number)
        early = np.empty(0) if curve is None else curve.test_fitness[curve.cost <= half]
        return float(early[-1]) if early.size else float("nan")

    def _reevaluated_auc(self, row: dict[str, Any]) -> float:
        curve = self.curves.get(row["trial"])
        if curve is None:
            return float("nan")
        duration = row["cost"] if self.budget is None else self.budget
        return area_under_curve(curve.cost.tolist(), curve.test_fitness.tolist(), duration)

    @property
    def time_span(self) -> float:
        """The budget's cost, or the largest cost of the trials where it has none."""
        return self.budget if self.budget is not None else float(np.nanmax(self.column("cost")))

    @property
    def budget(self) -> float | None:
        """The cost after which a trial ends; None when that is not bounded."""
        cost = self.results.experiment.get("budget", {}).get("cost")
        if "budget.cost" in self.swept:
            cost = parse_value(self.swept["budget.cost"])
        return None if cost in (None, "none") else float(cost)

    def best(self) -> dict[str, Any] | None:
        """The entry in ``best.json`` of the fittest of all its trials."""
        entries = [entry for entry in self._own(self.results.best) if "fitness" in entry]
        return max(entries, key=lambda entry: float(entry["fitness"]), default=None)

    @property
    def front(self) -> list[dict[str, Any]]:
        """The entries in ``front.json`` of all its trials; none where there is one objective."""
        return self._own(self.results.front)

    def fronts(self) -> list[list[tuple[float, ...]]]:
        """Of each trial with a front its objectives."""
        found: dict[int, list[tuple[float, ...]]] = {}
        for entry in self.front:
            found.setdefault(entry["trial"], []).append(tuple(map(float, entry["objectives"].values())))
        return list(found.values())

    def _own(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [entry for entry in entries if all(entry.get(key) == value for key, value in self.swept.items())]

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers."""
        return [row["trial"] for row in self.trials]

    @property
    def technique(self) -> str:
        """What its trials were run with, such as ``"fec+fcm"``."""
        return self.swept.get("technique", self.results.experiment.get("technique", "none"))

    @property
    def cost_unit(self) -> str:
        """The setup's unit of cost."""
        return self.trials[0]["cost_unit"] if self.trials else "cost"


def _first(objectives: Mapping[str, float]) -> float:
    return next(iter(objectives.values()), -np.inf)


class _File:
    """``curves.csv`` of results, read once and when it is needed."""

    def __init__(self, results: Results) -> None:
        self._results = results

    @cached_property
    def curves(self) -> Curves:
        return read_curves(self._results.path / "curves.csv", self._results.over)


class _OfCell(Mapping[int, Curve]):
    """The curves of one cell, by trial."""

    def __init__(self, file: _File, cell: tuple[str, ...]) -> None:
        self._file = file
        self._cell = cell

    @property
    def _curves(self) -> dict[int, Curve]:
        return self._file.curves.get(self._cell, {})

    def __getitem__(self, trial: int) -> Curve:
        return self._curves[trial]

    def __iter__(self) -> Iterator[int]:
        return iter(self._curves)

    def __len__(self) -> int:
        return len(self._curves)


def split(results: Results) -> list[Series]:
    """The cells of an experiment, in the order swept."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in results.trials:
        groups.setdefault(tuple(row[key] for key in results.over), []).append(row)
    whole = _File(results)
    return [
        Series(
            label=", ".join(values) if results.over else results.experiment.get("technique", results.name),
            swept=dict(zip(results.over, values, strict=True)),
            trials=sorted(rows, key=lambda row: row["trial"]),
            curves=_OfCell(whole, values),
            results=results,
        )
        for values, rows in groups.items()
    ]


def select(name: str, root: Path) -> list[Series]:
    """The series that ``NAME`` or ``NAME:key=value,key=value`` stands for.

    Raises
    ------
    InputError
        When there are no such results, they hold no such cell, or no trial is finished.
    """
    path, name, condition = _parts(name, root)
    results = Results(path)
    series = split(results)
    if not series:
        raise NoResults(f"{results.path} has no finished trial yet", results.name)
    swept = results.experiment.get("over", {})
    planned = True
    for setting in filter(None, re.split(r",(?=[^,]*=)", condition)):  # a value may hold commas
        key, value = parse_setting(setting)
        if key not in swept:
            raise InputError(f"{name} has no swept key {key!r}; {nearest(key, swept)}")
        series = [one for one in series if one.swept[key] == value]
        planned &= value in swept[key]
    if not series and planned:
        raise NoResults(f"{results.path} has no finished trial yet with {condition}", results.name)
    if not series:
        raise InputError(f"{name} has no cell with {condition}")
    return series


def _parts(text: str, root: Path) -> tuple[Path, str, str]:
    """The folder, the name and the condition; a folder's name may hold colons, and so may a value."""
    for place in (len(text), *(i for i in reversed(range(len(text))) if text[i] == ":")):
        if text[:place] and any(
            os.path.isfile(path / "experiment.toml") for path in (root / text[:place], Path(text[:place]))
        ):
            return find_folder(text[:place], root), text[:place], text[place + 1 :]
    name, _, condition = text.partition(":")
    return find_folder(name, root), name, condition


def select_all(names: Sequence[str], root: Path) -> list[Series]:
    """The series of several results; labels are made different where they would be the same."""
    chosen = [one for name in names for one in select(name, root)]
    labels = [one.label for one in chosen]
    return [
        one if labels.count(one.label) == 1 else replace(one, label=f"{one.label} ({one.results.name})")
        for one in chosen
    ]


def call(series: Sequence[Series], names: Sequence[str]) -> list[Series]:
    """The series, called by these names in figures; as they are where there are no names.

    Raises
    ------
    InputError
        When there are not as many names as series.
    """
    if not names:
        return list(series)
    if len(names) != len(series):
        labels = "; ".join(one.label for one in series)
        raise InputError(f"a label for each of the {len(series)} series is needed ({labels}), but {len(names)} given")
    return [replace(one, called=name) for one, name in zip(series, names, strict=True)]


def with_same_seeds(series: Sequence[Series]) -> list[Series]:
    """The same series with only those trials whose numbers all of them have, so that like is set against like.

    As they are where their seeds differ, or they have no trial in common.
    """
    common = set.intersection(*(set(one.numbers) for one in series)) if series else set()
    if not common or len({one.results.experiment["seed"] for one in series}) > 1:
        return list(series)
    chosen = [[row for row in one.trials if row["trial"] in common] for one in series]
    return [replace(one, trials=trials) for one, trials in zip(series, chosen, strict=True)]
