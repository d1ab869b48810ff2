"""The columns of graphs, and what learns from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from ufh_cli.core.graph import Graph
from ufh_cli.core.guided import linear, trees
from ufh_cli.core.guided.columns import GraphColumns
from ufh_cli.core.guided.models import OfColumns
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.guided.tally import Tally, area_under_roc, midranks
from ufh_cli.core.rng import Rng

WORD = np.uint64(5)


class Drawn:
    """A setup whose candidates are graphs."""

    operations = ("a", "b", "c")
    few_structures = False

    def graph(self, candidate: Graph) -> Graph:
        return candidate


def row(graph: Graph) -> list[float]:
    return GraphColumns(Drawn()).of([graph])[0].tolist()  # type: ignore[arg-type]


DIAMOND = Graph([0, 1, 1, 2], [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)])


def test_the_columns_of_a_diamond() -> None:
    found = row(DIAMOND)
    # nodes, edges, edges back, longest, shortest, paths, most in, most out, sources, sinks
    assert found[:10] == [4, 5, 0, 2, 1, 3, 3, 3, 1, 1]
    assert found[10:13] == [1, 2, 1]  # how many of each operation
    assert found[13:16] == [0, 2, 3]  # edges into them
    assert found[16:19] == [3, 2, 0]  # and out of them
    assert found[19:22] == [1, 1, 1]  # most of them in a line
    assert found[22:31] == [0, 2, 1, 0, 0, 2, 0, 0, 0]  # a→b twice, a→c, b→c twice
    labels = found[31:]
    assert sum(labels[:32]) == sum(labels[32:]) == 4  # a label a node, in each round
    assert max(labels[:32]) == 2  # the two in the middle are alike


def test_an_edge_back_is_no_part_of_a_path() -> None:
    loop = row(Graph([0, 1, 2], [(0, 1), (1, 2), (2, 1), (2, 2)]))
    assert loop[:10] == [3, 4, 2, 2, 2, 1, 2, 2, 1, 0]


@st.composite
def graphs(draw) -> Graph:
    n = draw(st.integers(1, 7))
    nodes = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Graph(nodes, edges)


@settings(max_examples=60)
@given(graph=graphs(), seed=st.integers(0, 2**32 - 1))
def test_columns_do_not_depend_on_how_nodes_are_numbered(graph: Graph, seed: int) -> None:
    """In any order in which what gives comes first; between the first and the last node paths are counted."""
    rng, n = np.random.default_rng(seed), len(graph.operations)
    rank = {0: -1.0}
    for node in range(1, n):
        before = max((rank[a] for a, b in graph.edges if b == node), default=-1.0)
        rank[node] = before + rng.uniform(0.1, 1.0) if node < n - 1 else 100.0
    order = sorted(range(n), key=rank.__getitem__)
    place = {node: number for number, node in enumerate(order)}
    edges = [(place[a], place[b]) for a, b in graph.edges]
    again = Graph([graph.operations[node] for node in order], [edges[i] for i in rng.permutation(len(edges))])
    assert row(again) == row(graph)


def test_neighbourhoods_tell_graphs_apart_that_counts_do_not() -> None:
    """Two graphs of the same operations, pairs and degrees: once a's two followers are joined to the same c."""
    same = row(Graph([0, 1, 1, 2, 2], [(0, 1), (0, 2), (1, 3), (2, 3)]))
    other = row(Graph([0, 1, 1, 2, 2], [(0, 1), (0, 2), (1, 3), (2, 4)]))
    assert same[31:] != other[31:]


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (Graph([], []), "at least one node"),
        (Graph([0, 3], []), "operations must be from 0 to 2"),
        (Graph([0, 1], [(0, 2)]), "join its nodes, which are 0 to 1"),
        (Graph([0, 1], [(-1, 0)]), "join its nodes, which are 0 to 1"),
        (Graph([0, 1], [], [[1.0]]), "a row a node"),
    ],
)
def test_what_is_no_graph_is_refused(graph: Graph, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        row(graph)


def test_values_of_any_size_stay_finite() -> None:
    graph = Graph([0, 1, 2], [(0, 1)], [[np.inf, 0.0], [np.nan, -np.inf], [1.0, 3.0]])
    found = np.array(row(graph))
    assert np.isfinite(found).all()
    assert found[-6:-3].tolist() == sorted(found[-6:-3].tolist())


# ---- models ----


def examples(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 8, (n, 12)).astype(np.float32)
    rows[:, 5] = 3.0  # constant
    rows[:, 6] = rng.standard_normal(n)  # more values than there are bins
    return rows, rng.standard_normal(n)


def test_trees_learn_what_no_weighted_sum_can_tell() -> None:
    (rows, _), (fresh, _) = examples(0), examples(1)

    def truth(x: np.ndarray) -> np.ndarray:
        return ((x[:, 0] > 3) ^ (x[:, 1] > 3)) + (x[:, 6] > 0.2).astype(float)

    forest = trees.grow(rows, midranks(truth(rows)), 32, 0.2, 5.0, 0.5, WORD)
    weights = linear.fit(rows, truth(rows), 5000, 0.05, 1e-3, WORD)
    top = truth(fresh) == 2
    assert area_under_roc(trees.score(forest, fresh), top) > 0.98
    assert area_under_roc(linear.score(weights, fresh), top) < 0.9


def test_the_linear_model_finds_weights_whatever_the_scale() -> None:
    (rows, noise), (fresh, _) = examples(2), examples(3)
    scales = 10.0 ** np.arange(-6, 6).astype(np.float32)
    weights = linear.fit(rows * scales, 2 * rows[:, 0] - rows[:, 6] + 0.1 * noise, 5000, 0.05, 1e-3, WORD)
    truth = 2 * fresh[:, 0] - fresh[:, 6]
    assert area_under_roc(linear.score(weights, fresh * scales), truth > np.median(truth)) > 0.95
    assert weights[5] == 0.0


@pytest.mark.parametrize("model", ["trees", "linear"])
def test_nothing_to_learn_means_no_preference(model: str) -> None:
    rows, _ = examples(4)
    flat = np.ones(len(rows))
    if model == "trees":
        found = trees.score(trees.grow(rows, midranks(flat), 32, 0.2, 5.0, 0.5, WORD), rows)
    else:
        found = linear.score(linear.fit(rows, flat, 500, 0.05, 1e-3, WORD), rows)
    assert found.tolist() == [0.0] * len(rows)


@pytest.mark.parametrize("model", ["trees", "linear"])
def test_a_model_forgets_what_is_older_than_its_window(toy, model: str) -> None:
    """What it learnt first was the contrary."""
    setup, rng = toy.Digits(base=10), Rng.from_seed(0)
    guide = Guidance(model=model, window=100)  # type: ignore[arg-type]
    both, last = (OfColumns(guide, setup, Rng.from_seed(1)) for _ in range(2))
    candidates = [setup.random_candidate(rng) for _ in range(200)]
    for candidate in candidates[:100]:
        both.learn(candidate, -float(sum(candidate)))
    for candidate in candidates[100:]:
        for one in (both, last):
            one.learn(candidate, float(sum(candidate)))
    for one in (both, last):
        one.refit()
    low, high = (0, 1, 0, 2, 1), (8, 9, 7, 9, 8)
    scores = both.scores(low, [high])
    assert scores == last.scores(low, [high])
    assert scores[0] > scores[1]


# ---- what is counted ----

SOME = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=40)


@given(SOME)
def test_the_area_is_the_chance_that_a_positive_stands_above_a_negative(pairs: list[tuple[int, bool]]) -> None:
    scores, labels = [float(score) for score, _ in pairs], [label for _, label in pairs]
    found = area_under_roc([*scores, np.nan], [*labels, True])
    positive = [float(score) for score, label in pairs if label]
    negative = [float(score) for score, label in pairs if not label]
    if not positive or not negative:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 2.5, np.inf]), min_size=1))
def test_ranks_of_equals_are_equal(values: list[float]) -> None:
    assert midranks(np.array(values)) == pytest.approx((rankdata(values) - 0.5) / len(values))


def test_a_tally_counts_children_that_beat_their_parents() -> None:
    tally = Tally()
    for difference, better in ((0.5, True), (-0.5, False), (np.nan, True)):
        tally.outcome(difference, better)
    assert (tally.evaluated, tally.better_share, tally.auc) == (3, 2 / 3, 1.0)
    assert np.isnan(Tally().auc)
