"""What will do: from scores to a decision."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

from ufh_cli.core.guided.settings import Guidance

_REMEMBERED = 200  # predictions that a quantile is of


class Rule:
    """Whether mutations will do, by their scores and that of their parent; see `Guidance`."""

    def __init__(self, settings: Guidance) -> None:
        self._settings = settings
        self._latest: deque[float] = deque()
        self._ordered: list[float] = []  # the same

    def accepts(self, scores: Sequence[float], own: float) -> list[bool]:
        """For each score, whether it is high enough for a child whose parent has the score `own`."""
        settings = self._settings
        if settings.accept == "better":
            return [score > own for score in scores]
        if settings.accept == "not-worse":
            return [score >= own - settings.margin for score in scores]
        ordered = self._ordered
        least = ordered[int(settings.quantile * (len(ordered) - 1))] if ordered else -math.inf
        for score in scores:
            self._remember(score)
        return [score > least for score in scores]

    def _remember(self, score: float) -> None:
        if len(self._latest) == _REMEMBERED:
            del self._ordered[bisect_left(self._ordered, self._latest.popleft())]
        self._latest.append(score)
        insort(self._ordered, score)
