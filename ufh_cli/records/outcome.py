"""What came of an evaluation."""

from __future__ import annotations

import math
from typing import NamedTuple

from ufh_cli.core.setup import Evaluation

FINISHED = "finished"
RAISED = "raised"  # the setup's evaluation did


class Outcome(NamedTuple):
    """An evaluation and how long it took, in seconds; `status` says why when it could not be finished.

    Where it is `shared` another search made it, and a cache file had it.
    """

    evaluation: Evaluation
    seconds: float
    status: str = FINISHED
    shared: bool = False


def lost(status: str, seconds: float, cost: float = math.nan) -> Outcome:
    """Of an evaluation that could not be finished; its cost is NaN as long as nobody knows it."""
    return Outcome(Evaluation(-math.inf, cost), seconds, status)
