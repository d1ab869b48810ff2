"""The rolling hurdle: its percentile against a plain count, and what it does to a search, step by step."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.hurdle import RollingHurdle
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import RegularizedEvolution
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys
from ufh_cli.core.workers import SimulatedWorkers

INF = math.inf
FITNESSES = st.one_of(st.sampled_from([-INF, 0.0, 0.25, 0.5, 1.0]), st.floats(allow_nan=False))


@given(
    early=st.lists(FITNESSES, max_size=60),
    window=st.integers(1, 20),
    percentile=st.floats(0.0, 100.0, exclude_min=True),
)
def test_the_threshold_is_the_percentile_of_the_unique_values_in_the_window(early, window, percentile) -> None:
    hurdle = RollingHurdle(percentile=percentile, window=window)
    for number in range(len(early) + 1):
        unique = sorted(set(early[max(0, number - window) : number]))
        if number < window:
            assert hurdle.threshold == -INF
        else:
            below = sum(value <= hurdle.threshold for value in unique)
            assert hurdle.threshold in unique
            assert below >= len(unique) * percentile / 100  # nearest rank: enough of them,
            assert below == 1 or below - 1 < len(unique) * percentile / 100  # and not one more
        if number < len(early):
            hurdle.observe(early[number])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"percentile": 0.0}, "percentile"), ({"percentile": 100.1}, "percentile"), ({"window": 0}, "window")],
)
def test_impossible_hurdles_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        RollingHurdle(**arguments)


def staged(toy, **options):
    """Digits that are first judged by their first two; some evaluations fail with NaN, some first stages too."""

    class Staged(toy.Digits):
        staged = True

        def evaluate(self, candidate, rng) -> Evaluation:
            first, whole = self.evaluate_in_stages(candidate, rng)
            return Evaluation(whole.fitness, first.cost + whole.cost)

        def evaluate_in_stages(self, candidate, rng) -> Iterator[Evaluation]:
            first = math.nan if candidate[:2] == (1, 1) else (candidate[0] * 4 + candidate[1]) / 16
            self.begun = [*getattr(self, "begun", []), candidate]
            yield Evaluation(first, 0.25)
            yield Evaluation(super().evaluate(candidate, rng).fitness, 0.5)

    return Staged(**options)


def run(toy, setup, technique, hurdle, *, candidates=120, workers=1, population=10, **choices):
    """One trial; returns its result and the individuals in the order in which they were told."""
    told = []

    class Recorded(RegularizedEvolution):
        def tell(self, individual):
            told.append((individual.candidate, individual.fitness))
            super().tell(individual)

    streams = Streams.of(0, 0)
    trial = Trial(
        setup,
        Recorded(population_size=population, tournament_size=3),
        make_technique(technique, rng=streams.cache, **choices),
        key=functional_keys(setup, FunctionalHash()),
        key_cost=0.25,
        streams=streams,
        budget=Budget(candidates=candidates),
        workers=SimulatedWorkers(setup, workers),
        hurdle=hurdle,
    )
    return trial.run(), told


@pytest.mark.parametrize("technique", ["none", "fec"])
@pytest.mark.parametrize("failing", [0, 3])
def test_a_serial_search_with_a_hurdle_by_hand(toy, technique, failing) -> None:
    """Told fitnesses follow from the rule alone: the first stage against the window of those told before."""
    setup = staged(toy, failing=failing)
    result, told = run(toy, setup, technique, RollingHurdle(percentile=50, window=10))
    asked = staged(toy, failing=failing)
    window: list[float] = []
    known: dict[tuple, tuple[float, float, bool]] = {}
    stopped, best, cost = 0, -INF, 0.0
    for candidate, fitness in told:
        key = candidate[:3]
        if technique == "none" or key not in known:
            first, whole = (
                Evaluation(-INF if math.isnan(f) else f, c)
                for f, c, *_ in asked.evaluate_in_stages(candidate, Rng.from_word(0))
            )
            unique = sorted(set(window[-10:]))
            stop = len(window) >= 10 and first.fitness < unique[math.ceil(len(unique) / 2) - 1]
            known[key] = (first.fitness if stop else whole.fitness, first.fitness, stop)
            stopped += stop
            cost += first.cost + (0.0 if stop else whole.cost)
        cost += 0.0 if technique == "none" else 0.25
        expected, early, stop = known[key]
        window.append(early)
        assert fitness == expected
        best = best if stop else max(best, expected)
    assert 0 < stopped == result.stopped < result.evaluations
    assert result.best is not None
    assert result.best.fitness == best
    assert result.cost == cost
    assert [point.best_fitness for point in result.curve] == sorted({point.best_fitness for point in result.curve})
    assert pickle.loads(pickle.dumps(result.best)).fitness == best  # it goes to other processes
    assert json.loads(json.dumps(result.best.fitness)) == best  # and into files


def test_the_second_stage_of_what_is_stopped_is_never_begun(toy) -> None:
    setup = staged(toy)
    result, _ = run(toy, setup, "none", RollingHurdle(percentile=75, window=10))
    assert len(setup.begun) == result.evaluations == 120
    assert len(setup.evaluated) == 120 - result.stopped


@pytest.mark.parametrize("technique", ["fec", "forgetful-fec", "fec+fcm"])
def test_a_hit_on_what_was_stopped_is_compared_with_a_first_stage(toy, technique) -> None:
    """In counterfactual mode hits cost an evaluation that ends where the cached one did: no wrong hits are seen."""
    result, _ = run(toy, staged(toy), technique, RollingHurdle(percentile=75, window=10), counterfactual=True)
    assert result.comparisons == result.cache_hits > 0
    assert result.stopped > 0
    assert result.collisions == 0
    short = staged(toy, hashed=1)  # keys that tell too little
    result, _ = run(toy, short, "fec", RollingHurdle(percentile=75, window=10), counterfactual=True)
    assert result.collisions > 0


@pytest.mark.parametrize("wait", [False, True])
def test_many_workers(toy, wait) -> None:
    """Who waits for a candidate that is stopped is told the same, and never becomes the best by it."""
    setup = staged(toy)
    hurdle = RollingHurdle(percentile=75, window=10)
    result, told = run(toy, setup, "fec", hurdle, workers=8, wait_for_duplicates=wait)
    assert result.candidates == result.evaluations + result.cache_hits == 120
    assert len(setup.evaluated) == result.evaluations - result.stopped
    assert result.stopped > 0
    whole = {fitness for _, fitness, _ in setup.evaluated}
    assert result.best is not None
    assert result.best.fitness in whole
    if wait:
        assert result.waits > 0
        fitnesses: dict[tuple, set] = {}
        for candidate, fitness in told:
            fitnesses.setdefault(candidate[:3], set()).add(fitness)
        assert {len(values) for values in fitnesses.values()} == {1}


def test_the_lowest_hurdle_changes_nothing(toy) -> None:
    """A percentile that no first stage is below stops nobody, and the search is that without a hurdle."""
    low = RollingHurdle(percentile=1e-9, window=120)
    with_hurdle, told = run(toy, staged(toy), "fec", low)
    without, plain = run(toy, staged(toy), "fec", None)
    assert with_hurdle.stopped == 0
    assert told == plain
    assert (with_hurdle.cost, with_hurdle.curve[-1][:4]) == (without.cost, without.curve[-1][:4])


def test_where_there_cannot_be_a_hurdle(toy) -> None:
    with pytest.raises(ValueError, match="has none"):
        run(toy, toy.Digits(), "none", RollingHurdle())
    with pytest.raises(ValueError, match="fea and a hurdle"):
        run(toy, staged(toy), "fea", RollingHurdle())


def test_a_hurdle_that_all_reach_alike_stops_nobody(toy) -> None:
    class Alike(toy.Digits):
        staged = True

        def evaluate_in_stages(self, candidate, rng) -> Iterator[Evaluation]:
            yield Evaluation(np.float64(0.5), 0.25)
            yield self.evaluate(candidate, rng)

    result, _ = run(toy, Alike(), "none", RollingHurdle(percentile=100, window=5))
    assert result.stopped == 0
