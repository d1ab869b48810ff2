"""Setups with bugs: what they do must be told as what it is, and cost nothing that is finished."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np
from ufh_polynomials import Polynomials, Term

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation


class TwoWords(Exception):
    """Can be pickled, but not made again of what it hands to its base class."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


class Buggy(Polynomials):
    """Polynomials [a toy] with a bug that every twentieth candidate shows while a file called ``bug`` names it."""

    free_reevaluation = False

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        fitness, cost = super().evaluate(candidate, rng)[:2]
        chosen = sum((7 * coefficient + power) * 5**place for place, (coefficient, power) in enumerate(candidate))
        bug = Path("bug").read_text() if Path("bug").exists() else ""
        if bug == "every":
            raise KeyError("no layer at all")
        bug = bug if chosen % 20 == 0 else ""
        if bug == "two words":
            raise TwoWords("broken", "network")
        if bug == "a typo":
            raise KeyError("no such layer " + "x" * 1000)
        return Evaluation(fitness, float(bug) if bug else cost)


class Elsewhere(Polynomials):
    """Polynomials [a toy] with a bug outside of their evaluation.

    Parameters
    ----------
    where : str
        The method that raises for one in five candidates; "structural_key" is unhashable then, for "few" always.
    found : str
        What a re-evaluation gives: "None", "array", "complex", "text", or a number if empty.
    """

    free_reevaluation = False

    def __init__(self, *, where: str = "", found: str = "", terms: int = 3) -> None:
        super().__init__(terms=terms)
        self.where, self.found, self.few_structures = where, found, where == "few"

    def _is_bug(self, where: str, candidate: tuple[Term, ...]) -> bool:
        return self.where == where and sum(coefficient + power for coefficient, power in candidate) % 5 == 1

    def mutate(self, candidate: tuple[Term, ...], rng: Rng) -> tuple[Term, ...]:
        if self._is_bug("mutate", candidate):
            raise IndexError("no such term")
        return super().mutate(candidate, rng)

    def hashable_outputs(self, candidate: tuple[Term, ...]) -> list[np.ndarray]:
        if self._is_bug("hashable_outputs", candidate):
            raise KeyError("no such term")
        return [] if self._is_bug("nothing", candidate) else super().hashable_outputs(candidate)

    def structural_key(self, candidate: tuple[Term, ...]) -> Hashable:
        unhashable = self._is_bug("structural_key", candidate) or self.few_structures
        return (list(candidate),) if unhashable else candidate  # type: ignore[return-value]

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        if self.where == "reevaluate":
            raise ZeroDivisionError("no data")
        found = {"None": None, "array": np.ones(2), "complex": 1j, "text": "0.5"}
        return found[self.found] if self.found else super().reevaluate(candidate, rng)  # type: ignore[return-value]


class BuggyStaged(Buggy):
    """The same, where the second stage shows it."""

    staged = True

    def evaluate_in_stages(self, candidate, rng):
        whole = self.evaluate(candidate, rng)
        yield Evaluation(whole.fitness, 0.5)
        yield Evaluation(whole.fitness, whole.cost - 0.5)


class BuggySimulated(Buggy):
    """The same, quick, as one whose costs are simulated."""

    simulated_cost = True
    costly = False


class Unjournalled(Buggy):
    """The same, without a journal."""

    costly = False
