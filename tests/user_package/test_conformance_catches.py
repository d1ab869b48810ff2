"""The conformance suite passes a setup that is right, and each way to be wrong fails the check that is about it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ufh_cli import testing
from ufh_cli.core.graph import Graph
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Objectives, Setup


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


WRONG = [
    (SpeltBeyondItsDigits, testing.check_graphs, "operations must be from 0 to 7"),
    (SpeltByTheTurn, testing.check_graphs, "changed, or another instance"),
    (AllSpeltAlike, testing.check_graphs, "all alike"),
    (SpeltUnlikeItsStructure, testing.check_graphs, "same structural key have graphs that differ"),
    (ObjectiveMissing, testing.check_objectives, "objectives_of found 1"),
    (ObjectiveNotANumber, testing.check_objectives, "not a number"),
    (ObjectivesUnnamed, testing.check_objectives, "the setup names none"),
    (ForgetsWhatIsRefined, testing.check_objectives, "described and parsed"),
    (NoRowATask, testing.check_tasks, "has a row for each"),
    (OneTaskShort, testing.check_tasks, "2 tasks, but evaluate_tasks found 1"),
    (CombinesOtherwise, testing.check_tasks, "another fitness than evaluate"),
    (DearerTasks, testing.check_tasks, "another cost than evaluate"),
    (FreeTasks, testing.check_tasks, "some tasks cost 0"),
    (TasksDependOnEachOther, testing.check_tasks, "depends on which others are wanted"),
    (WholeTwice, testing.check_stages, "costs of the stages"),
    (DrawsInTheFirstStage, testing.check_stages, "another fitness than evaluate"),
    (StagesInTurn, testing.check_stages, "the second time"),
    (FreeFirstStage, testing.check_stages, "cost of a stage"),
    (ThreeStages, testing.check_stages, "not one or two"),
    (StagedInWordsOnly, testing.check_stages, "no evaluate_in_stages"),
    (CoarseStructure, testing.check_structural_keys, "same structural key behave differently"),
    (ParsesAnother, testing.check_descriptions, "parse reads another candidate"),
    (ParsesAnotherOfCoarseStructure, testing.check_descriptions, "parse reads another candidate"),
    (SaysNothing, testing.check_descriptions, "no text"),
    (RedundantInPercent, testing.check_descriptions, "redundancy is 50.0, which is no fraction"),
    (ChangesTheParent, testing.check_mutation_leaves_the_parent_alone, "mutate changed the parent"),
    (ForgetsOnPickling, testing.check_candidates_survive_pickling, "pickled copy"),
    (DrawsWhileHashing, testing.check_hashable_outputs, "changed between two calls"),
    (CountsCalls, testing.check_hashable_outputs, "changed between two calls"),
    (RemembersCalls, testing.check_hashable_outputs, "another instance, asked in another order"),
    (OtherInstancesDiffer, testing.check_hashable_outputs, "another instance, asked in another order"),
    (AllBehaveAlike, testing.check_hashable_outputs, "still has the key of another"),
    (Free, testing.check_evaluations, "the cost of an evaluation is 0.0"),
    (EvaluatesByItsOwnStream, testing.check_evaluations, "the same seed gave another evaluation"),
    (NotANumber, testing.check_evaluations, "the same seed gave another evaluation"),
    (EvaluationTurnsTheSearch, testing.check_evaluations, "after evaluations the setup proposes otherwise"),
    (ProposesByItsOwnStream, testing.check_proposals_are_reproducible, "the same random stream"),
    (HashTurnsTheSearch, testing.check_fec_leaves_the_search_unaltered, "proposed other candidates"),
    (NoUnit, testing.check_units, "cost_unit is empty"),
]


@pytest.mark.parametrize("make_setup", [Numbers, Boxed, EqualButPickledOtherwise, Halves, Parted, Spelt])
def test_a_setup_that_is_right_passes(make_setup: type[Setup]) -> None:
    for check in testing.CHECKS:
        check(make_setup)
    testing.check_setup(make_setup)


@pytest.mark.parametrize(("make_setup", "check", "message"), WRONG, ids=[case[0].__name__ for case in WRONG])
def test_what_is_wrong_fails_its_check(make_setup: type[Setup], check: Callable, message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check(make_setup)
    with pytest.raises(AssertionError):
        testing.check_setup(make_setup)


def test_several_objectives_that_are_right_pass() -> None:
    testing.check_setup(TwoObjectives)


def test_every_check_catches_something() -> None:
    assert {check for _, check, _ in WRONG} == set(testing.CHECKS)
