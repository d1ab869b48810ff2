"""Many simulated workers in one trial (§6.2.1): against a simulation by ticks, and what duplicates in flight cost."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, RandomSearch, RegularizedEvolution

SEEDS = st.integers(0, 2**32 - 1)


class Ticks:
    """A distributed search in steps of a quarter of a unit of time.

    Parameters
    ----------
    mode : str
        ``"none"``, ``"fec"``, or ``"wait"`` for FEC in which duplicates in flight wait.
    """

    def __init__(self, setup, search, seed: int, mode: str) -> None:
        children = np.random.SeedSequence([seed, 0]).spawn(4)
        self.rng, self.evaluation = Rng.from_seed(children[0]), Rng.from_seed(children[1])
        self.setup, self.search, self.mode = setup, search, mode
        self.now = 0.0
        self.cache: dict[tuple, float] = {}
        self.running: list[dict] = []
        self.parked: list[dict] = []  # they wait, and no worker is needed for that
        self.proposed = 0
        self.told: list[tuple] = []  # (time, candidate, fitness) in order of completion

    def run(self, workers: int, candidates: int) -> list[tuple]:
        while len(self.told) < candidates:
            while len(self.running) < workers and self.proposed < candidates:
                self.running.append(self.propose())
            ready = [job for job in self.running if job["ends"] == self.now]
            if ready:
                self.end(min(ready, key=lambda job: job["number"]))
            else:
                self.now += 0.25
        return self.told

    def propose(self) -> dict:
        parent = self.search.ask(self.rng)
        if parent is None:
            child = self.setup.random_candidate(self.rng)
        else:
            child = self.setup.mutate(parent.candidate, self.rng)
        word = self.evaluation.word()
        key = child[: self.setup.active]
        job = {"number": self.proposed, "child": child, "key": key, "evaluated": False, "ends": self.now}
        self.proposed += 1
        job["ends"] += 0.0 if self.mode == "none" else self.setup.hash_cost
        job["fitness"] = None if self.mode == "none" else self.cache.get(key)
        waits = self.mode == "wait" and any(other["key"] == key and other["evaluated"] for other in self.running)
        if job["fitness"] is None and not waits:
            job["evaluated"] = True
            job["fitness"], cost = self.setup.evaluate(child, Rng.from_word(word))[:2]
            job["ends"] += cost
        return job

    def end(self, job: dict) -> None:
        self.running.remove(job)
        if job["fitness"] is None:
            job["fitness"] = self.cache.get(job["key"])
        if job["fitness"] is None:
            self.parked.append(job)
            return
        self.tell(job)
        self.cache.setdefault(job["key"], job["fitness"])
        for other in [other for other in self.parked if other["key"] == job["key"]]:
            self.parked.remove(other)
            other["fitness"] = job["fitness"]
            self.tell(other)

    def tell(self, job: dict) -> None:
        self.told.append((self.now, job["child"], job["fitness"]))
        self.search.tell(Individual(job["child"], fitness=job["fitness"]))


@settings(max_examples=30)
@given(
    seed=SEEDS, workers=st.integers(1, 8), mode=st.sampled_from(["none", "fec", "wait"]), candidates=st.integers(1, 60)
)
def test_simulated_workers_against_a_simulation_by_ticks(toy, seed, workers, mode, candidates) -> None:
    search = [RegularizedEvolution(population_size=4, tournament_size=2) for _ in range(2)]
    by_hand = Ticks(toy.Digits(base=2), search[0], seed, mode).run(workers, candidates)
    clock = toy.Clock()
    run = toy.run(
        toy.Digits(base=2),
        "none" if mode == "none" else "fec",
        search=search[1],
        seed=seed,
        workers=workers,
        candidates=candidates,
        options={"wait_for_duplicates": mode == "wait"},
        observe=clock,
    )
    told = [(individual.candidate, individual.fitness) for individual in run.record.told]
    assert told == [(child, fitness) for _, child, fitness in by_hand]
    assert clock.times == [workers * time for time, _, _ in by_hand]
    assert run.result.cost == run.result.duration == clock.times[-1]


def test_duplicates_in_flight_are_all_paid_for(toy) -> None:
    """Four workers start on the same behaviour before the first of them is done."""
    setup = toy.Ladder(costs=[4.0])
    clock = toy.Clock()
    result = toy.run(setup, "fec", search=RandomSearch(), workers=4, candidates=10, observe=clock).result
    assert len(setup.evaluated) == result.evaluations == 4
    assert (result.cache_hits, result.repeats, result.waits) == (6, 3, 0)
    assert clock.times == [17.0] * 4 + [18.0] * 4 + [19.0] * 2  # 4 x 4.25, then a key each
    assert result.cost == 19.0


def test_all_that_is_in_flight_is_noted(toy) -> None:
    """Of evaluations of one behaviour that end at different times, all but the first are repeats."""
    run = toy.run(
        toy.Ladder(costs=[4.0, 8.0]),
        "fea",
        search=RandomSearch(),
        workers=4,
        candidates=12,
        options={"max_evaluations": 50},
    )
    assert (run.result.evaluations, run.result.repeats) == (12, 11)


def test_duplicates_in_flight_may_wait(toy) -> None:
    setup = toy.Ladder(costs=[4.0])
    clock = toy.Clock()
    options = {"wait_for_duplicates": True}
    result = toy.run(
        setup, "fec", search=RandomSearch(), workers=4, candidates=10, observe=clock, options=options
    ).result
    assert len(setup.evaluated) == result.evaluations == 1
    assert (result.cache_hits, result.repeats, result.waits) == (9, 0, 9)
    assert clock.times == [17.0] * 10  # all of them have long been hashed when the evaluation is over


@settings(max_examples=20)
@given(seed=SEEDS, workers=st.integers(1, 8), wait=st.booleans(), candidates=st.integers(1, 100))
def test_only_what_is_in_flight_is_evaluated_twice(toy, seed: int, workers: int, wait: bool, candidates: int) -> None:
    setup = toy.Digits(base=2)
    run = toy.run(
        setup, "fec", seed=seed, workers=workers, candidates=candidates, options={"wait_for_duplicates": wait}
    )
    result, finished = run.result, {candidate[:3] for candidate in run.sequence}
    assert result.evaluations == len(finished) + result.repeats
    assert result.candidates == result.evaluations + result.cache_hits
    assert not (result.repeats if wait else result.waits)
    if workers == 1:
        assert result.repeats == result.waits == 0


@settings(max_examples=15)
@given(seed=SEEDS, workers=st.integers(1, 6), wait=st.booleans())
def test_a_partial_hit_is_an_evaluation(toy, seed: int, workers: int, wait: bool) -> None:
    run = toy.run(
        toy.Digits(base=2), "fea", seed=seed, workers=workers, candidates=80, options={"wait_for_duplicates": wait}
    )
    result = run.result
    assert result.candidates == result.evaluations + result.cache_hits
    misses = result.evaluations - result.partial_hits
    if wait or workers == 1:
        assert misses == len({candidate[:3] for candidate in run.sequence})
    else:
        assert misses <= len({candidate[:3] for candidate in run.sequence}) + result.repeats


def test_only_what_finished_counts_as_a_partial_hit(toy) -> None:
    # Four misses end at 4.25; four partial hits begin then, but the budget ends before them.
    run = toy.run(
        toy.Ladder(costs=[4.0]), "fea", search=RandomSearch(), workers=4, cost=18.0, options={"max_evaluations": 50}
    )
    result = run.result
    assert (result.candidates, result.evaluations, result.cache_hits) == (4, 4, 0)
    assert result.partial_hits == 0
