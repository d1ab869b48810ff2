"""``curves.csv`` read by columns, for it has a row a change of the best and may be large."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ufh_cli.configuration.errors import InputError
from ufh_cli.files import read_text
from ufh_cli.records.folder import CURVE_COLUMNS

_WIDTH = len(CURVE_COLUMNS)


class Curve(NamedTuple):
    """One trial's rows of ``curves.csv``, arrays of shape (rows,)."""

    cost: np.ndarray
    candidates: np.ndarray
    evaluations: np.ndarray
    best_fitness: np.ndarray
    test_fitness: np.ndarray


Curves = dict[tuple[str, ...], dict[int, Curve]]  # swept values -> trial -> its curve


def read_curves(path: Path, over: Sequence[str]) -> Curves:
    """The curves of an experiment that sweeps `over`; a torn last line is left out.

    Raises
    ------
    InputError
        When it is no such file.
    """
    if not path.exists():
        return {}
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    lines = text[: text.rfind("\n") + 1].splitlines()
    if not lines:
        return {}
    if lines[0] != _line([*over, *CURVE_COLUMNS]):
        raise InputError(f"{path}: its columns are not those of this experiment: {lines[0][:200]}")
    found: Curves = {}
    for swept, numbers in _by_cell(lines[1:], bool(over), path).items():
        cell = tuple(next(csv.reader([swept]))) if over else ()
        if len(cell) != len(over):
            raise InputError(f"{path}: {_WIDTH + len(cell)} values where {_WIDTH + len(over)} belong")
        found[cell] = _by_trial(numbers, path)
    return found


def _by_cell(lines: Sequence[str], swept: bool, path: Path) -> dict[str, list[str]]:
    """The numbers of each line, by the text before them."""
    if not swept:
        groups = {"": list(lines)}
    else:
        groups = {}
        start, own = "\n", groups.setdefault("", [])
        for line in lines:
            if not line.startswith(start):
                cell = line.rsplit(",", _WIDTH)[0]
                start, own = f"{cell},", groups.setdefault(cell, [])
            own.append(line[len(start) :])
        if not groups[""]:
            del groups[""]
    for rows in groups.values():
        for row in rows:
            if row.count(",") != _WIDTH - 1:
                raise InputError(f"{path}: {row[:100]!r} where {_WIDTH} numbers belong")
    return groups


def _by_trial(rows: Sequence[str], path: Path) -> dict[int, Curve]:
    if not rows:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # so does numpy tell what is no number
        try:
            values = np.fromstring(",".join(rows), sep=",")
        except (DeprecationWarning, ValueError) as error:
            raise InputError(f"{path}: there is something else than numbers in it") from error
    if values.size != len(rows) * _WIDTH:
        raise InputError(f"{path}: there is something else than numbers in it")
    table = values.reshape(-1, _WIDTH)
    whole = table[:, [0, 2, 3]]
    if not (np.isfinite(table[:, 1]).all() and (whole >= 0).all() and (whole == np.floor(whole)).all()):
        raise InputError(f"{path}: trials, candidates and evaluations must be whole numbers, and costs finite")
    table = table[np.argsort(table[:, 0], kind="stable")]
    trials, starts = np.unique(table[:, 0], return_index=True)
    return {
        int(trial): Curve(*(part[:, column].copy() for column in range(1, _WIDTH)))
        for trial, part in zip(trials, np.split(table, starts[1:]), strict=True)
    }


def _line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()
