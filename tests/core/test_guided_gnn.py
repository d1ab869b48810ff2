"""The graph neural network that guides, by what it learns and by its slopes."""

from __future__ import annotations

import numpy as np
import pytest

from ufh_cli.core.graph import Graph
from ufh_cli.core.guided import gnn
from ufh_cli.core.guided.arrays import GraphArrays
from ufh_cli.core.guided.gnn import GraphNetwork, packed
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.guided.tally import area_under_roc
from ufh_cli.core.rng import Rng


class Drawn:
    """A setup whose candidates are graphs."""

    operations = ("a", "b", "c")

    def graph(self, candidate: Graph) -> Graph:
        return candidate


def graphs(seed: int, number: int) -> list[Graph]:
    """Of two to seven nodes with two values each, one of them far from 1."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(number):
        n = int(rng.integers(2, 8))
        edges = [(a, b) for b in range(n) for a in range(b) if rng.random() < 0.4]
        found.append(Graph(rng.integers(0, 3, n), edges, rng.standard_normal((n, 2)) * [1.0, 1e6]))
    return found


def follow(graph: Graph) -> float:
    """How often a gives to b, less how often b gives to a: no matter of counts, only of who gives to whom."""
    pairs = [(graph.operations[a], graph.operations[b]) for a, b in graph.edges]
    return float(pairs.count((0, 1)) - pairs.count((1, 0)))


def network(seed: int = 1, window: int = 400) -> GraphNetwork:
    return GraphNetwork(Guidance(model="gnn", window=window), Drawn(), Rng.from_seed(seed))  # type: ignore[arg-type]


def trained(examples: list[Graph], points: list[tuple[float, ...]], refits: int = 12, **settings: int) -> GraphNetwork:
    one = network(**settings)
    for graph, point in zip(examples, points, strict=True):
        one.learn(graph, point)
    for _ in range(refits):
        one.refit()
    return one


def test_it_learns_who_gives_to_whom() -> None:
    """An order of graphs that it sees by pairs, on graphs that it never saw; chance is .5."""
    examples, fresh = graphs(0, 300), graphs(1, 400)
    one = trained(examples, [(follow(graph),) for graph in examples])
    truth, scores = np.array([follow(graph) for graph in fresh]), one.of(fresh)
    assert area_under_roc(scores, truth > 0) > 0.95
    assert area_under_roc(scores, truth >= 0) > 0.95


def test_only_the_order_of_fitnesses_matters() -> None:
    examples = graphs(2, 50)
    truth = [follow(graph) for graph in examples]
    stretched = [1e9 * t**3 if t > min(truth) else -np.inf for t in truth]
    plain, other = (trained(examples, [(t,) for t in values], 1) for values in (truth, stretched))
    assert np.array_equal(plain.of(examples), other.of(examples))


def test_a_pair_is_an_example_where_one_dominates() -> None:
    """Where none does there is nothing to learn, whatever the objectives; where one does, it is learnt."""
    examples, fresh = graphs(3, 300), graphs(4, 300)
    front = [(float(k), float(-k)) for k in range(300)]
    one, other = trained(examples, front, 2), trained(examples, front[::-1], 2)
    assert np.array_equal(one.of(fresh), other.of(fresh))
    both = trained(examples, [(follow(graph), 2 * follow(graph)) for graph in examples])
    truth = np.array([follow(graph) for graph in fresh])
    assert area_under_roc(both.of(fresh), truth > 0) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_scores_do_not_depend_on_how_nodes_and_edges_are_numbered(seed: int) -> None:
    examples = graphs(10 + seed, 20)
    one, rng = trained(examples, [(follow(graph),) for graph in examples], 2), np.random.default_rng(seed)
    renumbered = []
    for graph in examples:
        place = rng.permutation(len(graph.operations))  # of each node
        order = np.argsort(place)
        edges = rng.permutation([(place[a], place[b]) for a, b in graph.edges]).reshape(-1, 2).astype(int)
        renumbered.append(Graph(graph.operations[order], edges, graph.values[order]))  # type: ignore[call-overload]
    assert one.of(renumbered) == pytest.approx(one.of(examples), rel=1e-9, abs=1e-12)


def test_slopes_are_those_of_finite_differences() -> None:
    """Of the loss by a parameter of every row, of pairs with two objectives, values and an edge back included."""
    rng = np.random.default_rng(6)
    some = [*graphs(6, 7), Graph([2, 0, 1], [(0, 1), (1, 2), (2, 0), (1, 1)], rng.standard_normal((3, 2)))]
    setup = GraphArrays(Drawn())  # type: ignore[arg-type]
    known = (*packed([setup.of(graph) for graph in some]), rng.integers(0, 3, (8, 2)).astype(float))
    batch = np.array([7, 0, 1, 2, 3, 4, 5, 6, 6])
    theta = rng.uniform(-0.3, 0.3, (gnn.rows_of(3, 2), gnn.WIDTH))
    slopes, scratch = np.zeros_like(theta), np.zeros_like(theta)
    at = gnn.loss(theta, *known, batch, slopes)
    assert 0.0 < at < 10.0
    assert (np.abs(slopes).max(axis=1) > 0).all()
    step = 1e-6
    for row in range(len(theta)):
        column, ends = rng.integers(gnn.WIDTH), []
        for sign in (1, -1):
            moved = theta.copy()
            moved[row, column] += sign * step
            ends.append(gnn.loss(moved, *known, batch, scratch))
        assert slopes[row, column] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_the_loss_is_the_cross_entropy_of_pairs() -> None:
    setup, some = GraphArrays(Drawn()), graphs(7, 6)  # type: ignore[arg-type]
    theta = np.random.default_rng(7).uniform(-0.5, 0.5, (gnn.rows_of(3, 2), gnn.WIDTH))
    known = packed([setup.of(graph) for graph in some])
    points, scores = np.array([[2.0], [0.0], [1.0], [1.0], [-np.inf], [0.5]]), gnn.score(theta, *known)
    pairs = [(a, b) for a in range(6) for b in range(6) if points[a, 0] > points[b, 0]]
    expected = np.mean([np.log1p(np.exp(scores[b] - scores[a])) for a, b in pairs])
    assert gnn.loss(theta, *known, points, np.arange(6), np.zeros_like(theta)) == pytest.approx(expected)


def test_a_score_does_not_depend_on_what_else_is_asked() -> None:
    """To the bit: what is remembered of a structure must be what would be computed."""
    examples = graphs(8, 40)
    one = trained(examples, [(follow(graph),) for graph in examples], 1)
    assert [one.of([graph])[0] for graph in examples] == one.of(examples).tolist()


def test_it_is_its_stream_s_and_repeats_to_the_bit() -> None:
    examples = graphs(9, 40)
    points = [(follow(graph),) for graph in examples]
    first, again, other = (trained(examples, points, 3, seed=seed).of(examples) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_it_forgets_what_is_older_than_its_window() -> None:
    examples = graphs(11, 200)
    against = [(-follow(graph),) for graph in examples[:100]] + [(follow(graph),) for graph in examples[100:]]
    both = trained(examples, against, 2, window=100)
    assert np.array_equal(both.of(examples), trained(examples[100:], against[100:], 2, window=100).of(examples))


def test_values_of_any_size_leave_scores_finite() -> None:
    examples = [Graph([0, 1, 2], [(0, 1)], [[np.inf, k], [np.nan, -np.inf], [1e300, 3.0]]) for k in range(20)]
    one = trained(examples, [(float(k),) for k in range(20)], 3)
    assert np.isfinite(one.of(examples)).all()
