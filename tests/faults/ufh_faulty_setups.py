"""Polynomials whose evaluations are logged, and some of which never end well."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from ufh_polynomials import Polynomials, Term

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
