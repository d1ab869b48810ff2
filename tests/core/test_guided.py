"""Guided search seen from outside: which of the mutations of a parent becomes its child, and what is counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufh_cli.core.front import dominates
from ufh_cli.core.guided.outputs import LatestOutputs, output_row
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.search import Nsga2
from ufh_cli.core.setup import Objectives
from ufh_cli.core.trial import functional_keys

SEEDS = st.integers(0, 2**32 - 1)
LEARNING = {"warmup": 20, "refit": 10}
SELDOM = {"warmup": 20, "refit": 60}  # for a model that takes long to train


def guided(toy, technique="guided", setup=None, seed=0, candidates=120, search="regularized_evolution", **settings):
    options = {"guidance": Guidance(**settings)}
    return toy.run(setup or toy.Digits(), technique, search=search, seed=seed, candidates=candidates, options=options)


def path(run) -> list[tuple]:
    return [(individual.candidate, individual.fitness) for individual in run.record.told]


def children(run) -> list[tuple]:
    """The parents and children, in the order in which they were told."""
    return [pair for pair in zip(run.record.parents, run.record.told, strict=True) if pair[0] is not None]


@settings(max_examples=10)
@given(seed=SEEDS, tries=st.integers(1, 6), model=st.sampled_from(["trees", "linear", "oracle"]))
def test_as_many_mutations_are_drawn_for_every_child(toy, seed: int, tries: int, model: str) -> None:
    setup = toy.Digits()
    run = guided(toy, setup=setup, seed=seed, tries=tries, model=model, **LEARNING)
    tally = run.result.guidance
    assert setup.mutations == tries * len(children(run))
    assert tally.evaluated == len(children(run))  # without a cache each is evaluated
    assert 0 < tally.asked <= len(children(run))
    assert tally.at_once <= tally.asked
    assert tally.rejected <= (tries - 1) * tally.asked


@settings(max_examples=10)
@given(seed=SEEDS, tries=st.integers(1, 5))
def test_one_that_is_never_asked_takes_the_first(toy, seed: int, tries: int) -> None:
    """So the search goes the same way whether its model learns anything or not."""
    never = guided(toy, seed=seed, tries=tries, epsilon=1.0, **LEARNING)
    late = guided(toy, seed=seed, tries=tries, epsilon=0.0, warmup=1000)
    assert path(never) == path(late)
    assert late.result.guidance.predictions == 0
    assert never.result.guidance.predictions > 0


def test_with_one_try_the_search_is_that_without_guidance(toy) -> None:
    assert path(guided(toy, "fec+guided", tries=1, **LEARNING)) == path(toy.run(toy.Digits(), "fec", candidates=120))


def test_an_oracle_lets_better_children_in(toy) -> None:
    run = guided(toy, setup=toy.Digits(digits=8, active=8), model="oracle", tries=64, warmup=10, epsilon=0.0)
    plain = toy.run(toy.Digits(digits=8, active=8), "none", candidates=120)
    asked = [(parent, child) for parent, child in children(run) if not math.isnan(child.forecast[0])]
    assert len(asked) > 100
    for parent, child in asked:
        assert (child.forecast[0] > 0) is (child.fitness > parent.fitness)
    assert run.result.guidance.auc == 1.0
    by_chance = [child.fitness > parent.fitness for parent, child in children(plain)]
    assert run.result.guidance.better_share > 2 * sum(by_chance) / len(by_chance)
    assert run.result.best_fitness > plain.result.best_fitness


def test_an_oracle_is_right_as_often_as_it_should_be(toy) -> None:
    setup = toy.Digits(digits=8, active=8)
    run = guided(toy, setup=setup, model="oracle", accuracy=0.7, tries=1, warmup=10, epsilon=0.0, candidates=2000)
    right = [
        (child.forecast[0] > 0) == (child.fitness > parent.fitness)
        for parent, child in children(run)
        if not math.isnan(child.forecast[0])
    ]
    assert len(right) > 1500
    assert sum(right) / len(right) == pytest.approx(0.7, abs=0.04)


@pytest.mark.parametrize("model", ["trees", "linear", "gnn"])
@pytest.mark.parametrize("technique", ["guided", "fec+guided", "fea+guided+fcm", "fec+tabulist+guided"])
def test_a_trial_repeats_itself(toy, technique: str, model: str) -> None:
    def run():
        return guided(toy, technique, toy.Digits(noise=0.1), seed=3, candidates=200, model=model, **SELDOM)

    first, again = run(), run()
    assert path(first) == path(again)
    counted, counted_again = ({**one.result.guidance.row(), "model_seconds": 0} for one in (first, again))
    assert repr(counted) == repr(counted_again)  # also where they are NaN


def test_a_model_finds_better_children_than_chance(toy) -> None:
    """A landscape that can be learnt: the sum of the digits."""

    class Sums(toy.Digits):
        def true_fitness(self, candidate) -> float:
            return float(sum(candidate))

    shares = {}
    for model, settings_of in (
        ("trees", {}),
        ("linear", {}),
        ("gnn", SELDOM),
        ("coin", {"model": "oracle", "accuracy": 0.5}),
    ):
        asked = {"model": model} | LEARNING | settings_of
        tally = guided(toy, "guided", Sums(digits=12, base=8, active=12), candidates=400, **asked).result.guidance
        shares[model] = tally.better_share
        assert (tally.auc > 0.8) is (model != "coin")
    assert min(shares["trees"], shares["linear"], shares["gnn"]) > 1.3 * shares["coin"]


@pytest.mark.parametrize(
    ("rule", "at_once"),
    [({"accept": "not-worse", "margin": 1.0}, 1.0), ({"accept": "quantile", "quantile": 0.0}, 0.9)],
)
def test_a_rule_that_lets_all_pass_takes_the_first(toy, rule: dict, at_once: float) -> None:
    tally = guided(toy, candidates=300, **rule, **LEARNING).result.guidance
    assert tally.at_once >= at_once * tally.asked > 0


def test_a_high_quantile_turns_most_away(toy) -> None:
    setup = toy.Digits(digits=12, base=8, active=12)
    tally = guided(toy, setup=setup, candidates=300, accept="quantile", quantile=0.9, **LEARNING).result.guidance
    assert tally.at_once < 0.3 * tally.asked


def test_a_prediction_is_charged(toy) -> None:
    free, charged = (guided(toy, "fec+guided", cost=cost, **LEARNING).result for cost in (0.0, 0.125))
    assert charged.candidates == free.candidates
    assert charged.guidance.predictions == free.guidance.predictions
    assert charged.cost == free.cost + 0.125 * charged.guidance.predictions


# ---- judging what no cache answers for ----

JUDGED = {"features": "outputs", **LEARNING}


@settings(max_examples=15)
@given(seed=SEEDS, tries=st.integers(1, 6), features=st.sampled_from(["outputs", "both"]))
def test_each_mutation_that_is_judged_pays_for_its_key(toy, seed: int, tries: int, features: str) -> None:
    setup = toy.Digits(digits=6, active=6)
    asked = {**JUDGED, "features": features, "tries": tries, "accept": "quantile"}
    run = guided(toy, "fec+guided", setup, seed, candidates=150, **asked)
    tally, result = run.result.guidance, run.result
    drawn = tries if features == "both" else 1
    assert setup.mutations == drawn * (len(children(run)) + tally.skipped)
    keys = result.candidates + tally.skipped
    assert result.cost == 0.25 * keys + sum(cost for *_, cost in setup.evaluated)
    assert tally.skipped <= (tries - 1) * len(children(run))
    assert result.candidates == result.evaluations + result.cache_hits


def test_what_the_cache_answers_for_is_not_judged(toy) -> None:
    """A search in which each behaviour is known by the time that the model is asked."""
    strict = {**JUDGED, "warmup": 10, "accept": "quantile", "quantile": 1.0}
    run = guided(toy, "fec+guided", toy.Digits(base=10, active=1), candidates=400, **strict)
    assert run.result.evaluations == 10
    assert run.result.guidance.predictions == 0
    unjudged = toy.run(toy.Digits(base=10, active=1), "fec", candidates=400)
    assert path(run) == path(unjudged)


def test_a_judge_spares_hopeless_evaluations(toy) -> None:
    """Outputs that tell the fitness: of those that miss the cache only the better are evaluated."""

    class Sums(toy.Digits):
        def true_fitness(self, candidate) -> float:
            return float(sum(candidate))

    plain = toy.run(Sums(digits=10, base=8, active=10), "fec", candidates=300)
    for features in ("outputs", "both"):
        setup = Sums(digits=10, base=8, active=10)
        run = guided(toy, "fec+guided", setup, candidates=300, **{**JUDGED, "features": features})
        assert run.result.guidance.skipped > 50
        assert run.result.guidance.auc > 0.8
        assert run.result.evaluations < plain.result.evaluations
        by_chance = guided(toy, "fec+guided", Sums(digits=10, base=8, active=10), candidates=300, epsilon=1.0)
        assert run.result.guidance.better_share > 1.3 * by_chance.result.guidance.better_share


def test_a_judge_that_is_never_asked_skips_nothing(toy) -> None:
    run = guided(toy, "fec+guided", epsilon=1.0, **JUDGED)
    assert run.result.guidance.skipped == 0 < run.result.guidance.predictions
    assert path(run) == path(toy.run(toy.Digits(), "fec", candidates=120))


def test_outputs_are_computed_once_a_key(toy) -> None:
    setup = toy.Digits(digits=6, active=6)
    latest = LatestOutputs(setup.hashable_outputs)
    options = {"guidance": Guidance(**JUDGED, accept="quantile")}
    keys = {"key": functional_keys(setup, FunctionalHash(), latest), "outputs": latest}
    run = toy.run(setup, "fec+guided", candidates=150, options=options, **keys)
    assert run.result.guidance.skipped > 0
    assert setup.hashes == run.result.candidates + run.result.guidance.skipped


@given(st.lists(st.floats(width=32), min_size=1, max_size=300))
def test_a_row_of_outputs_is_short_finite_and_in_order(values: list[float]) -> None:
    row = output_row([np.array(values[:1], np.float32), np.array(values[1:], np.float64)])
    assert row.dtype == np.float32
    assert len(row) == min(len(values), 64)
    assert np.isfinite(row).all()
    if len(values) <= 64:
        for value, other, a, b in zip(values, values[1:], row.tolist(), row[1:].tolist(), strict=False):
            if math.isfinite(value) and math.isfinite(other):
                assert (value <= other) <= (a <= b)


# ---- in a search ----


def test_hits_teach_nothing(toy) -> None:
    """The model is asked after so many evaluations, however many candidates a cache answered for."""
    run = guided(toy, "fec+guided", toy.Digits(active=1), candidates=300, warmup=10)
    assert run.result.evaluations < 10
    assert run.result.guidance.predictions == 0


def test_several_workers_share_one_guide(toy) -> None:
    options = {"guidance": Guidance(**LEARNING)}
    runs = [toy.run(toy.Digits(), "fec+guided", workers=4, cost=300.0, options=options) for _ in range(2)]
    assert path(runs[0]) == path(runs[1])
    assert runs[0].result.guidance.asked > 20


@pytest.mark.parametrize("search", ["nsga2", "regularized_evolution"])
@pytest.mark.parametrize(
    "asked", [{"model": "trees"}, {"model": "linear"}, {"model": "gnn"}, {"model": "oracle"}, {"features": "outputs"}]
)
def test_with_several_objectives_the_better_dominates(toy, search: str, asked: dict) -> None:
    class Two(toy.Digits):
        """The sums of the digits at even and at odd places."""

        objectives = Objectives(("even", "odd"), (-1.0, -1.0))

        def objectives_of(self, candidate, evaluation):
            return (float(sum(candidate[::2])), float(sum(candidate[1::2])))

    setup = Two(digits=10, base=8, active=10)
    learning = SELDOM if asked.get("model") == "gnn" else LEARNING
    run = guided(toy, "fec+guided", setup, search=search, candidates=300, **asked, **learning)
    assert run.result.guidance.auc > 0.65
    told = [(parent, child) for parent, child in children(run) if child.forecast and not math.isnan(child.forecast[0])]
    assert len(told) > 50
    for parent, child in told if asked.get("model") == "oracle" else ():
        assert (child.forecast[0] > 0) is dominates(child.objectives, parent.objectives)


def test_what_cannot_be_guided_is_refused(toy) -> None:
    without = toy.Digits()
    without.operations = ()
    measured = toy.Digits()
    measured.simulated_cost = False
    for setup, asked, words in (
        (without, {"features": "structure"}, "tells no graphs"),
        (without, {"features": "both", "model": "linear"}, "tells no graphs"),
        (without, {"model": "gnn"}, "choose trees"),
        (measured, {"model": "oracle"}, "must be look-ups"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            guided(toy, setup=setup, **asked)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("technique", "asked", "goes"),
    [("none", {}, False), ("guided", {}, False), ("guided", JUDGED, True), ("fec+guided", {}, True)],
)
def test_a_search_of_unique_keys_needs_keys(toy, technique: str, asked: dict, goes: bool) -> None:
    """Which guided search computes by itself only where it judges outputs."""
    search = Nsga2(population_size=8, unique_keys=True)
    if goes:
        told = guided(toy, technique, search=search, candidates=60, **asked).record.told
        assert all(individual.key is not None for individual in told)
    else:
        with pytest.raises(ValueError, match=r"unique_keys needs a technique that computes keys"):
            guided(toy, technique, search=search, candidates=60, **asked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tries": 0}, {"tries": 10**9}, {"window": 9}, {"window": 20001}, {"refit": 0}, {"warmup": 9},
        {"quantile": 1.5}, {"epsilon": -0.1}, {"accuracy": 2.0}, {"margin": -1.0}, {"margin": math.inf},
        {"cost": math.nan},
        {"model": "forest"}, {"features": "graph"}, {"accept": "worse"}, {"choose": "last"},
        {"model": "oracle", "accept": "quantile"}, {"features": "both", "model": "oracle"},
        {"features": "outputs", "model": "gnn"},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=rf"guided\.{list(wrong)[-1]}"):
        Guidance(**wrong)
