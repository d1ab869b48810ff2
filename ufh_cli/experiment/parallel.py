"""Real workers in one trial: evaluations run elsewhere, and are handed back in order of completion."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Protocol

from ufh_cli.core.workers import Job
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.evaluation import Outcome, SetupSpec, evaluate, leave_interrupts_to_the_parent
from ufh_cli.experiment.replay import Replay

_HOPELESS = 10  # candidates lost before any was evaluated


class Site(Protocol):
    """Where evaluations run."""

    places: int

    def start(self, spec: SetupSpec, job: Job) -> Future[Outcome]:
        """Start the job's evaluation."""

    def finish(self, future: Future[Outcome]) -> None:
        """This future is done: its place is free again."""

    def is_lost(self, error: BaseException) -> bool:
        """Whether this error of a future means that the process died, and not that the evaluation raised it."""

    def stop(self, future: Future[Outcome]) -> None:
        """End an evaluation by force; what ran it is replaced."""

    def close(self) -> None:
        """End everything."""


class LocalSite:
    """Processes of this machine: a pool of one each, so that one that dies takes no other evaluation with it."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._free: list[ProcessPoolExecutor] = []
        self._used: dict[Future[Outcome], ProcessPoolExecutor] = {}

    def start(self, spec: SetupSpec, job: Job) -> Future[Outcome]:
        while True:
            pool = self._free.pop() if self._free else self._new_pool()
            try:
                future = pool.submit(evaluate, spec, job.individual.candidate, job.seed)
            except BrokenProcessPool:  # it died while it had nothing to do
                pool.shutdown(wait=False)
                continue
            self._used[future] = pool
            return future

    def finish(self, future: Future[Outcome]) -> None:
        pool = self._used.pop(future)
        if isinstance(future.exception(), BrokenProcessPool):
            pool.shutdown(wait=False)
        else:
            self._free.append(pool)

    def is_lost(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)

    def stop(self, future: Future[Outcome]) -> None:
        pool = self._used.get(future)
        if pool is not None:
            _kill(pool)

    def close(self) -> None:
        for pool in [*self._free, *self._used.values()]:
            _kill(pool)
            pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Spawned, not forked: some setups load libraries that do not survive a fork.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=leave_interrupts_to_the_parent)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()


@dataclass
class Running:
    """An evaluation that is under way."""

    job: Job
    started: float = field(default_factory=time.monotonic)
    attempt: int = 1
    timed_out: bool = False


class ParallelWorkers:
    """k real workers behind the trial's loop (`ufh_cli.core.workers.Workers`).

    The clock is the cost of all that was handed back. With a journal, what it holds is handed back in its order before
    anything is started, so that a resumed search sees what the interrupted one saw.

    Parameters
    ----------
    spec : SetupSpec
        What evaluates.
    site : Site
        Where.
    replay : Replay or None
        The journal of this trial.
    timeout : float or None
        Seconds after which an evaluation is ended and its candidate given the lowest fitness.
    attempts : int
        How often a candidate is tried whose worker dies, before it is given the lowest fitness.
    watch : callable or None
        Told now and then which evaluations are under way.
    """

    def __init__(
        self,
        spec: SetupSpec,
        site: Site,
        *,
        replay: Replay | None = None,
        timeout: float | None = None,
        attempts: int = 3,
        watch: Callable[[Sequence[Running]], None] | None = None,
    ) -> None:
        self.clock = 0.0
        self._spec = spec
        self._site = site
        self._replay = replay
        self._timeout = timeout
        self._attempts = attempts
        self._watch = watch
        self._ready: deque[Job] = deque()  # needs no evaluation
        self._held: dict[int, Job] = {}  # waits for the journal to answer
        self._running: dict[Future[Outcome], Running] = {}
        self._evaluations = 0
        self._total_cost = 0.0
        self._lost = 0

    @property
    def idle(self) -> int:
        return self._site.places - self.busy

    @property
    def busy(self) -> int:
        return len(self._ready) + len(self._held) + len(self._running)

    def submit(self, job: Job) -> None:
        if not job.evaluate:
            self._ready.append(job)
        elif self._replay:
            self._held[job.number] = job
        else:
            self._start(Running(job))

    def next(self) -> Job:
        job = self._ready.popleft() if self._ready else self._replayed() or self._evaluated()
        self.clock += job.cost
        return job

    def close(self) -> None:
        """End everything that is under way; nothing of it has been told."""
        self._site.close()

    def _start(self, running: Running) -> None:
        self._running[self._site.start(self._spec, running.job)] = running

    def _replayed(self) -> Job | None:
        """The job that the journal answers next; when it has no more answers the others are started."""
        if self._replay:
            number = self._replay.next_number()
            job = self._held.pop(number, None) or next(iter(self._held.values()))
            self._take(job, self._replay.answer(job))
            return job
        for job in self._held.values():
            self._start(Running(job))
        self._held.clear()
        return None

    def _evaluated(self) -> Job:
        while True:
            done, _ = wait(self._running, timeout=self._patience(), return_when=FIRST_COMPLETED)
            if self._watch is not None:
                self._watch(list(self._running.values()))
            for future in sorted(done, key=lambda future: self._running[future].job.number):
                running = self._running.pop(future)
                self._site.finish(future)
                outcome = self._outcome(future, running)
                if outcome is None:
                    self._start(Running(running.job, attempt=running.attempt + 1))
                    continue
                if self._replay is not None:
                    self._replay.record(running.job, outcome)
                self._take(running.job, outcome)
                return running.job
            self._end_late_ones()

    def _outcome(self, future: Future[Outcome], running: Running) -> Outcome | None:
        """What came of it; None when it shall be tried again."""
        error = future.exception()
        if error is None:
            return future.result()
        if not self._site.is_lost(error) and not running.timed_out:
            raise error
        if not running.timed_out and running.attempt < self._attempts:
            return None
        self._lost += 1
        if self._lost >= _HOPELESS and not self._evaluations:
            raise InputError(
                f"the first {self._lost} candidates could not be evaluated: their workers died or ran out of time; "
                f"is there enough memory for {self._site.places} at once?"
            )
        mean = self._total_cost / self._evaluations if self._evaluations else 0.0
        seconds = time.monotonic() - running.started
        return Outcome(-math.inf, mean, seconds, "timeout" if running.timed_out else "died")

    def _take(self, job: Job, outcome: Outcome) -> None:
        job.fitness = outcome.fitness
        job.cost += outcome.cost
        if outcome.status == "finished":
            self._evaluations += 1
            self._total_cost += outcome.cost

    def _patience(self) -> float:
        """Seconds until something must be looked at."""
        if self._timeout is None:
            return 0.5
        now = time.monotonic()
        return max(0.01, min([0.5, *(r.started + self._timeout - now for r in self._running.values())]))

    def _end_late_ones(self) -> None:
        if self._timeout is None:
            return
        for future, running in self._running.items():
            if not running.timed_out and time.monotonic() - running.started > self._timeout:
                running.timed_out = True
                self._site.stop(future)
