"""Setups with bugs: what they do must be told as what it is, and cost nothing that is finished."""

from __future__ import annotations

from pathlib import Path

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
        bug = Path("bug").read_text() if Path("bug").exists() and chosen % 20 == 0 else ""
        if bug == "two words":
            raise TwoWords("broken", "network")
        if bug == "a typo":
            raise KeyError("no such layer " + "x" * 1000)
        return Evaluation(fitness, float(bug) if bug else cost)


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
