"""Which series is the baseline of which: the same search without a technique, or at the first of the swept values."""

from __future__ import annotations

from collections.abc import Sequence

from ufh_cli.analyses.comparable import obstacle
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError

_WORDS = {"hash.cost": "hash cost", "hash.kind": "kind of key", "budget.cost": "budget"}

Pair = tuple[Series, Series]  # baseline, what is compared with it


def with_baselines(series: Sequence[Series]) -> list[Pair]:
    """Each series that has a technique, with the one that has none and agrees in all other swept values they share.

    The two are of the same setup, data and budget.

    Raises
    ------
    InputError
        When no series has a baseline among the others.
    """
    pairs = []
    obstacles = []
    for one in series:
        if one.technique == "none":
            continue
        agreeing = [other for other in series if other.technique == "none" and _agree(one, other)]
        fitting = [other for other in agreeing if obstacle(other, one) is None]
        obstacles += [why for other in agreeing if (why := obstacle(other, one)) is not None]
        fitting.sort(key=lambda other: other.results.path != one.results.path)  # its own experiment's first
        if fitting:
            pairs.append((fitting[0], one))
    if not pairs:
        labels = "; ".join(one.label for one in series)
        why = f" ({obstacles[0]})" if obstacles else ""
        raise InputError(f"none of these is the baseline (technique none) of another: {labels}{why}")
    return pairs


def pairs_of(series: Sequence[Series]) -> list[Pair]:
    """What is to be compared: each technique with its baseline; where there is none, all others with the first.

    Raises
    ------
    InputError
        When there are no two that can be compared.
    """
    try:
        return with_baselines(series)
    except InputError:
        pairs = [(series[0], other) for other in series[1:] if obstacle(series[0], other) is None]
        if not pairs:
            raise
        return pairs


def conditions(series: Series) -> dict[str, str]:
    """The swept values without the technique."""
    return {key: value for key, value in series.swept.items() if key != "technique"}


def condition_label(series: Series, sep: str = ", ") -> str:
    """The swept values without the technique, as words: ``population size = 25, tournament size = 2``."""
    return sep.join(f"{key_words(key)} = {value.replace('_', ' ')}" for key, value in conditions(series).items())


def key_words(key: str) -> str:
    """A dotted key in words: its last part, where that says enough."""
    return _WORDS.get(key, key.rpartition(".")[2]).replace("_", " ")


def _agree(first: Series, second: Series) -> bool:
    """Do they have the same values of all keys, but the technique, that were swept on both sides?"""
    a, b = conditions(first), conditions(second)
    return all(a[key] == b[key] for key in a.keys() & b.keys())
