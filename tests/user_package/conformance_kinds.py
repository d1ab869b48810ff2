"""Setups with stages, tasks, objectives, refined candidates or a spelling of their own, right and wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from conformance_setups import CoarseStructure, Numbers

from ufh_cli.core.graph import Graph
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Objectives


class Halves(Numbers):
    """Its first stage looks at half of the fitness, for a third of the cost."""

    staged = True

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(candidate + rng.uniform(), 3.0)

    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        yield Evaluation(candidate / 2, 1.0)
        yield Evaluation(candidate + rng.uniform(), 2.0)


class WholeTwice(Halves):
    """Charges the first stage again."""

    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        yield Evaluation(candidate / 2, 1.0)
        yield self.evaluate(candidate, rng)


class DrawsInTheFirstStage(Halves):
    """So that the second has other random numbers than `evaluate`."""

    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        yield Evaluation(rng.uniform(), 1.0)
        yield Evaluation(candidate + rng.uniform(), 2.0)


class StagesInTurn(Halves):
    """A second call goes on where the first was dropped."""

    def __init__(self) -> None:
        self._begun = False

    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        if not self._begun:
            self._begun = True
            yield Evaluation(candidate / 2, 1.0)
        self._begun = False
        yield Evaluation(candidate + rng.uniform(), 2.0)


class FreeFirstStage(Halves):
    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        yield Evaluation(candidate / 2, 0.0)
        yield self.evaluate(candidate, rng)


class ThreeStages(Halves):
    def evaluate_in_stages(self, candidate: int, rng: Rng) -> Iterator[Evaluation]:
        for part in (3, 2, 1):
            yield Evaluation(candidate / part, 1.0)


class StagedInWordsOnly(Numbers):
    staged = True


class Parted(Numbers):
    """Two tasks: the number itself, and its last digit."""

    tasks = 2

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([[candidate], [candidate % 10]], float)

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(candidate + candidate % 10 + rng.uniform(), 2.0)

    def evaluate_tasks(self, candidate: int, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        return [candidate + rng.uniform(), candidate % 10], float(sum(wanted))

    def combine_tasks(self, fitnesses: Sequence[float]) -> float:
        return fitnesses[0] + fitnesses[1]


class NoRowATask(Parted):
    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return Numbers.hashable_outputs(self, candidate)


class OneTaskShort(Parted):
    def evaluate_tasks(self, candidate: int, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        return [candidate], 2.0


class CombinesOtherwise(Parted):
    def combine_tasks(self, fitnesses: Sequence[float]) -> float:
        return max(fitnesses)


class DearerTasks(Parted):
    def evaluate_tasks(self, candidate: int, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        return super().evaluate_tasks(candidate, rng, wanted)[0], 1.5 * sum(wanted)


class FreeTasks(Parted):
    def evaluate_tasks(self, candidate: int, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        return super().evaluate_tasks(candidate, rng, wanted)[0], 2.0 * all(wanted)


class TasksDependOnEachOther(Parted):
    def evaluate_tasks(self, candidate: int, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        noise = rng.uniform()
        return [candidate + noise, candidate % 10 + (0.0 if wanted[0] else noise)], float(sum(wanted))


class TwoObjectives(Numbers):
    """Two objectives, of which the second does not depend on the evaluation."""

    objectives = Objectives(("first", "second"), (0.0, -1000.0))

    def objectives_of(self, candidate: int, evaluation: Evaluation) -> tuple[float, ...]:
        return (evaluation.fitness, -float(candidate))


class ObjectiveMissing(TwoObjectives):
    def objectives_of(self, candidate: int, evaluation: Evaluation) -> tuple[float, ...]:
        return (evaluation.fitness,)


class ObjectiveNotANumber(TwoObjectives):
    def objectives_of(self, candidate: int, evaluation: Evaluation) -> tuple[float, ...]:
        return (evaluation.fitness, math.nan)


class ObjectivesUnnamed(Numbers):
    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return super().evaluate(candidate, rng)._replace(objectives=(1.0, 2.0))


class ForgetsWhatIsRefined(Numbers):
    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return super().evaluate(candidate, rng)._replace(refined=candidate + 0.125)


class Spelt(Numbers):
    """The graph of a number is the row of its digits."""

    operations = tuple("0123456789")

    def graph(self, candidate: int) -> Graph:
        digits = [int(digit) for digit in f"{candidate:03d}"]
        return Graph(digits, [(0, 1), (1, 2)])


class SpeltBeyondItsDigits(Spelt):
    operations = tuple("01234567")


class SpeltByTheTurn(Spelt):
    def __init__(self) -> None:
        self.turns = 0

    def graph(self, candidate: int) -> Graph:
        self.turns += 1
        return Graph([self.turns % 10], [])


class AllSpeltAlike(Spelt):
    def graph(self, candidate: int) -> Graph:
        return Graph([0], [])


class SpeltUnlikeItsStructure(Spelt, CoarseStructure):
    pass
