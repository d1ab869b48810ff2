"""A program's live instructions as a graph: who writes what another reads, within a pass and from one to the next."""

from __future__ import annotations

from setups.automl_zero.decode import live_instructions
from setups.automl_zero.operations import MATRIX_CONSTANT, OPERATIONS, VECTOR_CONSTANT
from setups.automl_zero.program import Program, unpack
from ufh_cli.core.graph import Graph

LABEL, FEATURES, PREDICTION = range(len(OPERATIONS), len(OPERATIONS) + 3)
NAMES = (
    *(f"{one.out} = {one.form}".format(a=one.in1, b=one.in2, x="x", y="y") for one in OPERATIONS),
    "label", "features", "prediction",
)  # fmt: skip

_Address = tuple[str, int]
_OUTSIDE: dict[_Address, int] = {("s", 0): 0, ("v", 0): 1}  # set from outside before each function: nodes 0 and 1
_PREDICTED: _Address = ("s", 1)


def program_graph(program: Program) -> Graph:
    """Nodes are the label, the features, the live instructions in order, and the prediction.

    A node's values are the function that it is in, and its last constant. What BackwardPass leaves for the next
    ForwardPass, or an instruction for itself, is an edge back.
    """
    alive = live_instructions(program)[2].tolist()
    operations, values, edges = [LABEL, FEATURES], [[0.0, 0.0], [0.0, 0.0]], set[tuple[int, int]]()
    functions: list[list[tuple[int, list[_Address], _Address, bool]]] = []
    place = 0
    for number, function in enumerate(unpack(program)):
        functions.append([])
        for one in function:
            if alive[place]:
                kind = OPERATIONS[one.op]
                reads = [(k, a) for k, a in ((kind.in1, one.in1), (kind.in2, one.in2)) if k]
                partial = one.op in (VECTOR_CONSTANT, MATRIX_CONSTANT)
                functions[-1].append((len(operations), reads, (kind.out, one.out), partial))
                operations.append(one.op)
                values.append([float(number), one.constants[-1] if one.constants else 0.0])
            place += 1
    prediction = len(operations)
    writers: dict[_Address, int] = {}
    for steps in (*functions, *functions[1:]):  # a second time around the loop, from what the first one left
        writers |= _OUTSIDE
        for node, reads, written, partial in steps:
            edges.update((writers[one], node) for one in reads if one in writers)
            if partial and written in writers:
                edges.add((writers[written], node))
            writers[written] = node
        if steps is functions[1] and _PREDICTED in writers:
            edges.add((writers[_PREDICTED], prediction))
    return Graph([*operations, PREDICTION], sorted(edges), [*values, [1.0, 0.0]])
