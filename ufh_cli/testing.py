"""The conformance suite: what every setup must do, ours or a user's.

In a test of your own package::

    import pytest
    from ufh_cli.testing import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check):
        check(MySetup)

Each check takes a callable that makes the setup, and raises `AssertionError` saying what is wrong.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import RegularizedEvolution
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial

MakeSetup = Callable[[], Setup]

_CANDIDATES = 20
_EVALUATED = 5
_PATIENCE = 500  # mutations


def check_proposals_are_reproducible(make_setup: MakeSetup) -> None:
    """The same stream gives the same candidates and mutations, in another instance too."""
    first, second = (_walk(make_setup(), Rng.from_seed(1)) for _ in range(2))
    assert _all_same(first, second), (
        "the same random stream gave different candidates: all randomness must come from rng"
    )
    other = _walk(make_setup(), Rng.from_seed(2))
    assert not _all_same(first, other), "different random streams gave the same candidates"


def check_mutation_leaves_the_parent_alone(make_setup: MakeSetup) -> None:
    """`mutate` returns a candidate and does not change the one it was given; now and then the two differ."""
    setup, rng = make_setup(), Rng.from_seed(3)
    differ = 0
    for _ in range(_CANDIDATES):
        parent = setup.random_candidate(rng)
        before = _copy(parent)
        child = setup.mutate(parent, rng)
        assert _same(parent, before), "mutate changed the parent"
        differ += not _same(child, before)
    assert differ > 0, f"none of {_CANDIDATES} mutations changed anything"


def check_candidates_survive_pickling(make_setup: MakeSetup) -> None:
    """A candidate that went to another process and back still behaves the same."""
    setup = make_setup()
    key = _plain_keys(setup)
    for candidate in _walk(setup, Rng.from_seed(4)):
        assert key(_copy(candidate)) == key(candidate), "a pickled copy of a candidate has another key"


def check_hashable_outputs(make_setup: MakeSetup) -> None:
    """Float arrays that depend on the candidate alone (Method 3), not on earlier calls or the instance."""
    setup, fresh = make_setup(), make_setup()
    candidates = _walk(setup, Rng.from_seed(5))
    key = _plain_keys(setup)
    outputs = setup.hashable_outputs(candidates[0])
    arrays = [outputs] if isinstance(outputs, np.ndarray) else outputs
    assert sum(array.size for array in arrays) > 0, "there is not a single hashable output"
    keys = [key(candidate) for candidate in candidates]
    for candidate in candidates[:3]:
        setup.evaluate(candidate, Rng.from_word(6))
    assert [key(candidate) for candidate in reversed(candidates)] == keys[::-1], (
        "the hashable outputs changed between two calls"
    )
    again = _plain_keys(fresh)
    assert [again(candidate) for candidate in reversed(candidates)] == keys[::-1], (
        "another instance, asked in another order, hashes otherwise"
    )
    rng, candidate, steps = Rng.from_seed(10), candidates[-1], 0
    while key(candidate) == keys[0] and steps < _PATIENCE:  # a search may start from programs that do nothing
        candidate, steps = setup.mutate(candidate, rng), steps + 1
    assert steps < _PATIENCE, f"after {steps} mutations a candidate still has the key of another"


def check_evaluations(make_setup: MakeSetup) -> None:
    """Fitness and cost are numbers, cost above zero; the same seed gives the same, in another instance and order too.

    What the setup proposes does not depend on evaluations before.
    """
    setup, fresh = make_setup(), make_setup()
    candidates = _walk(setup, Rng.from_seed(7))
    found = []
    for number, candidate in enumerate(candidates[:_EVALUATED]):
        evaluation = setup.evaluate(candidate, Rng.from_word(number))
        assert isinstance(evaluation, Evaluation), (
            f"evaluate returned a {type(evaluation).__name__}, not an Evaluation(fitness, cost)"
        )
        fitness, cost = evaluation.fitness, evaluation.cost
        found.append(evaluation)
        assert isinstance(fitness, (float, np.floating)), f"the fitness is a {type(fitness).__name__}, not a float"
        assert isinstance(cost, (int, float, np.number)), f"the cost is a {type(cost).__name__}, not a number"
        assert 0 < cost < math.inf, f"the cost of an evaluation is {cost}, but must be above 0"
        unseen = setup.reevaluate(candidate, Rng.from_word(number))
        assert isinstance(unseen, (float, np.floating)), f"reevaluate returned a {type(unseen).__name__}, not a float"
    for number, candidate in reversed(list(enumerate(candidates[:_EVALUATED]))):
        again = fresh.evaluate(candidate, Rng.from_word(number))
        assert _same_evaluation(again, found[number]), (
            "evaluate found something else with the same stream: all its randomness must come from rng"
        )
    assert _all_same(_walk(setup, Rng.from_seed(7)), candidates), "after evaluations the setup proposes otherwise"


def check_stages(make_setup: MakeSetup) -> None:
    """Where there is a cheap first stage, it is a part of the evaluation, and stopping after it leaves no trace."""
    setup, fresh = make_setup(), make_setup()
    if not setup.staged:
        return
    overridden = type(setup).evaluate_in_stages is not Setup.evaluate_in_stages
    assert overridden, "it is said to be staged, but has no evaluate_in_stages of its own"
    for number, candidate in enumerate(_walk(setup, Rng.from_seed(11))[:_EVALUATED]):
        first = next(setup.evaluate_in_stages(candidate, Rng.from_word(number)))  # and no further
        stages = list(setup.evaluate_in_stages(candidate, Rng.from_word(number)))
        assert len(stages) in (1, 2), f"an evaluation in stages has {len(stages)} of them, not one or two"
        assert _same_evaluation(first, stages[0]), "the first stage found something else the second time"
        assert all(0 < stage.cost < math.inf for stage in stages), "the cost of a stage is not a number above 0"
        fitness, cost = fresh.evaluate(candidate, Rng.from_word(number))[:2]
        assert np.array_equal(fitness, stages[-1].fitness, equal_nan=True), (
            "the last stage has another fitness than evaluate"
        )
        assert math.isclose(cost, sum(stage.cost for stage in stages)), (
            "the costs of the stages are not that of evaluate"
        )


def check_objectives(make_setup: MakeSetup) -> None:
    """Where there are several objectives, each candidate has all of them; what is refined survives being written."""
    setup = make_setup()
    for number, candidate in enumerate(_walk(setup, Rng.from_seed(13))[:_EVALUATED]):
        evaluation = setup.evaluate(candidate, Rng.from_word(number))
        refined = candidate if evaluation.refined is None else evaluation.refined
        if evaluation.refined is not None:
            assert _is_read_back(setup, refined), (
                "a refined candidate is not the same when it has been described and parsed, which a journal needs"
            )
        if setup.objectives is None:
            assert evaluation.objectives == (), "an evaluation has objectives, but the setup names none"
            continue
        names, reference = setup.objectives
        assert len(names) == len(reference) >= 2, "objectives need as many names as coordinates of the reference point"
        found = setup.objectives_of(refined, evaluation)
        assert isinstance(found, tuple), f"objectives_of returned a {type(found).__name__}, not a tuple"
        assert len(found) == len(names), f"there are {len(names)} objectives, but objectives_of found {len(found)}"
        assert all(isinstance(value, (float, np.floating)) and value == value for value in found), (
            "an objective is no float, or not a number"
        )


def check_tasks(make_setup: MakeSetup) -> None:
    """Where evaluations consist of tasks, these make up the whole, and a task does not depend on the others wanted."""
    setup, fresh = make_setup(), make_setup()
    count = setup.tasks
    if not count:
        return
    for number, candidate in enumerate(_walk(setup, Rng.from_seed(12))[:_EVALUATED]):
        outputs = setup.hashable_outputs(candidate)
        arrays = [outputs] if isinstance(outputs, np.ndarray) else outputs
        assert all(array.shape[:1] == (count,) for array in arrays), (
            f"there are {count} tasks, but not every array of hashable outputs has a row for each"
        )
        fitness, cost = fresh.evaluate(candidate, Rng.from_word(number))[:2]
        found, spent = setup.evaluate_tasks(candidate, Rng.from_word(number), [True] * count)
        assert len(found) == count, f"there are {count} tasks, but evaluate_tasks found {len(found)} fitnesses"
        assert np.array_equal(setup.combine_tasks(found), fitness, equal_nan=True), (
            "all tasks combined have another fitness than evaluate"
        )
        assert math.isclose(spent, cost), "all tasks have another cost than evaluate"
        for wanted in ([task % 2 == 0 for task in range(count)], [task == count - 1 for task in range(count)]):
            some, part = setup.evaluate_tasks(candidate, Rng.from_word(number), wanted)
            assert np.array_equal(np.array(some)[wanted], np.array(found)[wanted], equal_nan=True), (
                "the fitness on a task depends on which others are wanted"
            )
            assert 0 < part <= cost * (1 + 1e-9), f"some tasks cost {part}, all of them {cost}"


def check_descriptions(make_setup: MakeSetup) -> None:
    """`describe` tells something that `parse`, where there is one, reads back; redundancy is a fraction or unknown."""
    setup = make_setup()
    key = _plain_keys(setup)
    reads = type(setup).parse is not Setup.parse
    for candidate in _walk(setup, Rng.from_seed(8)):
        text = setup.describe(candidate)
        assert isinstance(text, str), f"describe returned a {type(text).__name__}, not a text"
        assert text.strip(), "describe returned no text"
        if reads:
            assert key(setup.parse(text)) == key(candidate), f"parse reads another candidate from {text!r}"
        redundant = setup.redundancy(candidate)
        assert redundant != redundant or 0.0 <= redundant <= 1.0, f"redundancy is {redundant}, which is no fraction"


def check_structural_keys(make_setup: MakeSetup) -> None:
    """A structural key can be looked up, and equal ones mean equal behaviour (§6.3)."""
    setup = make_setup()
    key = _plain_keys(setup)
    behaviour: dict[Any, Any] = {}
    for candidate in _walk(setup, Rng.from_seed(9)):
        structural = setup.structural_key(candidate)
        assert behaviour.setdefault(structural, key(candidate)) == key(candidate), (
            "two candidates with the same structural key behave differently"
        )


def check_graphs(make_setup: MakeSetup) -> None:
    """Where candidates have graphs, these are well formed, depend on the candidate alone, and differ."""
    setup, fresh = make_setup(), make_setup()
    if not setup.operations:
        return
    from ufh_cli.core.guided.columns import GraphColumns

    candidates = _walk(setup, Rng.from_seed(14))
    copies = [_copy(candidate) for candidate in reversed(candidates)]
    try:  # one by one: columns remembered by structure would hide that graphs differ
        rows = np.stack([GraphColumns(setup).of([candidate])[0] for candidate in candidates])
        again = np.stack([GraphColumns(fresh).of([candidate])[0] for candidate in copies])[::-1]
    except ValueError as error:
        raise AssertionError(str(error)) from error
    assert np.array_equal(rows, again), "the graph of a candidate changed, or another instance tells another"
    rng, candidate, steps = Rng.from_seed(15), candidates[-1], 0
    while np.array_equal(GraphColumns(setup).of([candidate])[0], rows[0]) and steps < _PATIENCE:  # as for outputs
        candidate, steps = setup.mutate(candidate, rng), steps + 1
    assert steps < _PATIENCE, f"after {steps} mutations a candidate still has the graph of another"
    if setup.few_structures:
        of_structure: dict[Any, bytes] = {}
        for candidate, row in zip(candidates, rows, strict=True):
            assert of_structure.setdefault(setup.structural_key(candidate), row.tobytes()) == row.tobytes(), (
                "two candidates with the same structural key have graphs that differ"
            )


def check_units(make_setup: MakeSetup) -> None:
    """The figures that tables and axes need."""
    setup = make_setup()
    assert setup.cost_unit, "cost_unit is empty"
    assert 0 <= setup.hash_cost < math.inf, f"hash_cost is {setup.hash_cost}"
    for text in (setup.fingerprint(), setup.notice()):
        assert isinstance(text, str), f"fingerprint and notice are texts, got {type(text).__name__}"
        assert "\n" not in text, "fingerprint and notice are one line each"


def check_fec_leaves_the_search_unaltered(make_setup: MakeSetup) -> None:
    """The guarantee of §6.2: serially, without collisions or noise, FEC proposes the same sequence of candidates."""
    assert _all_same(_proposals(make_setup(), "fec"), _proposals(make_setup(), "none")), (
        "with FEC the search proposed other candidates: hashing touches the search's random stream, or mutate depends "
        "on something else than the candidate and the stream"
    )


CHECKS: Sequence[Callable[[MakeSetup], None]] = (
    check_proposals_are_reproducible,
    check_mutation_leaves_the_parent_alone,
    check_candidates_survive_pickling,
    check_hashable_outputs,
    check_evaluations,
    check_stages,
    check_tasks,
    check_objectives,
    check_descriptions,
    check_structural_keys,
    check_graphs,
    check_units,
    check_fec_leaves_the_search_unaltered,
)


def check_setup(make_setup: MakeSetup) -> None:
    """Run all checks."""
    for check in CHECKS:
        check(make_setup)


def _plain_keys(setup: Setup) -> Callable[[Any], int]:
    """candidate -> key, always of the hashable outputs: one remembered by structure would hide that these are wrong."""
    functional_hash = FunctionalHash()
    return lambda candidate: functional_hash(setup.hashable_outputs(candidate))


def _walk(setup: Setup, rng: Rng) -> list[Any]:
    """Random candidates, each followed by a line of descendants."""
    candidates: list[Any] = []
    while len(candidates) < _CANDIDATES:
        candidate = setup.random_candidate(rng)
        for _ in range(4):
            candidates.append(candidate)
            candidate = setup.mutate(candidate, rng)
    return candidates


def _copy(candidate: Any) -> Any:
    return pickle.loads(pickle.dumps(candidate))  # our own bytes, made a moment ago


def _same(first: Any, second: Any) -> bool:
    """Equal, or pickled alike where equality says nothing of the contents (arrays, objects without ``__eq__``)."""
    return (first == second) is True or pickle.dumps(first) == pickle.dumps(second)


def _is_read_back(setup: Setup, candidate: Any) -> bool:
    try:
        return _same(setup.parse(setup.describe(candidate)), candidate)
    except ValueError:
        return False


def _same_evaluation(first: Evaluation, second: Evaluation) -> bool:
    """Equal in all that is found, NaN being equal to NaN."""
    return all(map(_same, first[:-1], second[:-1])) and _same(first.refined, second.refined)


def _all_same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(map(_same, first, second))


def _proposals(setup: Setup, technique: str) -> list[Any]:
    """The candidates of a short serial search whose fitness is a fixed function of behaviour, so without collisions."""
    streams = Streams.of(0, 0)
    key = _plain_keys(setup)
    proposed = []

    class Recorded(RegularizedEvolution):
        def tell(self, individual):
            proposed.append(individual.candidate)
            super().tell(individual)

    trial = Trial(
        _FitnessFromKey(setup, key),  # type: ignore[arg-type]
        Recorded(population_size=10, tournament_size=3),
        make_technique(technique, rng=streams.cache),
        key=key,
        key_cost=0.0,
        streams=streams,
        budget=Budget(candidates=100),
    )
    trial.run()
    return proposed


class _FitnessFromKey:
    """Stands before a setup whose evaluations are costly or noisy: fitness is the key, read as a number."""

    objectives = None

    def __init__(self, setup: Setup, key: Callable[[Any], Any]) -> None:
        self._key = key
        self.objectives = None
        self.random_candidate = setup.random_candidate
        self.mutate = setup.mutate
        self.reevaluate = lambda candidate, rng: float(key(candidate))

    def evaluate(self, candidate: Any, rng: Rng) -> Evaluation:
        return Evaluation(float(self._key(candidate)), 1.0)
