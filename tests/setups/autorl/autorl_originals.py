"""The original's names and graphs in our language, and whether a graph lies in a space of it."""

from __future__ import annotations

from typing import Any

from setups.autorl.graph import FIRST, Graph, Node, is_valid
from setups.autorl.operations import NUMBERS
from setups.autorl.space import Configuration

_OTHER_NAMES = {
    "ConstantP5": "Constant0.5",
    "ConstantP2": "Constant0.2",
    "ConstantP1": "Constant0.1",
    "ConstantP01": "Constant0.01",
    "DivOpV2Node": "DivV2",
}


def our_name(original: str) -> str:
    """Our name of an operation of the original."""
    name = original.removesuffix("OpNode")
    return _OTHER_NAMES.get(name, name)


def graph_of(program: dict[str, Any]) -> Graph:
    """A program of the vectors without its last node, which only multiplies by `loss_weight`."""
    count = len(program["inputs"])  # without constants there are only seven
    nodes = [
        Node(NUMBERS[our_name(node["op"])], tuple(i if i < count else i + FIRST - count for i in node["inputs"]))
        for node in program["nodes"][:-1]
    ]
    assert program["nodes"][-1]["inputs"] == [count + len(nodes) - 1]
    return tuple(nodes)


def is_in(space: Configuration, graph: Graph) -> bool:
    """Whether `graph` is a loss of this length with these first nodes and operations."""
    names, bootstrap, frozen, random_nodes = space
    known = {NUMBERS[name] for name in names}
    return (
        is_valid(graph)
        and len(graph) == len(bootstrap) + random_nodes
        and graph[:frozen] == bootstrap[:frozen]
        and all(node.operation in known or (node,) == bootstrap[k : k + 1] for k, node in enumerate(graph))
    )
