"""What is to be said of results before anybody relies on them, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from ufh_cli.analyses.series import Series


def remarks(series: Sequence[Series]) -> list[str]:
    """Lines on trials that stalled, and on those whose budget ended before the first mutation; none for others."""
    return [line for line in (_stalled(series), _too_short(series)) if line]


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
