"""THE loop: propose, hash, look up or evaluate, tell, record. Every setup, method and machine goes through it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable
from typing import Any

from ufh_cli.core.budget import Budget
from ufh_cli.core.front import Archive
from ufh_cli.core.guided.outputs import Outputs
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.hurdle import RollingHurdle, check_hurdle, hurdle_again
from ufh_cli.core.per_task import PerTaskCache, check_per_task
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.streams import Streams
from ufh_cli.core.techniques import Technique
from ufh_cli.core.timecourse import Improvement
from ufh_cli.core.trial_result import TrialResult
from ufh_cli.core.workers import (
    Job,
    SetupFailed,
    SimulatedWorkers,
    Workers,
    objectives_as_asked,
    reevaluate_as_asked,
)

_STALLED = 10_000  # keys in a row at no cost: all that the search reaches is in the cache
KeyFunction = Callable[[Any], Hashable]

__all__ = ["Budget", "KeyFunction", "Streams", "Trial", "TrialResult", "functional_keys", "run_trial"]


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
    tolerance, relative_tolerance : float
        In counterfactual mode, how far apart two fitnesses may be without being a collision (§6.5): whichever is more.
    observe : callable or None
        Called with the trial after each finished candidate.
    outputs : callable or None
        candidate -> its hashable outputs, where guided search is to have those that a key was computed from.
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
        relative_tolerance: float = 0.0,
        observe: Callable[[Trial], None] | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        if hurdle is not None:
            check_hurdle(setup, technique)
        if isinstance(technique.cache, PerTaskCache):
            check_per_task(setup)
        budget.check(setup.objectives)
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
        self.relative_tolerance = relative_tolerance
        self.observe = observe
        self.proposed = 0
        self.best_fitness = -math.inf
        self.attained = False  # the budget's target
        self._next_seed = streams.evaluation.word
        self._in_flight: dict[Hashable, int] = {}  # key -> evaluations of it that are out
        self._waiting: dict[Hashable, list[Job]] = {}
        self.result = TrialResult()
        self.guide = None
        if technique.guidance is not None:
            from ufh_cli.core.guided.guide import make_guide  # compiled code that other searches need not load

            self.guide = make_guide(setup, technique, outputs or setup.hashable_outputs, streams.guidance)
            self.result.guidance = self.guide.tally
        self._choosy = bool(technique.filters) or (self.guide is not None and self.guide.judges)
        if search.needs_keys and technique.cache is None and not self._choosy:
            raise ValueError("search.unique_keys needs a technique that computes keys, such as fec")
        self.archive: Archive[Individual] | None = None
        if setup.objectives is not None:
            self.archive = Archive(setup.objectives.reference)
        search.start(setup)

    def run(self) -> TrialResult:
        """Run to the end of the budget."""
        workers, result, most = self.workers, self.result, self.budget.cost
        candidates = self.budget.candidates
        limit = math.inf if candidates is None else candidates
        submit, start, wait, finish = workers.submit, self._start, workers.next, self._finish
        # Keys that have a cost make every candidate cost something.
        may_stall = candidates is None and not (
            self.key_cost and (self.technique.filters or self.technique.cache is not None)
        )
        result.stopped_by = "candidates"
        before, free = 0.0, 0
        while True:
            while workers.idle and self.proposed < limit and workers.clock < most:
                try:
                    job = start()
                except MemoryError:
                    raise
                except Exception as error:  # of every kind: a setup's code drew it, mutated it or made its key
                    raise SetupFailed.of(f"proposing candidate {self.proposed} or making its key", error) from error
                submit(job)
            if not workers.busy:
                break
            job = wait()
            if workers.clock > most:
                result.stopped_by = "budget"
                break
            if job.waits and job.cached is None:
                job.arrived = True
                continue
            finish(job)
            if may_stall:
                free = free + job.keys if workers.clock == before else 0
                before = workers.clock
                if free >= _STALLED:
                    result.stopped_by = "stalled"
                    break
            if self.attained:
                result.stopped_by = "target"
                break
        if workers.clock >= most:
            result.stopped_by = "budget"
        result.cost = min(workers.clock, most)
        result.duration = result.cost if math.isinf(most) else most
        if self.archive is not None:
            result.front = [individual for _, individual in self.archive]
        elif result.best is not None:
            result.reevaluated_fitness = self._test_fitness(result.best)
        return result

    def _start(self) -> Job:
        """Propose a candidate and look it up (the upper half of Methods 5 to 9)."""
        individual, parent = self._propose()
        hashes = 0
        if self._choosy:
            individual, hashes = self._choose(individual, parent)
        number = self.proposed
        self.proposed = number + 1
        seed = self._next_seed()  # one a candidate, hit or miss: the same under every technique
        cache = self.technique.cache
        if cache is None:
            job = Job(individual, number, seed, hashes * self.key_cost, None, True)
        else:
            key = individual.key
            if key is None:
                key = individual.key = self.key(individual.candidate)
                hashes += 1
            partial_hits = cache.partial_hits
            cached = cache.lookup(key)
            if cached is None:
                job = Job(individual, number, seed, hashes * self.key_cost, None, True)
                job.partial = cache.partial_hits > partial_hits
                job.known = cache.known
                self._note_in_flight(job)
            else:
                job = Job(individual, number, seed, hashes * self.key_cost, cached, self.technique.counterfactual)
        if hashes > 1:
            job.keys = hashes
        if self.guide is not None:
            job.cost += self.guide.take_cost()
        if self.hurdle is not None:
            job.hurdle = self.hurdle.threshold if job.cached is None else hurdle_again(job.cached)
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

    def _propose(self) -> tuple[Individual, Individual | None]:
        """The next candidate, and whose mutated child it is, if it is one."""
        rng = self.streams.search
        parent = self.search.ask(rng)
        if parent is None:
            return Individual(self.setup.random_candidate(rng)), None
        if parent.is_next:
            return parent, None
        if self.guide is not None:
            return self.guide.child(parent, rng), parent
        return Individual(self.setup.mutate(parent.candidate, rng)), parent

    def _choose(self, child: Individual, parent: Individual | None) -> tuple[Individual, int]:
        """What the filters and the model let in, after further mutations, and how many keys were computed for that."""
        rng, setup, guide, filters = self.streams.search, self.setup, self.guide, self.technique.filters
        self._identify(child)
        hashes, tries = 1, self.technique.max_tries
        while parent is not None:
            if tries > 0 and self.technique.rejects(child.key, parent.key):
                tries -= 1
                origin = child if self.technique.accumulate else parent
                child = Individual(setup.mutate(origin.candidate, rng))
            elif guide is not None and guide.judges and not self._is_known(child) and guide.skips(child, parent):
                child = guide.child(parent, rng)
            else:
                break
            self._identify(child)
            hashes += 1
        for f in filters:
            f.admit(child.key)
        return child, hashes

    def _identify(self, child: Individual) -> None:
        child.key = self.key(child.candidate)
        if self.guide is not None and self.guide.judges:
            self.guide.see(child)

    def _is_known(self, child: Individual) -> bool:
        cache = self.technique.cache
        return cache is not None and cache.knows(child.key)

    def _finish(self, job: Job) -> None:
        """Take in a finished candidate (the lower half of Methods 5 to 9)."""
        individual, cache, result, cached = job.individual, self.technique.cache, self.result, job.cached
        result.candidates += 1
        if job.evaluation is not None:
            self._count_evaluation(job, job.evaluation)
        if cached is not None:
            result.cache_hits += 1
            if job.waits:
                result.waits += 1
            if cache is not None and cache.warm_keys:
                result.warm_hits += cache.is_warm(individual.key)
            evaluation = cached
        else:
            assert job.evaluation is not None
            evaluation = job.evaluation
            if cache is not None and not job.lost:  # what was not measured is not remembered
                evaluation = cache.store(individual.key, evaluation)
        if evaluation.refined is not None:
            self._refine(individual, job.evaluation, evaluation)
        individual.evaluation = evaluation
        individual.fitness = fitness = evaluation[0]
        if self.archive is not None:
            self._add_to_archive(job)
        elif fitness > self.best_fitness or result.best is None:
            self._improve(individual)
        self.search.tell(individual)
        if cached is None and self.guide is not None and not job.lost:
            self.guide.learn(individual)
        if self.hurdle is not None and evaluation.early is not None:  # else lost, or known from an earlier search
            self.hurdle.observe(evaluation.early)
        if self.observe is not None:
            self.observe(self)
        if cached is None and cache is not None:
            self._release(job)

    def _count_evaluation(self, job: Job, evaluation: Evaluation) -> None:
        """What became of an evaluation, in numbers."""
        result, cached = self.result, job.cached
        result.evaluations += 1
        if job.lost:
            result.lost += 1
            return
        result.stopped += evaluation.stopped
        if cached is None:
            result.partial_hits += job.partial
            result.repeats += job.repeats
        else:  # counterfactual
            result.comparisons += 1
            found, known = evaluation.fitness, cached.fitness  # two equal infinities agree
            result.collisions += not math.isclose(found, known, rel_tol=self.relative_tolerance, abs_tol=self.tolerance)

    def _refine(self, individual: Individual, own: Evaluation | None, told: Evaluation) -> None:
        """Let a candidate have what its own evaluation learnt, and what that of another which behaves alike did."""
        if own is not None and own.refined is not None:
            individual.candidate = own.refined
        if told is not own:
            individual.candidate = self.setup.adopted(individual.candidate, told)

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
            other.cached = job.individual.evaluation
            if other.arrived:
                self._finish(other)

    def _improve(self, individual: Individual) -> None:
        """The best so far, in a search with one objective."""
        if individual.evaluation is not None and individual.evaluation.stopped:
            return  # fitter in another measure
        self.result.best = individual
        test = self._test_fitness(individual) if self.follow_test else math.nan
        self._note(individual.fitness, test)

    def _add_to_archive(self, job: Job) -> None:
        """With several objectives f(t) is the hypervolume of all that are not dominated."""
        individual, result, archive = job.individual, self.result, self.archive
        evaluation = individual.evaluation
        assert archive is not None
        assert evaluation is not None
        if job.lost or evaluation.stopped:
            return
        individual.objectives = objectives_as_asked(self.setup, individual.candidate, evaluation)
        if result.best is None or individual.fitness > result.best.fitness:
            result.best = individual
        if archive.add(individual.objectives, individual) or not result.curve:
            volume = archive.hypervolume
            if volume > self.best_fitness:
                self._note(volume, math.nan)
            if goal := self.budget.target_objectives:
                self.attained |= all(map(operator.ge, individual.objectives, goal))

    def _note(self, best: float, test: float) -> None:
        """A row of the curve."""
        result, target = self.result, self.budget.target_fitness
        self.best_fitness = best
        self.attained |= target is not None and best >= target
        result.curve.append(Improvement(self.workers.clock, result.candidates, result.evaluations, best, test))

    def _test_fitness(self, individual: Individual) -> float:
        return reevaluate_as_asked(self.setup, individual.candidate, self.streams.reevaluation)


def functional_keys(setup: Setup, functional_hash: FunctionalHash, outputs: Outputs | None = None) -> KeyFunction:
    """candidate -> the key of its hashable outputs (Method 3), which `outputs` may give in the place of the setup.

    Where a setup says that its structural keys are few and cheap, the functional key is computed once for each of them.
    """
    outputs = outputs or setup.hashable_outputs
    if not setup.few_structures:
        hash_of = functional_hash.__call__  # what an object's call would look for each time
        return lambda candidate: hash_of(outputs(candidate))
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
