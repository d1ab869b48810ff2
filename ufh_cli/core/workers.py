"""Who evaluates: the seam between the trial's loop and the machine. These are simulated, serial search included."""

from __future__ import annotations

import heapq
import math
import textwrap
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple, Protocol

from ufh_cli.core.hurdle import evaluate_to_hurdle
from ufh_cli.core.per_task import TaskValues, evaluate_unknown
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.setup import Evaluation, Setup


class Job:
    """One candidate between being proposed and being told.

    Attributes
    ----------
    individual : Individual
        The candidate.
    number : int
        It was the number-th proposed in its trial, from 0.
    seed : int
        The word that seeds its evaluation.
    cost : float
        What it has cost so far: the hashes, and its evaluation once that is done.
    cached : float or None
        The fitness that the cache answered with.
    evaluate : bool
        Whether it is to be evaluated.
    hurdle : float or None
        What its first stage must reach to be evaluated to the end, where there is a hurdle.
    fitness : float
        The evaluation's outcome.
    early : float or None
        The fitness after the first stage, where there is a hurdle.
    known, tasks : tuple of float or None
        Where tasks are cached apart: the fitnesses that the cache answered with, and those of the evaluation.
    partial : bool
        The cache knows its key and wants a further evaluation (FEA).
    repeats : bool
        It evaluates a key that was being evaluated already: the waste of a distributed search.
    waits : bool
        It waits for another job with its key instead; `cached` is then filled in when that one is finished. If that one
        is lost, it waits no longer and is submitted again, to be evaluated.
    arrived : bool
        It waits, and has come back from its worker.
    lost : bool
        It could not be evaluated: its worker died each time, or it took too long. Its fitness is the lowest.
    """

    # What is seldom otherwise is not set on each job.
    partial = False
    repeats = False
    waits = False
    arrived = False
    lost = False
    hurdle: float | None = None
    early: float | None = None
    known: TaskValues | None = None
    tasks: TaskValues | None = None

    def __init__(
        self,
        individual: Individual,
        number: int,
        seed: int,
        cost: float,
        cached: float | None,
        evaluate: bool,
    ) -> None:
        self.individual = individual
        self.number = number
        self.seed = seed
        self.cost = cost
        self.cached = cached
        self.evaluate = evaluate
        self.fitness = -math.inf

    @property
    def key(self) -> Hashable | None:
        return self.individual.key


class Workers(Protocol):
    """Evaluates jobs and hands them back in order of completion."""

    clock: float  # the cost spent so far, over all workers

    @property
    def idle(self) -> int:
        """How many jobs could be taken at once."""

    @property
    def busy(self) -> int:
        """How many jobs are out."""

    def submit(self, job: Job) -> None:
        """Start a job."""

    def next(self) -> Job:
        """Wait for a job to be finished; `clock` is then the cost up to that moment."""


def evaluate_job(setup: Setup, job: Job) -> Evaluation:
    """The job's evaluation, in this process."""
    candidate, rng = job.individual.candidate, Rng.from_word(job.seed)
    if job.hurdle is None and job.known is None:
        return with_right_cost(setup, candidate, setup.evaluate(candidate, rng))
    fitness, cost, job.early, job.tasks = evaluate_as_asked(setup, candidate, rng, job.hurdle, job.known)
    return Evaluation(fitness, cost)


class Found(NamedTuple):
    """An evaluation, with its first stage or its tasks where these were asked for."""

    fitness: float
    cost: float
    early: float | None = None
    tasks: TaskValues | None = None


class WrongCost(ValueError):
    """What a setup says that an evaluation cost cannot be added to a clock."""


def evaluate_as_asked(
    setup: Setup, candidate: Any, rng: Rng, hurdle: float | None = None, known: TaskValues | None = None
) -> Found:
    """Evaluate all of `candidate`, or only its first stage if that misses the `hurdle`, or the tasks not `known`.

    Raises
    ------
    WrongCost
        See `with_right_cost`.
    """
    early = tasks = None
    if hurdle is not None:
        evaluation, early = evaluate_to_hurdle(setup, candidate, rng, hurdle)
    elif known is not None:
        evaluation, tasks = evaluate_unknown(setup, candidate, rng, known)
    else:
        evaluation = setup.evaluate(candidate, rng)
    fitness, cost = with_right_cost(setup, candidate, evaluation)
    return Found(fitness, cost, early, tasks)


def with_right_cost(setup: Setup, candidate: Any, evaluation: Evaluation) -> Evaluation:
    """The evaluation of `candidate` as it is.

    Raises
    ------
    WrongCost
        When its cost is no finite number of at least 0: all that comes after it would be wrong.
    """
    _, cost = evaluation
    if not 0.0 <= cost < math.inf:
        whose = textwrap.shorten(setup.describe(candidate), 200, placeholder=" …")
        raise WrongCost(f"an evaluation's cost must be a finite number of at least 0, but that of {whose!r} is {cost}")
    return evaluation


class SimulatedWorkers:
    """k workers on simulated cost: an event queue (§6.2.1). One of them is the serial search.

    The clock is the cost spent by all workers together, k times the simulated time that has passed, so that searches
    with different numbers of workers compare at equal compute.

    Parameters
    ----------
    setup : Setup
        Evaluates, here and now.
    count : int
        k.
    evaluate : callable or None
        Job -> Evaluation, in place of the setup's own; for instance from a journal.
    """

    def __init__(self, setup: Setup, count: int = 1, evaluate: Callable[[Job], Evaluation] | None = None) -> None:
        if count < 1:
            raise ValueError(f"workers must be at least 1, got {count}")
        self._evaluate = evaluate or partial(evaluate_job, setup)
        self.count = count
        self.clock = 0.0
        self.idle = count
        self.busy = 0
        self._now = 0.0
        self._events: list[tuple[float, int, Job]] = []

    def submit(self, job: Job) -> None:
        if job.evaluate:
            fitness, cost = self._evaluate(job)
            job.fitness = float(fitness)  # setups that compute with numpy give its own kind of scalar
            job.cost += float(cost)
        self.idle -= 1
        self.busy += 1
        heapq.heappush(self._events, (self._now + job.cost, job.number, job))

    def next(self) -> Job:
        self.idle += 1
        self.busy -= 1
        self._now, _, job = heapq.heappop(self._events)
        self.clock = self.count * self._now
        return job
