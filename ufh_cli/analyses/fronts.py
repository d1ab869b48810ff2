"""Fronts of several objectives: what all trials of a cell found together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.front import Archive

_MOST_PAIRS = 10**9  # of a candidate and one that it is compared with


class Found(NamedTuple):
    """A candidate that no other of its cell dominates.

    Attributes
    ----------
    entry : dict
        The first with these objectives in ``front.json``.
    attained : int
        How many trials have a candidate that is nowhere worse.
    """

    entry: dict[str, Any]
    attained: int


def objective_names(series: Sequence[Series]) -> list[str]:
    """What the objectives of all of them are called.

    Raises
    ------
    InputError
        When one of them has no front, or they have different objectives.
    """
    for one in series:
        if not one.results.front:
            raise InputError(f"{one.results.name}: there is no front; only searches with several objectives have one")
    found = {tuple(entry["objectives"]) for one in series for entry in one.results.front}
    if len(found) > 1:
        raise InputError(f"these fronts are of different objectives: {sorted(found)}")
    return list(found.pop())


def joint_front(series: Series) -> list[Found]:
    """What no trial of the cell improved on, ascending in the first objective.

    Raises
    ------
    InputError
        When there are more than three objectives, or so many points that it would take minutes.
    """
    trials = [np.array(points) for points in series.fronts()]
    joint: Archive[dict[str, Any]] | None = None
    try:
        for entry in series.front:
            point = tuple(map(float, entry["objectives"].values()))
            joint = joint or Archive((0.0,) * len(point))
            joint.add(point, entry)
    except ValueError as error:
        raise InputError(f"{series.results.name}: {error}") from error
    found = list(joint or ())
    if len(found) * len(series.front) > _MOST_PAIRS:
        raise InputError(f"{series.results.name}: fronts of {len(series.front):,} points are too large to be joined")
    return [Found(entry, sum(bool((points >= point).all(axis=1).any()) for points in trials)) for point, entry in found]
