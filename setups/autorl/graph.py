"""A loss graph: typed nodes in topological order over eight inputs; the last node is the loss.

A candidate is a tuple of `Node`, so it is immutable, hashable and picklable. Inputs are nodes 0 to 7, and node k of
the tuple is node 8 + k.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from setups.autorl.operations import OPERATIONS, RANDOM
from setups.autorl.types import Type

# What the loss of a transition (s, a, r, s') may depend on; `discount` is 0 where s' is terminal.
INPUTS = ("q_param", "action", "s_tm1", "q_targ_param", "s_t", "reward", "discount", "constant")
INPUT_TYPES = (
    Type.PARAM,
    Type.ACTION,
    Type.STATE,
    Type.PARAM,
    Type.STATE,
    Type.FLOAT,
    Type.FLOAT,
    Type.CONSTANT,
)
FIRST = len(INPUTS)


class Node(NamedTuple):
    """One operation applied to earlier nodes.

    Attributes
    ----------
    operation : int
        Its place in `OPERATIONS`.
    inputs : tuple of int
        Indices of earlier nodes, the graph's inputs counted first; never the same one twice.
    """

    operation: int
    inputs: tuple[int, ...]


Graph = tuple[Node, ...]


def types(graph: Graph) -> list[Type]:
    """The types of all nodes, the eight inputs first.

    Raises
    ------
    ValueError
        One line on the first node that is ill-formed or ill-typed.
    """
    result = list(INPUT_TYPES)
    for k, node in enumerate(graph):
        error = node_error(node, result)
        if error:
            raise ValueError(f"node n{k}: {error}")
        result.append(OPERATIONS[node.operation].signatures[tuple(result[i] for i in node.inputs)])
    return result


def node_error(node: Node, earlier: list[Type]) -> str:
    """What is wrong with `node` after nodes of the types `earlier`; "" when nothing is."""
    if not 0 <= node.operation < len(OPERATIONS):
        return f"operation {node.operation} is not in 0 to {len(OPERATIONS) - 1}"
    operation = OPERATIONS[node.operation]
    if len(node.inputs) != operation.arity:
        plural = "input" if operation.arity == 1 else "inputs"
        return f"{operation.name} takes {operation.arity} {plural}, got {len(node.inputs)}"
    if any(not 0 <= i < len(earlier) for i in node.inputs):
        return f"{operation.name} takes earlier nodes, 0 to {len(earlier) - 1}, got {node.inputs}"
    if len(set(node.inputs)) < len(node.inputs):
        return f"{operation.name} takes the same node twice"
    given = tuple(earlier[i] for i in node.inputs)
    if given not in operation.signatures:
        legal = " or ".join(f"({_names(signature)})" for signature in operation.signatures)
        return f"{operation.name} takes {legal}, got ({_names(given)})"
    return ""


def _names(signature: tuple[Type, ...]) -> str:
    return ", ".join(t.name for t in signature)


def live(graph: Graph) -> list[int]:
    """The nodes that the loss depends on, the loss itself included and the graph's inputs not, ascending."""
    return [i for i in sorted(_reached(graph)) if i >= FIRST]


def _reached(graph: Sequence[Node]) -> set[int]:
    reached = {FIRST + len(graph) - 1} if graph else set()
    for k in range(len(graph) - 1, -1, -1):
        if FIRST + k in reached:
            reached.update(graph[k].inputs)
    return reached


def learns(graph: Sequence[Node]) -> bool:
    """Whether the last node depends on the parameters of the Q network."""
    return 0 in _reached(graph)


def is_valid(graph: Graph) -> bool:
    """Whether `graph` is a loss: well-typed, its last node a FLOAT that depends on the parameters of the Q network."""
    try:
        last = types(graph)[-1]
    except ValueError:
        return False
    return bool(graph) and last is Type.FLOAT and learns(graph)


def canonical(graph: Graph) -> Hashable:
    """A structural key: equal for graphs whose losses are the same expression.

    Dead nodes, the order of nodes, the order of the operands of commutative operations, and whether a
    sub-expression stands once or several times do not matter. Nodes that draw random constants are told apart by
    their order among the live ones, which also decides what they draw. Structural only: x + y − y is not x.
    """
    keys = [bytes([i]) for i in range(FIRST)]
    draws = 0
    reached = _reached(graph)
    for k, (operation, inputs) in enumerate(graph):
        if FIRST + k not in reached:
            keys.append(b"")
            continue
        operands = [keys[i] for i in inputs]
        if not OPERATIONS[operation].ordered:
            operands.sort()
        draw = (draws := draws + 1).to_bytes(4, "little") if operation in RANDOM else b""
        # One operand of several bytes cannot be read as another split: inputs have 1 byte, all other keys 16.
        keys.append(
            blake2b(bytes([operation, *map(len, operands)]) + b"".join(operands) + draw, digest_size=16).digest()
        )
    return keys[-1]
