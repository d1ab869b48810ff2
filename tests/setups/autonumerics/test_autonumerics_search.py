"""Searches: several objectives, what is handed on, and that short ones find what is known."""

import numpy as np
import pytest

from setups.autonumerics import AutoNumerics
from setups.autonumerics.program import value_array
from ufh_cli.core.cache import BestCache
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.search.nsga2 import Nsga2
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys


@pytest.fixture(scope="module")
def setup():
    return AutoNumerics(objectives=2)


def searched(setup, technique="fec", candidates=4000, seed=1):
    streams = Streams.of(seed, 0)
    trial = Trial(
        setup,
        Nsga2(population_size=50, unique_keys=True),
        make_technique(technique, rng=streams.cache),
        key=functional_keys(setup, FunctionalHash(mantissa_bits=40)),
        key_cost=setup.hash_cost,
        streams=streams,
        budget=Budget(candidates=candidates),
    )
    trial.run()
    return trial


def test_the_cost_is_computed_from_the_structure_at_every_hit(setup):
    """Equal keys, other numbers of operations: the accuracy is the cache's, the cost each candidate's own."""
    short, long = setup.parse("x*x*x"), setup.parse("u = x*x; u*u/x")
    key = functional_keys(setup, FunctionalHash(mantissa_bits=40))
    assert key(short) == key(long)
    cached = setup.evaluate(long, Rng.from_word(1))
    assert setup.objectives_of(long, cached) == (cached.fitness, -3.0)
    assert setup.objectives_of(short, cached) == (cached.fitness, -2.0)


class Scripted(SearchMethod):
    """Proposes what it is given, and keeps what it is told."""

    def __init__(self, candidates):
        self.waiting, self.told = list(candidates), []

    def ask(self, rng):
        proposal = Individual(self.waiting.pop(0))
        proposal.is_next = True
        return proposal

    def tell(self, individual):
        self.told.append(individual)


@pytest.mark.parametrize("technique", ["fec", "best-fec", "forgetful-fec"])
def test_a_hit_has_the_accuracy_of_the_cache_and_its_own_operations(setup, technique):
    """Through the trial's loop, in both orders: the longer first, then the shorter with the same key."""
    for texts in (["u = x*x; u*u/x", "x*x*x"], ["x*x*x", "u = x*x; u*u/x"]):
        streams, programs = Streams.of(1, 0), [setup.parse(text) for text in texts] * 3
        search = Scripted(programs)
        trial = Trial(
            setup, search, make_technique(technique, rng=streams.cache),
            key=functional_keys(setup, FunctionalHash(mantissa_bits=40)), key_cost=setup.hash_cost, streams=streams,
            budget=Budget(candidates=len(programs)),
        )  # fmt: skip
        trial.run()
        assert trial.result.cache_hits > 0
        assert [told.objectives[1] for told in search.told] == [-program.operations for program in programs]
        assert len({told.objectives[0] for told in search.told}) == 1


def test_every_individual_of_the_archive_has_its_own_operations(setup):
    for technique in ("fec", "best-fec", "forgetful-fec"):
        trial = searched(setup, technique)
        assert trial.result.cache_hits > 1000
        for (digits, operations), individual in trial.archive:
            assert operations == -individual.candidate.operations
            assert digits == individual.evaluation.fitness


def test_a_short_search_beats_polynomials_and_its_digits_are_true(setup):
    """From the empty program; digits measured again on other points with 40 digits, coefficients as they are."""
    front = {-int(point[1]): individual for point, individual in searched(setup, candidates=10_000).archive}
    digits = {count: setup.digits(individual.candidate) for count, individual in front.items()}
    for count, individual in front.items():
        if individual.fitness > 0:
            assert digits[count] == pytest.approx(individual.fitness, abs=0.02)
    for most, polynomial in [(2, 1.5), (4, 2.76), (6, 4.12)]:
        assert max(found for count, found in digits.items() if count <= most) >= polynomial
    assert max(found for count, found in digits.items() if count <= 3) == pytest.approx(3.06, abs=0.01)


def test_a_hit_hands_on_coefficients_of_the_same_family(setup):
    program = setup.parse("-8.0/(x - 3.0) - 1.0")
    evaluation = setup.evaluate(program, Rng.from_word(1))
    other = program.with_values(np.array([1.0, 1.0, 1.0]))
    assert setup.adopted(other, evaluation) == evaluation.refined
    more = setup.parse("c1 + c2*x")
    assert setup.adopted(more, evaluation) == more


def test_fitted_coefficients_are_handed_on_unless_it_is_switched_off():
    program = AutoNumerics().parse("-8.0/(x - 3.0) - 1.0")
    refined = AutoNumerics().evaluate(program, Rng.from_word(1)).refined
    assert refined.code == program.code
    assert not np.array_equal(value_array(refined), value_array(program))
    assert AutoNumerics(inherit=False).evaluate(program, Rng.from_word(1)).refined is None


def test_the_best_of_the_first_fits_is_kept():
    cache = BestCache(max_evaluations=3)
    found = [Evaluation(fitness, 1.0, refined=name) for fitness, name in [(1.0, "a"), (3.0, "b"), (2.0, "c")]]
    told = []
    for evaluation in found:
        assert cache.lookup("key") is None
        told.append(cache.store("key", evaluation).refined)
    assert told == ["a", "b", "b"]
    assert cache.lookup("key").refined == "b"
    assert (cache.misses, cache.partial_hits, cache.hits) == (1, 2, 1)
    numbers = BestCache(max_evaluations=2)
    assert numbers.store("k", float("nan")) != 1.0
    assert numbers.store("k", 1.0) == 1.0
