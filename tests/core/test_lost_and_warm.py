"""What the core makes of evaluations that could not be finished, and of a cache that does not begin empty."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys


class LosingWorkers:
    """Serial workers that lose every third evaluation."""

    def __init__(self, setup):
        self.setup, self.clock, self.jobs, self.lost = setup, 0.0, [], []
        self.submitted = 0

    @property
    def idle(self):
        return 1 - len(self.jobs)

    @property
    def busy(self):
        return len(self.jobs)

    def submit(self, job):
        if job.evaluate:
            self.submitted += 1
            job.lost = self.submitted % 3 == 0
            job.fitness = (
                -math.inf if job.lost else self.setup.evaluate(job.individual.candidate, Rng.from_word(0)).fitness
            )
            if job.lost:
                self.lost.append(job.key)
            job.cost += 1.0
        self.jobs.append(job)

    def next(self):
        job = self.jobs.pop()
        self.clock += job.cost
        return job


@pytest.mark.parametrize("technique", ["fec", "fea", "forgetful-fec"])
def test_lost_evaluations_are_counted_and_not_remembered(toy, technique):
    setup = toy.Digits()
    found = run_with(toy, setup, technique, workers := LosingWorkers(setup))
    assert found.result.lost == len(workers.lost) > 5
    told = [individual for individual in found.record.told if individual.fitness == -math.inf]
    assert len(told) == found.result.lost
    assert found.result.evaluations == workers.submitted


def run_with(toy, setup, technique, workers):
    streams = Streams.of(0, 0)
    record = toy.Recorded(toy.make_search("regularized_evolution"))
    trial = Trial(
        setup,
        record,
        make_technique(technique, rng=streams.cache),
        key=functional_keys(setup, FunctionalHash()),
        key_cost=0.25,
        streams=streams,
        budget=Budget(candidates=200),
        workers=workers,
    )
    trial.run()
    return SimpleNamespace(result=trial.result, record=record)


CACHES = {
    "fec": lambda: FunctionalEquivalenceCache(),
    "forgetful-fec": lambda: ForgetfulCache(rng=Rng.from_seed(0), forget_probability=0.0),
    "fea": lambda: AggregatingCache(max_evaluations=3),
}


@pytest.mark.parametrize("kind", CACHES)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-10, 10)), max_size=40))
def test_a_warm_cache_answers_like_one_that_evaluated_the_same(kind, evaluations):
    cold, warm = CACHES[kind](), CACHES[kind]()
    for key, fitness in evaluations:
        cold.get(key, lambda: fitness)  # noqa: B023
    warm.warm(evaluations)
    assert warm.warm_keys == {key for key, _ in evaluations}
    assert warm.hits == warm.misses == warm.partial_hits == 0
    for key in range(6):
        assert warm.lookup(key) == cold.lookup(key)


def test_a_fresh_evaluation_ends_the_warmth_of_its_key_where_it_counts():
    """In the averaging cache it changes the mean; a forgotten key has only it; elsewhere the first stays."""
    averaging, plain = AggregatingCache(max_evaluations=3), FunctionalEquivalenceCache()
    forgetful = ForgetfulCache(rng=Rng.from_seed(0), forget_probability=1.0)
    for cache in (averaging, plain, forgetful):
        cache.warm([(1, 0.5), (2, 0.25)])
    assert forgetful.lookup(1) == 0.5
    assert forgetful.lookup(1) is None
    for cache in (averaging, plain, forgetful):
        cache.store(1, 0.75)
    assert averaging.warm_keys == forgetful.warm_keys == {2}
    assert plain.warm_keys == {1, 2}
    assert plain.lookup(1) == 0.5


@given(st.lists(st.sampled_from([-math.inf, 0.0, 0.5, 1.0]), min_size=1, max_size=6))
def test_averages_with_the_lowest_fitness_are_the_lowest_never_nan(fitnesses):
    cache = AggregatingCache(max_evaluations=9)
    for fitness in fitnesses:
        mean = cache.store("key", fitness)
    expected = -math.inf if -math.inf in fitnesses else sum(fitnesses) / len(fitnesses)
    assert mean == pytest.approx(expected)
