"""A setup that is right, and ways to be wrong in what every setup has."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup


class Numbers(Setup[int]):
    """Whole numbers below 1,000; a number behaves as itself."""

    few_structures = True

    def random_candidate(self, rng: Rng) -> int:
        return rng.integer(1000)

    def mutate(self, candidate: int, rng: Rng) -> int:
        return (candidate + 1 + rng.integer(9)) % 1000

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([float(candidate)])

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(candidate + rng.uniform(), 1.0)

    def reevaluate(self, candidate: int, rng: Rng) -> float:
        return float(candidate)

    def describe(self, candidate: int) -> str:
        return str(candidate)

    def parse(self, text: str) -> int:
        return int(text)


class CoarseStructure(Numbers):
    """Says that candidates of different behaviour have the same structure."""

    def structural_key(self, candidate: int) -> Hashable:
        return candidate % 10


class ParsesAnother(Numbers):
    def parse(self, text: str) -> int:
        return int(text) + 1


class ParsesAnotherOfCoarseStructure(CoarseStructure):
    """Keys remembered by structure would hide what `parse` does."""

    def parse(self, text: str) -> int:
        return int(text) + 10


class DrawsWhileHashing(Numbers):
    """Its hash draws from a stream that lives as long as the instance."""

    def __init__(self) -> None:
        self._stream = Rng.from_seed(0)

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([candidate + self._stream.uniform()])


class RemembersCalls(Numbers):
    """Its outputs depend on which candidates it was asked about before."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([float(self._places.setdefault(candidate, len(self._places)))])


class CountsCalls(Numbers):
    def __init__(self) -> None:
        self._calls = itertools.count()

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([float(next(self._calls))])


class OtherInstancesDiffer(Numbers):
    instances = itertools.count()

    def __init__(self) -> None:
        self._number = next(self.instances)

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([float(candidate + self._number)])


class AllBehaveAlike(Numbers):
    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.zeros(1)


class Free(Numbers):
    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(float(candidate), 0.0)


class EvaluatesByItsOwnStream(Numbers):
    def __init__(self) -> None:
        self._stream = Rng.from_seed(0)

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(candidate + self._stream.uniform(), 1.0)


class ProposesByItsOwnStream(Numbers):
    stream = Rng.from_seed(0)

    def random_candidate(self, rng: Rng) -> int:
        return self.stream.integer(1000)


class NotANumber(Numbers):
    """NaN is a fitness, but not of no cost in particular."""

    def __init__(self) -> None:
        self._stream = Rng.from_seed(0)

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(math.nan, 1.0 + self._stream.uniform())


class HashTurnsTheSearch(Numbers):
    """A mutation depends on how often candidates were hashed."""

    def __init__(self) -> None:
        self._hashes = 0

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        self._hashes += 1
        return super().hashable_outputs(candidate)

    def mutate(self, candidate: int, rng: Rng) -> int:
        return (super().mutate(candidate, rng) + self._hashes) % 1000


class EvaluationTurnsTheSearch(Numbers):
    """A mutation depends on how often candidates were evaluated."""

    def __init__(self) -> None:
        self._evaluations = 0

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        self._evaluations += 1
        return super().evaluate(candidate, rng)

    def mutate(self, candidate: int, rng: Rng) -> int:
        return (super().mutate(candidate, rng) + self._evaluations) % 1000


class SaysNothing(Numbers):
    def describe(self, candidate: int) -> str:
        return " "


class RedundantInPercent(Numbers):
    def redundancy(self, candidate: int) -> float:
        return 50.0


class NoUnit(Numbers):
    cost_unit = ""


class Boxed(Numbers):
    """Candidates are lists, which nobody can look up but which a structural key can stand for."""

    def random_candidate(self, rng: Rng) -> list[int]:  # type: ignore[override]
        return [rng.integer(1000)]

    def mutate(self, candidate: list[int], rng: Rng) -> list[int]:  # type: ignore[override]
        return [super().mutate(candidate[0], rng)]

    def hashable_outputs(self, candidate: list[int]) -> np.ndarray:  # type: ignore[override]
        return super().hashable_outputs(candidate[0])

    def evaluate(self, candidate: list[int], rng: Rng) -> Evaluation:  # type: ignore[override]
        return super().evaluate(candidate[0], rng)

    def reevaluate(self, candidate: list[int], rng: Rng) -> float:  # type: ignore[override]
        return float(candidate[0])

    def describe(self, candidate: list[int]) -> str:  # type: ignore[override]
        return str(candidate[0])

    def parse(self, text: str) -> list[int]:  # type: ignore[override]
        return [int(text)]

    def structural_key(self, candidate: list[int]) -> Hashable:  # type: ignore[override]
        return candidate[0]


class EqualButPickledOtherwise(Boxed):
    """Equal candidates share their parts or do not, which pickles show."""

    instances = itertools.count()

    def __init__(self) -> None:
        self._shares = next(self.instances) % 2 == 0

    def random_candidate(self, rng: Rng) -> list[int]:  # type: ignore[override]
        return self._made(super().random_candidate(rng))

    def mutate(self, candidate: list[int], rng: Rng) -> list[int]:  # type: ignore[override]
        return self._made(super().mutate(candidate, rng))

    def _made(self, whole: list[int]) -> list[Any]:
        part = (whole[0],)
        return [*whole, part, part if self._shares else tuple(whole)]


class ChangesTheParent(Boxed):
    def mutate(self, candidate: list[int], rng: Rng) -> list[int]:  # type: ignore[override]
        candidate[0] = (candidate[0] + 1 + rng.integer(9)) % 1000
        return candidate


class ForgetsOnPickling(Boxed):
    """Its candidates lose what they are in another process."""

    @dataclass
    class Box:
        value: int

        def __getitem__(self, place: int) -> int:
            return self.value

        def __reduce__(self) -> tuple[Callable[..., object], tuple[int]]:
            return _rounded_box, (self.value,)

    def random_candidate(self, rng: Rng) -> Box:  # type: ignore[override]
        return self.Box(rng.integer(1000))

    def mutate(self, candidate: Box, rng: Rng) -> Box:  # type: ignore[override]
        return self.Box((candidate.value + 1 + rng.integer(9)) % 1000)

    def structural_key(self, candidate: Box) -> Hashable:  # type: ignore[override]
        return candidate.value


def _rounded_box(value: int) -> ForgetsOnPickling.Box:
    return ForgetsOnPickling.Box(value - value % 10)
