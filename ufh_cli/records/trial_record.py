"""What is written of a finished trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ufh_cli.core.timecourse import Improvement


@dataclass(frozen=True)
class TrialRecord:
    """What is written of a finished trial.

    Attributes
    ----------
    cell, trial : int
        Which it was.
    row : dict
        The columns of ``trials.csv`` after the swept ones.
    curve : list of Improvement
        The rows of ``curves.csv``.
    best : dict
        Its entry in ``best.json``.
    front : list of dict
        Its entries in ``front.json``; empty where there is one objective.
    """

    cell: int
    trial: int
    row: dict[str, Any]
    curve: list[Improvement]
    best: dict[str, Any] = field(default_factory=dict)
    front: list[dict[str, Any]] = field(default_factory=list)
