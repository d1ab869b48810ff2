"""A key and a fitness for each task, where an evaluation consists of several.

So does the original program of AutoML-Zero: a candidate that behaves like earlier ones on some of its tasks is
evaluated on the others alone. The candidate's key is the tuple of its tasks' keys; filters compare it as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ufh_cli.core.cache import AggregatingCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import FunctionalHash, TaskKeys
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup

TaskValues = tuple[float | None, ...]  # of each task its fitness, or None


class TaskFitness(float):
    """A fitness that remembers what was found on each task.

    Attributes
    ----------
    tasks : tuple of float or None
        None where it was known before, so that the candidate was not evaluated on it.
    """

    tasks: TaskValues

    @classmethod
    def of(cls, fitness: float, tasks: TaskValues) -> TaskFitness:
        """What an evaluation found; minus infinity for NaN."""
        found = cls(_no_nan(fitness))
        found.tasks = tasks
        return found


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

    known: TaskValues = ()

    def __init__(self, cache: FunctionalEquivalenceCache, combine: Callable[[Sequence[float]], float]) -> None:
        if isinstance(cache, AggregatingCache):
            raise ValueError("fea and keys per task do not go together: it averages whole evaluations")
        super().__init__()
        self.of_tasks = cache
        self._combine = combine

    def __len__(self) -> int:
        return len(self.of_tasks)

    def lookup(self, key: Hashable) -> float | None:
        self.known = tuple(self.of_tasks.lookup(one) for one in _numbered(key))
        known = [fitness for fitness in self.known if fitness is not None]
        if len(known) == len(self.known):
            self.hits += 1
            return _no_nan(self._combine(known))
        self.partial_hits += bool(known)
        self.misses += not known
        return None

    def store(self, key: Hashable, fitness: float) -> float:
        for one, found in _found(key, fitness):
            self.of_tasks.store(one, found)
        return fitness

    def warm(self, evaluations: Iterable[tuple[Hashable, float]]) -> None:
        self.of_tasks.warm(pair for key, fitness in evaluations for pair in _found(key, fitness))
        self.warm_keys = self.of_tasks.warm_keys

    def is_warm(self, key: Hashable) -> bool:
        return all(self.of_tasks.is_warm(one) for one in _numbered(key))


def _no_nan(fitness: float) -> float:
    return float(fitness) if fitness == fitness else -math.inf


def _numbered(key: Any) -> Iterable[tuple[int, int]]:
    return enumerate(key)


def _found(key: Any, fitness: float) -> Iterable[tuple[Hashable, float]]:
    assert isinstance(fitness, TaskFitness)
    return ((one, found) for one, found in zip(_numbered(key), fitness.tasks, strict=True) if found is not None)


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


def evaluate_unknown(setup: Setup, candidate: Any, rng: Rng, known: TaskValues) -> tuple[Evaluation, TaskValues]:
    """Evaluate `candidate` on those tasks that are not `known`.

    Returns
    -------
    evaluation : Evaluation
        The fitness over all tasks, the known ones included, and what the others took.
    found : tuple of float or None
        The fitness on each of the others; minus infinity for NaN.
    """
    fitnesses, cost = setup.evaluate_tasks(candidate, rng, [value is None for value in known])
    found = [_no_nan(value) for value in fitnesses]
    whole = [new if old is None else old for new, old in zip(found, known, strict=True)]
    new = tuple(value if old is None else None for value, old in zip(found, known, strict=True))
    return Evaluation(setup.combine_tasks(whole), cost), new


def check_per_task(setup: Setup) -> None:
    """Raise `ValueError`, with one clear line, where tasks have no keys of their own."""
    if not setup.tasks:
        raise ValueError("keys per task need a setup that evaluates tasks apart; with its options this one does not")
