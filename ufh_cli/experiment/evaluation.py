"""One evaluation, wherever it runs: in this process, in a process of the pool, or on a node of a cluster."""

from __future__ import annotations

import functools
import json
import signal
import time
from typing import Any, NamedTuple

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.registry import load_setup


class Outcome(NamedTuple):
    """An evaluation and how long it took; `status` says why when it could not be finished."""

    fitness: float
    cost: float
    seconds: float
    status: str = "finished"


class SetupSpec(NamedTuple):
    """Names a setup with its options; small, and the same wherever it goes."""

    name: str
    options: str  # JSON

    @classmethod
    def of(cls, name: str, options: dict[str, Any]) -> SetupSpec:
        return cls(name, json.dumps(options, sort_keys=True))

    def make(self) -> Setup:
        """The setup itself, made once a process."""
        return _made(self)


@functools.lru_cache(maxsize=4)
def _made(spec: SetupSpec) -> Setup:
    try:
        return load_setup(spec.name)(**json.loads(spec.options))
    except ValueError as error:
        raise InputError(f"setup {spec.name}: {error}") from error


def evaluate(spec: SetupSpec, candidate: Any, seed: int) -> Outcome:
    """Evaluate `candidate` with the randomness of the word `seed`."""
    setup = spec.make()
    start = time.perf_counter()
    fitness, cost = setup.evaluate(candidate, Rng.from_word(seed))
    return Outcome(float(fitness), float(cost), time.perf_counter() - start)


def leave_interrupts_to_the_parent() -> None:
    """For a new process: Ctrl-C reaches all processes of a terminal, but only the first one knows what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
