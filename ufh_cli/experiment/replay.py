"""Evaluations of one trial, answered from the journal until it ends."""

from __future__ import annotations

import time
from collections import deque

from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.workers import Job, evaluate_job
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.evaluation import Outcome
from ufh_cli.experiment.journal import Entry, Journal, candidate_digest


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
    """

    def __init__(self, journal: Journal, setup: Setup, cell: int, trial: int) -> None:
        self._journal = journal
        self._setup = setup
        self._where = (cell, trial)
        self._left = deque(journal.entries(cell, trial))

    def __bool__(self) -> bool:
        """Whether there are answers left."""
        return bool(self._left)

    def next_number(self) -> int:
        """The number of the candidate whose evaluation was finished next."""
        return self._left[0].number

    def answer(self, job: Job) -> Outcome:
        """The next answer, which must be about `job`.

        Raises
        ------
        InputError
            When it is about another candidate: the journal was written by a search that went otherwise.
        """
        entry = self._left.popleft()
        if entry.number != job.number or entry.candidate != self._digest(job):
            raise InputError(
                f"{self._journal.path}: trial {self._where[1]} proposes other candidates now than when the journal was "
                f"written (ufh or the setup has changed); choose another --name"
            )
        return Outcome(entry.fitness, entry.cost, entry.seconds, entry.status)

    def record(self, job: Job, outcome: Outcome) -> None:
        """Write what was found just now."""
        key = f"{job.key:016x}" if isinstance(job.key, int) else None
        cell, trial = self._where
        self._journal.append(
            Entry(
                cell=cell,
                trial=trial,
                number=job.number,
                candidate=self._digest(job),
                key=key,
                **outcome._asdict(),
            )
        )

    def evaluate(self, job: Job) -> Evaluation:
        """For a serial search: from the journal, or in this process and into the journal."""
        if self._left:
            outcome = self.answer(job)
        else:
            start = time.perf_counter()
            fitness, cost = evaluate_job(self._setup, job)
            outcome = Outcome(float(fitness), float(cost), time.perf_counter() - start)
            self.record(job, outcome)
        return Evaluation(outcome.fitness, outcome.cost)

    def _digest(self, job: Job) -> str:
        return candidate_digest(self._setup.describe(job.individual.candidate))
