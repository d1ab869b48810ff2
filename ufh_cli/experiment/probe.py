"""A look at a setup before its first trial: what its quick methods do wrong is told in a line, not in a traceback."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.core.raised import method_of, told
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Objectives, Setup
from ufh_cli.core.techniques import parse_technique
from ufh_cli.experiment.trials import make_key, make_setup
from ufh_cli.records.journal import candidate_digest

_LOOKED_AT = 3  # candidates
_DRAWN = 20  # children, before it is said that all are as their parents
_FROM_STREAM = "draw all randomness from rng, not from random or numpy.random"
_FIXED = "put out the same for the same candidate, with fixed examples and seeds"
_PLAIN = "make candidates of tuples, numbers and texts, or of classes at the top of a module"


def probe(config: ExperimentConfig) -> str:
    """Call once or twice what is quick in the setup of `config`; a warning, or "" where there is nothing to say.

    Raises
    ------
    InputError
        When a method raises, returns what it must not, changes what it was given or draws from elsewhere.
    """
    check_figures(config)
    look = _Look(config)
    look.at_signatures()
    candidates = [look.at_proposals(seed) for seed in range(_LOOKED_AT)]
    look.at_description(candidates[0])
    varying = look.at_keys(candidates) if parse_technique(config.technique) else ""
    return varying or look.at_changes()


def check_figures(config: ExperimentConfig) -> None:
    """Refuse what the class of a setup says of itself and cannot be reckoned with."""
    setup = make_setup(config)
    if not isinstance(setup.hash_cost, int | float) or not 0.0 <= setup.hash_cost < math.inf:
        what = f"hash_cost: it is {setup.hash_cost!r}, but must be a number of at least 0"
    elif setup.objectives is not None and not isinstance(setup.objectives, Objectives):
        what = f"objectives: it is {_a(setup.objectives)}: write ufh.Objectives(names, reference)"
    else:
        return
    raise InputError(f"setup {config.setup}: {type(setup).__name__}.{what}")


class _Look:
    def __init__(self, config: ExperimentConfig) -> None:
        self._config = config
        self._setup = make_setup(config)

    def at_signatures(self) -> None:
        """Whether the methods that are not called here can be called as they will be."""
        for name in ("evaluate", "reevaluate"):
            method = getattr(self._setup, name)
            try:
                inspect.signature(method).bind("candidate", "rng")
            except TypeError as error:
                raise self._wrong(name, f"{error}; {_wanted(name)}") from error
            if inspect.iscoroutinefunction(method):
                raise self._wrong(name, "it is asynchronous, and nobody would await it: write def, not async def")

    def at_changes(self) -> str:
        """Whether children differ from their parents at all."""
        for seed in range(_DRAWN):
            parent = self._called("random_candidate", Rng.from_seed(seed))
            if self._digest(self._called("mutate", parent, Rng.from_seed(seed))) != self._digest(parent):
                return ""
        words = f"none of {_DRAWN} children differs from its parent: change something, drawn from rng"
        return str(self._wrong("mutate", words))

    def at_proposals(self, seed: int) -> Any:
        """A random candidate's child; both are drawn twice from the same stream."""
        parent = self._drawn("random_candidate", seed)
        before = self._digest(parent)
        child = self._drawn("mutate", seed, parent)
        if self._digest(parent) != before:
            raise self._wrong("mutate", "it changed the candidate that it was given: return a new one")
        return child

    def at_description(self, candidate: Any) -> None:
        text = self._called("describe", candidate)
        if not isinstance(text, str):
            raise self._wrong("describe", f"it returned {_a(text)}, not a text: return str(…)", candidate=candidate)

    def at_keys(self, candidates: list[Any]) -> str:
        """Whether keys are the same at a second call; they are computed anew, not remembered."""
        method = "structural_key" if self._config.hash.kind == "structural" else "hashable_outputs"
        if self._setup.few_structures:
            self._looked_up("structural_key", self._called("structural_key", candidates[0]))
        words = f"two calls gave two keys of one candidate: {_FIXED}"
        for place, candidate in enumerate(candidates):
            before = self._digest(candidate)
            same = self._key(method, candidate) == self._key(method, candidate)
            if self._digest(candidate) != before:
                raise self._wrong(method, "it changed the candidate that it was given: work on a copy")
            if same:
                return "" if place == 0 else str(self._wrong(method, words))
        raise self._wrong(method, words)

    def _key(self, method: str, candidate: Any) -> int:
        key, _ = make_key(self._config, self._setup)
        return self._looked_up(method, self._called(method, candidate, function=key))

    def _looked_up(self, method: str, key: Any) -> int:
        try:
            return hash(key)
        except TypeError as error:
            raise self._wrong(method, f"{error}: return a tuple or so, which can be looked up") from error

    def _drawn(self, method: str, seed: int, *given: Any) -> Any:
        first, second = (self._called(method, *given, Rng.from_seed(seed)) for _ in range(2))
        if first is None:
            raise self._wrong(method, "it returned None, not a candidate: is a return missing?")
        if (first == second) is not True and self._digest(first) != self._digest(second):
            raise self._wrong(method, f"one random stream gave two candidates: {_FROM_STREAM}")
        return first

    def _called(self, method: str, *given: Any, function: Callable[..., Any] | None = None) -> Any:
        try:
            return (function or getattr(self._setup, method))(*given)
        except Exception as error:  # of every kind: it is the code of whoever wrote the setup
            if what := told(type(self._setup), error):
                raise InputError(f"setup {self._config.setup}: {what}") from error
            if not isinstance(error, TypeError):
                raise
            raise self._wrong(method, f"{error}; {_wanted(method)}") from error

    def _digest(self, candidate: Any) -> str:
        try:
            return candidate_digest(candidate)
        except Exception as error:  # of every kind, as pickling has it
            raise self._wrong("random_candidate", f"{error}: {_PLAIN}") from error

    def _wrong(self, method: str, what: str, **names: Any) -> InputError:
        return InputError(f"setup {self._config.setup}: {method_of(type(self._setup), method, names)}: {what}")


def _wanted(method: str) -> str:
    return f"it is to be {method}({', '.join(inspect.signature(getattr(Setup, method)).parameters)})"


def _a(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
