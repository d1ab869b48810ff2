"""May two series be compared, and what else differs between them: their configurations and the data they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ufh_cli.analyses.series import Series

# What comparisons are usually made of, and what decides no trial's outcome. Seeds only tell whether trials are paired.
_COMPARED = {"technique", "cache", "proposals", "hash"}
_INCIDENTAL = {"over", "provenance", "trials", "journal", "seed"}
_ABSENT = "unset"


def mixture(first: Series, second: Series) -> str | None:
    """Why the two do not belong on one axis, in a line: they are of different setups or in different units of cost."""
    a, b = first.results.experiment["setup"], second.results.experiment["setup"]
    if a != b:
        return f"cannot compare results of {a} with results of {b}"
    if first.cost_unit != second.cost_unit:
        return f"cannot compare results in {first.cost_unit} with results in {second.cost_unit}"
    return None


def obstacle(first: Series, second: Series, same_budget: bool = True) -> str | None:
    """Why a comparison would say nothing, in a line; None when nothing forbids it.

    Two are comparable when they are of the same setup and unit of cost, share data and, with `same_budget`, have the
    same budget.
    """
    mixed = mixture(first, second)
    if mixed is not None:
        return mixed
    a, b = first.results.experiment, second.results.experiment
    # A sweep over data tells all its fingerprints together, so one in common must do.
    data = [str(tables.get("provenance", {}).get("data", "")) for tables in (a, b)]
    if not set(data[0].split("; ")) & set(data[1].split("; ")):
        return f"cannot compare results on different data: {data[0] or _ABSENT} and {data[1] or _ABSENT}"
    x, y = settings(first), settings(second)
    for key in sorted(x.keys() | y.keys()):
        if same_budget and key.startswith("budget.") and x.get(key) != y.get(key):
            return f"cannot compare results of different budgets: {_difference(key, x, y)}"
    return None


def other_differences(first: Series, second: Series) -> list[str]:
    """What differs besides technique, cache, proposals and hash, such as ``workers: 1 and 10``."""
    x, y = settings(first), settings(second)
    keys = [key for key in sorted(x.keys() | y.keys()) if key.partition(".")[0] not in _COMPARED]
    if x.get("search.method") != y.get("search.method"):  # the other settings of two methods are no differences
        keys = [key for key in keys if key == "search.method" or not key.startswith("search.")]
    return [_difference(key, x, y) for key in keys if x.get(key) != y.get(key)]


def settings(series: Series) -> dict[str, str]:
    """The resolved configuration of its trials: dotted key -> value as text, numbers in one form."""
    tables = {key: value for key, value in series.results.experiment.items() if key not in _INCIDENTAL}
    swept = {key: value for key, value in series.swept.items() if key not in _INCIDENTAL}
    return {key: _normal(value) for key, value in (_flat(tables) | swept).items()}


def _flat(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _normal(value: Any) -> str:
    """Swept values are text as typed on the command line: 5e6 is 5000000.0 and true is True."""
    text = str(value)
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def _difference(key: str, x: Mapping[str, str], y: Mapping[str, str]) -> str:
    return f"{key}: {x.get(key, _ABSENT)} and {y.get(key, _ABSENT)}"
