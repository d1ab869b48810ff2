"""Programs in float32: the error that the machine's own rounding leaves, in units in the last place (ULP)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from setups.autonumerics.functions import Function, exact, inner_points
from setups.autonumerics.operations import MOST_COEFFICIENTS, MOST_OPERATIONS
from setups.autonumerics.program import Program, code_array, value_array
from setups.autonumerics.run_kernel import run

POINTS = 2**20
ULP_AT_ONE = 2.0**-23
_NODES = 48
_BLOCK = 4096
_ROWS = 1 + MOST_COEFFICIENTS + MOST_OPERATIONS


def grid(function: Function, count: int = POINTS) -> np.ndarray:
    """`count` points at equal distances over the interval, float32, without an end that is open."""
    steps = np.arange(1, count + 1) / count if function.open_low else np.linspace(0.0, 1.0, count)
    return (function.low + (function.high - function.low) * steps).astype(np.float32)


@lru_cache(maxsize=8)
def _interpolant(function: Function) -> np.polynomial.Chebyshev:
    nodes = inner_points(function, _NODES)
    values = np.array([float(value) for value in exact(function, nodes)])
    domain = (function.low, function.high)
    return np.polynomial.Chebyshev.fit(nodes, values, _NODES - 1, domain=domain)


def truths(function: Function, points: np.ndarray) -> np.ndarray:
    """The function on `points` in float64, interpolated: right to some 1e-13, a millionth of a ULP of float32.

    `ValueError` for a function that is not smooth enough for 48 nodes.
    """
    interpolant = _interpolant(function)
    last = np.abs(interpolant.coef[-4:]).max()
    if last > 1e-13 * np.abs(interpolant.coef).max():
        raise ValueError(f"{function.name} is not smooth enough on its interval for its errors in ULP")
    return interpolant(points.astype(np.float64))


def outputs(program: Program, points: np.ndarray) -> np.ndarray:
    """What `program` gives on float32 `points` when each coefficient and each operation is rounded to float32."""
    with np.errstate(over="ignore"):  # what float32 has no room for is infinite
        code, values = code_array(program), value_array(program).astype(np.float32)
    slots = np.empty((_ROWS, _BLOCK), dtype=np.float32)
    result = np.empty(len(points), dtype=np.float32)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        part = np.ascontiguousarray(slots[:, : len(block)])
        result[start : start + len(block)] = part[run(code, values, block, part)]
    return result


def largest_ulps(program: Program, function: Function, points: np.ndarray) -> float:
    """The largest error on float32 `points`, in ULP of the true value; infinite unless all outputs are finite."""
    true = truths(function, points)
    errors = np.abs(outputs(program, points).astype(np.float64) - true)
    ulps = errors / np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
    return float(ulps.max()) if np.isfinite(ulps).all() else float("inf")
