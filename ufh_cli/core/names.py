"""Names that must be known ones, and what was probably meant by those that are not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


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
