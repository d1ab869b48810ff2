"""The graphs that setups tell of their candidates, on candidates written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from setups.automl_zero.graph import NAMES as AUTOML_ZERO
from setups.automl_zero.graph import program_graph as automl_zero_graph
from setups.automl_zero.program import Memory
from setups.automl_zero.text import parse_program
from setups.autonumerics import AutoNumerics
from setups.nasbench import NasBench
from setups.optimizers.graph import NAMES as OPTIMIZERS
from setups.optimizers.graph import program_graph as optimizer_graph
from setups.optimizers.known import known_program
from ufh_cli.core.graph import Graph


def named(graph: Graph, names: Sequence[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """The names of the nodes and the edges in order."""
    return [names[one] for one in graph.operations], sorted((int(a), int(b)) for a, b in graph.edges)


def test_a_program_that_learns_has_an_edge_back() -> None:
    """The linear regressor: what BackwardPass writes is read by the next ForwardPass."""
    program = parse_program(
        """
def InitializePass():
  s2 = 0.5
  s3 = 2.0
def ForwardPass():
  s1 = dot(v0, v1)
def BackwardPass():
  s4 = s0 - s1
  s4 = s4 * s2
  v2 = s4 * v0
  v1 = v1 + v2
""",
        Memory(5, 9, 2),
    )
    nodes, edges = named(graph := automl_zero_graph(program), AUTOML_ZERO)
    assert nodes == [
        "label", "features", "s = x", "s = dot(v, v)", "s = s - s", "s = s * s", "v = s * v", "v = v + v", "prediction",
    ]  # fmt: skip
    assert edges == [(0, 4), (1, 3), (1, 6), (2, 5), (3, 4), (3, 8), (4, 5), (5, 6), (6, 7), (7, 3), (7, 7)]
    assert graph.values[2] == [0.0, 0.5]  # s3 = 2.0 is dead


def test_what_an_optimizer_carries_over_is_an_edge_back() -> None:
    nodes, edges = named(optimizer_graph(known_program("lion")), OPTIMIZERS)
    assert nodes[:5] == ["w", "g", "m", "v", "lr"]
    assert nodes[-1] == "update"
    back = [(giver, taker) for giver, taker in edges if giver >= taker]
    assert [taker for _, taker in back] == [2]  # Lion has m alone
    assert len([edge for edge in edges if edge[1] == len(nodes) - 1]) == 1


def test_coefficients_are_the_values_of_a_formula() -> None:
    setup = AutoNumerics()
    nodes, edges = named(graph := setup.graph(setup.parse("sqrt(x * x + 0.5)")), setup.operations)
    assert nodes == ["x", "coefficient", "*", "+", "sqrt"]
    assert edges == [(0, 2), (0, 2), (1, 3), (2, 3), (3, 4)]
    assert graph.values == [[0.0], [0.5], [0.0], [0.0], [0.0]]


def test_a_cell_is_the_pruned_graph() -> None:
    setup = NasBench()
    operations = "1=conv3x3-bn-relu 2=maxpool3x3 3=conv1x1-bn-relu 4=maxpool3x3 5=maxpool3x3"
    spec = setup.parse(f"input-1 1-2 2-output 1-3 {operations}")
    nodes, edges = named(setup.graph(spec), setup.operations)
    assert sorted(nodes) == sorted(["input", "conv3x3-bn-relu", "maxpool3x3", "output"])
    assert edges == [(0, 1), (1, 2), (2, 3)]
