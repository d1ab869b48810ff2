"""What came of an evaluation."""

from __future__ import annotations

from typing import NamedTuple

from ufh_cli.core.per_task import TaskValues

FINISHED = "finished"


class Outcome(NamedTuple):
    """An evaluation and how long it took; `status` says why when it could not be finished.

    `early` is the fitness after the first stage, where there is a hurdle; `tasks` has that on each task evaluated, and
    None for the others, where tasks are cached apart.
    """

    fitness: float
    cost: float
    seconds: float
    status: str = FINISHED
    early: float | None = None
    tasks: TaskValues | None = None
