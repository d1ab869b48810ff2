"""Which value a key has: the first, the mean or the best of some, or one that is forgotten now and then."""

from __future__ import annotations

import math
from typing import Any

POLICIES = ("first", "mean", "best", "forgetful")


class Policy:
    """When an entry answers, and what becomes of it when a further value comes.

    Parameters
    ----------
    name : {"first", "mean", "best", "forgetful"}
        FEC (Method 5); FEA (Method 9), and the same with the best instead of the mean; forgetful FEC (Method 8).
    repeats : int
        M: how many evaluations of a key make up its mean or best.
    forget : float
        F: the probability that a hit removes its key.
    """

    __slots__ = ("forget", "name", "repeats")

    def __init__(self, name: str = "first", *, repeats: int = 4, forget: float = 0.1) -> None:
        if name not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {name!r}")
        if repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {repeats}")
        if not 0.0 <= forget <= 1.0:
            raise ValueError(f"forget must be between 0 and 1, got {forget}")
        self.name = name
        self.repeats = repeats if name in ("mean", "best") else 1
        self.forget = forget if name == "forgetful" else 0.0

    def merged(self, old: Any, count: int, new: Any) -> Any:
        """The value of a key of which `count` evaluations gave `old`, after one that gave `new`."""
        if not count or self.name not in ("mean", "best"):
            return new
        if self.name == "best":
            return new if old != old or new > old else old
        if isinstance(old, dict):
            return {name: _mean(old[name], count, new[name]) for name in new}
        if isinstance(old, tuple | list):
            return type(old)(_mean(a, count, b) for a, b in zip(old, new, strict=True))
        return _mean(old, count, new)


def _mean(mean: float, count: int, new: float) -> float:
    if math.isfinite(mean) and math.isfinite(new):
        return mean * (count / (count + 1)) + new / (count + 1)
    return mean + new
