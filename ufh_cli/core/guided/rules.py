"""What will do: from scores to a decision."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from ufh_cli.core.guided.settings import Guidance

_REMEMBERED = 200  # predictions that a quantile is of


class Rule:
    """Whether mutations will do, by their scores and that of their parent; see `Guidance`."""

    def __init__(self, settings: Guidance) -> None:
        self._settings = settings
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)

    def accepts(self, scores: Sequence[float], own: float) -> list[bool]:
        """For each score, whether it is high enough for a child whose parent has the score `own`."""
        settings = self._settings
        if settings.accept == "better":
            return [score > own for score in scores]
        if settings.accept == "not-worse":
            return [score >= own - settings.margin for score in scores]
        least = float(np.quantile(self._latest, settings.quantile)) if self._latest else -math.inf
        self._latest.extend(scores)
        return [score > least for score in scores]
