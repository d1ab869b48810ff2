"""Results in the form that tables, comparisons and figures want: a series is all trials of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.experiment.config import parse_setting
from ufh_cli.experiment.errors import InputError, nearest
from ufh_cli.experiment.records import Results, find_results


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
    curves : dict
        trial number -> its rows of ``curves.csv``.
    """

    label: str
    swept: dict[str, str]
    trials: list[dict[str, Any]]
    curves: dict[int, list[dict[str, Any]]]
    results: Results

    def column(self, name: str) -> np.ndarray:
        """A column of ``trials.csv`` as floats, shape (trials,)."""
        return np.array([row[name] for row in self.trials], dtype=float)

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers."""
        return [row["trial"] for row in self.trials]

    @property
    def technique(self) -> str:
        return self.swept.get("technique", self.results.experiment.get("technique", "none"))

    @property
    def cost_unit(self) -> str:
        return self.trials[0]["cost_unit"] if self.trials else "cost"


def split(results: Results) -> list[Series]:
    """The cells of an experiment, in the order swept."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in results.trials:
        groups.setdefault(tuple(row[key] for key in results.over), []).append(row)
    curves: dict[tuple[str, ...], dict[int, list[dict[str, Any]]]] = {}
    for row in results.curves:
        cell = tuple(row[key] for key in results.over)
        curves.setdefault(cell, {}).setdefault(row["trial"], []).append(row)
    return [
        Series(
            label=", ".join(values) if results.over else results.experiment.get("technique", results.name),
            swept=dict(zip(results.over, values, strict=True)),
            trials=sorted(rows, key=lambda row: row["trial"]),
            curves=curves.get(values, {}),
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
    name, _, condition = name.partition(":")
    results = find_results(name, root)
    series = split(results)
    if not series:
        raise InputError(f"{results.path} has no finished trial yet")
    for setting in filter(None, condition.split(",")):
        key, value = parse_setting(setting)
        if key not in results.over:
            raise InputError(f"{name} has no swept key {key!r}; {nearest(key, results.over)}")
        series = [one for one in series if one.swept[key] == value]
    if not series:
        raise InputError(f"{name} has no cell with {condition}")
    return series


def select_all(names: Sequence[str], root: Path) -> list[Series]:
    """The series of several results; labels are made different where they would be the same."""
    chosen = [one for name in names for one in select(name, root)]
    labels = [one.label for one in chosen]
    return [
        one
        if labels.count(one.label) == 1
        else Series(f"{one.label} ({one.results.name})", one.swept, one.trials, one.curves, one.results)
        for one in chosen
    ]
