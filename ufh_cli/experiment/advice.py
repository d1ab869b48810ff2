"""What is allowed and yet can hardly be meant, told before the first trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.configuration.sweep import Cell
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.techniques import CACHES, FILTERS, GUIDED, parse_technique

Condition = Callable[[ExperimentConfig], bool]


def _technique(*parts: str) -> Condition:
    return lambda config: bool(set(parts) & set(parse_technique(config.technique)))


def _counterfactual(config: ExperimentConfig) -> bool:
    return config.cache.counterfactual


def _guided(key: str, value: str) -> tuple[Condition, str]:
    return (lambda config: config.guided.get(key) == value), f"guided.{key} = {value}"


_CACHE = (_technique(*CACHES), "a technique with a cache, such as fec")
_FILTER = (_technique(*FILTERS), "the technique fcm or tabulist")
_KEY = (lambda config: bool(parse_technique(config.technique)), "a technique that computes keys, such as fec")
_COMPARISON = (_counterfactual, "cache.counterfactual=true")
# What a key needs to have an effect, and that in words.
_NEEDED: dict[str, tuple[Condition, str]] = {
    "cache.forget_probability": (_technique("forgetful-fec"), "the technique forgetful-fec"),
    "cache.max_evaluations": (_technique("fea", "best-fec"), "the technique fea or best-fec"),
    "cache.max_entries": _CACHE,
    "cache.wait_for_duplicates": _CACHE,
    "cache.tolerance": _COMPARISON,
    "cache.relative_tolerance": _COMPARISON,
    "evaluation.hurdle_window": (
        lambda config: config.evaluation.hurdle_percentile is not None,
        "evaluation.hurdle_percentile",
    ),
    "guided.accuracy": _guided("model", "oracle"),
    "guided.margin": _guided("accept", "not-worse"),
    "guided.quantile": _guided("accept", "quantile"),
    "hash.cost": _KEY,
    "hash.decimals": _KEY,
    "hash.kind": _KEY,
    "hash.mantissa_bits": _KEY,
    "proposals.accumulate": _FILTER,
    "proposals.max_seen": (_technique("tabulist"), "the technique tabulist"),
    "proposals.max_tries": _FILTER,
}
_GUIDANCE = (_technique(GUIDED), "the technique guided, such as fec+guided")
_DEFAULT = ExperimentConfig(setup="", guided=vars(Guidance()))


def without_effect(cells: Sequence[Cell], keys: Iterable[str]) -> list[str]:
    """A line for each of the `keys`, which somebody asked for, that does nothing in any of the cells.

    One that was set to what it is anyway is passed over.
    """
    lines = []
    for key in dict.fromkeys(keys):
        needed = [_NEEDED[key]] if key in _NEEDED else []
        if key.startswith("guided."):
            needed.insert(0, _GUIDANCE)
        if not needed or {_value(cell.config, key) for cell in cells} == {_value(_DEFAULT, key)}:
            continue
        for holds, words in needed:
            if not any(holds(cell.config) for cell in cells):
                lines.append(f"{key} has no effect: it needs {words}")
                break
    return lines


def too_short(cells: Sequence[Cell]) -> list[str]:
    """A line where budgets of candidates end before the first of them is a mutation of another."""
    for cell in cells:
        count, population = cell.config.budget.candidates, cell.config.search.get("population_size")
        if count is not None and population is not None and count <= population:
            return [
                f"budget.candidates = {count:,} ends before the first mutation: the first {population:,} candidates "
                f"are random ones (search.population_size)"
            ]
    return []


def _value(config: ExperimentConfig, key: str) -> Any:
    section, _, name = key.partition(".")
    values = getattr(config, section)
    return values[name] if isinstance(values, dict) else getattr(values, name)
