"""Simulated workers (§6.2.1): who is finished when, and what the clock says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.workers import Job, SimulatedWorkers

QUARTERS = st.integers(0, 12).map(lambda n: n / 4)


def job(number: int, cost: float = 0.0, *, evaluate: bool = True) -> Job:
    return Job(Individual(number), number, seed=number, cost=cost, cached=None, evaluate=evaluate)


@given(costs=st.lists(st.tuples(QUARTERS, QUARTERS), min_size=1, max_size=25), count=st.integers(1, 5))
def test_jobs_come_back_in_order_of_completion(toy, costs: list[tuple[float, float]], count: int) -> None:
    workers = SimulatedWorkers(toy.Ladder(costs=[evaluation for _, evaluation in costs]), count)
    ends: dict[int, float] = {}  # the jobs that are out
    now, submitted, finished = 0.0, 0, 0
    while finished < len(costs):
        while submitted < len(costs) and len(ends) < count:
            assert workers.idle == count - len(ends) > 0
            workers.submit(job(submitted, costs[submitted][0]))
            ends[submitted] = now + sum(costs[submitted])
            submitted += 1
        assert (workers.busy, workers.idle) == (len(ends), count - len(ends))
        first = min(ends, key=lambda number: (ends[number], number))
        done = workers.next()
        assert done.number == first
        assert done.cost == sum(costs[first])
        now = ends.pop(first)
        assert workers.clock == count * now
        finished += 1
    assert workers.busy == 0


def test_one_worker_adds_up_costs(toy) -> None:
    workers = SimulatedWorkers(toy.Ladder(costs=[3.0, 1.0, 2.0]))
    clocks = []
    for number in range(3):
        workers.submit(job(number, 0.25))
        workers.next()
        clocks.append(workers.clock)
    assert clocks == [3.25, 4.5, 6.75]


def test_what_needs_no_evaluation_costs_its_key_only(toy) -> None:
    setup = toy.Ladder(costs=[100.0])
    workers = SimulatedWorkers(setup, 2)
    workers.submit(job(0, 0.25))
    workers.submit(job(1, 0.25, evaluate=False))
    assert workers.next().number == 1
    assert workers.clock == 0.5  # two workers for a quarter each
    assert len(setup.evaluated) == 1


def test_an_evaluation_draws_from_its_jobs_own_stream(toy) -> None:
    setup = toy.Digits()
    workers = SimulatedWorkers(setup)
    for seed in (5, 6, 5):
        workers.submit(Job(Individual((0, 0, 0, 0, 0)), seed, seed=seed, cost=0.0, cached=None, evaluate=True))
        workers.next()
    assert setup.words == [Rng.from_word(seed).word() for seed in (5, 6, 5)]


@pytest.mark.parametrize("count", [0, -1])
def test_no_worker_is_refused(toy, count: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be at least 1, got {count}"):
        SimulatedWorkers(toy.Ladder(), count)
