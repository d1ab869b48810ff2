"""Fronts of several objectives: what all trials of a cell found together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.front import ranks


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
    """What no trial of the cell improved on, ascending in the first objective."""
    trials = [np.array(points) for points in series.fronts()]
    kept: dict[tuple[float, ...], dict[str, Any]] = {}
    for entry in series.front:
        kept.setdefault(_point(entry), entry)
    joint = np.empty((0, len(next(iter(kept), ()))))
    for points in trials:
        joint = np.unique(np.concatenate([joint, points]), axis=0)
        joint = joint[ranks(joint) == 0]
    return [
        Found(kept[tuple(point)], sum(bool((points >= point).all(axis=1).any()) for points in trials))
        for point in joint.tolist()
    ]


def _point(entry: dict[str, Any]) -> tuple[float, ...]:
    return tuple(map(float, entry["objectives"].values()))
