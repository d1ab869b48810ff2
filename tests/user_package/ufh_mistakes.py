"""One mistake each that is made when a setup is written; `Right` has none."""

from __future__ import annotations

import random
from typing import ClassVar

import numpy as np

import ufh_cli as ufh


class Right(ufh.Setup[tuple]):
    """Rows of digits."""

    costly = False

    def __init__(self, *, size: int = 3) -> None:
        self.size = size

    def random_candidate(self, rng):
        return tuple(rng.integer(5) for _ in range(self.size))

    def mutate(self, candidate, rng):
        place = rng.integer(self.size)
        return (*candidate[:place], rng.integer(5), *candidate[place + 1 :])

    def hashable_outputs(self, candidate):
        return np.array(candidate, float)

    def evaluate(self, candidate, rng):
        return ufh.Evaluation(float(sum(candidate)), 1.0)

    def reevaluate(self, candidate, rng):
        return float(sum(candidate))

    def describe(self, candidate):
        return str(candidate)


class Forgotten(ufh.Setup[tuple]):
    """Its author forgot five methods."""

    def evaluate(self, candidate, rng):
        return ufh.Evaluation(1.0, 1.0)


class FloatReturned(Right):
    def evaluate(self, candidate, rng):
        return float(sum(candidate))


class ReturnForgotten(Right):
    def mutate(self, candidate, rng):
        super().mutate(candidate, rng)


class Mutable(Right):
    def random_candidate(self, rng):
        return list(super().random_candidate(rng))

    def mutate(self, candidate, rng):
        candidate[rng.integer(self.size)] = rng.integer(5)
        return candidate


class Unlookable(Right):
    def random_candidate(self, rng):
        return list(super().random_candidate(rng))

    def mutate(self, candidate, rng):
        return list(super().mutate(candidate, rng))


class HashVaries(Right):
    def hashable_outputs(self, candidate):
        return super().hashable_outputs(candidate) + random.random()


class HashVariesSometimes(Right):
    def hashable_outputs(self, candidate):
        return super().hashable_outputs(candidate) + random.random() * (candidate[0] == 3)


class ProposesFromElsewhere(Right):
    def random_candidate(self, rng):
        return tuple(random.randrange(10**9) for _ in range(self.size))


class MutatesFromElsewhere(Right):
    def mutate(self, candidate, rng):
        return (random.randrange(10**9), *candidate[1:])


class EvaluatesFromElsewhere(Right):
    def evaluate(self, candidate, rng):
        return ufh.Evaluation(float(sum(candidate)) + random.random(), 1.0)


class Untyped(Right):
    def __init__(self, *, size=3):
        self.size = size


class OddlyTyped(Right):
    def __init__(self, *, size: np.ndarray = None) -> None:
        self.size = 3


class Positional(Right):
    def __init__(self, size: int = 3) -> None:
        self.size = size


class WholeOutputs(Right):
    def hashable_outputs(self, candidate):
        return np.array(candidate)


class StreamForgotten(Right):
    def mutate(self, candidate):
        return candidate


class Misspelt(Right):
    def mutate(self, candidate, rng):
        return (*candidate[:2], rng.integers(5))


class RaisesLate(Right):
    """Its hash raises for candidates that a search comes upon sooner or later."""

    def hashable_outputs(self, candidate):
        if sum(candidate) > 9:
            raise OverflowError("too much")
        return super().hashable_outputs(candidate)


class Wordless(Right):
    def describe(self, candidate):
        print(candidate)


class NothingReevaluated(Right):
    def reevaluate(self, candidate, rng):
        pass


class CostForgotten(Right):
    def evaluate(self, candidate, rng):
        return ufh.Evaluation(float(sum(candidate)))


class Free(Right):
    def evaluate(self, candidate, rng):
        return ufh.Evaluation(float(sum(candidate)), 0.0)


class DataMissing(Right):
    def __init__(self, *, size: int = 3) -> None:
        self.size = size
        with open("no-such-data.csv") as file:
            self.data = file.read()


class Unpicklable(Right):
    def random_candidate(self, rng):
        return lambda: 3


class Defaultless(Right):
    def __init__(self, *, size: int) -> None:
        self.size = size


class TextByDefault(Right):
    def __init__(self, *, size: int = "3") -> None:
        self.size = size


class TextAsCost(Right):
    hash_cost = "cheap"


class NegativeHashCost(Right):
    hash_cost = -1.0


class NamesAlone(Right):
    objectives = ("sum", "size")


class OneObjectiveForgotten(Right):
    objectives: ClassVar = ufh.Objectives(("sum", "size"), (0.0, 0.0))

    def objectives_of(self, candidate, evaluation):
        return (evaluation.fitness,)


class ObjectivesRaise(OneObjectiveForgotten):
    def objectives_of(self, candidate, evaluation):
        return evaluation.fitness, candidate.size


class Asynchronous(Right):
    async def evaluate(self, candidate, rng):
        return super().evaluate(candidate, rng)


class EvaluatesWithoutStream(Right):
    def evaluate(self, candidate):
        return ufh.Evaluation(float(sum(candidate)), 1.0)


class HashSorts(Right):
    def random_candidate(self, rng):
        return list(super().random_candidate(rng))

    def mutate(self, candidate, rng):
        return [rng.integer(5), *candidate[1:]]

    def hashable_outputs(self, candidate):
        candidate.sort()
        return np.array(candidate, float)


class ChildAsParent(Right):
    def mutate(self, candidate, rng):
        return tuple(candidate)


class _Told(Right):
    """Tells graphs, after a fashion."""

    operations = ("digit",)


class NoGraph(_Told):
    def graph(self, candidate):
        return [0] * len(candidate)


class GraphRaises(_Told):
    def graph(self, candidate):
        return ufh.Graph(candidate.nodes, [])


class NamedNodes(_Told):
    def graph(self, candidate):
        return ufh.Graph(["digit"] * len(candidate), [])


class RaggedEdges(_Told):
    def graph(self, candidate):
        return ufh.Graph([0] * len(candidate), [(0, 1), (2,)])


class OutputsVary(Right):
    def hashable_outputs(self, candidate):
        return np.arange(1.0 + sum(candidate))
