"""Real workers in one trial: evaluations run elsewhere, and are handed back in order of completion."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from ufh_cli.configuration.errors import InputError
from ufh_cli.core.workers import Job
from ufh_cli.library.memory import LONGEST_WAIT, SHORTEST_WAIT, Answer
from ufh_cli.machines.evaluation import SetupSpec, evaluate
from ufh_cli.machines.shared import SharedCache
from ufh_cli.machines.sites import Site, error_of
from ufh_cli.records.outcome import FINISHED, RAISED, Outcome, lost
from ufh_cli.records.replay import Replay

_HOPELESS = 5  # candidates lost before any was evaluated
_TICK = 0.5  # seconds after which the watcher is told and late ones are looked for
_LOOK_EVERY = 0.05  # seconds, at most so often
_AT_HAND = 0.01  # seconds; each worker has as many more evaluations at hand as take so long


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
        Which of the workers, from 0; -1 while it waits for one.
    seconds : float
        How long it has been under way.
    timed_out : bool
        Whether it was ended for being late.
    """

    job: Job
    attempt: int = 1
    place: int = -1
    seconds: float = 0.0
    timed_out: bool = False


class ParallelWorkers:
    """k real workers behind the trial's loop (`ufh_cli.core.workers.Workers`).

    The clock is the cost of all that was handed back. Hits are handed back at once, then those that waited for another
    with their key, then evaluations; nothing is proposed as long as something can be handed back. So the search
    is determined by the order of the evaluations and by how many candidates were proposed before each. The journal
    has both: what it holds is handed back before anything is started, and a resumed search sees what the interrupted
    one saw, whatever the number of workers then and now.

    Several workers of this machine have as many more evaluations at hand as take 10 ms on average, up to 8 each, so
    that they need not wait for a proposal: where evaluations take 5 ms, up to 3k candidates are under way.

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
    keep : bool
        Whether the site may go on to serve another trial.
    catch : bool
        Whether a candidate whose evaluation raises is lost, rather than the search.
    shared : SharedCache or None
        Asked before an evaluation is begun, and told of each that is finished. What another search is evaluating is
        waited for; several workers meanwhile go on with as many other candidates, one worker does not: it would be
        another search.

    Attributes
    ----------
    file_hits : int
        How many evaluations that one answered, now or, as the journal says, earlier.
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
        keep: bool = False,
        catch: bool = False,
        shared: SharedCache | None = None,
    ) -> None:
        self.clock = 0.0
        self.busy = 0
        self._spec = spec
        self._site = site
        self._replay = replay
        self._timeout = timeout
        self._attempts = attempts
        self._watch = watch
        self._keep = keep
        self._catch = catch
        self._shared = shared
        self.file_hits = 0
        self._looked = 0.0
        self._proposed = 0
        self._hits: deque[Job] = deque()
        self._waiting: list[Job] = []  # for another with their key
        self._held: dict[int, Job] = {}  # for the journal's answer
        self._queue: deque[Running] = deque()  # for a place, or for another search
        self._elsewhere = 0  # of these, those for another search
        self._pause = SHORTEST_WAIT
        self._running: dict[Future[Outcome], Running] = {}
        self._finished: deque[Job] = deque()
        self._evaluations = 0
        self._total_cost = self._total_seconds = 0.0
        self._lost = 0

    @property
    def idle(self) -> int:
        if self._hits or self._finished or (self._waiting and any(job.cached is not None for job in self._waiting)):
            return 0
        if self.busy and self._replay:
            return max(0, self._replay.proposed - self._proposed)
        return max(0, self._capacity - self.busy + min(self._elsewhere, self._site.places - 1))

    @property
    def _capacity(self) -> int:
        at_hand = _AT_HAND * self._evaluations // max(self._total_seconds, 1e-9)
        return self._site.places * (1 + min(self._site.ahead, int(at_hand)))

    def submit(self, job: Job) -> None:
        if job in self._waiting:  # for one that was lost
            self._waiting.remove(job)
        else:
            self._proposed += 1
            self.busy += 1
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
        self.busy -= 1
        return job

    def close(self) -> None:
        """End everything that is under way; what is finished but was not told goes into the journal all the same."""
        try:
            while done := [one for one in self._site.wait(list(self._running), 0.0) if error_of(one) is None]:
                for future in done:
                    self._collect(future)
        finally:
            if self._keep:
                self._site.release()
            else:
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
            if self._finished:
                break
            self._look_after()  # now that all places are taken
            for future in sorted(self._over(), key=lambda future: self._running[future].job.number):
                self._collect(future)
        return self._finished.popleft()

    def _over(self) -> list[Future[Outcome]]:
        """The evaluations that are over, after some time at most."""
        patience = self._patience()
        if self._elsewhere:
            patience = min(patience, self._pause)
            self._pause = min(2 * self._pause, LONGEST_WAIT)
            if not self._running:
                time.sleep(patience)
        return self._site.wait(list(self._running), patience)

    def _fill(self) -> None:
        elsewhere: list[Running] = []
        while self._queue and len(self._running) < self._capacity:
            running = self._queue.popleft()
            job = running.job
            if self._shared is not None:
                answer = self._shared.begin(job)
                if answer is Answer.WAIT:
                    elsewhere.append(running)
                    continue
                self._pause = SHORTEST_WAIT
                if isinstance(answer, Outcome):
                    self._record(job, answer)
                    self._take(job, answer)
                    self._finished.append(job)
                    continue
            asked = (job.individual.candidate, job.seed, job.hurdle, job.known, self._catch)
            future = self._site.start(evaluate, self._spec, *asked)
            self._running[future] = running
        self._queue.extendleft(reversed(elsewhere))
        self._elsewhere = len(elsewhere)

    def _collect(self, future: Future[Outcome]) -> None:
        """Take in an evaluation that is over: tell it, or try again."""
        running = self._running[future]
        outcome = self._outcome(future, running)
        if outcome is not None:
            self._record(running.job, outcome)
        del self._running[future]  # not before: an interruption must find it
        self._site.finish(future)
        if outcome is None:
            begun = self._site.was_begun(error_of(future) or CancelledError())
            self._queue.appendleft(Running(running.job, attempt=running.attempt + begun))
            return
        self._take(running.job, outcome)
        self._finished.append(running.job)

    def _record(self, job: Job, outcome: Outcome) -> None:
        """Write down what was found, for this search and for others."""
        if self._replay is not None:
            self._replay.record(job, outcome, self._proposed)
        if self._shared is None or outcome.shared:
            return
        if outcome.status == FINISHED:
            self._shared.store(job, outcome.evaluation)
        else:
            self._shared.abandon(job)

    def _outcome(self, future: Future[Outcome], running: Running) -> Outcome | None:
        """What came of it; None when it shall be tried again."""
        error = error_of(future)
        if error is None:
            outcome = future.result()
            if outcome.status == FINISHED:
                return outcome
        elif running.timed_out:
            outcome = lost("timeout", running.seconds)
        elif not self._site.is_lost(error):
            raise error
        elif running.attempt < self._attempts or not self._site.was_begun(error):
            return None
        else:
            outcome = lost("died", running.seconds)
        self._lost += 1
        if self._lost >= _HOPELESS and not self._evaluations:
            remedy = f"is there enough memory for {self._site.places} at once, and enough time?"
            if outcome.status == RAISED:
                remedy = "without evaluation.catch=true its error is shown"
            raise InputError(
                f"the first {self._lost} candidates could not be evaluated, the last one because of: {outcome.status}; "
                f"{remedy}"
            )
        # What it cost is not known; that it cost nothing would favour such candidates.
        cost = self._total_cost / self._evaluations if self._evaluations else 0.0
        return lost(outcome.status, outcome.seconds, cost)

    def _take(self, job: Job, outcome: Outcome) -> None:
        job.evaluation = outcome.evaluation
        job.cost += outcome.evaluation.cost
        job.lost = outcome.status != FINISHED
        self.file_hits += outcome.shared
        if not job.lost:
            self._evaluations += 1
            self._total_cost += outcome.evaluation.cost
            self._total_seconds += outcome.seconds

    def _patience(self) -> float:
        """Seconds until something must be looked at."""
        if self._timeout is None:
            return _TICK
        elapsed = [self._site.elapsed(future) for future in self._running]
        left = [self._timeout - seconds for seconds in elapsed if seconds is not None]
        return max(0.01, min([_TICK, *left]))

    def _look_after(self) -> None:
        """See what is under way, and what of it is late."""
        now = time.monotonic()
        if now - self._looked < min(_LOOK_EVERY, self._timeout or _LOOK_EVERY):
            return
        self._looked = now
        for future, running in self._running.items():
            seconds = self._site.elapsed(future)
            if seconds is None:
                continue
            running.seconds = seconds
            if running.place < 0:
                taken = {other.place for other in self._running.values()}
                running.place = next(place for place in range(len(self._running)) if place not in taken)
            if self._timeout is not None and seconds > self._timeout and not running.timed_out:
                running.timed_out = True
                self._site.stop(future)
        if self._watch is not None:
            self._watch([running for running in self._running.values() if running.place >= 0])
