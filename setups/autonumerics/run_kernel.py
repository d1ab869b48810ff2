"""Running a program on points, and the derivatives of its output, compiled."""

from __future__ import annotations

import numpy as np

from setups.autonumerics.compiled import cached_jit
from setups.autonumerics.operations import ADD, DIVIDE, FUSED, MULTIPLY, SQUARE_ROOT, SUBTRACT
from ufh_cli.core.compiled import put


@cached_jit
def run(code, coefficients, points, slots):
    """Run a program; its output is the last used row of `slots`, whose number is returned.

    Parameters
    ----------
    code : int8 (operations, 4)
    coefficients : float64 (k,)
    points : float64 (p,)
    slots : float64 (at least 1 + k + operations, p)
        Gets the value of each vertex.
    """
    k = len(coefficients)
    size = len(points)
    put(points, slots[0])
    for i in range(k):
        slots[1 + i] = coefficients[i]
    for i in range(len(code)):
        kind = code[i, 0]
        out, a, b = slots[1 + k + i], slots[code[i, 1]], slots[code[i, 2]]
        if kind == ADD:
            for p in range(size):
                out[p] = a[p] + b[p]
        elif kind == SUBTRACT:
            for p in range(size):
                out[p] = a[p] - b[p]
        elif kind == MULTIPLY:
            for p in range(size):
                out[p] = a[p] * b[p]
        elif kind == DIVIDE:
            for p in range(size):
                out[p] = a[p] / b[p]
        elif kind == SQUARE_ROOT:
            for p in range(size):
                out[p] = np.sqrt(a[p])
        elif kind == FUSED:
            c = slots[code[i, 3]]
            for p in range(size):
                out[p] = a[p] * b[p] + c[p]
    return k + len(code)


@cached_jit
def derivatives(code, k, slots, scale, adjoints):
    """After `run`: rows 1 to k of `adjoints` become the output's derivatives to each coefficient, times `scale` (p,).

    Backwards through the program; a coefficient has one place, so its adjoint is a column of the Jacobian.
    """
    last = k + len(code)
    size = len(scale)
    adjoints[: last + 1] = 0.0
    put(scale, adjoints[last])
    for i in range(len(code) - 1, -1, -1):
        kind = code[i, 0]
        out, a, b = slots[1 + k + i], slots[code[i, 1]], slots[code[i, 2]]
        g, ga, gb = adjoints[1 + k + i], adjoints[code[i, 1]], adjoints[code[i, 2]]
        if kind == ADD:
            for p in range(size):
                ga[p] += g[p]
                gb[p] += g[p]
        elif kind == SUBTRACT:
            for p in range(size):
                ga[p] += g[p]
                gb[p] -= g[p]
        elif kind == MULTIPLY:
            for p in range(size):
                ga[p] += g[p] * b[p]
                gb[p] += g[p] * a[p]
        elif kind == DIVIDE:
            for p in range(size):
                step = g[p] / b[p]
                ga[p] += step
                gb[p] -= step * out[p]
        elif kind == SQUARE_ROOT:
            for p in range(size):
                ga[p] += 0.5 * g[p] / out[p]
        elif kind == FUSED:
            gc = adjoints[code[i, 3]]
            for p in range(size):
                ga[p] += g[p] * b[p]
                gb[p] += g[p] * a[p]
                gc[p] += g[p]
