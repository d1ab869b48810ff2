"""What is to be said of results before anybody relies on them, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from ufh_cli.analyses.series import Series
from ufh_cli.core.techniques import GUIDED


def remarks(series: Sequence[Series]) -> list[str]:
    """Lines on trials that stalled, ended before the first mutation, or before a model was asked; none for others."""
    return [line for line in (_stalled(series), _too_short(series) or _never_asked(series)) if line]


def _stalled(series: Sequence[Series]) -> str:
    trials = [row for one in series for row in one.trials]
    stalled = [row for row in trials if row["stopped_by"] == "stalled"]
    if not stalled:
        return ""
    told = f"{len(stalled)} of {len(trials)} trials stalled before their budget was spent: "
    if not any(row["cost"] for row in stalled):
        return told + "their evaluations cost nothing; give Evaluation.cost, or a budget.candidates"
    return (
        f"{told}all that the search still proposed was in the cache and cost nothing. A finer hash "
        f"(hash.mantissa_bits), a hash with a cost (hash.cost) or a budget of candidates (budget.candidates) may be "
        f"what is wanted"
    )


def _too_short(series: Sequence[Series]) -> str:
    """Of budgets of cost; it is known beforehand of those of candidates."""
    trials, short = 0, []
    for one in series:
        tables = one.results.experiment
        population = one.swept.get("search.population_size", tables.get("search", {}).get("population_size"))
        trials += len(one.trials)
        if population is not None and "candidates" not in tables.get("budget", {}):
            within = [row for row in one.trials if row["stopped_by"] == "budget"]
            short += [int(population) for row in within if row["candidates"] <= int(population)]
    if not short:
        return ""
    return (
        f"the budget of {len(short)} of {trials} trials ended before the "
        f"first mutation: the first {max(short):,} candidates are random ones (search.population_size)"
    )


def _never_asked(series: Sequence[Series]) -> str:
    """Of guided searches that went as if they were none."""
    trials, short = 0, []
    for one in series:
        if GUIDED in one.technique.split("+"):
            trials += len(one.trials)
            guided = one.results.experiment.get("guided", {})
            warmup = int(one.swept.get("guided.warmup", guided.get("warmup", 0)))
            short += [warmup for row in one.trials if row["evaluations"] < warmup]
    if not short:
        return ""
    return (
        f"{len(short)} of {trials} guided trials ended before their model was asked: "
        f"it learns from {max(short):,} evaluations first (guided.warmup)"
    )
