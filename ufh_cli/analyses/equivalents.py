"""Genotypes, structures and behaviours that a search saw (§6.3); pairs that differ and behave alike (Figure 13)."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from ufh_cli.analyses.rerun import Rerun
from ufh_cli.configuration.errors import InputError
from ufh_cli.experiment.trials import make_key

_COMPARED = 100  # representations of one behaviour, and behaviours: enough to choose from, and quick


@dataclass(frozen=True)
class Census:
    """Counts in one trial.

    Attributes
    ----------
    trial : int
        Its number.
    candidates : int
        All that were proposed.
    genotypes, structures, behaviours : int
        Different candidates, structural keys, functional keys.
    """

    trial: int
    candidates: int
    genotypes: int
    structures: int
    behaviours: int


@dataclass(frozen=True)
class Equivalents:
    """Two candidates of one trial with the same functional key.

    Attributes
    ----------
    first, second : object
        The candidates.
    key : hashable
        Their functional key.
    fitness : float
        What the search was told of the first.
    same_structure : bool
        Whether the structural key would have found them equal too.
    likeness : float
        Of their descriptions, in [0, 1].
    """

    first: Any
    second: Any
    key: Hashable
    fitness: float
    same_structure: bool
    likeness: float


def census(run: Rerun) -> Census:
    """Count what a trial saw."""
    genotypes = {individual.candidate for individual in run.individuals}
    key = functional_key_of(run)
    return Census(
        trial=run.trial,
        candidates=len(run.individuals),
        genotypes=len(genotypes),
        structures=len({run.setup.structural_key(candidate) for candidate in genotypes}),
        behaviours=len({key(candidate) for candidate in genotypes}),
    )


def find_equivalents(run: Rerun, pairs: int, *, differ: bool = False) -> list[Equivalents]:
    """The most telling pairs, each of another behaviour: those of different structure first, then the least alike.

    With `differ` only those of different structure, the fittest first: the least alike of them are often trivial.

    Raises
    ------
    InputError
        When all candidates of one behaviour were one and the same, or of one structure where that must differ.
    """
    key = functional_key_of(run)
    groups: dict[Hashable, dict[Any, float]] = {}
    for individual in run.individuals:
        groups.setdefault(key(individual.candidate), {}).setdefault(individual.candidate, individual.fitness)
    several = [(behaviour, group, _structures(run, group)) for behaviour, group in groups.items() if len(group) > 1]
    if differ:
        several = [item for item in several if item[2] > 1]
        several.sort(key=lambda item: -next(iter(item[1].values())))  # the fitness of the first
    else:
        several.sort(key=lambda item: (-item[2], -len(item[1])))
    if not several:
        kind = "candidates of different structure" if differ else "different candidates"
        raise InputError(f"trial {run.trial} saw no two {kind} that behave alike")
    looked_at = several[: pairs if differ else _COMPARED]
    found = [_least_alike(run, behaviour, group) for behaviour, group, _ in looked_at]
    return found if differ else sorted(found, key=lambda pair: (pair.same_structure, pair.likeness))[:pairs]


def functional_key_of(run: Rerun):
    """candidate -> functional key, whatever kind of key the trial itself used."""
    config = run.config.model_copy(update={"hash": run.config.hash.model_copy(update={"kind": "functional"})})
    return make_key(config, run.setup)[0]


def _structures(run: Rerun, group: dict[Any, float]) -> int:
    return len({run.setup.structural_key(candidate) for candidate in group})


def _least_alike(run: Rerun, behaviour: Hashable, group: dict[Any, float]) -> Equivalents:
    """The first candidate of the group and the one that looks least like it, of another structure if there is one."""
    first, *others = group
    structure, described = run.setup.structural_key(first), run.setup.describe(first).split()
    elsewhere = [candidate for candidate in others if run.setup.structural_key(candidate) != structure]

    def compared(candidate: Any) -> Equivalents:
        words = run.setup.describe(candidate).split()
        likeness = difflib.SequenceMatcher(None, described, words, autojunk=False).ratio()
        return Equivalents(first, candidate, behaviour, group[first], not elsewhere, likeness)

    return min(map(compared, (elsewhere or others)[:_COMPARED]), key=lambda pair: pair.likeness)
