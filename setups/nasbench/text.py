"""Specs, and codes of fewer vertices, as matrices and as text, and back to specs."""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from setups.nasbench.enumeration import (
    EDGES_MASK,
    LABELS_MASK,
    LABELS_SHIFT,
    MAX_EDGES,
    MAX_VERTICES,
    OPS,
    VERTICES_SHIFT,
    count_edges,
    is_code,
    prune,
)
from ufh_cli.core.names import nearest

_N_OPS = len(OPS)
_VERTEX_NAMES = ("input", "1", "2", "3", "4", "5", "output")
_LABELS_FIELD = LABELS_MASK << LABELS_SHIFT


def _checked(code: int) -> int:
    code = operator.index(code)
    if not 0 <= code < 2**32 or not is_code(code):
        raise ValueError(f"{code} is not the code of a graph of 2 to 7 vertices with 3 operations")
    return code


def pad(code: int) -> int:
    """The spec of 7 vertices for a code of fewer: the output moved last, unused vertices put before it."""
    code = _checked(code)
    output = (code >> VERTICES_SHIFT) - 1
    start, last_start = output * (output - 1) // 2, (MAX_VERTICES - 1) * (MAX_VERTICES - 2) // 2
    into_output = (code & EDGES_MASK) >> start
    others = code & ((1 << start) - 1)
    return MAX_VERTICES << VERTICES_SHIFT | code & _LABELS_FIELD | into_output << last_start | others


def to_matrix_ops(code: int) -> tuple[np.ndarray, list[str]]:
    """The adjacency matrix and operations of a code of V vertices.

    Returns
    -------
    matrix : ndarray of int8, shape (V, V)
        1 at [x, y] where there is an edge x→y; upper triangular.
    ops : list of str, length V
        ``"input"``, names out of `OPS`, ``"output"``.
    """
    code = _checked(code)
    vertices, labels = code >> VERTICES_SHIFT, (code >> LABELS_SHIFT) & LABELS_MASK
    matrix = np.zeros((vertices, vertices), dtype=np.int8)
    for y in range(1, vertices):
        for x in range(y):
            matrix[x, y] = (code >> (x + y * (y - 1) // 2)) & 1
    return matrix, ["input", *(OPS[labels // _N_OPS**v % _N_OPS] for v in range(vertices - 2)), "output"]


def from_matrix_ops(matrix: ArrayLike, ops: Sequence[str]) -> int:
    """The spec of an adjacency matrix and operations as `to_matrix_ops` gives them, padded to 7 vertices.

    Raises `ValueError` when they describe no graph of 2 to 7 vertices in topological order. Whether the spec is valid
    is another question: see `is_valid`.
    """
    try:
        adjacency = np.asarray(matrix)
    except ValueError:
        raise ValueError("the matrix has rows of different lengths") from None
    vertices = len(adjacency) if adjacency.ndim else 0
    if adjacency.shape != (vertices, vertices) or not 2 <= vertices <= MAX_VERTICES:
        raise ValueError(f"the matrix must be square with 2 to 7 rows, got the shape {adjacency.shape}")
    if not np.isin(adjacency, (0, 1)).all():
        raise ValueError("the matrix may hold only 0 and 1")
    if np.tril(adjacency).any():
        raise ValueError("the matrix must be upper triangular: edges go from a lower to a higher vertex")
    if len(ops) != vertices or ops[0] != "input" or ops[-1] != "output":
        raise ValueError(f"the operations must be 'input', {vertices - 2} of {', '.join(OPS)}, then 'output'")
    code = vertices << VERTICES_SHIFT
    for v, op in enumerate(ops[1:-1]):
        code += _op_digit(op) * _N_OPS**v << LABELS_SHIFT
    for x, y in zip(*np.nonzero(adjacency), strict=True):
        code |= 1 << int(x + y * (y - 1) // 2)
    return pad(code)


def _op_digit(op: str) -> int:
    if op not in OPS:
        raise ValueError(f"unknown operation {reprlib.repr(op)}; {nearest(str(op), OPS)}")
    return OPS.index(op)


def describe(code: int) -> str:
    """A code as one line: its edges, then its operations, for instance ``input-1 1-output 1=maxpool3x3``.

    Nothing is lost: `parse` gives back a spec, and of a smaller code its padded spec.
    """
    matrix, ops = to_matrix_ops(code)
    names = ["input", *map(str, range(1, len(ops) - 1)), "output"]
    edges = [f"{names[x]}-{names[y]}" for x, y in zip(*np.nonzero(matrix), strict=True)]
    return " ".join(edges + [f"{name}={op}" for name, op in zip(names[1:-1], ops[1:-1], strict=True)])


def parse(text: str) -> int:
    """The valid spec that `text` describes in the form of `describe`.

    Items stand in any order, divided by spaces or commas. Vertices are ``input``, 1 to 5 and ``output``; one without
    edges needs no operation.

    Raises
    ------
    ValueError
        In one line, when an item is not understood or the graph is not a valid spec.
    """
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=np.int8)
    ops: dict[int, str] = {}
    for item in text.replace(",", " ").split():
        if "=" in item:
            name, _, op = item.partition("=")
            vertex = _vertex(name, item)
            if not 0 < vertex < MAX_VERTICES - 1 or vertex in ops:
                raise ValueError(
                    f"{reprlib.repr(item)}: each of the vertices 1 to 5 has one operation, no other has any"
                )
            _op_digit(op)
            ops[vertex] = op
        else:
            source, dash, target = item.partition("-")
            if not dash:
                raise ValueError(
                    f"{reprlib.repr(item)}: expected an edge such as input-1 or an operation such as 1={OPS[0]}"
                )
            x, y = _vertex(source, item), _vertex(target, item)
            if x >= y or matrix[x, y]:
                raise ValueError(f"{reprlib.repr(item)}: an edge goes once, from a lower to a higher vertex")
            matrix[x, y] = 1
    for vertex in range(1, MAX_VERTICES - 1):
        if vertex not in ops and (matrix[vertex].any() or matrix[:, vertex].any()):
            raise ValueError(f"vertex {vertex} has edges but no operation: add for instance {vertex}={OPS[0]}")
    spec = from_matrix_ops(matrix, ["input", *(ops.get(v, OPS[0]) for v in range(1, MAX_VERTICES - 1)), "output"])
    cell = prune(spec)
    if cell == 0:
        raise ValueError("no path of edges leads from input to output")
    if count_edges(cell) > MAX_EDGES:
        raise ValueError(f"{count_edges(cell)} edges lie between input and output, at most {MAX_EDGES} are allowed")
    return spec


def _vertex(name: str, item: str) -> int:
    if name not in _VERTEX_NAMES:
        raise ValueError(f"{reprlib.repr(item)}: no vertex {reprlib.repr(name)}; there are {', '.join(_VERTEX_NAMES)}")
    return _VERTEX_NAMES.index(name)
