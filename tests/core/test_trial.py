"""The trial's loop: Method 5 by hand, budgets, costs, workers, and what a result says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufh_cli.core.rng import Rng
from ufh_cli.core.search import RandomSearch, RegularizedEvolution
from ufh_cli.core.search.selection import tournament_winner
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.trial import Budget
from ufh_cli.core.workers import SimulatedWorkers

INF = math.inf
SEEDS = st.integers(0, 2**32 - 1)
COSTS = st.integers(1, 800).map(lambda n: n / 4)


def rows(result) -> list[tuple]:
    return [tuple(row)[:4] for row in result.curve]  # without the test fitness, which may be NaN


# ---- Method 5 by hand ----


def method_5(setup, seed: int, population: int, tournament: int, limit: float) -> dict:
    """Regularized evolution with FEC, one candidate after the other; a behaviour is its own key."""
    children = np.random.SeedSequence([seed, 0]).spawn(4)
    search, evaluation = Rng.from_seed(children[0]), Rng.from_seed(children[1])
    members: list[tuple] = []
    cache: dict[tuple, float] = {}
    done = {"told": [], "curve": [], "evaluations": 0, "hits": 0, "best": None}
    spent, best = 0.0, -INF
    while True:
        n = len(done["told"])
        if n < population:
            child = setup.random_candidate(search)
        else:
            merits = np.array([(fitness, 0.0) for _, fitness in members])
            child = setup.mutate(members[tournament_winner(merits, tournament, search.word())][0], search)
        word = evaluation.word()
        spent += setup.hash_cost
        known = child[: setup.active] in cache
        if not known:
            outcome = setup.evaluate(child, Rng.from_word(word))
            spent += outcome.cost
            cache[child[: setup.active]] = -INF if math.isnan(outcome.fitness) else outcome.fitness
        if spent > limit:
            return done
        fitness = cache[child[: setup.active]]
        done["hits" if known else "evaluations"] += 1
        done["told"].append((child, fitness))
        members[n % population : n % population + 1] = [(child, fitness)]  # in place of the oldest
        if fitness > best or n == 0:
            best, done["best"] = fitness, child
            done["curve"].append((spent, n + 1, done["evaluations"], fitness))


@settings(max_examples=30)
@given(
    seed=SEEDS,
    population=st.integers(1, 8),
    data=st.data(),
    limit=COSTS,
    failing=st.sampled_from([0, 0, 2]),
)
def test_a_serial_trial_with_fec_is_method_5(toy, seed, population, data, limit, failing) -> None:
    tournament = data.draw(st.integers(1, population))
    by_hand = method_5(toy.Digits(noise=0.5, failing=failing), seed, population, tournament, limit)
    search = RegularizedEvolution(population_size=population, tournament_size=tournament)
    run = toy.run(toy.Digits(noise=0.5, failing=failing), "fec", search=search, seed=seed, cost=limit)
    assert [(individual.candidate, individual.fitness) for individual in run.record.told] == by_hand["told"]
    assert rows(run.result) == by_hand["curve"]
    assert run.result.evaluations == by_hand["evaluations"]
    assert run.result.cache_hits == by_hand["hits"]
    assert run.result.candidates == len(by_hand["told"])
    assert (run.result.best and run.result.best.candidate) == by_hand["best"]
    assert (run.result.cost, run.result.duration, run.result.stopped_by) == (limit, limit, "budget")


# ---- what a candidate costs ----


@pytest.mark.parametrize("technique", ["none", "fec", "forgetful-fec", "fea", "fcm", "fec+fcm", "fea+tabulist"])
@given(seed=SEEDS)
@settings(max_examples=8)
def test_the_cost_is_that_of_the_keys_and_the_evaluations(toy, technique: str, seed: int) -> None:
    setup, clock = toy.Digits(noise=0.1), toy.Clock()
    run = toy.run(setup, technique, seed=seed, candidates=100, observe=clock)
    result = run.result
    assert result.candidates == 100
    assert result.evaluations == len(setup.evaluated) == 100 - result.cache_hits
    assert result.cost == setup.hashes * setup.hash_cost + sum(cost for _, _, cost in setup.evaluated)
    if technique == "none":
        assert setup.hashes == 0
    elif "fcm" not in technique and "tabulist" not in technique:
        assert setup.hashes == 100  # one each
        steps = np.diff([0.0, *clock.times])
        hits = np.diff([0, *(hits for _, _, hits in clock.counters)])
        assert set(steps[hits == 1]) <= {setup.hash_cost}
        assert (steps[hits == 0] > setup.hash_cost).all()


def test_the_keys_own_cost_counts(toy) -> None:
    """A structural key stands in for the functional one (§6.3) and has its own cost."""
    setup = toy.Digits()
    run = toy.run(setup, "fec", candidates=200, key=setup.structural_key, key_cost=0.125)
    distinct = len(set(run.sequence))
    assert setup.hashes == 0
    assert run.result.evaluations == distinct < 200
    assert run.result.cost == 200 * 0.125 + sum(cost for _, _, cost in setup.evaluated)
    functional = toy.run(toy.Digits(), "fec", candidates=200)
    assert functional.result.evaluations < distinct  # silent digits fool the structural key


# ---- the budget ----


@settings(max_examples=40)
@given(
    seed=SEEDS,
    cost=COSTS,
    workers=st.integers(1, 5),
    technique=st.sampled_from(["none", "fec", "fea", "fcm", "fec+tabulist"]),
)
def test_the_budget_is_used_up_and_never_exceeded(toy, seed, cost, workers, technique) -> None:
    setup, clock = toy.Digits(), toy.Clock()
    run = toy.run(setup, technique, seed=seed, cost=cost, workers=workers, observe=clock)
    assert all(time <= cost for time in clock.times)
    assert all(row.cost <= cost for row in run.result.curve)
    assert clock.times == sorted(clock.times)
    assert (run.result.cost, run.result.duration, run.result.stopped_by) == (cost, cost, "budget")
    assert run.result.candidates == len(run.record.told) == len(clock.times)
    assert run.result.candidates == run.result.evaluations + run.result.cache_hits
    # Whatever else was begun would have come too late.
    if workers == 1 and technique == "none":
        spent = np.cumsum([cost for _, _, cost in setup.evaluated])
        assert run.result.candidates == (spent <= cost).sum()
        assert spent[-1] >= cost


@pytest.mark.parametrize(("cost", "finished", "begun"), [(5.0, 5, 5), (4.75, 4, 5), (5.5, 5, 6), (0.5, 0, 1)])
def test_what_ends_with_the_budget_counts_and_nothing_begins_after_it(toy, cost, finished, begun) -> None:
    setup = toy.Ladder()  # a unit each
    run = toy.run(setup, "none", search=RandomSearch(), cost=cost)
    assert run.result.candidates == run.result.evaluations == finished
    assert len(setup.evaluated) == begun
    assert run.result.cost == cost


def test_a_budget_too_small_for_anything(toy) -> None:
    result = toy.run(toy.Digits(), "fec", cost=0.125).result
    assert (result.candidates, result.evaluations, result.cache_hits) == (0, 0, 0)
    assert result.best is None
    assert result.curve == []
    assert math.isnan(result.auc)
    assert math.isnan(result.hit_fraction)
    assert math.isnan(result.reevaluated_fitness)
    assert result.stopped_by == "budget"


@settings(max_examples=20)
@given(candidates=st.integers(1, 60), workers=st.integers(1, 7), technique=st.sampled_from(["none", "fec", "fea"]))
def test_the_number_of_candidates_is_exact(toy, candidates: int, workers: int, technique: str) -> None:
    setup = toy.Digits()
    run = toy.run(setup, technique, candidates=candidates, workers=workers)
    assert run.result.candidates == len(run.record.parents) == len(run.record.told) == candidates
    assert len(setup.evaluated) == run.result.evaluations == candidates - run.result.cache_hits
    assert run.result.stopped_by == "candidates"


def test_the_first_limit_ends_the_trial(toy) -> None:
    for cost, candidates, stopped_by, finished in ((10.0, 5, "candidates", 5), (5.5, 10, "budget", 5)):
        result = toy.run(toy.Ladder(), "none", search=RandomSearch(), cost=cost, candidates=candidates).result
        assert (result.candidates, result.stopped_by) == (finished, stopped_by)
        assert result.duration == cost  # T of the AUC does not depend on when the trial ended


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("target", [3.0, 2.5])
def test_a_good_enough_fitness_ends_the_trial(toy, target: float, workers: int) -> None:
    search = RegularizedEvolution(population_size=1, tournament_size=1)  # on a ladder: one rung after the other
    run = toy.run(toy.Ladder(), "none", search=search, candidates=1000, target=target, workers=workers)
    fitnesses = [individual.fitness for individual in run.record.told]
    assert run.result.stopped_by == "target"
    assert fitnesses[-1] == 3.0
    assert max(fitnesses[:-1]) < target
    assert run.result.candidates == len(fitnesses)


def test_an_infinite_fitness_is_no_target(toy) -> None:
    run = toy.run(toy.Ladder(fitness=INF), "none", candidates=5)
    assert (run.result.candidates, run.result.stopped_by) == (5, "candidates")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"cost": 0.0}, "the budget's cost must be above 0, got 0.0"),
        ({"cost": -1.0}, "the budget's cost must be above 0, got -1.0"),
        ({"cost": math.nan}, "the budget's cost must be above 0, got nan"),
        ({"cost": 5.0, "candidates": 0}, "the budget's candidates must be at least 1, got 0"),
        ({"candidates": -2}, "the budget's candidates must be at least 1, got -2"),
        ({}, "a budget needs a cost or a number of candidates"),
        ({"target_fitness": 0.5}, "a budget needs a cost or a number of candidates"),
    ],
)
def test_impossible_budgets_are_refused(limits: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Budget(**limits)


# ---- fitness ----


@settings(max_examples=15)
@given(seed=SEEDS, technique=st.sampled_from(["none", "fec", "fea", "forgetful-fec"]), hashed=st.integers(1, 3))
def test_nan_never_wins(toy, seed: int, technique: str, hashed: int) -> None:
    """With few hashed digits, working and failing candidates share keys, and so their cached fitness."""
    setup = toy.Digits(failing=3, hashed=hashed)
    run = toy.run(setup, technique, seed=seed, candidates=100)
    told = [individual.fitness for individual in run.record.told]
    assert not any(math.isnan(fitness) for fitness in told)
    assert run.result.best.fitness == run.result.curve[-1].best_fitness == max(told)
    if technique == "none":
        assert told == [-INF if math.isnan(fitness) else fitness for _, fitness, _ in setup.evaluated]
        assert max(told) == max(fitness for _, fitness, _ in setup.evaluated if not math.isnan(fitness))


def test_where_all_fail_the_first_is_the_best(toy) -> None:
    run = toy.run(toy.Digits(failing=1), "fec", candidates=30)
    assert run.result.best is run.record.told[0]
    assert rows(run.result) == [(run.result.curve[0].cost, 1, 1, -INF)]
    assert run.result.candidates == 30


@settings(max_examples=20)
@given(seed=SEEDS, workers=st.integers(1, 4), technique=st.sampled_from(["none", "fec", "fea"]))
def test_the_curve_is_the_running_best(toy, seed: int, workers: int, technique: str) -> None:
    clock = toy.Clock()
    run = toy.run(toy.Digits(noise=0.2), technique, seed=seed, workers=workers, cost=300.0, observe=clock)
    expected, best = [], None
    for (candidates, evaluations, _), time, individual in zip(
        clock.counters, clock.times, run.record.told, strict=True
    ):
        if best is None or individual.fitness > best.fitness:
            best = individual
            expected.append((time, candidates, evaluations, individual.fitness))
    assert rows(run.result) == expected
    assert run.result.best is best  # the first of equals
    heights = [expected[0][3], *(row[3] for row in expected)]
    widths = np.diff([0.0, *(row[0] for row in expected), 300.0])
    assert run.result.auc == pytest.approx(np.dot(heights, widths) / 300.0)
    assert run.result.hit_fraction == run.result.cache_hits / run.result.candidates


def test_test_fitness_is_that_of_the_best_on_unseen_data(toy) -> None:
    silent = toy.run(toy.Digits(), "none", candidates=80).result
    followed = toy.run(toy.Digits(), "none", candidates=80, follow_test=True).result
    assert all(math.isnan(row.test_fitness) for row in silent.curve)
    assert [row.test_fitness for row in followed.curve] == [-row.best_fitness for row in followed.curve]
    assert len(followed.curve) > 1
    for result in (silent, followed):
        assert result.reevaluated_fitness == -result.best.fitness
    assert rows(silent) == rows(followed)  # following changes nothing


# ---- the caches in the loop ----


@settings(max_examples=15)
@given(seed=SEEDS, most=st.integers(1, 4))
def test_fea_tells_the_search_the_running_mean(toy, seed: int, most: int) -> None:
    setup = toy.Digits(noise=0.5)
    run = toy.run(setup, "fea", seed=seed, candidates=150, options={"max_evaluations": most})
    evaluated = iter(setup.evaluated)
    seen: dict[tuple, list[float]] = {}
    partial = 0
    for individual in run.record.told:
        values = seen.setdefault(individual.candidate[:3], [])
        partial += 0 < len(values) < most
        if len(values) < most:
            candidate, fitness, _ = next(evaluated)
            assert candidate == individual.candidate
            values.append(fitness)
        assert individual.fitness == pytest.approx(sum(values) / len(values))
    assert run.result.partial_hits == partial
    assert run.result.evaluations == sum(map(len, seen.values()))


@settings(max_examples=15)
@given(
    seed=SEEDS, hashed=st.integers(0, 3), tolerance=st.sampled_from([0.0, 0.25, 2.0]), failing=st.sampled_from([0, 3])
)
def test_the_counterfactual_mode_counts_collisions(toy, seed, hashed, tolerance, failing) -> None:
    setup = toy.Digits(hashed=hashed, failing=failing)
    run = toy.run(setup, "fec", seed=seed, candidates=100, options={"counterfactual": True}, tolerance=tolerance)
    first: dict[tuple, float] = {}
    collisions = comparisons = 0
    for individual in run.record.told:
        fitness = setup.true_fitness(individual.candidate)
        fitness = -INF if math.isnan(fitness) else fitness
        key = individual.candidate[:hashed]
        if key in first:
            comparisons += 1
            collisions += fitness != first[key] and not abs(fitness - first[key]) <= tolerance
        assert individual.fitness == first.setdefault(key, fitness)
    assert (run.result.collisions, run.result.comparisons) == (collisions, comparisons)
    assert run.result.comparisons == run.result.cache_hits
    assert run.result.evaluations == 100
    if hashed == 3:
        assert collisions == 0


@pytest.mark.parametrize(("tolerance", "collisions"), [(0.0, 2), (0.75, 2), (1.0, 0)])
def test_a_difference_as_large_as_the_tolerance_is_no_collision(toy, tolerance: float, collisions: int) -> None:
    # Candidates 0, 1, 2, 3 in turn; two behave alike and differ in fitness by 1.
    search = RegularizedEvolution(population_size=1, tournament_size=1)
    options = {"counterfactual": True}
    result = toy.run(
        toy.Ladder(step=2), "fec", search=search, candidates=4, options=options, tolerance=tolerance
    ).result
    assert (result.collisions, result.comparisons) == (collisions, 2)


def test_without_counterfactual_mode_nothing_is_compared(toy) -> None:
    result = toy.run(toy.Digits(hashed=1), "fec", candidates=100).result
    assert result.cache_hits > 0
    assert (result.collisions, result.comparisons) == (0, 0)


def test_a_small_cache_costs_evaluations(toy) -> None:
    evaluations = [
        toy.run(toy.Digits(), "fec", candidates=300, options={"max_entries": bound}).result.evaluations
        for bound in (1, 5, 20, None)
    ]
    assert evaluations == sorted(evaluations, reverse=True)
    assert evaluations[0] > evaluations[-1]


@settings(max_examples=15)
@given(seed=SEEDS, known=st.integers(0, 60))
def test_a_warm_cache_answers_from_an_earlier_search(toy, seed: int, known: int) -> None:
    earlier = toy.run(toy.Digits(), "fec", seed=seed, candidates=60)
    evaluations = [(individual.key, individual.evaluation) for individual in earlier.record.told[:known]]
    setup = toy.Digits()
    later = toy.run(setup, "fec", seed=seed, candidates=60, warm=evaluations)
    assert later.sequence == earlier.sequence
    before = {candidate[:3] for candidate in earlier.sequence[:known]}
    assert later.result.warm_hits == sum(candidate[:3] in before for candidate in later.sequence)
    assert len(setup.evaluated) == later.result.evaluations == earlier.result.evaluations - len(before)
    assert earlier.result.warm_hits == 0


@pytest.mark.parametrize("technique", ["none", "fec", "forgetful-fec", "fea"])
def test_what_could_not_be_evaluated_has_the_lowest_fitness_and_is_not_remembered(toy, technique: str) -> None:
    class Unreliable(SimulatedWorkers):
        """Loses every third evaluation."""

        begun = 0

        def submit(self, job) -> None:
            super().submit(job)
            self.begun += job.evaluate
            if job.evaluate and self.begun % 3 == 0:
                job.lost, job.evaluation = True, Evaluation(-INF, job.evaluation.cost)

    setup = toy.Digits()
    workers = Unreliable(setup)
    run = toy.run(setup, technique, candidates=150, workers=workers)
    result = run.result
    assert result.lost == workers.begun // 3 > 0
    assert result.evaluations == workers.begun == 150 - result.cache_hits
    # Only a lost candidate itself has −inf; those that behave like it are evaluated again.
    assert [individual.fitness for individual in run.record.told].count(-INF) == result.lost


@settings(max_examples=15)
@given(seed=SEEDS, technique=st.sampled_from(["fec", "fcm", "fec+tabulist"]), hashed=st.integers(1, 3))
def test_remembering_the_keys_of_structures_changes_nothing(toy, seed: int, technique: str, hashed: int) -> None:
    class Few(toy.Digits):
        few_structures = True

    plain, few = toy.Digits(hashed=hashed), Few(hashed=hashed)
    first = toy.run(plain, technique, seed=seed, candidates=100)
    second = toy.run(few, technique, seed=seed, candidates=100)
    assert first.sequence == second.sequence
    assert rows(first.result) == rows(second.result)
    assert first.result.cost == second.result.cost  # each key is charged, computed or not
    assert len(set(second.sequence)) <= few.hashes < plain.hashes
