"""THE loop: propose, hash, look up or evaluate, tell, record. Every setup, method and machine goes through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.hurdle import RollingHurdle, StagedFitness, check_hurdle, hurdle_again
from ufh_cli.core.per_task import PerTaskCache, TaskFitness, check_per_task
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.setup import Setup
from ufh_cli.core.techniques import Technique
from ufh_cli.core.timecourse import Improvement, area_under_curve
from ufh_cli.core.workers import Job, SimulatedWorkers, Workers

_STALLED = 100_000  # candidates in a row at no cost: all that the search reaches is in the cache
KeyFunction = Callable[[Any], Hashable]


@dataclass(frozen=True)
class Streams:
    """The independent random streams of one trial, all from ``SeedSequence([seed, trial])``.

    Hashing has none: its seeds are fixed inside the setup.
    """

    search: Rng
    evaluation: Rng
    cache: Rng
    reevaluation: Rng

    @classmethod
    def of(cls, seed: int, trial: int) -> Streams:
        return cls(*(Rng.from_seed(child) for child in np.random.SeedSequence([seed, trial]).spawn(4)))


@dataclass(frozen=True)
class Budget:
    """When a trial ends: at the first of these.

    Attributes
    ----------
    cost : float
        In the setup's unit, hashing included. What would finish later does not count.
    candidates : int or None
        Method 1's N.
    target_fitness : float or None
        A best fitness that is good enough.
    """

    cost: float = math.inf
    candidates: int | None = None
    target_fitness: float | None = None

    def __post_init__(self) -> None:
        if not self.cost > 0:
            raise ValueError(f"the budget's cost must be above 0, got {self.cost}")
        if self.candidates is not None and self.candidates < 1:
            raise ValueError(f"the budget's candidates must be at least 1, got {self.candidates}")
        if math.isinf(self.cost) and self.candidates is None:
            raise ValueError("a budget needs a cost or a number of candidates")


@dataclass
class TrialResult:
    """What a trial leaves behind.

    Attributes
    ----------
    curve : list of Improvement
        f(t): a row each time the best changed.
    best : Individual or None
        The fittest individual; the first of equals.
    candidates, evaluations : int
        Proposed and finished within the budget; of those, evaluated.
    cache_hits, partial_hits, collisions, comparisons : int
        Full and partial hits of the cache (partial: FEA wants a further evaluation, or some tasks of several are
        known); in counterfactual mode, wrong hits and hits compared.
    repeats, waits : int
        In a distributed search, evaluations of a key that was being evaluated already, and full hits that waited for
        such an evaluation instead.
    warm_hits : int
        Of the full hits, those that evaluations of an earlier experiment answered.
    lost : int
        Of the evaluations, those that could not be finished; their candidates have the lowest fitness.
    stopped : int
        Of the evaluations, those that a hurdle stopped.
    cost : float
        Spent when the trial ended, in the setup's unit.
    duration : float
        T of the AUC: the budget's cost, or the cost spent where the budget has none.
    stopped_by : str
        ``"budget"``, ``"candidates"``, ``"target"``, or ``"stalled"`` when for very long nothing had any cost.
    """

    curve: list[Improvement] = field(default_factory=list)
    best: Individual | None = None
    reevaluated_fitness: float = math.nan
    candidates: int = 0
    evaluations: int = 0
    cache_hits: int = 0
    partial_hits: int = 0
    collisions: int = 0
    comparisons: int = 0
    repeats: int = 0
    waits: int = 0
    warm_hits: int = 0
    lost: int = 0
    stopped: int = 0
    cost: float = 0.0
    duration: float = 0.0
    stopped_by: str = ""

    @property
    def auc(self) -> float:
        return area_under_curve([p.cost for p in self.curve], [p.best_fitness for p in self.curve], self.duration)

    @property
    def hit_fraction(self) -> float:
        return self.cache_hits / self.candidates if self.candidates else math.nan


class Trial:
    """One search, from an empty population and an empty cache to its budget's end.

    Parameters
    ----------
    setup, search, technique
        What is searched, how, and with which wrappers. `search` and `technique` belong to this trial alone.
    key : callable
        candidate -> key; see `functional_keys`, `per_task.task_keys` and `Setup.structural_key`.
    key_cost : float
        The cost of one key.
    streams : Streams
        Where all randomness comes from.
    budget : Budget
        When to stop.
    workers : Workers or None
        Who evaluates; None is one simulated worker, the serial search.
    hurdle : RollingHurdle or None
        What the first stage of an evaluation must reach; belongs to this trial alone. A candidate that is stopped there
        takes part in the search with the fitness of its first stage, but is never the best: that is another measure.
    follow_test : bool
        Re-evaluate on unseen data at each improvement, not only at the end.
    tolerance : float
        In counterfactual mode, how far apart two fitnesses may be without being a collision (§6.5).
    observe : callable or None
        Called with the trial after each finished candidate.
    """

    def __init__(
        self,
        setup: Setup,
        search: SearchMethod,
        technique: Technique,
        *,
        key: KeyFunction,
        key_cost: float,
        streams: Streams,
        budget: Budget,
        workers: Workers | None = None,
        hurdle: RollingHurdle | None = None,
        follow_test: bool = False,
        tolerance: float = 0.0,
        observe: Callable[[Trial], None] | None = None,
    ) -> None:
        if hurdle is not None:
            check_hurdle(setup, technique)
        if isinstance(technique.cache, PerTaskCache):
            check_per_task(setup)
        self.setup = setup
        self.search = search
        self.technique = technique
        self.key = key
        self.key_cost = key_cost
        self.streams = streams
        self.budget = budget
        self.workers = workers or SimulatedWorkers(setup)
        self.hurdle = hurdle
        self.follow_test = follow_test
        self.tolerance = tolerance
        self.observe = observe
        self.proposed = 0
        self.best_fitness = -math.inf
        self._next_seed = streams.evaluation.word
        self._in_flight: dict[Hashable, int] = {}  # key -> evaluations of it that are out
        self._waiting: dict[Hashable, list[Job]] = {}
        self.result = TrialResult()
        search.start(setup)

    def run(self) -> TrialResult:
        """Run to the end of the budget."""
        workers, budget, result = self.workers, self.budget, self.result
        limit = math.inf if budget.candidates is None else budget.candidates
        target = budget.target_fitness
        submit, start, wait, finish = workers.submit, self._start, workers.next, self._finish
        if self.hurdle is not None:  # apart, so that other searches need not ask
            start, finish = self._start_at_hurdle, self._finish_at_hurdle
        elif isinstance(self.technique.cache, PerTaskCache):
            start, finish = self._start_per_task, self._finish_per_task
        # Keys that have a cost make every candidate cost something.
        may_stall = not (self.key_cost and (self.technique.filters or self.technique.cache is not None))
        result.stopped_by = "candidates"
        before, free = 0.0, 0
        while True:
            while workers.idle and self.proposed < limit and workers.clock < budget.cost:
                submit(start())
            if not workers.busy:
                break
            job = wait()
            if workers.clock > budget.cost:
                result.stopped_by = "budget"
                break
            if job.waits and job.cached is None:
                job.arrived = True
                continue
            finish(job)
            if may_stall:
                free = free + 1 if workers.clock == before else 0
                before = workers.clock
                if free >= _STALLED and budget.candidates is None:
                    result.stopped_by = "stalled"
                    break
            if target is not None and self.best_fitness >= target:
                result.stopped_by = "target"
                break
        if workers.clock >= budget.cost:
            result.stopped_by = "budget"
        result.cost = min(workers.clock, budget.cost)
        result.duration = result.cost if math.isinf(budget.cost) else budget.cost
        if result.best is not None:
            result.reevaluated_fitness = self._test_fitness(result.best)
        return result

    def _start(self) -> Job:
        """Propose a candidate and look it up (the upper half of Methods 5 to 9)."""
        technique = self.technique
        individual, hashes = self._propose()
        number = self.proposed
        self.proposed += 1
        seed = self._next_seed()  # one a candidate, hit or miss: the same under every technique
        cache = technique.cache
        if cache is None:
            return Job(individual, number, seed, hashes * self.key_cost, None, True)
        if individual.key is None:
            individual.key = self.key(individual.candidate)
            hashes += 1
        partial_hits = cache.partial_hits
        cached = cache.lookup(individual.key)
        job = Job(individual, number, seed, hashes * self.key_cost, cached, cached is None or technique.counterfactual)
        if cached is None:
            job.partial = cache.partial_hits > partial_hits
            self._note_in_flight(job)
        return job

    def _note_in_flight(self, job: Job) -> None:
        """A candidate that the cache does not answer for: is another with its key being evaluated just now?"""
        key = job.key
        others = self._in_flight.get(key, 0)
        if others and self.technique.wait_for_duplicates:
            job.waits, job.evaluate = True, False
            self._waiting.setdefault(key, []).append(job)
        else:
            job.repeats = others > 0
            self._in_flight[key] = others + 1

    def _propose(self) -> tuple[Individual, int]:
        """The next candidate, and how many keys were computed on the way to it."""
        rng, setup, search = self.streams.search, self.setup, self.search
        parent = search.ask(rng)
        if parent is None:
            child = Individual(setup.random_candidate(rng))
        elif parent.is_next:
            child, parent = parent, None
        else:
            child = Individual(setup.mutate(parent.candidate, rng))
        filters = self.technique.filters
        if not filters:
            return child, 0
        child.key = self.key(child.candidate)
        hashes = 1
        if parent is not None:
            for _ in range(self.technique.max_tries):
                if not any(f.rejects(child.key, parent.key) for f in filters):
                    break
                origin = child if self.technique.accumulate else parent
                child = Individual(setup.mutate(origin.candidate, rng))
                child.key = self.key(child.candidate)
                hashes += 1
        for f in filters:
            f.admit(child.key)
        return child, hashes

    def _finish(self, job: Job) -> None:
        """Take in a finished candidate (the lower half of Methods 5 to 9)."""
        individual, cache, result = job.individual, self.technique.cache, self.result
        result.candidates += 1
        if job.evaluate:
            result.evaluations += 1
            fitness = job.fitness if job.fitness == job.fitness else -math.inf
            if job.lost:
                result.lost += 1
        if job.cached is not None:
            result.cache_hits += 1
            if job.evaluate and not job.lost:
                result.comparisons += 1
                # Written so that two equal infinities agree.
                result.collisions += not (fitness == job.cached or abs(fitness - job.cached) <= self.tolerance)
            fitness = job.cached
            if job.waits:
                result.waits += 1
            if cache is not None and cache.warm_keys:
                result.warm_hits += cache.is_warm(individual.key)
        elif cache is not None and not job.lost:  # what was not measured is not remembered
            fitness = cache.store(individual.key, fitness)
            result.partial_hits += job.partial
            result.repeats += job.repeats
        individual.fitness = fitness
        self.search.tell(individual)
        if fitness > self.best_fitness or result.best is None:
            self._improve(individual)
        if self.observe is not None:
            self.observe(self)
        if cache is not None and job.cached is None:
            self._release(job)

    def _start_at_hurdle(self) -> Job:
        """`_start`, where there is a hurdle."""
        assert self.hurdle is not None
        job = self._start()
        job.hurdle = self.hurdle.threshold if job.cached is None else hurdle_again(job.cached)
        return job

    def _finish_at_hurdle(self, job: Job) -> None:
        """`_finish`, where there is a hurdle: it rolls on."""
        assert self.hurdle is not None
        if job.early is not None and job.hurdle is not None:
            job.fitness = found = StagedFitness.of(job.fitness, job.early, job.hurdle)
            self.result.stopped += found.stopped
        self._finish(job)
        fitness = job.individual.fitness
        if isinstance(fitness, StagedFitness):  # else lost, or known from an earlier search
            self.hurdle.observe(fitness.early)

    def _start_per_task(self) -> Job:
        """`_start`, where tasks are cached apart: those that are known need not be evaluated."""
        assert isinstance(self.technique.cache, PerTaskCache)
        job = self._start()
        if job.cached is None:
            job.known = self.technique.cache.known
        return job

    def _finish_per_task(self, job: Job) -> None:
        """`_finish`, where tasks are cached apart."""
        if job.tasks is not None:
            job.fitness = TaskFitness.of(job.fitness, job.tasks)
        self._finish(job)

    def _release(self, job: Job) -> None:
        """An evaluation is over: those that waited for it have its fitness, or, if it was lost, the first is tried."""
        key = job.key
        waiting = self._waiting.pop(key, [])
        if waiting and job.lost:
            first, *self._waiting[key] = waiting
            first.waits, first.evaluate = False, True
            self.workers.submit(first)
            return
        self._in_flight[key] -= 1
        if not self._in_flight[key]:
            del self._in_flight[key]
        for other in waiting:
            other.cached = job.individual.fitness
            if other.arrived:
                (self._finish if self.hurdle is None else self._finish_at_hurdle)(other)

    def _improve(self, individual: Individual) -> None:
        if isinstance(individual.fitness, StagedFitness) and individual.fitness.stopped:
            return  # fitter in another measure
        result = self.result
        self.best_fitness = individual.fitness
        result.best = individual
        test = self._test_fitness(individual) if self.follow_test else math.nan
        result.curve.append(
            Improvement(self.workers.clock, result.candidates, result.evaluations, individual.fitness, test)
        )

    def _test_fitness(self, individual: Individual) -> float:
        return float(self.setup.reevaluate(individual.candidate, self.streams.reevaluation))


def functional_keys(setup: Setup, functional_hash: FunctionalHash) -> KeyFunction:
    """candidate -> the key of its hashable outputs (Method 3).

    Where a setup says that its structural keys are few and cheap, the functional key is computed once for each of them.
    """
    outputs = setup.hashable_outputs
    if not setup.few_structures:
        return lambda candidate: functional_hash(outputs(candidate))
    structure = setup.structural_key
    known: dict[Hashable, int] = {}

    def key(candidate: Any) -> int:
        place = structure(candidate)
        found = known.get(place)
        if found is None:
            found = known[place] = functional_hash(outputs(candidate))
        return found

    return key


def run_trial(setup: Setup, search: SearchMethod, technique: Technique, **options: Any) -> TrialResult:
    """Run one trial; the options are those of `Trial`."""
    return Trial(setup, search, technique, **options).run()
