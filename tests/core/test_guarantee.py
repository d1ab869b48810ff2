"""§6.2: serially, without collisions and with deterministic evaluations, a cache changes no search's path."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufh_cli.core.search import SEARCH_METHODS, RegularizedEvolution
from ufh_cli.core.trial import Streams

CACHES = {
    "fec": ("fec", {}),
    "small fec": ("fec", {"max_entries": 3}),
    "forgetful fec": ("forgetful-fec", {"forget_probability": 0.3}),
    "scheduled fec": ("forgetful-fec", {"forget_probability": None, "max_entries": 20}),
    "fea": ("fea", {"max_evaluations": 3}),
    "counterfactual": ("fec", {"counterfactual": True}),
}
FILTERS = ["", "fcm", "tabulist", "fcm+tabulist"]
SEEDS = st.integers(0, 2**32 - 1)


def path(run) -> list[tuple]:
    return [(individual.candidate, individual.fitness) for individual in run.record.told]


@settings(max_examples=15)
@pytest.mark.parametrize("search", SEARCH_METHODS)
@pytest.mark.parametrize("cache", CACHES)
@given(seed=SEEDS, filters=st.sampled_from(FILTERS), failing=st.sampled_from([0, 3]))
def test_the_same_candidates_with_and_without_a_cache(
    toy, cache: str, search: str, seed: int, filters: str, failing: int
) -> None:
    name, options = CACHES[cache]
    options = {**options, "max_seen": 2}
    plain = toy.run(
        toy.Digits(failing=failing), filters or "none", search=search, seed=seed, candidates=80, options={"max_seen": 2}
    )
    technique = f"{name}+{filters}" if filters else name
    cached = toy.run(toy.Digits(failing=failing), technique, search=search, seed=seed, candidates=80, options=options)
    assert path(cached) == path(plain)
    assert cached.record.parents == [None] * 80 or len(set(cached.sequence)) > 8  # it did move
    assert cached.result.best.candidate == plain.result.best.candidate
    assert [row.best_fitness for row in cached.result.curve] == [row.best_fitness for row in plain.result.curve]
    assert [row.candidates for row in cached.result.curve] == [row.candidates for row in plain.result.curve]
    assert cached.result.evaluations <= plain.result.evaluations == 80


@pytest.mark.parametrize("search", SEARCH_METHODS)
def test_the_cache_does_save_evaluations(toy, search: str) -> None:
    run = toy.run(toy.Digits(), "fec", search=search, candidates=300)
    assert run.result.evaluations == len({candidate[:3] for candidate in run.sequence}) <= 64


@settings(max_examples=20)
@given(seed=SEEDS, cost=st.integers(1, 600).map(lambda n: n / 2))
def test_with_a_budget_of_cost_one_path_begins_the_other(toy, seed: int, cost: float) -> None:
    plain = toy.run(toy.Digits(), "none", seed=seed, cost=cost)
    cached = toy.run(toy.Digits(), "fec", seed=seed, cost=cost)
    shorter, longer = sorted((path(plain), path(cached)), key=len)
    assert longer[: len(shorter)] == shorter


@pytest.mark.parametrize(
    "broken",
    [{"workers": 4}, {"setup": {"hashed": 1}}, {"setup": {"noise": 0.5}}],
    ids=["workers", "collisions", "noise"],
)
def test_each_of_the_three_conditions_is_needed(toy, broken: dict) -> None:
    """So the comparison above is one that can fail."""
    settings = {key: value for key, value in broken.items() if key != "setup"}

    def sequence(technique: str, seed: int) -> list:
        return toy.run(toy.Digits(**broken.get("setup", {})), technique, seed=seed, candidates=80, **settings).sequence

    assert any(sequence("none", seed) != sequence("fec", seed) for seed in range(5))


# ---- the three kinds of randomness stay apart ----


def test_a_trials_streams_are_the_children_of_its_seed_sequence() -> None:
    streams = Streams.of(20, 21)
    for place, rng in enumerate((streams.search, streams.evaluation, streams.cache, streams.reevaluation)):
        raw = np.random.PCG64(np.random.SeedSequence([20, 21], spawn_key=(place,))).random_raw(3).tolist()
        assert [rng.word() for _ in range(3)] == raw


def test_streams_of_different_trials_differ() -> None:
    firsts = Counter(
        rng.word()
        for seed in range(4)
        for trial in range(4)
        for streams in [Streams.of(seed, trial)]
        for rng in (streams.search, streams.evaluation, streams.cache, streams.reevaluation)
    )
    assert len(firsts) == 64


@settings(max_examples=20)
@given(seed=SEEDS, draws=st.integers(1, 40), technique=st.sampled_from(["none", "fec", "fcm", "fec+tabulist"]))
def test_an_evaluation_does_not_touch_the_search(toy, seed: int, draws: int, technique: str) -> None:
    few = toy.run(toy.Digits(), technique, seed=seed, candidates=60)
    many = toy.run(toy.Digits(draws=draws), technique, seed=seed, candidates=60)
    assert path(few) == path(many)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_an_evaluation_has_the_same_stream_under_every_technique(toy, seed: int) -> None:
    """One word a candidate, hit or miss; random search keeps the candidates the same although evaluations are noisy."""
    plain, cached = toy.Digits(noise=0.5), toy.Digits(noise=0.5)
    sequence = toy.run(plain, "none", search="random_search", seed=seed, candidates=100).sequence
    run = toy.run(cached, "fec", search="random_search", seed=seed, candidates=100)
    assert run.sequence == sequence
    words = dict(enumerate(plain.words))
    misses = [i for i, candidate in enumerate(sequence) if candidate[:3] not in {other[:3] for other in sequence[:i]}]
    assert cached.words == [words[i] for i in misses]
    assert len(set(words.values())) == 100


@pytest.mark.parametrize("forget_probability", [0.1, 0.9, None])
def test_forgetting_does_not_touch_the_search_nor_the_evaluations(toy, forget_probability: float | None) -> None:
    options = {"forget_probability": forget_probability}
    fec, forgetful = toy.Digits(noise=0.5), toy.Digits(noise=0.5)
    first = toy.run(fec, "fec", search="random_search", candidates=300)
    second = toy.run(forgetful, "forgetful-fec", search="random_search", candidates=300, options=options)
    assert first.sequence == second.sequence
    assert set(fec.words) < set(forgetful.words)


@settings(max_examples=15)
@given(seed=SEEDS, cache=st.sampled_from(["fec", "forgetful-fec", "fea"]), hashed=st.integers(0, 3))
def test_the_counterfactual_mode_leaves_the_path_alone(toy, seed: int, cache: str, hashed: int) -> None:
    """Even where there are collisions; only the cost differs."""
    paths = [
        path(toy.run(toy.Digits(hashed=hashed), cache, seed=seed, candidates=80, options={"counterfactual": mode}))
        for mode in (False, True)
    ]
    assert paths[0] == paths[1]


# ---- the same seed, the same trial ----


@pytest.mark.parametrize(("technique", "workers"), list(product(["none", "forgetful-fec", "fea+fcm"], [1, 3])))
def test_a_trial_repeats_itself_and_no_other(toy, technique: str, workers: int) -> None:
    def run(seed: int, trial: int):
        return toy.run(toy.Digits(noise=0.1), technique, seed=seed, trial=trial, workers=workers, cost=200.0)

    first, again = run(5, 6), run(5, 6)
    assert path(first) == path(again)
    assert first.result.curve == again.result.curve
    assert first.result.cost == again.result.cost
    others = [run(*other).sequence for other in ((5, 7), (6, 6), (6, 5))]
    assert all(other != first.sequence for other in others)


def test_trials_share_nothing(toy) -> None:
    setup = toy.Digits()  # one instance for all trials of a process
    alone = toy.run(toy.Digits(), "fec+tabulist", trial=1, candidates=80, options={"max_seen": 0})
    search = [RegularizedEvolution(population_size=8, tournament_size=3) for _ in range(2)]
    toy.run(setup, "fec+tabulist", trial=0, candidates=80, options={"max_seen": 0}, search=search[0])
    after = toy.run(setup, "fec+tabulist", trial=1, candidates=80, options={"max_seen": 0}, search=search[1])
    assert path(after) == path(alone)
    assert after.result.evaluations == alone.result.evaluations
