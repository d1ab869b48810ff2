"""Restarts of regularized evolution from the best found after a plateau."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, RegularizedEvolution
from ufh_cli.core.setup import Evaluation

P = 4


def evolution(restart: int, population: int = P) -> RegularizedEvolution:
    return RegularizedEvolution(population_size=population, tournament_size=1, restart=restart)


def tell(search, fitnesses, first: int = 0) -> None:
    for number, fitness in enumerate(fitnesses, first):
        search.tell(Individual(number, fitness=fitness))


def alive(search) -> set[int]:
    """The members of a population with tournaments of one, found by asking."""
    rng = Rng.from_seed(1)
    return {search.ask(rng).candidate for _ in range(300)}


def test_after_a_plateau_only_the_best_found_is_alive_though_it_had_died_of_age():
    search = evolution(restart=6)
    tell(search, [0.1, 0.2, 0.9, 0.3, *[0.5] * 4])
    assert alive(search) == {4, 5, 6, 7}
    tell(search, [0.5], first=8)  # the sixth in a row that is no better than 0.9
    assert alive(search) == {2}
    tell(search, [0.5, 0.4, 0.3, 0.2], first=9)  # its children replace it, one after the other
    assert alive(search) == {9, 10, 11, 12}


def test_as_good_as_the_best_is_no_progress_and_each_restart_needs_a_plateau_of_its_own():
    search = evolution(restart=6)
    tell(search, [0.5] * 7)  # the first is an improvement
    assert alive(search) == {0}
    tell(search, [0.5] * 5, first=7)
    assert alive(search) == {8, 9, 10, 11}
    tell(search, [0.5], first=12)
    assert alive(search) == {0}


def test_nothing_is_replaced_before_the_population_is_there():
    search = evolution(restart=2, population=5)
    tell(search, [0.9, 0.1, 0.1, 0.1])
    assert search.ask(Rng.from_seed(0)) is None
    tell(search, [0.1], first=4)
    assert alive(search) == {0}


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 8), st.integers(1, 5))
def test_it_is_a_search_without_restarts_whose_population_is_replaced_when_progress_has_stopped(
    steps: list[int], restart: int, population: int
) -> None:
    """Against a model: the population as a list of the last P, and the last time that the best rose."""
    search, members, best, waited = evolution(restart, population), [], -1.0, 0
    chosen = -1
    for number, step in enumerate(steps):
        fitness = float(step)
        tell(search, [fitness], first=number)
        members = [*members, number][-population:]
        waited = 0 if fitness > best else waited + 1
        best, chosen = (fitness, number) if fitness > best else (best, chosen)
        if waited == restart:
            waited = 0
            members = [chosen] * population if number >= population - 1 else members
        if number >= population - 1:
            assert alive(search) == set(members)


@given(st.lists(st.integers(0, 1), min_size=10, max_size=60))
def test_while_there_is_progress_it_makes_no_difference(steps: list[int]) -> None:
    """Fitness rises at least at every sixth."""
    fitness, rising = 0.0, []
    for number, step in enumerate(steps):
        fitness += step or number % 6 == 0
        rising.append(fitness)
    with_restart, without = evolution(restart=6), evolution(restart=0)
    first, second = Rng.from_seed(2), Rng.from_seed(2)
    for number, value in enumerate(rising):
        parents = [search.ask(rng) for search, rng in ((with_restart, first), (without, second))]
        assert parents[0] is parents[1]
        individual = Individual(number, fitness=value)
        with_restart.tell(individual)
        without.tell(individual)


def test_what_a_hurdle_stopped_is_never_what_a_search_goes_on_from():
    """Its fitness is of the first stage alone."""
    search = evolution(restart=6)
    stopped = Individual("stopped", fitness=0.9)
    stopped.evaluation = Evaluation(0.9, 1.0, early=0.9, stopped=True)
    tell(search, [0.1, 0.3])
    search.tell(stopped)
    tell(search, [0.2] * 5, first=3)
    assert alive(search) == {1}


def test_late_answers_enter_after_a_restart_as_ever():
    search, rng = evolution(restart=6), Rng.from_seed(3)
    out = [Individual(name, fitness=0.0) for name in ("late", "later")]
    for _ in out:
        search.ask(rng)
    tell(search, [0.5] * 7)
    assert alive(search) == {0}
    for individual in out:
        search.tell(individual)
    assert alive(search) == {0, "late", "later"}


@pytest.mark.parametrize("workers", [1, 7])
@pytest.mark.parametrize("technique", ["none", "fec", "fec+fcm"])
def test_a_trial_with_restarts_repeats_itself(toy, workers: int, technique: str) -> None:
    def run(restart: int):
        search = RegularizedEvolution(population_size=8, tournament_size=2, restart=restart)
        return toy.run(toy.Digits(), technique, search=search, candidates=300, workers=workers)

    first, again, never = run(20), run(20), run(0)
    assert first.sequence == again.sequence != never.sequence
    assert first.result.curve == again.result.curve
    assert first.result.best_fitness == max(one.fitness for one in first.record.told)


@pytest.mark.parametrize("cache", ["fec", "fea"])
def test_a_cache_changes_no_path_with_restarts_either(toy, cache: str) -> None:
    def sequence(technique: str):
        search = RegularizedEvolution(population_size=8, tournament_size=2, restart=20)
        return toy.run(toy.Digits(), technique, search=search, candidates=300).sequence

    assert sequence(cache) == sequence("none")


def test_an_impossible_number_is_refused():
    with pytest.raises(ValueError, match=r"^restart must be at least 0, got -1$"):
        RegularizedEvolution(restart=-1)
