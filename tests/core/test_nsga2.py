"""NSGA-II, driven by ask and tell alone."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from ufh_cli.core.front import dominates
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, Nsga2

INF = math.inf


def individual(candidate, *objectives: float, key=None) -> Individual:
    one = Individual(candidate, key, objectives[0] if objectives else -INF)
    one.objectives = objectives
    return one


def tell_all(search: Nsga2, *rows) -> None:
    for number, row in enumerate(rows):
        search.tell(individual(number, *row))


def members(search: Nsga2) -> list:
    return [one.candidate for one in search.population]


def test_the_published_orders() -> None:
    search = Nsga2(population_size=4)
    tell_all(search, (1, 1), (1, 2), (3, 4), (4, 3))
    assert members(search) == [2, 3, 1, 0]
    search = Nsga2(population_size=5)
    tell_all(search, (100, 1), (50, 10), (30, 30), (10, 50), (1, 100))
    assert members(search) == [0, 4, 1, 3, 2]
    assert [search.ask(Rng.from_seed(0)) in search.population for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("crowding", [True, False])
def test_no_survivor_is_dominated_by_a_casualty(crowding: bool) -> None:
    rng = np.random.default_rng(0)
    search = Nsga2(population_size=20, crowding=crowding)
    seen = []
    for _ in range(5):
        for row in rng.integers(0, 12, (20, 2)).tolist():
            seen.append(individual(len(seen), *row))
            search.tell(seen[-1])
        alive = {id(one) for one in search.population}
        dead = [one for one in seen if id(one) not in alive]
        assert len(search.population) == 20
        assert not any(dominates(d.objectives, s.objectives) for d in dead for s in search.population)


def test_random_candidates_until_the_first_generation_closes_whatever_is_still_out() -> None:
    search, rng = Nsga2(population_size=2, children=3), Rng.from_seed(0)
    assert [search.ask(rng) for _ in range(9)] == [None] * 9
    tell_all(search, (1.0,), (3.0,))
    assert search.ask(rng) is None
    search.tell(individual(2, 2.0))
    assert members(search) == [1, 2]
    tell_all(search, (9.0,), (8.0,))
    assert members(search) == [1, 2]  # a generation is three
    search.tell(individual(7, 0.0))
    assert members(search) == [0, 1]


def test_elites_have_children_in_turn() -> None:
    search, rng = Nsga2(population_size=3, parents="elites"), Rng.from_seed(0)
    tell_all(search, (1.0,), (3.0,), (2.0,))
    assert [search.ask(rng).candidate for _ in range(7)] == [1, 2, 0, 1, 2, 0, 1]


def test_a_tournament_prefers_rank_then_loneliness() -> None:
    search, rng = Nsga2(population_size=3), Rng.from_seed(0)
    tell_all(search, (1.0,), (3.0,), (2.0,))
    wins = Counter(search.ask(rng).candidate for _ in range(3000))
    assert wins[0] == 0
    assert 1800 < wins[1] < 2200  # the best is in two of three pairs
    search = Nsga2(population_size=4)
    tell_all(search, (0, 3), (1, 2), (2, 1), (3, 0))
    wins = Counter(search.ask(rng).candidate for _ in range(3000))
    assert wins[0] + wins[3] > 2300  # a pair of inner points is drawn in one of six


def test_without_elitism_parents_do_not_survive() -> None:
    for elitism, expected in ((True, [0, 1]), (False, [10, 11])):
        search = Nsga2(population_size=2, elitism=elitism)
        tell_all(search, (9.0,), (8.0,))
        for number, fitness in ((10, 2.0), (11, 1.0)):
            search.tell(individual(number, fitness))
        assert members(search) == expected


def test_copies_come_next_themselves_and_are_other_individuals() -> None:
    search, rng = Nsga2(population_size=2, copies=0.5), Rng.from_seed(0)
    for candidate in "ab":
        search.tell(individual(candidate, 1.0, key=candidate.upper()))
    asked = [search.ask(rng) for _ in range(1000)]
    copies = [one for one in asked if one.is_next]
    assert 430 < len(copies) < 570
    assert all(one.key == one.candidate.upper() and one.objectives == () for one in copies)
    assert not any(one in search.population for one in copies)
    assert all(one in search.population for one in asked if not one.is_next)


def test_unique_keys_leave_one_of_those_that_behave_alike() -> None:
    rows = [("a", (3, 1)), ("a", (3, 1)), ("b", (1, 3)), ("a", (2, 2)), ("b", (1, 3)), ("c", (0, 0))]
    for unique in (False, True):
        search = Nsga2(population_size=6, unique_keys=unique)
        for number, (key, row) in enumerate(rows):
            search.tell(individual(number, *row, key=key))
        assert sorted(members(search)) == ([1, 4, 5] if unique else list(range(6)))
    with pytest.raises(ValueError, match="computes keys"):
        search.tell(individual(9, 1.0, 1.0))


@pytest.mark.parametrize("row", [(1.0,), (1.0, 1.0), (-INF, -INF), (math.nan, -INF), ()])
@pytest.mark.parametrize("population", [1, 2, 5])
def test_when_all_are_equal_the_oldest_stay(row, population: int) -> None:
    search, rng = Nsga2(population_size=population), Rng.from_seed(0)
    for number in range(3 * population):
        search.tell(individual(number, *row))
    assert len(search.population) == population
    assert search.ask(rng) in search.population
    assert members(search) == list(range(population))


def test_one_objective_is_plain_ranking_and_the_fitness_stands_in_for_it() -> None:
    values = np.random.default_rng(0).permutation(60).astype(float)
    search = Nsga2(population_size=20)
    for number, value in enumerate(values):
        search.tell(Individual(number, fitness=float(value)))
    assert members(search) == np.argsort(-values)[:20].tolist()


def test_what_could_not_be_evaluated_is_the_worst_and_a_mixture_is_refused() -> None:
    search = Nsga2(population_size=3)
    tell_all(search, (), (1.0, 2.0), (2.0, 1.0))
    assert members(search)[-1] == 0
    search.tell(Individual(3, fitness=1.0))
    tell_all(search, (1.0, 2.0))
    with pytest.raises(ValueError, match="none of the 2 objectives"):
        search.tell(individual(4, 1.0, 1.0))


def test_the_same_stream_asks_for_the_same() -> None:
    def asked() -> list:
        search, rng = Nsga2(population_size=10, copies=0.3), Rng.from_seed(5)
        values = np.random.default_rng(1).normal(size=(100, 2)).tolist()
        result = []
        for number, row in enumerate(values):
            parent = search.ask(rng)
            result.append(parent and (parent.candidate, parent.is_next))
            search.tell(individual(number, *row))
        return result

    assert asked() == asked()


@pytest.mark.parametrize(
    "options",
    [
        {"population_size": 0},
        {"population_size": 10**9},
        {"children": -1},
        {"children": 10**9},
        {"copies": 1.5},
        {"copies": math.nan},
        {"parents": "all"},
    ],
)
def test_parameters_out_of_range_are_refused(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Nsga2(**options)
