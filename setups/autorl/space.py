"""Spaces of loss graphs: which operations, which nodes a graph starts with, and how graphs are drawn and mutated.

The named spaces are those of the published search (Co-Reyes et al. 2021; `graph_configs` there); UFH's experiments
match `pre_graph_10`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from setups.autorl.graph import FIRST, Graph, Node, learns, types
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.types import Type
from ufh_cli.core.names import nearest
from ufh_cli.core.rng import Rng

# A third to a half of the graphs drawn in the named spaces are losses: this many failures mean that there are none.
_MAX_TRIES = 10_000


class Configuration(NamedTuple):
    """What defines a space.

    Attributes
    ----------
    operations : tuple of str
        The operations that random nodes choose from.
    bootstrap : Graph
        The nodes that every random graph starts with.
    frozen : int
        How many of them mutation must not change.
    random_nodes : int
        How many nodes follow them; the last one is the loss.
    """

    operations: tuple[str, ...]
    bootstrap: Graph
    frozen: int
    random_nodes: int


def _node(name: str, *inputs: int) -> Node:
    return Node(NUMBERS[name], inputs)


_Q = (_node("QValueList", 0, 2), _node("SelectList", 8, 1))
_Q_AND_TARGET = (*_Q, _node("QValueList", 3, 4), _node("MaxList", 10))
_DQN = (*_Q_AND_TARGET, _node("DotProduct", 6, 11), _node("Add", 5, 12), _node("L2Distance", 9, 13))
# As published: a constant 0.1 stands unused among the nodes of DQN.
_DQN_AND_CONSTANT = (
    *(*_Q_AND_TARGET, _node("Constant0.1", 7)),
    *(_node("DotProduct", 6, 11), _node("Add", 5, 13), _node("L2Distance", 9, 14)),
)

_SMALL = (
    *("QValueList", "SelectList", "MaxList", "ArgMaxList", "Softmax", "Entropy"),
    *("Add", "Subtract", "DotProduct", "L2Distance"),
)
_BASIC = (*_SMALL, "Min", "Max", "AddGaussianNoise", "KLDiv", "Log", "Exp", "Abs", "MultiplyTenth")
_STATISTICS = ("SumList", "MeanBatch", "MeanList", "StdBatch", "StdList")
_CONSTANTS = tuple(operation.name for operation in OPERATIONS if (Type.CONSTANT,) in operation.signatures)
_REDUCED = (*_BASIC, "MultiplyFloat", *_STATISTICS, *_CONSTANTS)
_FULL = (*_REDUCED, "L2Norm", "MaxFloat")

SPACES: dict[str, Configuration] = {
    "pre_graph_3": Configuration(_SMALL, _Q_AND_TARGET, 4, 7),
    "pre_graph_6": Configuration((*_BASIC, "Div"), _DQN, 0, 14),
    "pre_graph_7": Configuration((*_FULL, "Div"), _DQN, 0, 14),
    "pre_graph_8_scratch": Configuration((*_FULL, "DivV2"), _Q, 2, 16),
    "pre_graph_9": Configuration((*_FULL, "DivV2"), _DQN_AND_CONSTANT, 0, 13),
    "pre_graph_10": Configuration((*_REDUCED, "DivV2"), _DQN, 0, 13),
    "pre_graph_11_scratch": Configuration((*_REDUCED, "DivV2"), _Q, 2, 16),
}


def configuration(name: str) -> Configuration:
    """The space of that name; `ValueError` with the nearest name when there is none."""
    if name not in SPACES:
        raise ValueError(f"unknown space of loss graphs {name!r}; {nearest(name, SPACES)}")
    return SPACES[name]


class _Inputs(NamedTuple):
    """The operations that take inputs of the same types (`second` is None for one input)."""

    first: Type
    second: Type | None
    operations: tuple[int, ...]


class Space:
    """Draws and mutates the loss graphs of one space.

    Parameters
    ----------
    configuration : Configuration
        One of `SPACES`, or another.
    original_offsets : bool
        Copy an off-by-one of the published mutation: a new node there cannot take the node just before it. Sampling
        has no such fault, in the original neither.

    Raises
    ------
    ValueError
        An operation unknown or named twice, a bootstrap that is ill-typed, or numbers that do not fit.
    """

    def __init__(self, configuration: Configuration, *, original_offsets: bool = False) -> None:
        self.configuration = configuration
        names, bootstrap, frozen, random_nodes = configuration
        for name in names:
            if name not in NUMBERS:
                raise ValueError(f"unknown operation {name!r} in a space of loss graphs; {nearest(name, NUMBERS)}")
        if len(set(names)) < len(names):
            raise ValueError(f"the operation {max(names, key=names.count)} is named twice in a space of loss graphs")
        if random_nodes < 1:
            raise ValueError(f"a space of loss graphs needs at least 1 random node, got {random_nodes}")
        if not 0 <= frozen <= len(bootstrap):
            raise ValueError(f"of {len(bootstrap)} nodes to start with, {frozen} cannot be frozen")
        self._numbers = frozenset(NUMBERS[name] for name in names)
        self._bootstrap = bootstrap
        self._places = _places(types(bootstrap))
        self._frozen = frozen
        self._random_nodes = random_nodes
        self._gap = 1 if original_offsets else 0
        self._any = _by_inputs(self._numbers)
        self._giving = {out: _by_inputs(self._numbers, out) for out in Type}

    def random_graph(self, rng: Rng) -> Graph:
        """The bootstrap and random nodes, each uniform among all legal (operation, inputs) over the nodes before it.

        Drawn anew until the whole is a loss. `ValueError` when that takes more than 10,000 draws.
        """
        for _ in range(_MAX_TRIES):
            graph = self._draw_graph(rng)
            if graph is not None:
                return graph
        raise ValueError(f"no loss in {_MAX_TRIES} random graphs; the operations of this space hardly allow one")

    def _draw_graph(self, rng: Rng) -> Graph | None:
        nodes = list(self._bootstrap)
        places = [list(indices) for indices in self._places]
        out = Type.FLOAT
        for index in range(FIRST + len(nodes), FIRST + len(nodes) + self._random_nodes):
            drawn = _draw_node(self._any, places, rng)
            if drawn is None:
                return None
            node, signature = drawn
            out = OPERATIONS[node.operation].signatures[signature]
            places[out].append(index)
            nodes.append(node)
        return tuple(nodes) if out is Type.FLOAT and learns(nodes) else None

    def mutate(self, graph: Graph, rng: Rng) -> Graph:
        """`graph` with one node replaced, the node uniform among those not frozen.

        Its replacement is uniform among all legal (operation, inputs) over the nodes before it that give the same
        type, or any type where nothing takes the node; so it may be the node itself. Drawn anew from `graph` until
        the result is a loss.

        Raises
        ------
        ValueError
            `graph` is no loss, or has no node that may change, or 10,000 draws gave no loss.
        """
        all_types = types(graph)
        if not graph or all_types[-1] is not Type.FLOAT or not learns(graph):
            raise ValueError("cannot mutate a graph that is no loss")
        if len(graph) <= self._frozen:
            raise ValueError(f"cannot mutate a graph of {len(graph)} nodes when {self._frozen} of them are frozen")
        used = {i for node in graph for i in node.inputs}
        used.add(FIRST + len(graph) - 1)
        nodes = list(graph)
        for _ in range(_MAX_TRIES):
            k = self._frozen + rng.integer(len(graph) - self._frozen)
            places = _places(all_types[: FIRST + k - self._gap])
            groups = self._giving[all_types[FIRST + k]] if FIRST + k in used else self._any
            drawn = _draw_node(groups, places, rng)
            if drawn is None:
                continue
            nodes[k] = drawn[0]
            if learns(nodes):
                return tuple(nodes)
            nodes[k] = graph[k]
        raise ValueError(f"no loss in {_MAX_TRIES} mutations of one graph; the operations hardly allow one")


def _by_inputs(numbers: frozenset[int], out: Type | None = None) -> tuple[_Inputs, ...]:
    """The operations `numbers` that can give `out` (any type if None), gathered by the types of their inputs."""
    groups: dict[tuple[Type, ...], list[int]] = {}
    for number in sorted(numbers):
        for signature, given in OPERATIONS[number].signatures.items():
            if out is None or given is out:
                groups.setdefault(signature, []).append(number)
    return tuple(
        _Inputs(signature[0], signature[1] if len(signature) > 1 else None, tuple(operations))
        for signature, operations in groups.items()
    )


def _places(all_types: list[Type]) -> list[list[int]]:
    """For each type the indices of the nodes that have it."""
    places: list[list[int]] = [[] for _ in Type]
    for index, given in enumerate(all_types):
        places[given].append(index)
    return places


def _draw_node(groups: tuple[_Inputs, ...], places: list[list[int]], rng: Rng) -> tuple[Node, tuple[Type, ...]] | None:
    """A node uniform among all choices of operation and ordered, different inputs, and its signature.

    The choices are counted by types, not listed. Both orders of two inputs are choices even where the order does not
    matter, as in the original. None when there is no choice.
    """
    ends = []
    total = 0
    for first, second, operations in groups:
        choices = len(places[first])
        if second is not None:
            choices *= len(places[second]) - (first is second)
        total += choices * len(operations)
        ends.append(total)
    if not total:
        return None
    pick = rng.integer(total)
    number = bisect_right(ends, pick)
    first, second, operations = groups[number]
    rest, which = divmod(pick - (ends[number - 1] if number else 0), len(operations))
    if second is None:
        return Node(operations[which], (places[first][rest],)), (first,)
    rest, i = divmod(rest, len(places[first]))
    if first is second and rest >= i:
        rest += 1
    return Node(operations[which], (places[first][i], places[second][rest])), (first, second)
