"""Polynomials whose evaluations are logged, and some of which never end well."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ufh_polynomials import SEEN, Polynomials, Term

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Objectives, Setup

WORDS = ("width", "depth", "stride", "kernel", "dropout", "momentum", "decay", "warm-up")


class Fleeting:
    """A result whose process dies when it is asked for it, as does any other that is to find it again.

    Parameters
    ----------
    mark : str
        A file that says that it was found once.
    """

    def __init__(self, mark: str) -> None:
        if Path(mark).exists():
            os._exit(1)
        Path(mark).touch()

    def __reduce__(self) -> str:
        os._exit(1)


class Faulty(Polynomials):
    """Polynomials [a toy].

    Parameters
    ----------
    log : str
        A file that gets a line an evaluation: the process, and the candidate.
    deadly, greedy, endless, worthless : int
        Of so many candidates, one kills its process, wants 4 GB of memory, takes for ever, or has the lowest fitness; 0
        for none.
    loading : float
        Seconds that it takes to make the setup.
    own : bool
        Whether each process has data of its own.
    """

    free_reevaluation = False

    def __init__(
        self,
        *,
        log: str = "",
        terms: int = 3,
        delay: float = 0.0,
        deadly: int = 0,
        greedy: int = 0,
        endless: int = 0,
        worthless: int = 0,
        loading: float = 0.0,
        own: bool = False,
    ) -> None:
        super().__init__(terms=terms, delay=delay)
        time.sleep(loading)
        self.log, self.own = log, own
        self.deadly, self.greedy, self.endless, self.worthless = deadly, greedy, endless, worthless

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        chosen = sum((7 * coefficient + power) * 5**place for place, (coefficient, power) in enumerate(candidate))
        if self.deadly and chosen % self.deadly == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.greedy and chosen % self.greedy == 0:
            np.ones(500_000_000)
        if self.endless and chosen % self.endless == 0:
            time.sleep(3600)
        if self.worthless and chosen % self.worthless == 0:
            return Evaluation(-math.inf, 1.0)
        found = super().evaluate(candidate, rng)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{os.getpid()} {self.describe(candidate)}\n")
        return found

    def fingerprint(self) -> str:
        return f"{super().fingerprint()}, process {os.getpid()}" if self.own else super().fingerprint()


class Quick(Polynomials):
    """Polynomials for which no journal is worth while."""

    costly = False


class Paired(Quick):
    """Polynomials that shall fit well and be of a low degree."""

    objectives = Objectives(("fitness", "degree"), (0.0, -9.0))

    def objectives_of(self, candidate: tuple[Term, ...], evaluation: Evaluation) -> tuple[float, ...]:
        return evaluation.fitness, -float(max(power for _, power in candidate))


class Staged(Faulty):
    """Polynomials of which the right half is looked at first; the log has a line a stage."""

    staged = True

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        first, whole = self.evaluate_in_stages(candidate, rng)
        return Evaluation(whole.fitness, first.cost + whole.cost)

    def evaluate_in_stages(self, candidate: tuple[Term, ...], rng: Rng) -> Iterator[Evaluation]:
        whole = super().evaluate(candidate, rng)  # logs the first stage
        yield Evaluation(self._fitness(candidate, SEEN[SEEN >= 0]), 0.5)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{os.getpid()} whole\n")
        yield Evaluation(whole.fitness, 0.5)


class Subsets(Setup[frozenset[str]]):
    """Sets of words [a toy]; which order they have depends on the process."""

    def random_candidate(self, rng: Rng) -> frozenset[str]:
        return frozenset(word for word in WORDS if rng.integer(2))

    def mutate(self, candidate: frozenset[str], rng: Rng) -> frozenset[str]:
        return candidate ^ {WORDS[rng.integer(len(WORDS))]}

    def hashable_outputs(self, candidate: frozenset[str]) -> np.ndarray:
        return np.array([float(word in candidate) for word in WORDS])

    def evaluate(self, candidate: frozenset[str], rng: Rng) -> Evaluation:
        return Evaluation(float(sum(len(word) for word in candidate)), 1.0)

    def reevaluate(self, candidate: frozenset[str], rng: Rng) -> float:
        return float(len(candidate))

    def describe(self, candidate: frozenset[str]) -> str:
        return ", ".join(sorted(candidate)) or "none"
