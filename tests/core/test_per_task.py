"""Keys and fitnesses a task: the search against a plain count by hand, and what cannot be had with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import FunctionalHash, TaskKeys, key_text
from ufh_cli.core.hurdle import RollingHurdle
from ufh_cli.core.per_task import PerTaskCache, evaluate_unknown, task_keys
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial


def found(fitness: float, *tasks: float | None) -> Evaluation:
    return Evaluation(fitness, 0.0, tasks=tasks)


def tasked(toy, **options):
    """Digits of which each is a task: its fitness is its own, and it has one hashable output."""

    class Tasked(toy.Digits):
        tasks = 3

        def __init__(self, **options) -> None:
            super().__init__(**options)
            self.asked: list[tuple[bool, ...]] = []

        def hashable_outputs(self, candidate):
            return [np.array(candidate[:3], float).reshape(3, 1)]

        def task_fitness(self, task, digit) -> float:
            return math.nan if self.failing and (task, digit) == (1, 2) else Rng.from_word(4 * task + digit).uniform()

        def evaluate_tasks(self, candidate, rng, wanted):
            self.asked.append(tuple(wanted))
            return [self.task_fitness(task, candidate[task]) for task in range(3)], 0.5 * sum(wanted)

        def combine_tasks(self, fitnesses):
            return sum(fitnesses) / 3

        def evaluate(self, candidate, rng) -> Evaluation:
            fitnesses, cost = self.evaluate_tasks(candidate, rng, [True] * 3)
            return Evaluation(self.combine_tasks(fitnesses), cost)

    return Tasked(**options)


def run(toy, setup, cache="fec", *, candidates=200, per_task=True, warm=(), hurdle=None, **choices):
    """One trial; returns its result, and the individuals in the order in which they were told."""
    streams = Streams.of(0, 0)
    technique = make_technique(cache, rng=streams.cache, **choices)
    if per_task and technique.cache is not None:
        technique.cache = PerTaskCache(technique.cache, setup.combine_tasks)
        technique.cache.warm(warm)
    search = toy.Recorded(toy.make_search("regularized_evolution"))
    trial = Trial(
        setup, search, technique, key=task_keys(setup, FunctionalHash()), key_cost=0.25, streams=streams,
        budget=Budget(candidates=candidates), hurdle=hurdle,
    )  # fmt: skip
    return trial.run(), search.told, technique.cache


@pytest.mark.parametrize("failing", [0, 1])
def test_only_unknown_tasks_are_evaluated_and_paid_for(toy, failing) -> None:
    setup = tasked(toy, failing=failing)
    result, told, cache = run(toy, setup)
    known: set[tuple[int, int]] = set()
    asked, hits, partial, cost = [], 0, 0, 0.0
    for individual in told:
        digits = list(enumerate(individual.candidate[:3]))
        wanted = tuple(one not in known for one in digits)
        cost += 0.25 + 0.5 * sum(wanted)
        hits += not any(wanted)
        partial += 0 < sum(wanted) < 3
        if any(wanted):
            asked.append(wanted)
        known.update(digits)
        fitness = sum(setup.task_fitness(*one) for one in digits) / 3
        assert individual.fitness == (-math.inf if math.isnan(fitness) else fitness)
    assert setup.asked == asked
    assert (result.cache_hits, result.partial_hits, result.cost) == (hits, partial, cost)
    assert result.evaluations == len(asked) == result.candidates - hits
    assert hits > 0
    assert partial > 0
    assert len(cache) == len(known)


def test_the_search_is_that_without_a_cache(toy) -> None:
    """The guarantee of §6.2, with keys of tasks."""
    sequences = [
        [(one.candidate, one.fitness) for one in run(toy, tasked(toy), technique)[1]] for technique in ("none", "fec")
    ]
    assert sequences[0] == sequences[1]


def test_filters_see_the_tasks_together(toy) -> None:
    _, told, _ = run(toy, tasked(toy), "fcm", candidates=60)
    assert all(type(one.key) is TaskKeys for one in told)
    result, told, _ = run(toy, tasked(toy), "fec+fcm", candidates=60)
    assert result.partial_hits > 0
    assert len({key_text(one.key) for one in told}) == len({one.candidate[:3] for one in told}) > 1


def test_a_warm_cache_knows_tasks(toy) -> None:
    setup = tasked(toy)
    _, told, _ = run(toy, setup)
    warm = [
        (one.key, found(one.fitness, *(setup.task_fitness(*t) for t in enumerate(one.candidate[:3])))) for one in told
    ]
    again = tasked(toy)
    result, _, _ = run(toy, again, warm=warm)
    assert again.asked == []
    assert result.warm_hits == result.cache_hits == result.candidates
    half = tasked(toy)
    partly = [(key, found(known.fitness, known.tasks[0], None, None)) for key, known in warm]
    result, _, _ = run(toy, half, warm=partly)
    assert result.warm_hits == 0
    assert not any(wanted[0] for wanted in half.asked)


def test_counterfactual_hits_are_evaluated_whole(toy) -> None:
    setup = tasked(toy)
    result, _, _ = run(toy, setup, counterfactual=True)
    assert result.comparisons == result.cache_hits > 0
    assert result.collisions == 0
    assert setup.asked.count((True, True, True)) >= result.comparisons


def test_a_forgetful_cache_forgets_tasks() -> None:
    cache = PerTaskCache(ForgetfulCache(rng=Rng.from_seed(0), forget_probability=1.0), sum)
    key = TaskKeys((7, 7))
    cache.store(key, found(3.0, 1.0, 2.0))
    assert len(cache) == 2
    assert cache.lookup(key).fitness == 3.0
    assert cache.lookup(key) is None
    assert (cache.hits, cache.partial_hits, cache.misses) == (1, 0, 1)


def test_known_tasks_are_bounded_one_by_one() -> None:
    cache = PerTaskCache(FunctionalEquivalenceCache(max_entries=2), sum)
    cache.store(TaskKeys((1, 2, 3)), found(6.0, 1.0, 2.0, 3.0))
    assert cache.lookup(TaskKeys((1, 2, 3))) is None
    assert cache.known == (None, 2.0, 3.0)
    assert cache.partial_hits == 1


def test_infinite_tasks_that_cancel_are_the_lowest_fitness(toy) -> None:
    cache = PerTaskCache(FunctionalEquivalenceCache(), sum)
    cache.store(TaskKeys((1, 2)), found(-math.inf, math.inf, -math.inf))
    assert cache.lookup(TaskKeys((1, 2))).fitness == -math.inf


def test_what_is_known_makes_up_the_whole(toy) -> None:
    setup = tasked(toy, failing=1)
    evaluation = evaluate_unknown(setup, (0, 2, 1, 0, 0), Rng.from_word(0), (0.5, None, None))
    assert evaluation == found(-math.inf, None, -math.inf, setup.task_fitness(2, 1))._replace(cost=1.0)


def test_what_does_not_go_together_is_refused(toy) -> None:
    with pytest.raises(ValueError, match="fea and keys per task"):
        PerTaskCache(AggregatingCache(), sum)
    with pytest.raises(ValueError, match="need a setup that evaluates tasks apart"):
        task_keys(toy.Digits(), FunctionalHash())
    setup = tasked(toy)
    setup.staged = True
    with pytest.raises(ValueError, match="a hurdle and keys per task"):
        run(toy, setup, hurdle=RollingHurdle(window=10))
