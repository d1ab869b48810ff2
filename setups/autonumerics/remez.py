"""The minimax quotient of two polynomials, by Remez' exchange (1934), in 40 digits.

A reference of points is levelled: the quotient's errors there become equal but for alternating signs. Then the points
move to the extremes of the error, until those are level too (Maehly 1963 for quotients). A fit in float64 could not
tell an error of 1e-14 from rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from setups.autonumerics.functions import DIGITS, Function, end_points, exact, middle_of

_GRID = 600  # points that extremes are looked for on
_ROUNDS = 30
_LEVEL = 1e-6  # the largest error may be above the level by so much of it
_INNER_ROUNDS = 50


class Minimax(NamedTuple):
    """A quotient, as mpmath numbers: coefficients of 1, (x - middle), (x - middle)², …, and its largest error."""

    numerator: list[Any]
    denominator: list[Any]
    middle: float
    error: float


def minimax(function: Function, degree: int, below: int, *, relative: bool) -> Minimax:
    """The quotient of polynomials of `degree` and of `below` (0: a polynomial) with the least maximum error.

    Raises
    ------
    ArithmeticError
        When the exchange does not find it: where it is degenerate (an even or odd function around the middle), or has
        a pole on the way.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        problem = _Problem(function, degree, below, relative)
        points = [problem.grid[place] for place in np.linspace(0, _GRID - 1, degree + below + 2).round().astype(int)]
        for _ in range(_ROUNDS):
            level = problem.make_level(points)
            points, largest = problem.extremes(len(points))
            if largest <= abs(level) * (1 + _LEVEL):
                top, bottom = problem.quotient
                return Minimax(top, bottom, float(problem.middle), float(largest))
    raise ArithmeticError(f"no minimax quotient of degrees {degree} and {below} was found")


class _Problem:
    """One function and pair of degrees; `quotient` is what the latest levelling found."""

    def __init__(self, function: Function, degree: int, below: int, relative: bool) -> None:
        import mpmath

        self._mp = mpmath
        self._function, self._degree, self._below, self._relative = function, degree, below, relative
        self.grid = [mpmath.mpf(float(x)) for x in end_points(function, _GRID)]
        self.middle = mpmath.mpf(middle_of(function))
        self.quotient: tuple[list[Any], list[Any]] = ([], [mpmath.mpf(1)])

    def _truths(self, points: list[Any]) -> tuple[Any, ...]:
        return exact(self._function, [float(x) for x in points])

    def _error(self, x: Any, truth: Any) -> Any:
        top, bottom = self.quotient
        error = _horner(top, x - self.middle) / _horner(bottom, x - self.middle) - truth
        return error / abs(truth) if self._relative else error

    def make_level(self, points: list[Any]) -> Any:
        """Set the quotient whose errors at `points` are ± one level, and return that.

        numerator - (truth ± level·weight)·denominator = 0 is linear but for the product of the level and the
        denominator, where the denominator of the round before is taken, until the level stays.
        """
        truths, bottom, level = self._truths(points), [self._mp.mpf(1)], self._mp.mpf(0)
        for _ in range(_INNER_ROUNDS):
            rows = []
            for i, (x, truth) in enumerate(zip(points, truths, strict=True)):
                powers = [(x - self.middle) ** k for k in range(max(self._degree, self._below) + 1)]
                weight = (-1) ** i * (abs(truth) if self._relative else 1)
                rows.append(
                    powers[: self._degree + 1]
                    + [-truth * power for power in powers[1 : self._below + 1]]
                    + [-weight * _horner(bottom, x - self.middle)]
                )
            solution = list(self._mp.lu_solve(self._mp.matrix(rows), self._mp.matrix(truths)))
            before, level = level, solution[-1]
            bottom = [self._mp.mpf(1), *solution[self._degree + 1 : -1]]
            self.quotient = solution[: self._degree + 1], bottom
            if abs(level - before) <= 1e-10 * abs(level):
                break
        return level

    def extremes(self, count: int) -> tuple[list[Any], Any]:
        """`count` points where the error is extreme, its signs alternating, and the largest absolute error."""
        errors = [self._error(x, truth) for x, truth in zip(self.grid, self._truths(self.grid), strict=True)]
        places = [0]
        for place in range(1, len(errors)):
            if errors[place] * errors[places[-1]] < 0:
                places.append(place)
            elif abs(errors[place]) > abs(errors[places[-1]]):
                places[-1] = place
        found = [self._refined(place, errors) for place in places]
        while len(found) > count:
            found.pop(0 if abs(found[0][1]) < abs(found[-1][1]) else -1)
        if len(found) < count:
            raise ArithmeticError(f"the error of a quotient alternates {len(found)} times instead of {count}")
        return [x for x, _ in found], max(abs(error) for _, error in found)

    def _refined(self, place: int, errors: list[Any]) -> tuple[Any, Any]:
        """The top of the parabola through the error at a point of the grid and its neighbours."""
        x, error = self.grid[place], errors[place]
        if 0 < place < len(errors) - 1:
            left, right = self.grid[place - 1] - x, self.grid[place + 1] - x
            down, up = (errors[place - 1] - error) / left, (errors[place + 1] - error) / right
            if up != down:
                top = self._mp.mpf(float(x + (left * up - right * down) / (2 * (up - down))))
                value = self._error(top, self._truths([top])[0])
                if abs(value) > abs(error):
                    return top, value
        return x, error


def _horner(coefficients: list[Any], x: Any) -> Any:
    value = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
