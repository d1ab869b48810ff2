"""A proven bound of a program's error: Taylor models in interval arithmetic, and bisection (Makino and Berz 2003).

On a piece of the interval both the program and the function are developed around the middle, with intervals for
coefficients; the last coefficient is taken over the whole piece, which makes it the remainder (Lagrange). Their
difference is small in every coefficient, so that little is lost, where plain intervals would need pieces as small as
the error. Pieces whose bound is above what was seen on points are halved.

The bound is of the program over the reals with the very float64 coefficients that it has; the rounding of a machine's
operations comes on top.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from setups.autonumerics.functions import Function
from setups.autonumerics.operations import ADD, COEFFICIENT, DIVIDE, MULTIPLY, SQUARE_ROOT, SUBTRACT, X
from setups.autonumerics.program import Program, Vertex, to_vertices

Series = list[Any]  # intervals: Taylor's coefficients, lowest first

ORDER = 12
_SLACK = 1.01  # a bound may be so many times what was seen on points
_MOST_PIECES = 1000
_DIGITS = 40


def _exponential(iv: Any, point: Any, rate: Any) -> Series:
    terms = [iv.exp(rate * point)]
    for k in range(1, ORDER + 1):
        terms.append(terms[-1] * rate / k)
    return terms


def _logarithm(iv: Any, point: Any, base: Any) -> Series:
    terms, power = [iv.log(point) / base], 1 / (point * base)
    for k in range(1, ORDER + 1):
        terms.append(power / k)
        power = -power / point
    return terms


def _turning(iv: Any, point: Any, quarter: int) -> Series:
    """sin (quarter 0) or cos (quarter 1)."""
    cycle = [iv.sin(point), iv.cos(point), -iv.sin(point), -iv.cos(point)]
    terms, factorial = [], 1
    for k in range(ORDER + 1):
        factorial *= max(k, 1)
        terms.append(cycle[(k + quarter) % 4] / factorial)
    return terms


_FUNCTIONS: dict[str, Callable[[Any, Any], Series]] = {
    "exp2": lambda iv, point: _exponential(iv, point, iv.log(2)),
    "exp": lambda iv, point: _exponential(iv, point, iv.mpf(1)),
    "log2": lambda iv, point: _logarithm(iv, point, iv.log(2)),
    "ln": lambda iv, point: _logarithm(iv, point, iv.mpf(1)),
    "sin": lambda iv, point: _turning(iv, point, 0),
    "cos": lambda iv, point: _turning(iv, point, 1),
}
PROVABLE = tuple(_FUNCTIONS)


def _product(a: Series, b: Series) -> Series:
    return [sum((a[j] * b[k - j] for j in range(1, k + 1)), a[0] * b[k]) for k in range(len(a))]


def _quotient(a: Series, b: Series) -> Series:
    if 0 in b[0]:
        raise ZeroDivisionError
    terms: Series = []
    for k in range(len(a)):
        terms.append((a[k] - sum((b[j] * terms[k - j] for j in range(1, k + 1)), b[0] * 0)) / b[0])
    return terms


def _root(iv: Any, a: Series) -> Series:
    if not a[0].a > 0:
        raise ZeroDivisionError
    terms = [iv.sqrt(a[0])]
    for k in range(1, len(a)):
        rest = sum((terms[j] * terms[k - j] for j in range(1, k)), a[0] * 0)
        terms.append((a[k] - rest) / (2 * terms[0]))
    return terms


def _program(iv: Any, vertices: list[Vertex], point: Any) -> Series:
    """The program's coefficients around `point`, an interval; `ZeroDivisionError` where it may have a pole."""
    zeros = [iv.mpf(0)] * ORDER
    series: list[Series] = []
    for vertex in vertices:
        taken = [series[i] for i in vertex.inputs]
        if vertex.kind == X:
            term = [point, iv.mpf(1), *zeros[1:]]
        elif vertex.kind == COEFFICIENT:
            term = [iv.mpf(vertex.value), *zeros]
        elif vertex.kind == ADD:
            term = [a + b for a, b in zip(*taken, strict=True)]
        elif vertex.kind == SUBTRACT:
            term = [a - b for a, b in zip(*taken, strict=True)]
        elif vertex.kind == MULTIPLY:
            term = _product(*taken)
        elif vertex.kind == DIVIDE:
            term = _quotient(*taken)
        elif vertex.kind == SQUARE_ROOT:
            term = _root(iv, taken[0])
        else:
            term = [a + b for a, b in zip(_product(taken[0], taken[1]), taken[2], strict=True)]
        series.append(term)
    return series[-1]


def _piece_bound(iv: Any, name: str, vertices: list[Vertex], low: Any, high: Any, relative: bool) -> Any:
    """An upper bound of the error between `low` and `high`; infinite where a pole cannot be excluded."""
    piece = iv.mpf([low, high])
    middle = iv.mpf((low + high) / 2)
    try:
        errors = []
        for point in (middle, piece):
            error, truth = _program(iv, vertices, point), _FUNCTIONS[name](iv, point)
            if relative:
                error = _quotient(error, truth)
                error[0] = error[0] - 1
            else:
                error = [a - b for a, b in zip(error, truth, strict=True)]
            errors.append(error)
    except ZeroDivisionError:
        return iv.mpf("inf").b
    terms = [*errors[0][:-1], errors[1][-1]]
    worst = iv.mpf(0).b
    radius = (piece - middle).b
    for part in range(-4, 4):  # in eight parts, so that Horner's scheme in intervals loses little
        offset = iv.mpf([radius * part / 4, radius * (part + 1) / 4])
        value = terms[-1]
        for term in reversed(terms[:-1]):
            value = value * offset + term
        worst = max(worst, abs(value).b)
    return worst


def proven_bound(program: Program, function: Function, seen: float, *, relative: bool) -> tuple[float, float] | None:
    """A proven bound of the largest error, and from where on (an end that is open is approached only).

    Parameters
    ----------
    program
        With the coefficients that it shall be proven with.
    function
        One of `PROVABLE`; for others the result is None.
    seen : float
        The largest error on points: the bound is to come close to it.

    Returns
    -------
    (bound, low) or None
        None also where no bound was reached in some thousand pieces.
    """
    if function.name not in _FUNCTIONS:
        return None
    import mpmath

    iv = mpmath.iv
    before, iv.dps = iv.dps, _DIGITS
    try:
        width = mpmath.mpf(function.high) - mpmath.mpf(function.low)
        start = mpmath.mpf(function.low) + (width / 2**30 if function.open_low else 0)
        waiting = [(start, mpmath.mpf(function.high))]
        worst, done = mpmath.mpf(0), 0
        vertices = to_vertices(program)
        while waiting:
            low, high = waiting.pop()
            bound = _piece_bound(iv, function.name, vertices, low, high, relative)
            done += 1
            if bound <= seen * _SLACK:
                worst = max(worst, bound)
            elif done > _MOST_PIECES or high - low < width * mpmath.mpf(2) ** -60:
                return None
            else:
                waiting += [(low, (low + high) / 2), ((low + high) / 2, high)]
        # Rounded up: to float64 and to the digits that are printed.
        return float(worst) * (1 + 2.0**-50), float(start)
    finally:
        iv.dps = before
