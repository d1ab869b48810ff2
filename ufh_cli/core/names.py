"""Names that must be known ones, with weights where they have some, and numbers that must be in a range."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

Number = TypeVar("Number", int, float)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that `name` was probably meant to be, or the list of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(names)}" if names else "there are none"


def one_of(option: str, value: str, known: Sequence[str]) -> str:
    """`value` if it is among `known`; `ValueError` with a hint else."""
    if value not in known:
        raise ValueError(f"{option} must be one of {', '.join(known)}, got {value!r}; {nearest(value, known)}")
    return value


def in_range(option: str, value: Number, low: float, high: float) -> Number:
    """`value` if it is from `low` to `high`, both included; `ValueError` else."""
    if not low <= value <= high:
        raise ValueError(f"{option} must be between {low} and {high}, got {value}")
    return value


def weights(option: str, items: Sequence[str], known: Sequence[str]) -> list[float]:
    """The weight of each of `known`, of items such as ``"alter:3"``, or ``"insert"`` alone, which weighs 1.

    Those that are not named weigh 0.

    Raises
    ------
    ValueError
        With one line, where a name is unknown or named twice, or the weights are of no use.
    """
    found: dict[str, float] = {}
    for item in items:
        name, colon, weight = (part.strip() for part in item.partition(":"))
        if name not in known:
            raise ValueError(f"{option}: unknown {name!r}; {nearest(name, known)}")
        if name in found:
            raise ValueError(f"{option}: {name} is named twice")
        try:
            found[name] = float(weight) if colon else 1.0
        except ValueError:
            found[name] = math.nan
        if not 0 <= found[name] < math.inf:
            raise ValueError(f"{option}: the weight of {name} must be a number from 0 on, got {weight!r}")
    if not any(found.values()):
        raise ValueError(f"{option}: name at least one with a weight above 0 of {', '.join(known)}")
    return [found.get(name, 0.0) for name in known]
