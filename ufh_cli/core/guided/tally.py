"""What a guided search keeps count of, and how good its predictions were before anyone knew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np


class Tally:
    """Counts of one trial.

    Attributes
    ----------
    predictions : int
        Mutations that the model was asked about.
    rejected : int
        Of those, the ones that were turned away for a later one.
    asked : int
        Children that the model chose.
    at_once : int
        Of those, the ones that were the first mutation.
    skipped : int
        Children whose evaluation was skipped, for another mutation of their parent.
    seconds : float
        Spent on mutations, columns, predictions and fits.
    """

    def __init__(self) -> None:
        self.predictions = 0
        self.rejected = 0
        self.asked = 0
        self.at_once = 0
        self.skipped = 0
        self.seconds = 0.0
        self._differences: list[float] = []  # of an evaluated child's score from its parent's; NaN where none was made
        self._better: list[bool] = []

    def outcome(self, difference: float, better: bool) -> None:
        """A child was evaluated: what was predicted before, and whether it beat its parent."""
        self._differences.append(difference)
        self._better.append(better)

    @property
    def evaluated(self) -> int:
        """How many children were evaluated."""
        return len(self._better)

    @property
    def auc(self) -> float:
        """The area under the ROC curve of the predictions, each made before the evaluation; NaN where undefined."""
        return area_under_roc(self._differences, self._better)

    @property
    def better_share(self) -> float:
        """Of the children that were evaluated, the share that beat their parent; NaN where there are none."""
        return _share(self._better)

    def row(self) -> dict[str, float]:
        """The columns that tables of trials have of it; those with a number are of a quarter of the children each."""
        parts = [slice(k * self.evaluated // 4, (k + 1) * self.evaluated // 4) for k in range(4)]
        return {
            "predictions": self.predictions,
            "rejected": self.rejected,
            "asked": self.asked,
            "at_once": self.at_once,
            "skipped": self.skipped,
            "children": self.evaluated,
            "online_auc": self.auc,
            **{f"online_auc_{k + 1}": area_under_roc(self._differences[part], self._better[part])
               for k, part in enumerate(parts)},
            "better_share": self.better_share,
            **{f"better_share_{k + 1}": _share(self._better[part]) for k, part in enumerate(parts)},
            "model_seconds": round(self.seconds, 6),
        }  # fmt: skip


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else math.nan


def area_under_roc(scores: Iterable[float], positive: Iterable[bool]) -> float:
    """The chance that a positive has a higher score than a negative, ties counting half; NaN scores are left out."""
    values, labels = np.array(list(scores), float), np.array(list(positive), bool)
    labels, values = labels[~np.isnan(values)], values[~np.isnan(values)]
    found = int(labels.sum())
    if not 0 < found < len(labels):
        return math.nan
    above = float((midranks(values) * len(values))[labels].sum()) - found * found / 2
    return above / (found * (len(labels) - found))


def midranks(values: np.ndarray) -> np.ndarray:
    """The share of `values` below each, those equal to it counting half; from 0 to 1."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / (2.0 * len(values))
