"""What a cache file holds: values as JSON, never a pickle, since files are handed on."""

from __future__ import annotations

import json
import math
from typing import Any

_SPELT = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_json(value: Any) -> str:
    """`value` as one line of JSON; tuples, NaN and infinities come back as what they were.

    Raises
    ------
    ValueError
        When it is made of more than None, booleans, numbers, texts, lists, tuples and dictionaries with texts as names.
    """
    return json.dumps(_spelt(value), allow_nan=False, separators=(",", ":"))


def from_json(text: str) -> Any:
    """What `to_json` was given; `ValueError` where it did not write this."""
    try:
        return json.loads(text, object_hook=_read)
    except (KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"it is no value that was remembered ({type(error).__name__})") from error


def plain(value: Any) -> Any:
    """`value` with numpy's scalars as Python's."""
    return from_json(to_json(value))


def _spelt(value: Any) -> Any:
    if type(value) is float:
        return value if math.isfinite(value) else {"$": str(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a numpy scalar
        return _spelt(value.item())
    if isinstance(value, float):
        return _spelt(float(value))
    if isinstance(value, tuple):
        return {"$t": [_spelt(item) for item in value]}
    if isinstance(value, list):
        return [_spelt(item) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) and not name.startswith("$") for name in value):
        return {name: _spelt(item) for name, item in value.items()}
    raise ValueError(f"cannot remember a {type(value).__name__}: give numbers, texts, tuples, lists or dictionaries")


def _read(given: dict) -> Any:
    if "$" in given:
        return _SPELT[given["$"]]
    return tuple(given["$t"]) if "$t" in given else given
