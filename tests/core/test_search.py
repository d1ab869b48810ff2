"""Search methods (Method 1 and its rivals), driven by ask and tell alone."""

from __future__ import annotations

import math
from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chisquare

from ufh_cli.core.rng import Rng
from ufh_cli.core.search import SEARCH_METHODS, Individual, RandomSearch, RegularizedEvolution, TournamentSelection
from ufh_cli.core.search.selection import tournament_winner

INF = math.inf
FAIR = 1e-4
POPULATIONS = [RegularizedEvolution, TournamentSelection]
FITNESSES = st.integers(-3, 3).map(float) | st.just(-INF)


def tell_all(search, fitnesses) -> list[Individual]:
    """Ask for and tell one individual for each fitness, in order."""
    rng = Rng.from_seed(0)
    told = []
    for number, fitness in enumerate(fitnesses):
        search.ask(rng)
        told.append(Individual(number, fitness=fitness))
        search.tell(told[-1])
    return told


def alive(search) -> set[int]:
    """The members of a population with tournaments of one, found by asking: none of six hides from 400 asks."""
    rng = Rng.from_seed(1)
    return {search.ask(rng).candidate for _ in range(400)}


# ---- the population ----


@given(st.integers(1, 6), st.lists(FITNESSES, min_size=1, max_size=40))
def test_regularized_evolution_keeps_exactly_the_last_p(population: int, fitnesses: list[float]) -> None:
    search = RegularizedEvolution(population_size=population, tournament_size=1)
    model: deque[int] = deque(maxlen=population)  # Method 1's queue
    for individual in tell_all(search, fitnesses):
        model.append(individual.candidate)
    if len(fitnesses) >= population:
        assert alive(search) == set(model)


@given(st.integers(1, 6), st.lists(FITNESSES, min_size=1, max_size=40))
def test_classic_tournament_keeps_the_best_p_and_of_equals_the_youngest(
    population: int, fitnesses: list[float]
) -> None:
    search = TournamentSelection(population_size=population, tournament_size=1)
    told = tell_all(search, fitnesses)
    best = sorted(told, key=lambda individual: (individual.fitness, individual.candidate))[-population:]
    if len(fitnesses) >= population:
        assert alive(search) == {individual.candidate for individual in best}


@pytest.mark.parametrize("method", POPULATIONS)
@given(population=st.integers(1, 8), fitnesses=st.lists(FITNESSES, min_size=1, max_size=30))
def test_a_tournament_of_all_is_won_by_the_best(method, population: int, fitnesses: list[float]) -> None:
    search, rng = method(population_size=population, tournament_size=population), Rng.from_seed(2)
    told: list[Individual] = []
    for number, fitness in enumerate(fitnesses):
        parent = search.ask(rng)
        if number < population:
            assert parent is None
        elif method is RegularizedEvolution:
            assert parent in told[-population:]
            assert parent.fitness == max(individual.fitness for individual in told[-population:])
        else:
            assert parent.fitness == max(individual.fitness for individual in told)
        told.append(Individual(number, fitness=fitness))
        search.tell(told[-1])


@pytest.mark.parametrize("method", POPULATIONS)
def test_a_population_of_one(method) -> None:
    search, rng = method(population_size=1, tournament_size=1), Rng.from_seed(3)
    assert search.ask(rng) is None
    individuals = [Individual(i, fitness=fitness) for i, fitness in enumerate([0.5, 0.2, 0.9])]
    survivors = []
    for individual in individuals:
        search.tell(individual)
        survivors.append(search.ask(rng).candidate)
    assert survivors == ([0, 1, 2] if method is RegularizedEvolution else [0, 0, 2])


# ---- the tournament ----


def rank_chances(population: int, tournament: int) -> list[float]:
    """The chance of the best, the second best, … to win, when every subset is equally likely."""
    subsets = math.comb(population, tournament)
    return [math.comb(population - 1 - rank, tournament - 1) / subsets for rank in range(population - tournament + 1)]


@pytest.mark.parametrize("method", POPULATIONS)
@pytest.mark.parametrize(("population", "tournament"), [(8, 1), (8, 2), (8, 5), (9, 8), (30, 10)])
@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_a_subset_is_drawn_at_random_without_replacement(method, population, tournament, order) -> None:
    fitnesses = [float(i) for i in range(population)]
    if order == "descending":
        fitnesses.reverse()
    elif order == "shuffled":
        Rng.from_seed(population).shuffle(fitnesses)
    search, rng = method(population_size=population, tournament_size=tournament), Rng.from_seed(4)
    tell_all(search, fitnesses)
    asks = 10_000
    wins = Counter(population - 1 - int(search.ask(rng).fitness) for _ in range(asks))
    expected = [chance * asks for chance in rank_chances(population, tournament)]
    assert max(wins) < len(expected)
    frequent = [rank for rank, number in enumerate(expected) if number >= 5]  # chi-square wants no rare ones
    observed = [wins[rank] for rank in frequent] + [sum(wins.values()) - sum(wins[rank] for rank in frequent)]
    wanted = [expected[rank] for rank in frequent] + [asks - sum(expected[rank] for rank in frequent)]
    if wanted[-1] < 1e-6:
        assert observed.pop() == 0
        wanted.pop()
    assert chisquare(observed, wanted, sum_check=False).pvalue > FAIR


@pytest.mark.parametrize("method", POPULATIONS)
@pytest.mark.parametrize("tournament", [1, 2, 5, 10])
@pytest.mark.parametrize("best", [range(10), (0, 9), (0, 1), (8, 9), (2, 5, 6)], ids=str)
def test_equals_win_equally_often(method, tournament: int, best) -> None:
    """On a plateau no place in the population is preferred: a subset is random, so its best are."""
    search, rng = method(population_size=10, tournament_size=tournament), Rng.from_seed(5)
    told = tell_all(search, [0.5 if place in best else 0.25 for place in range(10)])
    wins = Counter(search.ask(rng).candidate for _ in range(5000))
    assert {individual.candidate for individual in told if individual.fitness == 0.5} == set(best)
    assert chisquare([wins[place] for place in best]).pvalue > FAIR


@pytest.mark.parametrize("method", POPULATIONS)
@given(population=st.integers(1, 8), data=st.data())
def test_the_newest_of_equals_wins_as_if_it_were_fitter(method, population: int, data: st.DataObject) -> None:
    """The same draws name the same parents as where each fitness is its rank among (fitness, age): without ties."""
    fitnesses = data.draw(st.lists(FITNESSES, min_size=population, max_size=30))
    sizes = {"population_size": population, "tournament_size": data.draw(st.integers(1, population))}
    newest, ranked = method(**sizes, ties="newest"), method(**sizes)
    tell_all(newest, fitnesses)
    order = sorted(range(len(fitnesses)), key=lambda age: (fitnesses[age], age))
    tell_all(ranked, [float(order.index(age)) for age in range(len(fitnesses))])
    for word in data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)):
        assert newest.ask(Rng.from_word(word)).candidate == ranked.ask(Rng.from_word(word)).candidate


def test_the_newest_of_equals_wins_and_by_default_any_of_them() -> None:
    for method in POPULATIONS:
        winners = {}
        for ties in ("newest", "random"):
            search = method(population_size=6, tournament_size=6, ties=ties)
            tell_all(search, [0.5, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.25])  # the last replace the first, or the worst
            rng = Rng.from_seed(10)
            winners[ties] = {search.ask(rng).candidate for _ in range(200)}
        assert winners["newest"] == {6}
        assert winners["random"] == ({2, 3, 6} if method is RegularizedEvolution else {0, 2, 3, 6})


@pytest.mark.parametrize("method", POPULATIONS)
def test_an_unknown_way_with_ties_is_refused(method) -> None:
    with pytest.raises(ValueError, match="ties must be 'random' or 'newest', got 'oldest'"):
        method(ties="oldest")


def without_ties(fitnesses) -> np.ndarray:
    """The merits of places of which nothing but their fitness is told."""
    return np.column_stack([fitnesses, np.zeros(len(fitnesses))])


@given(st.lists(FITNESSES, min_size=1, max_size=20), st.data())
def test_the_winner_depends_on_the_word_alone(fitnesses: list[float], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(fitnesses)))
    word = data.draw(st.integers(0, 2**64 - 1))
    merits = without_ties(fitnesses)
    winner = tournament_winner(merits, size, word)
    assert winner == tournament_winner(merits, size, word)
    # At least `size` members, itself included, are no better than the winner.
    assert sum(fitness <= fitnesses[winner] for fitness in fitnesses) >= size


@given(st.integers(1, 200), st.integers(0, 2**64 - 1), st.data())
def test_a_large_tournament_is_drawn_as_a_small_one(population: int, word: int, data: st.DataObject) -> None:
    """By the definition: Floyd's sampling with a set, from the same words, whatever the size."""
    size = data.draw(st.integers(1, population))
    fitness = np.array(data.draw(st.lists(FITNESSES, min_size=population, max_size=population)))
    words = Rng.from_word(word)

    def below(n: int) -> int:
        return ((words.word() >> 32) * n) >> 32

    drawn: set[int] = set()
    winner, equals = -1, 0
    for top in range(population - size, population):
        place = below(top + 1)
        place = top if place in drawn else place
        drawn.add(place)
        if winner < 0 or fitness[place] > fitness[winner]:
            winner, equals = place, 1
        elif fitness[place] == fitness[winner]:
            equals += 1
            if below(equals) == 0:
                winner = place
    assert tournament_winner(without_ties(fitness), size, word) == winner


# ---- many workers: answers come late and in any order ----


@pytest.mark.parametrize("method", POPULATIONS)
@given(
    population=st.integers(1, 6),
    operations=st.lists(st.tuples(st.booleans(), st.integers(0, 99), FITNESSES), max_size=80),
    data=st.data(),
)
def test_late_and_out_of_order_answers(method, population: int, operations: list[tuple], data) -> None:
    tournament = data.draw(st.integers(1, population))
    search, rng = method(population_size=population, tournament_size=tournament), Rng.from_seed(6)
    out: list[Individual] = []
    told: list[Individual] = []
    asked = 0
    for is_ask, which, fitness in operations:
        if is_ask or not out:
            parent = search.ask(rng)
            asked += 1
            assert (parent is None) is (asked <= population or len(told) < tournament)
            if method is RegularizedEvolution:
                present = told[-population:]
            else:
                present = sorted(told, key=lambda individual: individual.fitness)[-population:]
            if parent is not None:
                assert parent in told
                # It beat tournament − 1 others that are alive, ties included.
                assert sum(other.fitness <= parent.fitness for other in present) >= tournament
                assert method is not RegularizedEvolution or parent in present
            out.append(Individual(asked))
        else:
            individual = out.pop(which % len(out))
            individual.fitness = fitness
            search.tell(individual)
            told.append(individual)


def test_no_seed_beyond_p_where_the_tournament_can_be_held() -> None:
    search, rng = RegularizedEvolution(population_size=10, tournament_size=4), Rng.from_seed(7)
    assert [search.ask(rng) for _ in range(12)] == [None] * 12  # nobody has answered yet
    for number in range(4):
        search.tell(Individual(number, fitness=float(number)))
    assert search.ask(rng).candidate == 3  # four are there and all four take part


# ---- fresh candidates, random search ----


def test_fresh_candidates_come_with_their_probability() -> None:
    search = RegularizedEvolution(population_size=5, tournament_size=2, fresh_probability=0.05)
    tell_all(search, [0.0] * 5)
    rng = Rng.from_seed(8)
    fresh = sum(search.ask(rng) is None for _ in range(20_000))
    assert binomtest(fresh, 20_000, 0.05).pvalue > FAIR


def test_random_search_never_names_a_parent() -> None:
    search = RandomSearch()
    assert not any(search.ask(Rng.from_seed(9)) for _ in range(3))
    tell_all(search, [1.0] * 10)
    assert search.ask(Rng.from_seed(9)) is None


# ---- refusals ----


@pytest.mark.parametrize("name", ["regularized_evolution", "tournament"])
@pytest.mark.parametrize(
    ("population", "tournament", "message"),
    [
        (5, 6, r"tournament_size must be between 1 and population_size \(5\), got 6"),
        (5, 0, "tournament_size must be between 1 and population_size"),
        (0, 1, "population_size must be from 1 to 10,000,000, got 0"),
        (-3, 1, "population_size must be from 1 to 10,000,000, got -3"),
        (10**9, 1, "population_size must be from 1 to 10,000,000, got 1000000000"),
    ],
)
def test_impossible_sizes_are_refused(name: str, population: int, tournament: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SEARCH_METHODS[name](population_size=population, tournament_size=tournament)  # type: ignore[call-arg]


@pytest.mark.parametrize("probability", [-0.1, 1.0, 1.5, math.nan])
def test_impossible_probabilities_are_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="fresh_probability must be in"):
        RegularizedEvolution(fresh_probability=probability)
