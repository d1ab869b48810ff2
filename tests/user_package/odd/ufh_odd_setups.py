"""Setups that are harder to be good to than the polynomials: watched, failing, or simply wrong."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
from ufh_polynomials import Polynomials, Term

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation


class Logged(Polynomials):
    """Polynomials whose finished trials can be seen from outside.

    Parameters
    ----------
    log : str
        A file that gets a line when a trial ends, just before its result is handed back.
    """

    free_reevaluation = False  # so that a trial re-evaluates once, at its end

    def __init__(self, *, log: str, terms: int = 3, delay: float = 0.0) -> None:
        super().__init__(terms=terms, delay=delay)
        self.log = Path(log)

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        with self.log.open("a") as file:
            file.write("done\n")
        return super().reevaluate(candidate, rng)


class ArrayFitness(Polynomials):
    """Fitness and cost as they come out of arrays: numpy's scalars, not Python's floats."""

    free_reevaluation = False

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        fitness, cost = super().evaluate(candidate, rng)[:2]
        return Evaluation(np.float32(fitness), np.float32(cost))

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        return np.float32(super().reevaluate(candidate, rng))


class WholeFitness(Polynomials):
    """Fitness in whole numbers."""

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        fitness, cost = super().evaluate(candidate, rng)[:2]
        return Evaluation(np.int64(round(100 * fitness)), cost)


class Failing(Polynomials):
    """Nothing works: every fitness is NaN."""

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        return Evaluation(math.nan, 1.0)

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        return math.nan


class Brackets(Polynomials):
    """Texts that look like markup, [bold]and[/bold] [/] are not."""

    def describe(self, candidate: tuple[Term, ...]) -> str:
        return f"[red]{super().describe(candidate)}[/] " + " ".join(f"node_{i}" for i in range(40))

    def structural_key(self, candidate: tuple[Term, ...]) -> str:
        return f"[/b]{candidate}"


class Exhausted(Polynomials):
    """Few behaviours, and a hash that costs nothing: with a cache, its cost soon stops growing."""

    hash_cost = 0.0

    def __init__(self) -> None:
        super().__init__(terms=1)


class Refusing(Polynomials):
    """Its data are missing."""

    def __init__(self) -> None:
        raise ValueError("the table is missing;\nmake it with: ufh data convert refusing --from FILE")


class Dying(Polynomials):
    """Its process is killed in the middle, as by a machine that runs out of memory."""

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        os._exit(9)


class NoSetup:
    """Not a setup at all."""
