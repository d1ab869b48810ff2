"""Evaluations that several experiments of one machine tell each other, by functional key, in a cache file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xxhash

from ufh_cli.configuration.errors import InputError
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.workers import Job
from ufh_cli.files import home_expanded
from ufh_cli.library.memory import Answer
from ufh_cli.library.policy import Policy
from ufh_cli.library.sqlite import SqliteCache, connect
from ufh_cli.records.outcome import FINISHED, Outcome

_FIRST = Policy()


class SharedCache:
    """The file of ``cache.file``, as one trial sees it.

    What it answers costs what its evaluation cost, so that a time-course does not depend on who filled the file; it
    saves the time. Of several searches that meet a key at once one evaluates, and the others wait for it: it claims the
    key first, as `functional_cache` does. The claim of a search that was killed lapses, and another takes over.

    Parameters
    ----------
    path : Path
        The file.
    setup : Setup
        Writes and reads what an evaluation made of its candidate.
    same : mapping
        What must be the same for an evaluation to be worth the same under the same key. Others do not see it.

    Raises
    ------
    InputError
        When the file cannot be used.
    """

    def __init__(self, path: Path, setup: Setup, same: Mapping[str, Any]) -> None:
        path = home_expanded(path)
        self._cache = SqliteCache(path)
        self._setup = setup
        self._claimed: dict[int, int] = {}  # key -> the candidate that is evaluated for it
        text = json.dumps(same, sort_keys=True)
        self._space = f"ufh run {same['setup']} {xxhash.xxh3_64_hexdigest(text.encode())}"
        try:
            connect(path).close()  # the cache itself would go on without the file
            self._cache.bind(self._space, json.loads(text))
        except ValueError as error:
            raise InputError(f"cache.file: {error}") from error

    def begin(self, job: Job) -> Answer | Outcome:
        """What the file has of the key of `job`; else whether it is to be evaluated here or waited for.

        Who is to evaluate it is to `store` or to `abandon` it.
        """
        key = _key(job)
        if self._claimed.get(key) == job.number:  # a further attempt
            return Answer.MINE
        try:
            answer, value = self._cache.begin(self._space, key, _FIRST)
            evaluation = self._opened(value) if answer is Answer.HIT else None
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"{self._cache.path}: what it has of key {key:016x} is no evaluation") from error
        if evaluation is not None:
            if not 0.0 <= evaluation.cost < math.inf:
                raise InputError(f"{self._cache.path}: the cost of key {key:016x} is {evaluation.cost}")
            return Outcome(evaluation, 0.0, FINISHED, shared=True)
        if answer is Answer.MINE:
            self._claimed[key] = job.number
        return answer

    def _opened(self, value: Any) -> Evaluation:
        return Evaluation(
            float(value["fitness"]),
            float(value["cost"]),
            tuple(map(float, value["objectives"])),
            tasks=None if value["tasks"] is None else tuple(map(float, value["tasks"])),
            refined=None if value["refined"] is None else self._setup.parse(value["refined"]),
        )

    def store(self, job: Job, found: Evaluation) -> None:
        """Keep what was found, for all."""
        if self._cache.peek(self._space, _key(job)) is not None:  # by who took the claim for lapsed
            self.abandon(job)
            return
        self._claimed.pop(_key(job), None)
        value = {
            "fitness": found.fitness,
            "cost": found.cost,
            "objectives": found.objectives,
            "tasks": found.tasks,
            "refined": None if found.refined is None else self._setup.describe(found.refined),
        }
        self._cache.finish(self._space, _key(job), value, _FIRST)

    def abandon(self, job: Job) -> None:
        """The evaluation was lost: another candidate with that key may be evaluated."""
        if self._claimed.pop(_key(job), None) is not None:
            self._cache.abandon(self._space, _key(job))

    def close(self) -> None:
        """Let go of the file, and of what was begun and will not be finished."""
        while self._claimed:
            self._cache.abandon(self._space, self._claimed.popitem()[0])
        self._cache.close()


def _key(job: Job) -> int:
    assert isinstance(job.key, int)
    return job.key
