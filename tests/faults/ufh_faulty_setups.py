"""Polynomials whose evaluations are logged, and some of which never end well."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ufh_polynomials import SEEN, Polynomials, Term

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation


class Faulty(Polynomials):
    """Polynomials [a toy].

    Parameters
    ----------
    log : str
        A file that gets a line an evaluation: the process, and the candidate.
    deadly, greedy, endless : int
        Of so many candidates, one kills its process, wants 4 GB of memory, or takes for ever; 0 for none.
    """

    free_reevaluation = False

    def __init__(
        self, *, log: str = "", terms: int = 3, delay: float = 0.0, deadly: int = 0, greedy: int = 0, endless: int = 0
    ) -> None:
        super().__init__(terms=terms, delay=delay)
        self.log = log
        self.deadly, self.greedy, self.endless = deadly, greedy, endless

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        chosen = sum((7 * coefficient + power) * 5**place for place, (coefficient, power) in enumerate(candidate))
        if self.deadly and chosen % self.deadly == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.greedy and chosen % self.greedy == 0:
            np.ones(500_000_000)
        if self.endless and chosen % self.endless == 0:
            time.sleep(3600)
        found = super().evaluate(candidate, rng)
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(f"{os.getpid()} {self.describe(candidate)}\n")
        return found


class Quick(Polynomials):
    """Polynomials for which no journal is worth while."""

    costly = False


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
