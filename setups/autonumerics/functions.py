"""The functions that programs approximate, on their intervals, known to as many digits as one likes."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ufh_cli.core.names import nearest

Truth = Callable[[Any], Any]  # of an mpmath number; raises what it likes where it is not defined

DIGITS = 40  # decimal digits that truths are computed with
_NUDGE = 2.0**-30  # of the interval's width: how near points come to an end that is not part of the interval


class Function(NamedTuple):
    """A function on an interval.

    Attributes
    ----------
    name : str
        For people.
    truth : callable
        An mpmath number -> its value, to mpmath's working precision.
    low, high : float
        The ends of the interval.
    open_low : bool
        Whether the lower end is not part of it: points come near it only.
    """

    name: str
    truth: Truth
    low: float
    high: float
    open_low: bool = False


def _mp() -> Any:
    try:
        import mpmath
    except ImportError:
        raise ValueError("autonumerics needs mpmath: pip install mpmath") from None
    return mpmath


# name -> (truth of mpmath and x, low, high, whether the lower end is open)
_KNOWN: dict[str, tuple[Callable[[Any, Any], Any], float, float, bool]] = {
    "exp2": (lambda mp, x: mp.power(2, x), 0.0, 1.0, True),
    "log2": (lambda mp, x: mp.log(x, 2), 1.0, 2.0, False),
    "exp": (lambda mp, x: mp.exp(x), 0.0, 1.0, True),
    "ln": (lambda mp, x: mp.log(x), 1.0, 2.0, False),
    "sin": (lambda mp, x: mp.sin(x), 0.0, math.pi / 2, True),
    "cos": (lambda mp, x: mp.cos(x), 0.0, math.pi / 2, True),
    "erf": (lambda mp, x: mp.erf(x), 0.0, 1.0, True),
    "airy": (lambda mp, x: mp.airyai(-7 * x), 0.0, 1.0, True),
    "bessel": (lambda mp, x: mp.besseli(mp.mpf(1) / 2, x), 0.0, 1.0, True),
}
NAMES = tuple(_KNOWN)


def make_function(name: str, low: float, high: float) -> Function:
    """The function called `name`, or `module:name` of a user, between `low` and `high`.

    Both 0 is the interval that comes with a known name. `ValueError` with one clear line for what cannot be.
    """
    given = not (low == high == 0.0)
    if name in _KNOWN:
        truth, known_low, known_high, open_low = _KNOWN[name]
        if not given:
            low, high = known_low, known_high
        bound: Truth = lambda x: truth(_mp(), x)  # noqa: E731 - binds the choice
    elif ":" in name:
        bound, open_low = _imported(name), False
        if not given:
            raise ValueError(f"function {name!r} needs an interval: options.low and options.high")
    else:
        raise ValueError(f"unknown function {name!r}; {nearest(name, NAMES)} (or module:name)")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"the interval from low = {low} to high = {high} is empty or not finite")
    if high - low < 1e-6 * max(abs(low), abs(high)):
        raise ValueError(f"the interval from low = {low} to high = {high} is too narrow for float64")
    return Function(name, bound, float(low), float(high), open_low and not given)


def _imported(name: str) -> Truth:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"function {name!r} cannot be imported: {error}") from None
    if not callable(found):
        raise ValueError(f"function {name!r} is a {type(found).__name__} and cannot be called")
    return found


def middle_of(function: Function) -> float:
    """The middle of its interval."""
    return (function.low + function.high) / 2


def end_points(function: Function, count: int) -> np.ndarray:
    """`count` points, denser towards the ends and with them (Chebyshev's extremes), float64 ascending."""
    steps = (1.0 - np.cos(np.pi * np.arange(count) / (count - 1))) / 2.0
    points = function.low + (function.high - function.low) * steps
    points[-1] = function.high
    if function.open_low:
        points[0] = function.low + _NUDGE * (function.high - function.low)
    return points


def inner_points(function: Function, count: int) -> np.ndarray:
    """`count` other points, none of `end_points` (Chebyshev's roots), float64 ascending."""
    steps = (1.0 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2.0
    return function.low + (function.high - function.low) * steps


@lru_cache(maxsize=32)
def _exact(function: Function, points: tuple[float, ...]) -> tuple[Any, ...]:
    mp = _mp()
    found = []
    with mp.workdps(DIGITS):
        for point in points:
            try:
                value = mp.mpmathify(function.truth(mp.mpf(point)))
            except (ArithmeticError, ValueError, TypeError) as error:
                raise ValueError(f"{function.name} has no value at x = {point!r}: {error}") from None
            if isinstance(value, mp.mpc) or not mp.isfinite(value):
                raise ValueError(f"{function.name} is not finite at x = {point!r} in its interval, it is {value}")
            found.append(value)
    return tuple(found)


def exact(function: Function, points: Sequence[float] | np.ndarray) -> tuple[Any, ...]:
    """The function on `points` as mpmath numbers of `DIGITS` digits; `ValueError` where it is not a finite real."""
    return _exact(function, tuple(map(float, points)))
