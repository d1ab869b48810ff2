"""Real workers in one trial: evaluations run elsewhere, and are handed back in order of completion."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from ufh_cli.core.workers import Job
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.evaluation import Outcome, SetupSpec, evaluate
from ufh_cli.experiment.journal import FINISHED
from ufh_cli.experiment.replay import Replay
from ufh_cli.experiment.sites import Site, error_of

_HOPELESS = 5  # candidates lost before any was evaluated
_TICK = 0.5  # seconds after which the watcher is told and late ones are looked for


@dataclass
class Running:
    """An evaluation that is to be made or under way.

    Attributes
    ----------
    job : Job
        Whose.
    attempt : int
        The how many-th, from 1.
    place : int
        Which of the workers, from 0.
    seconds : float
        How long it has been under way.
    timed_out : bool
        Whether it was ended for being late.
    """

    job: Job
    attempt: int = 1
    place: int = 0
    seconds: float = 0.0
    timed_out: bool = False


class ParallelWorkers:
    """k real workers behind the trial's loop (`ufh_cli.core.workers.Workers`).

    The clock is the cost of all that was handed back. Hits are handed back at once, then those that waited for another
    with their key, then evaluations; nothing is proposed as long as something can be handed back. So the search
    is determined by the order of the evaluations and by how many candidates were proposed before each. The journal
    has both: what it holds is handed back before anything is started, and a resumed search sees what the interrupted
    one saw, whatever the number of workers then and now.

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
        self._proposed = 0
        self._hits: deque[Job] = deque()
        self._waiting: list[Job] = []  # for another with their key
        self._held: dict[int, Job] = {}  # for the journal's answer
        self._queue: deque[Running] = deque()  # for a place
        self._running: dict[Future[Outcome], Running] = {}
        self._finished: deque[Job] = deque()
        self._evaluations = 0
        self._total_cost = 0.0
        self._lost = 0

    @property
    def idle(self) -> int:
        if self._hits or self._finished or any(job.cached is not None for job in self._waiting):
            return 0
        if self._replay and self.busy:
            return max(0, self._replay.proposed - self._proposed)
        return max(0, self._site.places - self.busy)

    @property
    def busy(self) -> int:
        at_hand = len(self._hits) + len(self._finished)
        return at_hand + len(self._waiting) + len(self._held) + len(self._queue) + len(self._running)

    def submit(self, job: Job) -> None:
        self._proposed += 1
        if job.waits:
            self._waiting.append(job)
        elif not job.evaluate:
            self._hits.append(job)
        elif self._replay:
            self._held[job.number] = job
        else:
            self._queue.append(Running(job))
            self._fill()

    def next(self) -> Job:
        job = self._at_hand() or self._answered() or self._evaluated()
        self.clock += job.cost
        return job

    def close(self) -> None:
        """End everything that is under way; what is finished but was not told goes into the journal all the same."""
        try:
            for future in self._site.wait(list(self._running), 0.0):
                if error_of(future) is None:
                    self._collect(future)
        finally:
            self._site.close()

    def _at_hand(self) -> Job | None:
        if self._hits:
            return self._hits.popleft()
        for index, job in enumerate(self._waiting):
            if job.cached is not None:
                return self._waiting.pop(index)
        return self._finished.popleft() if self._finished else None

    def _answered(self) -> Job | None:
        """The job that the journal answers next; when it has no more answers the others are started."""
        if self._replay:
            job = self._held.pop(self._replay.number, None)
            outcome = self._replay.answer(job)
            assert job is not None
            self._take(job, outcome)
            return job
        self._queue.extend(Running(job) for job in self._held.values())
        self._held.clear()
        return None

    def _evaluated(self) -> Job:
        while not self._finished:
            self._fill()
            done = self._site.wait(list(self._running), self._patience())
            for future in sorted(done, key=lambda future: self._running[future].job.number):
                self._collect(future)
            self._look_after()
        return self._finished.popleft()

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._site.places:
            running = self._queue.popleft()
            taken = {other.place for other in self._running.values()}
            running.place = next(place for place in range(len(taken) + 1) if place not in taken)
            future = self._site.start(evaluate, self._spec, running.job.individual.candidate, running.job.seed)
            self._running[future] = running

    def _collect(self, future: Future[Outcome]) -> None:
        """Take in an evaluation that is over: tell it, or try again."""
        running = self._running[future]
        outcome = self._outcome(future, running, self._site.elapsed(future))
        if outcome is not None and self._replay is not None:
            self._replay.record(running.job, outcome, self._proposed)
        del self._running[future]  # not before: an interruption must find it
        self._site.finish(future)
        if outcome is None:
            self._queue.appendleft(Running(running.job, attempt=running.attempt + 1))
            return
        self._take(running.job, outcome)
        self._finished.append(running.job)

    def _outcome(self, future: Future[Outcome], running: Running, seconds: float) -> Outcome | None:
        """What came of it; None when it shall be tried again."""
        error = error_of(future)
        if error is None:
            outcome = future.result()
            if outcome.status == FINISHED:
                return outcome
        elif running.timed_out:
            outcome = Outcome(-math.inf, math.nan, seconds, "timeout")
        elif not self._site.is_lost(error):
            raise error
        elif running.attempt < self._attempts:
            return None
        else:
            outcome = Outcome(-math.inf, math.nan, seconds, "died")
        self._lost += 1
        if self._lost >= _HOPELESS and not self._evaluations:
            raise InputError(
                f"the first {self._lost} candidates could not be evaluated, the last one because of: {outcome.status}; "
                f"is there enough memory for {self._site.places} at once, and enough time?"
            )
        # What it cost is not known; that it cost nothing would favour such candidates.
        return outcome._replace(cost=self._total_cost / self._evaluations if self._evaluations else 0.0)

    def _take(self, job: Job, outcome: Outcome) -> None:
        job.fitness = outcome.fitness
        job.cost += outcome.cost
        job.lost = outcome.status != FINISHED
        if not job.lost:
            self._evaluations += 1
            self._total_cost += outcome.cost

    def _patience(self) -> float:
        """Seconds until something must be looked at."""
        if self._timeout is None:
            return _TICK
        left = [self._timeout - self._site.elapsed(future) for future in self._running]
        return max(0.01, min([_TICK, *left]))

    def _look_after(self) -> None:
        for future, running in self._running.items():
            running.seconds = self._site.elapsed(future)
            if self._timeout is not None and running.seconds > self._timeout and not running.timed_out:
                running.timed_out = True
                self._site.stop(future)
        if self._watch is not None:
            self._watch(list(self._running.values()))
