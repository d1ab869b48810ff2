"""Random loss graphs and mutations: they stay in their space, and each choice is as likely as it should be."""

from collections import Counter
from itertools import permutations

import pytest
from autorl_originals import is_in
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from setups.autorl.graph import FIRST, Node, is_valid, types
from setups.autorl.known import KNOWN
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.space import SPACES, Configuration, Space, configuration
from ufh_cli.core.rng import Rng

SEEDS = st.integers(0, 2**32 - 1)
Q = (Node(NUMBERS["QValueList"], (0, 2)), Node(NUMBERS["SelectList"], (8, 1)))
TINY = Configuration(("Add", "Subtract", "Abs", "MaxList", "MeanList", "QValueList"), Q, 1, 1)


def legal_nodes(names, nodes, until):
    """All nodes over the first `until` values of `nodes`, by trying everything."""
    known = types(nodes)[:until]
    return [
        Node(NUMBERS[name], inputs)
        for name in names
        for inputs in permutations(range(until), OPERATIONS[NUMBERS[name]].arity)
        if tuple(known[i] for i in inputs) in OPERATIONS[NUMBERS[name]].signatures
    ]


def assert_follows(draw, probabilities, n):
    """`draw` gives what `probabilities` names, as often as it says; the seed is fixed, so this never flickers."""
    counts = Counter(draw() for _ in range(n))
    assert set(counts) <= set(probabilities)
    total = sum(probabilities.values())
    expected = [n * p / total for p in probabilities.values()]
    assert min(expected) > 10
    assert chisquare([counts[outcome] for outcome in probabilities], expected).pvalue > 1e-3


@pytest.mark.parametrize(
    ("name", "operations", "nodes", "frozen"),
    [
        ("pre_graph_3", 10, 11, 4),
        ("pre_graph_6", 19, 21, 0),
        ("pre_graph_7", 33, 21, 0),
        ("pre_graph_8_scratch", 33, 18, 2),
        ("pre_graph_9", 33, 21, 0),
        ("pre_graph_10", 31, 20, 0),
        ("pre_graph_11_scratch", 31, 18, 2),
    ],
)
def test_named_spaces_have_the_published_sizes(name, operations, nodes, frozen):
    space = configuration(name)
    assert (len(space.operations), len(space.bootstrap) + space.random_nodes, space.frozen) == (
        operations,
        nodes,
        frozen,
    )


def test_published_bootstrap_is_dqn():
    assert configuration("pre_graph_10").bootstrap == KNOWN["dqn"]


@pytest.mark.parametrize("name", SPACES)
@given(seed=SEEDS, original_offsets=st.booleans())
@settings(max_examples=15, deadline=None)
def test_drawn_and_mutated_graphs_stay_in_their_space(name, seed, original_offsets):
    rng = Rng.from_seed(seed)
    space = Space(SPACES[name], original_offsets=original_offsets)
    graph = space.random_graph(rng)
    assert is_in(SPACES[name], graph)
    assert graph[: len(SPACES[name].bootstrap)] == SPACES[name].bootstrap
    for _ in range(20):
        child = space.mutate(graph, rng)
        assert is_in(SPACES[name], child)
        changed = [k for k in range(len(graph)) if graph[k] != child[k]]
        assert len(changed) <= 1
        assert all(k >= SPACES[name].frozen for k in changed)
        for k in changed:
            used = any(FIRST + k in node.inputs for node in graph)
            assert not used or types(graph)[FIRST + k] is types(child)[FIRST + k]
            assert not original_offsets or FIRST + k - 1 not in child[k].inputs
        graph = child


def test_same_seed_gives_the_same_graphs():
    space = Space(SPACES["pre_graph_10"])
    first, second = Rng.from_seed(3), Rng.from_seed(3)
    for _ in range(5):
        graph = space.random_graph(first)
        assert graph == space.random_graph(second)
        assert space.mutate(graph, first) == space.mutate(graph, second)


def test_random_node_is_uniform_over_all_that_make_a_loss():
    space, rng = Space(TINY), Rng.from_seed(11)
    choices = legal_nodes(TINY.operations, Q, FIRST + 2)
    losses = {(*Q, node): 1.0 for node in choices if is_valid((*Q, node))}
    assert 10 < len(losses) < len(choices)
    assert_follows(lambda: space.random_graph(rng), losses, 6000)


def test_two_random_nodes_are_drawn_one_after_the_other():
    """Uniform given the first node, not uniform over pairs: that is how the original draws."""
    space, rng = Space(TINY._replace(operations=("Abs", "MaxList", "Subtract"), random_nodes=2)), Rng.from_seed(12)
    probabilities = {}
    for first in legal_nodes(("Abs", "MaxList", "Subtract"), Q, FIRST + 2):
        seconds = legal_nodes(("Abs", "MaxList", "Subtract"), (*Q, first), FIRST + 3)
        probabilities |= {(*Q, first, second): 1 / len(seconds) for second in seconds if is_valid((*Q, first, second))}
    assert_follows(lambda: space.random_graph(rng), probabilities, 20_000)


@pytest.mark.parametrize("original_offsets", [False, True])
def test_mutation_is_uniform_over_nodes_and_then_over_replacements(original_offsets):
    space = Space(TINY._replace(random_nodes=3), original_offsets=original_offsets)
    dead, noop, loss = Node(NUMBERS["MaxList"], (8,)), Node(NUMBERS["Abs"], (9,)), Node(NUMBERS["Add"], (11, 5))
    parent = (*Q, dead, noop, loss)
    probabilities = Counter()
    for k in range(1, len(parent)):
        choices = legal_nodes(TINY.operations, parent, FIRST + k - original_offsets)
        if k != 2:  # all but the dead node are used, and keep their type
            choices = [node for node in choices if types((*parent[:k], node))[-1] is types(parent)[FIRST + k]]
        for node in choices:
            child = (*parent[:k], node, *parent[k + 1 :])
            if is_valid(child):
                probabilities[child] += 1 / len(choices)
    if original_offsets:
        assert all(13 not in node.inputs for child in probabilities for node in child)
    rng = Rng.from_seed(13)
    assert_follows(lambda: space.mutate(parent, rng), probabilities, 20_000)


def test_mutation_reaches_another_type_only_where_nothing_takes_the_node():
    space, rng = Space(SPACES["pre_graph_10"]), Rng.from_seed(14)
    graph = space.random_graph(rng)
    kept, changed = set(), set()
    for _ in range(3000):
        child = space.mutate(graph, rng)
        for k in range(len(graph)):
            if graph[k] != child[k]:
                same = types(graph)[FIRST + k] is types(child)[FIRST + k]
                (kept if same else changed).add(k)
    used = {i - FIRST for node in graph for i in node.inputs} | {len(graph) - 1}
    assert changed
    assert not changed & used
    assert kept > changed


def test_other_graphs_can_be_mutated_too():
    space, rng = Space(SPACES["pre_graph_10"]), Rng.from_seed(15)
    children = {space.mutate(KNOWN["cql"], rng) for _ in range(100)}
    assert len(children) > 50
    assert all(is_valid(child) for child in children)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operations": ("Add", "MaxLst")}, "unknown operation 'MaxLst'.*did you mean 'MaxList'"),
        ({"operations": ("Add", "Abs", "Add")}, "Add is named twice"),
        ({"random_nodes": 0}, "at least 1 random node, got 0"),
        ({"frozen": 3}, "of 2 nodes to start with, 3 cannot be frozen"),
        ({"frozen": -1}, "-1 cannot be frozen"),
        ({"bootstrap": (Q[1],)}, "node n0: SelectList takes earlier nodes"),
    ],
)
def test_spaces_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Space(TINY._replace(**change))


def test_unknown_space_names_the_nearest():
    with pytest.raises(ValueError, match="unknown space of loss graphs 'pre_graph10'; did you mean 'pre_graph_10'"):
        configuration("pre_graph10")


@pytest.mark.parametrize("operations", [("ArgMaxList",), ("KLDiv",)])
def test_a_space_without_losses_ends_with_an_error(operations):
    with pytest.raises(ValueError, match="no loss in 10000 random graphs"):
        Space(TINY._replace(operations=operations)).random_graph(Rng.from_seed(0))


def test_mutation_refuses_what_it_cannot_change():
    rng = Rng.from_seed(0)
    with pytest.raises(ValueError, match="a graph that is no loss"):
        Space(TINY).mutate((Q[0],), rng)
    with pytest.raises(ValueError, match="a graph of 2 nodes when 2 of them are frozen"):
        Space(TINY._replace(frozen=2)).mutate(Q, rng)
    with pytest.raises(ValueError, match="no loss in 10000 mutations"):
        Space(TINY._replace(frozen=1, operations=("ArgMaxList",))).mutate(Q, rng)
