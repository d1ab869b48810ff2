"""One evaluation, wherever it runs: in this process, in a process of its own, or on a node of a cluster."""

from __future__ import annotations

import functools
import json
import threading
import time
from typing import Any, NamedTuple

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import load_setup
from ufh_cli.core.raised import told
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup, TaskValues
from ufh_cli.core.workers import EvaluationFailed, evaluate_as_asked
from ufh_cli.progress import preparation
from ufh_cli.records.outcome import RAISED, Outcome, lost

_one_at_a_time = threading.Lock()  # a setup need not bear several threads, but a cluster's process may have some
_KEPT = 4  # setups a process; they may hold large data, and trials are run setup by setup


class SetupSpec(NamedTuple):
    """Names a setup with its options; small, and the same wherever it goes.

    Attributes
    ----------
    name, options : str
        The entry point, and the constructor's arguments as JSON.
    data : str or None
        The fingerprint that the data must have where it is made; None where that need not be checked.
    """

    name: str
    options: str
    data: str | None = None

    @classmethod
    def of(cls, name: str, options: dict[str, Any]) -> SetupSpec:
        """The setup `name` with these options of its constructor, whatever their order."""
        return cls(name, json.dumps(options, sort_keys=True))

    def make(self) -> Setup:
        """The setup itself, the same while it is among the latest few that this process was asked for.

        Raises
        ------
        InputError
            When it cannot be made, or has other data here.
        """
        setup = _made(self.name, self.options)
        if self.data is not None and setup.fingerprint() != self.data:
            raise InputError(
                f"setup {self.name}: a worker has other data than this machine: "
                f"{setup.fingerprint()!r} there, {self.data!r} here"
            )
        return setup


@functools.lru_cache(maxsize=_KEPT)
def _made(name: str, options: str) -> Setup:
    kind, arguments = load_setup(name), json.loads(options)
    try:
        with preparation(name, kind.prepared) as progress:
            kind.prepare(arguments, progress)
        return kind(**arguments)
    except ValueError as error:
        raise InputError(f"setup {name}: {error}") from error
    except Exception as error:  # of every kind: it is the code of whoever wrote the setup
        if not (what := told(kind, error)):
            raise
        raise InputError(f"setup {name}: {what}") from error


def forget_setups() -> None:
    """Make each setup anew when it is next asked for: a notebook may have defined one again."""
    _made.cache_clear()


def prepare(spec: SetupSpec) -> None:
    """Make the setup in a new process, so that the first evaluation need not."""
    with _one_at_a_time:
        spec.make()


def evaluate(
    spec: SetupSpec,
    candidate: Any,
    seed: int,
    hurdle: float | None = None,
    known: TaskValues | None = None,
    catch: bool = False,
) -> Outcome:
    """Evaluate `candidate` with the randomness of the word `seed`, as far as is asked for (see `evaluate_as_asked`).

    When there is not enough memory the outcome says so; its cost is NaN, for nobody knows it. With `catch` so it does
    where the setup raises.
    """
    with _one_at_a_time:
        setup = spec.make()
        start = time.perf_counter()
        try:
            found = evaluate_as_asked(setup, candidate, Rng.from_word(seed), hurdle, known)
        except MemoryError:
            return lost("memory", time.perf_counter() - start)
        except EvaluationFailed:
            if not catch:
                raise
            return lost(RAISED, time.perf_counter() - start)
        return Outcome(found, time.perf_counter() - start)
