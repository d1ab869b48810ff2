"""A key and a fitness for each task, where an evaluation consists of several.

So does the original program of AutoML-Zero: a candidate that behaves like earlier ones on some of its tasks is
evaluated on the others alone. The candidate's key is the tuple of its tasks' keys; filters compare it as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ufh_cli.core.cache import AggregatingCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import FunctionalHash, TaskKeys
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup, TaskValues


class PerTaskCache(FunctionalEquivalenceCache):
    """Answers for a candidate when it knows all of its tasks (`hits`); `partial_hits` are those where it knows some.

    Parameters
    ----------
    cache : FunctionalEquivalenceCache
        What remembers, forgets, and counts the tasks, by their numbers and keys. Not an aggregating one.
    combine : callable
        The tasks' fitnesses -> the candidate's; see `Setup.combine_tasks`.

    Attributes
    ----------
    known : tuple of float or None
        What the latest look-up found of each task.
    """

    known: TaskValues | None = ()

    def __init__(self, cache: FunctionalEquivalenceCache, combine: Callable[[Sequence[float]], float]) -> None:
        if isinstance(cache, AggregatingCache):
            raise ValueError("fea and keys per task do not go together: it averages whole evaluations")
        super().__init__()
        self.of_tasks = cache
        self._combine = combine

    def __len__(self) -> int:
        return len(self.of_tasks)

    def lookup(self, key: Hashable) -> Evaluation | None:
        self.known = tuple(self.of_tasks.lookup(one) for one in _numbered(key))
        known = [fitness for fitness in self.known if fitness is not None]
        if len(known) == len(self.known):
            self.hits += 1
            return Evaluation(_no_nan(self._combine(known)), 0.0)
        self.partial_hits += bool(known)
        self.misses += not known
        return None

    def store(self, key: Hashable, evaluation: Evaluation) -> Evaluation:
        for one, found in _found(key, evaluation):
            self.of_tasks.store(one, found)
        return evaluation

    def warm(self, evaluations: Iterable[tuple[Hashable, Evaluation]]) -> None:
        self.of_tasks.warm(pair for key, evaluation in evaluations for pair in _found(key, evaluation))
        self.warm_keys = self.of_tasks.warm_keys

    def is_warm(self, key: Hashable) -> bool:
        return all(self.of_tasks.is_warm(one) for one in _numbered(key))


def _no_nan(fitness: float) -> float:
    return float(fitness) if fitness == fitness else -math.inf


def _numbered(key: Any) -> Iterable[int]:
    """The tasks' keys, of which each task has its own: still 64 bits, so that two tasks' are equal only by chance."""
    return [one ^ mark for one, mark in zip(key, _marks(len(key)), strict=True)]


@cache
def _marks(tasks: int) -> tuple[int, ...]:
    return tuple(number * 0x9E3779B97F4A7C15 % 2**64 for number in range(tasks))  # multiples of the golden ratio


def _found(key: Any, evaluation: Evaluation) -> Iterable[tuple[Hashable, float]]:
    assert evaluation.tasks is not None
    return ((one, found) for one, found in zip(_numbered(key), evaluation.tasks, strict=True) if found is not None)


def task_keys(setup: Setup, functional_hash: FunctionalHash) -> Callable[[Any], TaskKeys]:
    """candidate -> for each task the key of its hashable outputs, which all have a row a task."""
    check_per_task(setup)

    def keys(candidate: Any) -> TaskKeys:
        outputs = setup.hashable_outputs(candidate)
        arrays = [outputs] if isinstance(outputs, np.ndarray) else list(outputs)
        if len(arrays) == 1:
            return TaskKeys(functional_hash.rows(arrays[0]))
        return TaskKeys(map(functional_hash, zip(*arrays, strict=True)))

    return keys


def evaluate_unknown(setup: Setup, candidate: Any, rng: Rng, known: TaskValues) -> Evaluation:
    """Evaluate `candidate` on those tasks that are not `known`.

    The evaluation's fitness is over all tasks, the known ones included, its cost what the others took; on these it has
    the fitness of each, minus infinity for NaN.
    """
    fitnesses, cost = setup.evaluate_tasks(candidate, rng, [value is None for value in known])
    found = [_no_nan(value) for value in fitnesses]
    whole = [new if old is None else old for new, old in zip(found, known, strict=True)]
    new = tuple(value if old is None else None for value, old in zip(found, known, strict=True))
    return Evaluation(setup.combine_tasks(whole), cost, tasks=new)


def check_per_task(setup: Setup) -> None:
    """Raise `ValueError`, with one clear line, where tasks have no keys of their own."""
    if not setup.tasks:
        raise ValueError("keys per task need a setup that evaluates tasks apart; with its options this one does not")
