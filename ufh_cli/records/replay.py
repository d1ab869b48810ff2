"""Evaluations of one trial, answered from the journal until it ends."""

from __future__ import annotations

import time
from collections import deque

from ufh_cli.configuration.errors import InputError
from ufh_cli.core.hashing import key_text
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.workers import Job, evaluate_job
from ufh_cli.records.journal import Entry, Journal, candidate_digest
from ufh_cli.records.outcome import FINISHED, Outcome


class Replay:
    """The journal as one trial sees it.

    Parameters
    ----------
    journal : Journal
        Where entries are read and written.
    setup : Setup
        Describes candidates.
    cell, trial : int
        Which trial it is.

    Attributes
    ----------
    seconds_before : float
        How long earlier runs of this trial took, as far as the journal knows.
    """

    def __init__(self, journal: Journal, setup: Setup, cell: int, trial: int) -> None:
        self._journal = journal
        self._setup = setup
        self._where = (cell, trial)
        self._left = deque(journal.entries(cell, trial))
        self.seconds_before = self._left[-1].elapsed if self._left else 0.0
        self._started = time.perf_counter()

    def __bool__(self) -> bool:
        """Whether there are answers left."""
        return bool(self._left)

    @property
    def proposed(self) -> int:
        """How many candidates had been proposed when the next answer came."""
        return self._left[0].proposed

    @property
    def number(self) -> int:
        """The candidate that the next answer is about."""
        return self._left[0].number

    def answer(self, job: Job | None) -> Outcome:
        """The next answer, which must be about `job`.

        Raises
        ------
        InputError
            When it is about another candidate or hurdle: the journal was written by a search that went otherwise.
        """
        entry = self._left.popleft()
        if job is None or not self._is_about(entry, job):
            raise InputError(
                f"{self._journal.path}: the entry of trial {entry.trial}, candidate {entry.number}, is not about a "
                f"candidate that this search proposes (ufh or the setup has changed, or the line is from elsewhere); "
                f"choose another --name"
            )
        return Outcome(entry.evaluation(self._setup.parse), entry.seconds, entry.status, bool(entry.shared))

    def _is_about(self, entry: Entry, job: Job) -> bool:
        """Whether `entry` answers what `job` asks."""
        asked = None if job.known is None else [fitness is None for fitness in job.known]
        told = None if entry.tasks is None else [fitness is not None for fitness in entry.tasks]
        same_tasks = asked == told or entry.status != FINISHED
        return same_tasks and (entry.number, entry.hurdle, entry.candidate) == (
            job.number, job.hurdle, self._digest(job),
        )  # fmt: skip

    def record(self, job: Job, outcome: Outcome, proposed: int) -> None:
        """Write what was found just now, when so many candidates were proposed."""
        (cell, trial), found = self._where, outcome.evaluation
        entry = Entry(
            cell=cell,
            trial=trial,
            number=job.number,
            proposed=proposed,
            candidate=self._digest(job),
            key=key_text(job.key),
            fitness=found.fitness,
            cost=found.cost,
            seconds=round(outcome.seconds, 6),
            elapsed=round(self.seconds_before + time.perf_counter() - self._started, 3),
            status=outcome.status,
            hurdle=job.hurdle,
            early=found.early,
            tasks=found.tasks,
            objectives=found.objectives or None,
            refined=None if found.refined is None else self._setup.describe(found.refined),
            shared=outcome.shared or None,
        )
        self._journal.append(entry)

    def evaluate(self, job: Job) -> Evaluation:
        """For simulated workers, which evaluate in the order of proposals: answer, or evaluate here and record."""
        if self._left:
            outcome = self.answer(job)
            job.lost = outcome.status != FINISHED
            return outcome.evaluation
        start = time.perf_counter()
        outcome = Outcome(evaluate_job(self._setup, job), time.perf_counter() - start)
        self.record(job, outcome, job.number + 1)
        return outcome.evaluation

    def _digest(self, job: Job) -> str:
        return candidate_digest(job.individual.candidate)
