"""An optimizer's statements that have an effect as a graph, within a step and from one to the next."""

from __future__ import annotations

import numpy as np

from setups.optimizers.abstract import needed
from setups.optimizers.functions import FUNCTIONS
from setups.optimizers.program import INPUTS, UPDATE, M, Program, V, unpack
from ufh_cli.core.graph import Graph

_CONSTANT = len(FUNCTIONS) + len(INPUTS)
_UPDATE = _CONSTANT + 1
NAMES = (*(function.name for function in FUNCTIONS), *INPUTS, "constant", "update")


def program_graph(program: Program) -> Graph:
    """Nodes are the inputs, the statements in order with the constants that they take, and the update.

    A node's value is that of a constant. What m and v hold at the end is an edge back to their inputs.
    """
    operations = [len(FUNCTIONS) + place for place in range(len(INPUTS))]
    values, edges = [[0.0] for _ in INPUTS], list[tuple[int, int]]()
    holds = dict(enumerate(range(len(INPUTS))))  # variable -> the node whose value it has
    keep: np.ndarray = needed(program, across_steps=True)
    for statement, has_effect in zip(unpack(program), keep.tolist(), strict=True):
        if not has_effect:
            continue
        givers = []
        for argument in statement.arguments:
            if isinstance(argument, float):
                givers.append(len(operations))
                operations.append(_CONSTANT)
                values.append([argument])
            else:
                givers.append(holds[argument])
        node = len(operations)
        edges += [(giver, node) for giver in givers]
        operations.append(statement.function)
        values.append([0.0])
        holds[statement.target] = node
    edges += [(holds[state], state) for state in (M, V) if holds[state] != state]
    if UPDATE in holds:
        edges.append((holds[UPDATE], len(operations)))
    return Graph([*operations, _UPDATE], edges, [*values, [0.0]])
