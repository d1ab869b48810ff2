"""The conformance suite passes a setup that is right, and each way to be wrong fails the check that is about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from conformance_kinds import (
    AllSpeltAlike,
    CombinesOtherwise,
    DearerTasks,
    DrawsInTheFirstStage,
    ForgetsWhatIsRefined,
    FreeFirstStage,
    FreeTasks,
    Halves,
    NoRowATask,
    ObjectiveMissing,
    ObjectiveNotANumber,
    ObjectivesUnnamed,
    OneTaskShort,
    Parted,
    Spelt,
    SpeltBeyondItsDigits,
    SpeltByTheTurn,
    SpeltUnlikeItsStructure,
    StagedInWordsOnly,
    StagesInTurn,
    TasksDependOnEachOther,
    ThreeStages,
    TwoObjectives,
    WholeTwice,
)
from conformance_setups import (
    AllBehaveAlike,
    Boxed,
    ChangesTheParent,
    CoarseStructure,
    CountsCalls,
    DrawsWhileHashing,
    EqualButPickledOtherwise,
    EvaluatesByItsOwnStream,
    EvaluationTurnsTheSearch,
    ForgetsOnPickling,
    Free,
    HashTurnsTheSearch,
    NotANumber,
    NoUnit,
    Numbers,
    OtherInstancesDiffer,
    ParsesAnother,
    ParsesAnotherOfCoarseStructure,
    ProposesByItsOwnStream,
    RedundantInPercent,
    RemembersCalls,
    SaysNothing,
)

from ufh_cli import testing
from ufh_cli.core.setup import Setup

WRONG = [
    (SpeltBeyondItsDigits, testing.check_graphs, "operations must be from 0 to 7"),
    (SpeltByTheTurn, testing.check_graphs, "changed, or another instance"),
    (AllSpeltAlike, testing.check_graphs, "still has the graph of another"),
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
    (EvaluatesByItsOwnStream, testing.check_evaluations, "something else with the same stream"),
    (NotANumber, testing.check_evaluations, "something else with the same stream"),
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
