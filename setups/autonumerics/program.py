"""A program: a directed acyclic graph over x and coefficients, packed, in canonical form.

Vertices are numbered: 0 is x, then come the coefficients, then the operations in the order in which they run; the last
vertex is the output. So a program without operations is x itself, or a single coefficient.

The canonical form is pruned and folded: what does not depend on x is one coefficient; each coefficient has one place
(two places of one coefficient are two coefficients: more freedom at the same number of operations); subtracting or
dividing by a coefficient is adding or multiplying one; chains such as (x + c) + c are one operation; equal
subexpressions are one vertex; inputs whose order does not matter are sorted. Real et al. (2023, "AutoNumerics-Zero")
count operations alike: those that depend on x, shared ones once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from setups.autonumerics.canonical_kernel import canonical
from setups.autonumerics.operations import COEFFICIENT, INPUTS, MOST_COEFFICIENTS, MOST_OPERATIONS, X


class Program(NamedTuple):
    """A program in canonical form.

    Attributes
    ----------
    code : bytes
        Four bytes an operation: its kind (`operations`) and the numbers of its up to three inputs.
    values : bytes
        The coefficients, as float64.
    """

    code: bytes
    values: bytes

    @property
    def operations(self) -> int:
        """How many operations depend on x."""
        return len(self.code) // 4

    @property
    def coefficients(self) -> int:
        """How many coefficients there are."""
        return len(self.values) // 8

    def with_values(self, values: np.ndarray) -> Program:
        """The same program with other coefficients, float64 (coefficients,)."""
        return Program(self.code, np.ascontiguousarray(values, dtype=np.float64).tobytes())


class Vertex(NamedTuple):
    """One vertex of a graph that is not canonical yet: its kind, its inputs' places, a coefficient's value."""

    kind: int
    inputs: tuple[int, ...] = ()
    value: float = 0.0


EMPTY = Program(b"", b"")  # f(x) = x


def code_array(program: Program) -> np.ndarray:
    """The code as int8 (operations, 4); it shares the program's memory."""
    return np.frombuffer(program.code, dtype=np.int8).reshape(-1, 4)


def value_array(program: Program) -> np.ndarray:
    """The coefficients as float64 (coefficients,); it shares the program's memory."""
    return np.frombuffer(program.values, dtype=np.float64)


def from_vertices(vertices: Sequence[Vertex], root: int) -> Program:
    """The canonical program of a graph whose output is the vertex at `root`; `ValueError` when it is too large."""
    count = len(vertices)
    kinds = np.array([vertex.kind for vertex in vertices], dtype=np.int64)
    inputs = np.zeros((count, 3), dtype=np.int64)
    for row, vertex in zip(inputs, vertices, strict=True):
        row[: len(vertex.inputs)] = vertex.inputs
    values = np.array([vertex.value for vertex in vertices], dtype=np.float64)
    code, coefficients = canonical(kinds, inputs, values, root)
    if len(code) > MOST_OPERATIONS or len(coefficients) > MOST_COEFFICIENTS:
        raise ValueError(
            f"a program has at most {MOST_OPERATIONS} operations and {MOST_COEFFICIENTS} coefficients, "
            f"got {len(code)} and {len(coefficients)}"
        )
    return Program(code.tobytes(), coefficients.tobytes())


def to_vertices(program: Program) -> list[Vertex]:
    """The vertices of `program` in their order; the last is the output."""
    vertices = [Vertex(X)]
    vertices += [Vertex(COEFFICIENT, value=float(value)) for value in value_array(program)]
    for kind, *inputs in code_array(program).tolist():
        vertices.append(Vertex(kind, tuple(inputs[: INPUTS[kind]])))
    return vertices
