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
from ufh_cli.library.policy import Policy
from ufh_cli.library.sqlite import SqliteCache, connect
from ufh_cli.records.outcome import FINISHED, Outcome


class SharedCache:
    """The file of ``cache.file``, as one trial sees it.

    What it answers costs what its evaluation cost, so that a time-course does not depend on who filled the file; it
    saves the time. Searches do not wait for each other: two that meet a key at once evaluate it both, and what is
    stored first stays.

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
        text = json.dumps(same, sort_keys=True)
        self._space = f"ufh run {same['setup']} {xxhash.xxh3_64_hexdigest(text.encode())}"
        try:
            connect(path).close()  # the cache itself would go on without the file
            self._cache.bind(self._space, json.loads(text))
        except ValueError as error:
            raise InputError(f"cache.file: {error}") from error

    def lookup(self, job: Job) -> Outcome | None:
        """What the file has of the key of `job`; None where it is to be evaluated."""
        try:
            found = self._cache.peek(self._space, _key(job))
            if found is None:
                return None
            value = found[0]
            evaluation = Evaluation(
                float(value["fitness"]),
                float(value["cost"]),
                tuple(map(float, value["objectives"])),
                tasks=None if value["tasks"] is None else tuple(map(float, value["tasks"])),
                refined=None if value["refined"] is None else self._setup.parse(value["refined"]),
            )
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"{self._cache.path}: what it has of key {_key(job):016x} is no evaluation") from error
        if not 0.0 <= evaluation.cost < math.inf:
            raise InputError(f"{self._cache.path}: the cost of key {_key(job):016x} is {evaluation.cost}")
        return Outcome(evaluation, 0.0, FINISHED, shared=True)

    def store(self, job: Job, found: Evaluation) -> None:
        """Keep what was found, for all."""
        if self._cache.peek(self._space, _key(job)) is None:
            value = {
                "fitness": found.fitness,
                "cost": found.cost,
                "objectives": found.objectives,
                "tasks": found.tasks,
                "refined": None if found.refined is None else self._setup.describe(found.refined),
            }
            self._cache.finish(self._space, _key(job), value, Policy())

    def close(self) -> None:
        """Let go of the file."""
        self._cache.close()


def _key(job: Job) -> int:
    assert isinstance(job.key, int)
    return job.key
