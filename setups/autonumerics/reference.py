"""Running a program in many digits, so that its own error is seen and not the machine's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from setups.autonumerics.functions import DIGITS
from setups.autonumerics.operations import ADD, COEFFICIENT, DIVIDE, FUSED, MULTIPLY, SQUARE_ROOT, SUBTRACT, X
from setups.autonumerics.program import Program, Vertex, to_vertices

_MOST_DIGITS = 30.0


def reference_values(program: Program, points: Iterable[float]) -> list[Any]:
    """The output on each point as an mpmath number of 40 digits; None where it is not a finite real number."""
    import mpmath

    vertices = to_vertices(program)
    with mpmath.workdps(DIGITS):
        constants = [mpmath.mpf(v.value) if v.kind == COEFFICIENT else None for v in vertices]
        return [_value(vertices, constants, mpmath.mpf(float(point)), mpmath) for point in points]


def _value(vertices: list[Vertex], constants: list[Any], x: Any, mpmath: Any) -> Any:
    values: list[Any] = []
    try:
        for vertex, constant in zip(vertices, constants, strict=True):
            values.append(x if vertex.kind == X else constant if constant is not None else _apply(vertex, values))
    except (ZeroDivisionError, ValueError):
        return None
    return values[-1] if mpmath.isfinite(values[-1]) else None


def _apply(vertex: Vertex, values: list[Any]) -> Any:
    """One operation on what is there; numbers may be mpmath's numbers or intervals."""
    a = values[vertex.inputs[0]]
    if vertex.kind == SQUARE_ROOT:
        return _root(a)
    b = values[vertex.inputs[1]]
    if vertex.kind == ADD:
        return a + b
    if vertex.kind == SUBTRACT:
        return a - b
    if vertex.kind == MULTIPLY:
        return a * b
    if vertex.kind == DIVIDE:
        return a / b
    assert vertex.kind == FUSED
    return a * b + values[vertex.inputs[2]]


def _root(a: Any) -> Any:
    if a < 0:
        raise ValueError("the square root of a negative number")
    return a.context.sqrt(a)


def digits_of(error: float) -> float:
    """-log10 of the largest error; 0 for what is further off than 1, or not finite somewhere."""
    if not error < 1.0:
        return 0.0
    return min(_MOST_DIGITS, -math.log10(error)) if error > 0 else _MOST_DIGITS
