"""PyGlove both ways: our cache and FCM for its searches, and its search spaces as a setup of ours.

Needs the package pyglove, which only this module imports.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.library.keys import FunctionalHash
from ufh_cli.library.memory import Answer
from ufh_cli.library.policy import Policy

pg: Any = import_module("pyglove")

_ANY = pg.typing.Any
_FIRST = Policy()
_KEY = "ufh_key"


@pg.members(
    [
        ("generator", pg.typing.Object(pg.geno.DNAGenerator), "What proposes."),
        ("space", _ANY(), "The search space, as `pg.sample` takes it."),
        ("outputs", _ANY(), "An example of the space -> what it puts out, as `functional_cache` takes it."),
        ("cache", _ANY(), "A `Cache` or `SqliteCache`."),
        ("mantissa_bits", pg.typing.Int().noneable(), "Of the key."),
        ("name", pg.typing.Str(default=""), "The space in the cache."),
    ]
)
class FunctionalCaching(pg.geno.DNAGenerator):
    """A generator whose proposals are answered by a functional cache (FEC) where one that behaves alike was evaluated.

    ``pg.sample`` feeds such answers back to the inner generator itself and does not yield the example. In difference to
    ``pg.geno.Deduping`` the key is that of the example's outputs, the cache may be a file, answers do not count as
    evaluations, and nothing ends a search early.
    """

    def _setup(self) -> None:
        self.generator.setup(self.dna_spec)
        self._template = pg.template(self.space)
        self._hash = FunctionalHash(mantissa_bits=self.mantissa_bits)

    @property
    def needs_feedback(self) -> bool:
        return True

    @property
    def multi_objective(self) -> bool:
        return bool(self.generator.multi_objective)

    def _propose(self) -> Any:
        dna = self.generator.propose()
        key = self._hash(self.outputs(self._template.decode(dna)))
        answer, value = self.cache.begin(self.name, key, _FIRST)
        if answer is Answer.HIT:
            dna.set_metadata("reward", value)
        elif answer is Answer.MINE:
            dna.set_metadata(_KEY, f"{key:016x}")
        return dna

    def _feedback(self, dna: Any, reward: Any) -> None:
        key = dna.metadata.get(_KEY)
        if key is not None:
            self.cache.finish(self.name, int(key, 16), reward, _FIRST)
        self.generator.feedback(dna, reward)

    def _replay(self, trial_id: int, dna: Any, reward: Any) -> None:
        self.generator._replay(trial_id, dna, reward)


@pg.members(
    [
        ("mutator", pg.typing.Object(pg.evolution.Mutator), "What changes a DNA."),
        ("space", _ANY(), "The search space, as `pg.sample` takes it."),
        ("outputs", _ANY(), "An example of the space -> what it puts out."),
        ("mantissa_bits", pg.typing.Int().noneable(), "Of the key."),
        ("max_tries", pg.typing.Int(min_value=1, default=100), "After which a child that behaves alike is taken."),
    ]
)
class FunctionalChange(pg.evolution.Mutator):
    """A mutator whose children behave differently from their parent (FCM, Method 6)."""

    def _on_bound(self) -> None:
        super()._on_bound()
        self._template = pg.template(self.space)
        self._hash = FunctionalHash(mantissa_bits=self.mantissa_bits)

    def mutate(self, dna: Any) -> Any:
        """A changed `dna`."""
        parent = self._key(dna)
        for _ in range(self.max_tries):
            child = self.mutator.mutate(dna)
            if self._key(child) != parent:
                break
        return child

    def _key(self, dna: Any) -> int:
        return self._hash(self.outputs(self._template.decode(dna)))


class PyGloveSetup(Setup[tuple]):
    """A PyGlove search space as a setup: a candidate is the tuple of its DNA's numbers.

    A subclass has `space`, `fitness` and `outputs`, and runs as any setup does, by `ufh.run` or an entry point.

    Attributes
    ----------
    space
        As ``pg.sample`` takes it.
    cost : float
        Of an evaluation, in evaluations.

    Notes
    -----
    PyGlove takes milliseconds to decode and to mutate, so this is for evaluations of a tenth of a second and more.
    """

    cost_unit: ClassVar[str] = "evaluations"
    hash_cost: float = 0.0
    space: ClassVar[Any]
    cost: ClassVar[float] = 1.0

    @abstractmethod
    def fitness(self, example: Any) -> float:
        """What is maximised, of an example of the space."""

    @abstractmethod
    def outputs(self, example: Any) -> Any:
        """The hashable outputs of an example: a float array or several."""

    def random_candidate(self, rng: Rng) -> tuple:
        return tuple(pg.random_dna(self._spec, random.Random(rng.word())).to_numbers())

    def mutate(self, candidate: tuple, rng: Rng) -> tuple:
        mutator = pg.evolution.mutators.Uniform(seed=rng.word() >> 32)
        return tuple(mutator.mutate(self._dna(candidate)).to_numbers())

    def hashable_outputs(self, candidate: tuple) -> Any:
        return self.outputs(self.example(candidate))

    def evaluate(self, candidate: tuple, rng: Rng) -> Evaluation:
        return Evaluation(float(self.fitness(self.example(candidate))), self.cost)

    def reevaluate(self, candidate: tuple, rng: Rng) -> float:
        return float(self.fitness(self.example(candidate)))

    def describe(self, candidate: tuple) -> str:
        return str(pg.format(self.example(candidate), compact=True))

    def structural_key(self, candidate: tuple) -> tuple:
        return candidate

    def example(self, candidate: tuple) -> Any:
        """The value of the space that a candidate stands for."""
        return self._template.decode(self._dna(candidate))

    def _dna(self, candidate: tuple) -> Any:
        return pg.DNA.from_numbers(list(candidate), self._spec)

    @cached_property
    def _template(self) -> Any:
        return pg.template(self.space)

    @cached_property
    def _spec(self) -> Any:
        return self._template.dna_spec()
