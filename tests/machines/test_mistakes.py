"""Mistakes in a setup are answered by one line that names the setup, the method and what would be right."""

from __future__ import annotations

import pytest
from ufh_command import PACKAGE, Command, install

SEARCH = ("--budget=60", "--set=search.population_size=10", "--set=search.tournament_size=3", "--trials=1", "--jobs=1")
# Of each mistake: its class, the method that the line names, and the remedy.
MISTAKES = {
    "a method forgotten": ("Forgotten", "random_candidate(self, rng)", "write Forgotten's describe(self, candidate)"),
    "a number returned": ("FloatReturned", "evaluate", "must return ufh.Evaluation(fitness, cost)"),
    "a return forgotten": ("ReturnForgotten", "ReturnForgotten.mutate", "is a return missing?"),
    "a mutable candidate": ("Mutable", "Mutable.mutate", "return a new one"),
    "a hash that varies": ("HashVaries", "HashVaries.hashable_outputs", "with fixed examples and seeds"),
    "a proposal from elsewhere": ("ProposesFromElsewhere", ".random_candidate", "draw all randomness from rng"),
    "a mutation from elsewhere": ("MutatesFromElsewhere", ".mutate", "draw all randomness from rng"),
    "an option without a type": ("Untyped", "Untyped.__init__", "write one, such as size: int"),
    "an option of an odd type": ("OddlyTyped", "OddlyTyped.__init__", "its type must be int, float,"),
    "an option that is no keyword": ("Positional", "Positional.__init__", "write (self, *, size: …)"),
    "whole numbers as outputs": ("WholeOutputs", "WholeOutputs.hashable_outputs of (", "must be float16, float32 or"),
    "a parameter forgotten": ("StreamForgotten", "StreamForgotten.mutate", "it is to be mutate(self, candidate, rng)"),
    "a name misspelt": ("Misspelt", "Misspelt.mutate of (", "no attribute 'integers'"),
    "an error now and then": ("RaisesLate", "RaisesLate.hashable_outputs of (", "OverflowError: too much"),
    "no description": ("Wordless", "Wordless.describe of (", "return str(…)"),
    "nothing re-evaluated": ("NothingReevaluated", "what reevaluate returns", "must be a number"),
    "a cost forgotten": ("CostForgotten", "the evaluation of '(", "missing 1 required positional argument: 'cost'"),
    "data missing": ("DataMissing", "DataMissing.__init__ (line ", "No such file or directory: 'no-such-data.csv'"),
    "a candidate of a function": ("Unpicklable", "Unpicklable.random_candidate", "make candidates of tuples"),
    "an option without a default": ("Defaultless", "Defaultless.__init__", "or say --set options.size=…"),
    "a default of another type": ("TextByDefault", "TextByDefault.__init__", "size is no int by default, but '3'"),
    "a hash's cost as a text": ("TextAsCost", "TextAsCost.hash_cost", "must be a number of at least 0"),
    "a hash's cost below 0": ("NegativeHashCost", "NegativeHashCost.hash_cost", "must be a number of at least 0"),
    "objectives as names alone": ("NamesAlone", "NamesAlone.objectives:", "write ufh.Objectives(names, reference)"),
    "an objective forgotten": ("OneObjectiveForgotten", "objectives_of", "must return a tuple of 2 numbers, sum, size"),
    "objectives that raise": ("ObjectivesRaise", "ObjectivesRaise.objectives_of of (", "no attribute 'size'"),
    "an evaluation to be awaited": ("Asynchronous", "Asynchronous.evaluate", "write def, not async def"),
    "an evaluation's stream forgotten": (
        "EvaluatesWithoutStream", "EvaluatesWithoutStream.evaluate", "it is to be evaluate(self, candidate, rng)"
    ),
    "a hash that changes": ("HashSorts", "HashSorts.hashable_outputs", "work on a copy"),
}  # fmt: skip


# Of those that only guided search comes upon, once the search has begun.
GUIDED_MISTAKES = {
    "NoGraph": "Setup.graph must return ufh.Graph(operations, edges), not list",
    "GraphRaises": "GraphRaises.graph of (",
    "NamedNodes": "a graph's operations, one a node, must be whole numbers",
    "RaggedEdges": "a graph's edges, (giver, taker) each, must be whole numbers",
    "OutputsVary": "guided.features = outputs needs equally many hashable outputs of all candidates",
}


OTHERS = ("Right", "ChildAsParent", "Free", "HashVariesSometimes", "EvaluatesFromElsewhere")


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory) -> Command:
    site = tmp_path_factory.mktemp("mistaken-site")
    kinds = (*OTHERS, *GUIDED_MISTAKES, *(kind for kind, *_ in MISTAKES.values()))
    entry_points = {kind.lower(): f"ufh_mistakes:{kind}" for kind in kinds}
    install(site, name="ufh-mistakes", version="0.1.0", entry_points=entry_points)
    return Command(tmp_path_factory.mktemp("mistaken"), [PACKAGE, site])


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_setup_method_and_remedy(mistaken: Command, mistake: str) -> None:
    kind, method, remedy = MISTAKES[mistake]
    line = mistaken("run", kind.lower(), "--technique=fec", *SEARCH, f"--name={mistake}", code=2).refusal()
    assert line.startswith(f"ufh: setup {kind.lower()}")
    assert method in line
    assert remedy in line
    shown = mistaken("run", kind.lower(), "--technique=fec", *SEARCH, f"--name={mistake}", "--debug", code=2).err
    assert shown.splitlines()[-1] in line
    assert "Traceback" in shown


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Mutable", "Mutable.mutate: it changed the candidate that it was given: return a new one"),
        ("EvaluatesFromElsewhere", "evaluate found something else with the same stream: all its randomness"),
        ("FloatReturned", "evaluate returned a float, not an Evaluation(fitness, cost)"),
        ("Free", "the cost of an evaluation is 0.0, but must be above 0"),
    ],
)  # fmt: skip
def test_check_tells_it_too(mistaken: Command, kind: str, told: str) -> None:
    outcome = mistaken("check", kind.lower(), code=2)
    assert told in outcome.out + outcome.err
    assert f"setup {kind.lower()}" in outcome.refusal()


@pytest.mark.parametrize("kind", GUIDED_MISTAKES)
def test_a_mistake_that_guided_search_comes_upon_is_told_too(mistaken: Command, kind: str) -> None:
    asked = ("--technique=fec+guided", "--set=guided.warmup=10")
    line = mistaken("run", kind.lower(), *asked, *SEARCH, f"--name={kind}", code=2).refusal()
    assert line.startswith(f"ufh: setup {kind.lower()}")
    assert GUIDED_MISTAKES[kind] in line


def test_a_search_without_a_mistake_is_not_spoken_to(mistaken: Command) -> None:
    assert mistaken("run", "right", "--technique=fec", *SEARCH, "--name=right", "--set=hash.mantissa_bits=8").err == ""


WARNINGS = {
    "a hash that varies sometimes": (
        "hashvariessometimes", ("--technique=fec",), "two calls gave two keys of one candidate"
    ),
    "children as their parents": (
        "childasparent", ("--set=budget.candidates=60", "--set=budget.cost=none"),
        "ChildAsParent.mutate: none of 20 children differs from its parent",
    ),
    "too few candidates": (
        "right", ("--set=budget.cost=none", "--set=budget.candidates=10"),
        "budget.candidates = 10 ends before the first mutation: the first 10 candidates are random",
    ),
    "too small a budget": (
        "right", ("--set=budget.cost=7",), "the budget of 1 of 1 trials ended before the first mutation"
    ),
    "a cache's key without a cache": (
        "right", ("--set=cache.max_entries=5",), "cache.max_entries has no effect: it needs a technique with a cache"
    ),
    "another cache's key": (
        "right", ("--technique=fec", "--set=cache.max_evaluations=2"),
        "cache.max_evaluations has no effect: it needs the technique fea or best-fec",
    ),
    "a model's key without a model": (
        "right", ("--technique=fec", "--set=guided.tries=4"),
        "guided.tries has no effect: it needs the technique guided, such as fec+guided"
    ),
    "another rule's key": (
        "right", ("--technique=fec+guided", "--set=guided.margin=0.2", "--set=guided.warmup=10"),
        "guided.margin has no effect: it needs guided.accept = not-worse"
    ),
    "a model that is never asked": (
        "right", ("--technique=guided",),
        "1 of 1 guided trials ended before their model was asked: it learns from 100 evaluations first (guided.warmup)"
    ),
    "a hash that is not computed": ("right", ("--set=hash.mantissa_bits=8",), "hash.mantissa_bits has no effect"),
    "evaluations at no cost": ("free", ("--technique=fec",), "trials stalled before their budget was spent: their"),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
def test_what_can_hardly_be_meant_is_warned_of_in_a_line(mistaken: Command, case: str) -> None:
    setup, options, words = WARNINGS[case]
    err = mistaken("run", setup, *SEARCH, *options, f"--name={case}").err
    assert err.startswith("ufh: warning: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_key_is_warned_of_only_where_it_does_nothing_in_all_cells(mistaken: Command) -> None:
    sweep = ("sweep", "right", *SEARCH, "--over=technique=none,fec")
    assert mistaken(*sweep, "--set=cache.max_entries=5", "--name=swept").err == ""
    assert "tabulist" in mistaken(*sweep, "--over=proposals.max_seen=1,2", "--name=swept more").err


def test_python_is_told_too(mistaken: Command, monkeypatch, tmp_path) -> None:
    import ufh_cli as ufh

    monkeypatch.syspath_prepend(PACKAGE)
    from ufh_mistakes import Mutable, Right

    search = {"search.population_size": 10, "search.tournament_size": 3}
    with pytest.raises(ValueError, match=r"^setup ufh_mistakes.Mutable: Mutable.mutate: it changed the candidate"):
        ufh.run(Mutable, budget=20, set=search, results=tmp_path)
    with pytest.warns(UserWarning, match=r"^proposals.max_tries has no effect: it needs the technique fcm"):
        ufh.run(Right, budget=20, trials=1, set=search | {"proposals.max_tries": 3}, results=tmp_path)
