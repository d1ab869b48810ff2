"""Hurdles: a candidate that does badly in a cheap first stage is not evaluated to the end.

The AutoML-Zero paper (Real et al. 2020, Section 4.2) takes the idea from So et al. (2019) and lets the hurdle roll: it
stands at the 75th percentile of the unique fitnesses that the population has at that stage. Its program does not have
it; what is left open there is decided here and said below.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from typing import Any

from ufh_cli.core.cache import AggregatingCache
from ufh_cli.core.per_task import PerTaskCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import Technique


class RollingHurdle:
    """A percentile of what the latest candidates had after their first stage.

    Candidates that a cache answers for count with the first stage of the evaluation that found the answer, so that with
    `window` equal to the population's size the hurdle is that of the population, under every technique.

    Parameters
    ----------
    percentile : float
        Above 0, up to 100; of the unique values, by nearest rank.
    window : int
        How many candidates. There is no hurdle until so many are finished.
    """

    def __init__(self, *, percentile: float = 75.0, window: int = 100) -> None:
        if not 0.0 < percentile <= 100.0:
            raise ValueError(f"a hurdle's percentile must be above 0 and at most 100, got {percentile}")
        if window < 1:
            raise ValueError(f"a hurdle's window must be at least 1, got {window}")
        self.percentile = percentile
        self.window = window
        self._latest: deque[float] = deque()
        self._counts: Counter[float] = Counter()
        self._unique: list[float] = []  # sorted

    @property
    def threshold(self) -> float:
        """What a first stage must reach, at least, for the evaluation to go on."""
        if len(self._latest) < self.window:
            return -math.inf
        rank = math.ceil(len(self._unique) * self.percentile / 100.0)
        return self._unique[max(rank, 1) - 1]

    def observe(self, early: float) -> None:
        """A candidate had this fitness, no NaN, after its first stage."""
        if len(self._latest) == self.window:
            oldest = self._latest.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest], self._unique[bisect_left(self._unique, oldest)]
        self._latest.append(early)
        self._counts[early] += 1
        if self._counts[early] == 1:
            insort(self._unique, early)


def evaluate_to_hurdle(setup: Setup, candidate: Any, rng: Rng, hurdle: float) -> Evaluation:
    """Evaluate `candidate`, to the end only if its first stage reaches `hurdle`; the evaluation says which it was."""
    stages = setup.evaluate_in_stages(candidate, rng)
    first = next(stages)
    early = float(first.fitness) if first.fitness == first.fitness else -math.inf
    if early < hurdle:
        return first._replace(fitness=early, early=early, stopped=True)
    found = [first, *stages]
    return found[-1]._replace(cost=sum(stage.cost for stage in found), early=early)


def hurdle_again(cached: Evaluation) -> float:
    """The hurdle of a counterfactual evaluation: to be compared with `cached`, it must end where that one did."""
    return math.inf if cached.stopped else -math.inf


def check_hurdle(setup: Setup, technique: Technique) -> None:
    """Raise `ValueError`, with one clear line, where there cannot be a hurdle."""
    if not setup.staged:
        raise ValueError("a hurdle needs evaluations with a first stage, but the setup, with its options, has none")
    if isinstance(technique.cache, AggregatingCache):
        raise ValueError("fea and a hurdle do not go together: the mean of a first stage and a whole means nothing")
    if isinstance(technique.cache, PerTaskCache):
        raise ValueError("a hurdle and keys per task do not go together: a first stage is not a task")
