"""Who evaluates: the seam between the trial's loop and the machine. These are simulated, serial search included."""

from __future__ import annotations

import heapq
import inspect
import math
import textwrap
import traceback
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Protocol, Self

import numpy as np

from ufh_cli.core.hurdle import evaluate_to_hurdle
from ufh_cli.core.per_task import evaluate_unknown
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.setup import Evaluation, Setup, TaskValues


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
    cached : Evaluation or None
        What the cache answered with.
    evaluate : bool
        Whether it is to be evaluated.
    hurdle : float or None
        What its first stage must reach to be evaluated to the end, where there is a hurdle.
    known : tuple of float or None
        Where tasks are cached apart: the fitnesses that the cache answered with.
    evaluation : Evaluation or None
        What was found, once it is.
    keys : int
        How many keys were computed for it, and at least 1.
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
    keys = 1
    partial = False
    repeats = False
    waits = False
    arrived = False
    lost = False
    hurdle: float | None = None
    known: TaskValues | None = None
    evaluation: Evaluation | None = None

    def __init__(
        self,
        individual: Individual,
        number: int,
        seed: int,
        cost: float,
        cached: Evaluation | None,
        evaluate: bool,
    ) -> None:
        self.individual = individual
        self.number = number
        self.seed = seed
        self.cost = cost
        self.cached = cached
        self.evaluate = evaluate

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
    return evaluate_as_asked(setup, job.individual.candidate, Rng.from_word(job.seed), job.hurdle, job.known)


class WrongCost(ValueError):
    """What a setup says that an evaluation cost, or found, cannot be reckoned with."""


class SetupFailed(RuntimeError):
    """What the setup's own code raised, with what it was to do; the error itself is the cause."""

    @classmethod
    def of(cls, doing: str, error: Exception) -> Self:
        """Of the `error` that `doing` something raised."""
        what = textwrap.shorten(f"{type(error).__name__}: {error}", 200, placeholder=" …")
        failed = cls(f"{doing} raised {what}")
        # A cause does not survive the way from another process, a note does.
        failed.add_note("".join(traceback.format_exception(error)))
        return failed


class EvaluationFailed(SetupFailed):
    """It was to evaluate a candidate."""


def evaluate_as_asked(
    setup: Setup, candidate: Any, rng: Rng, hurdle: float | None = None, known: TaskValues | None = None
) -> Evaluation:
    """Evaluate all of `candidate`, or only its first stage if that misses the `hurdle`, or the tasks not `known`.

    Raises
    ------
    WrongCost
        See `checked`.
    EvaluationFailed
        When the setup raises; but a lack of memory is told as it is.
    """
    try:
        if hurdle is not None:
            evaluation = evaluate_to_hurdle(setup, candidate, rng, hurdle)
        elif known is not None:
            evaluation = evaluate_unknown(setup, candidate, rng, known)
        else:
            evaluation = setup.evaluate(candidate, rng)
        return checked(setup, candidate, evaluation)
    except (MemoryError, WrongCost):
        raise
    except Exception as error:  # of every kind: it is the code of whoever wrote the setup
        raise EvaluationFailed.of(f"the evaluation of {_whose(setup, candidate)!r}", error) from error


def reevaluate_as_asked(setup: Setup, candidate: Any, rng: Rng) -> float:
    """The fitness of `candidate` on unseen data; `WrongCost` when it is no number, `SetupFailed` as above."""
    try:
        found = setup.reevaluate(candidate, rng)
    except MemoryError:
        raise
    except Exception as error:  # of every kind: it is the code of whoever wrote the setup
        raise SetupFailed.of(f"the re-evaluation of {_whose(setup, candidate)!r}", error) from error
    return real_number(setup, candidate, "what reevaluate returns", found)


def objectives_as_asked(setup: Setup, candidate: Any, evaluation: Evaluation) -> tuple[float, ...]:
    """All objectives of `candidate`; `WrongCost` when they are not as many as the setup names, `SetupFailed` as above.

    Only of a setup that has several.
    """
    try:
        found = setup.objectives_of(candidate, evaluation)
    except Exception as error:  # of every kind: it is the code of whoever wrote the setup
        raise SetupFailed.of(f"objectives_of of {_whose(setup, candidate)!r}", error) from error
    names = () if setup.objectives is None else setup.objectives.names
    if not isinstance(found, tuple) or len(found) != len(names):
        wanted = f"objectives_of must return a tuple of {len(names)} numbers, {', '.join(names)}"
        raise WrongCost(f"{wanted}, but that of {_whose(setup, candidate)!r} is {found!r}")
    return found


def _whose(setup: Setup, candidate: Any) -> str:
    try:
        text = setup.describe(candidate)
    except Exception:  # there is something worse to tell
        text = repr(candidate)
    text = textwrap.shorten(text, 200, placeholder=" …")
    return text[:200] + " …" * (len(text) > 202)


def checked(setup: Setup, candidate: Any, evaluation: Evaluation) -> Evaluation:
    """The evaluation of `candidate` as it is, minus infinity being the fitness where that is NaN.

    Raises
    ------
    WrongCost
        When it is no `Evaluation`, its cost no finite number of at least 0, or its fitness no real number: all that
        comes after it would be wrong.
    """
    if not isinstance(evaluation, Evaluation):
        if inspect.iscoroutine(evaluation):
            evaluation.close()  # else Python complains as well
        what = f"that of {_whose(setup, candidate)!r} is of type {type(evaluation).__name__}"
        raise WrongCost(f"evaluate must return ufh.Evaluation(fitness, cost), but {what}")
    fitness, cost = evaluation[0], evaluation[1]
    if type(fitness) is type(cost) is float and fitness == fitness and 0.0 <= cost < math.inf:
        return evaluation
    # Setups that compute with numpy give its own kind of scalar.
    what = ("an evaluation's fitness", "an evaluation's cost")
    fitness, cost = (real_number(setup, candidate, *item) for item in zip(what, (fitness, cost), strict=True))
    if not 0.0 <= cost < math.inf:
        whose = _whose(setup, candidate)
        raise WrongCost(f"an evaluation's cost must be a finite number of at least 0, but that of {whose!r} is {cost}")
    return evaluation._replace(fitness=fitness if fitness == fitness else -math.inf, cost=cost)


def real_number(setup: Setup, candidate: Any, what: str, value: Any) -> float:
    """`value` as a float, where it is one real number of any kind."""
    kind = type(value)
    try:
        if not isinstance(value, str | bytes) and not np.iscomplexobj(value):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    whose = _whose(setup, candidate)
    raise WrongCost(f"{what} must be a number, but that of {whose!r} is of type {kind.__name__}")


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
            job.evaluation = evaluation = self._evaluate(job)
            job.cost += evaluation[1]
        if self.count == 1:  # the serial search needs no queue
            self._only = job
            self.idle, self.busy = 0, 1
        else:
            self.idle -= 1
            self.busy += 1
            heapq.heappush(self._events, (self._now + job.cost, job.number, job))

    def next(self) -> Job:
        if self.count == 1:
            self.idle, self.busy = 1, 0
            job = self._only
            self.clock += job.cost
            return job
        self.idle += 1
        self.busy -= 1
        self._now, _, job = heapq.heappop(self._events)
        self.clock = self.count * self._now
        return job
