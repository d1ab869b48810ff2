"""The tuned AdamW that fitness is relative to; `tune_baselines` made the table."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("baselines.toml")


class Baseline(NamedTuple):
    """AdamW as tuned on one task.

    Attributes
    ----------
    rate, beta2, decay : float
        Peak learning rate, decay of the second moment, weight decay.
    loss, error : float
        Mean validation loss over starts that the tuning did not see, and its standard error.
    """

    rate: float
    beta2: float
    decay: float
    loss: float
    error: float

    @property
    def peak(self) -> float:
        """The peak of the schedule that makes a factor of 0.001 in a program this learning rate."""
        return self.rate / 0.001


@cache
def baseline(task: str, held_out: bool = False) -> Baseline:
    """AdamW on the task of that name."""
    tables = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Baseline(**tables["held_out" if held_out else "search"][task])
