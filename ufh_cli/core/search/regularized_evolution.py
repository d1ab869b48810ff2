"""Method 1: the child of a tournament's winner replaces the oldest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from ufh_cli.core.rng import Rng
from ufh_cli.core.search.base import Individual, SearchMethod
from ufh_cli.core.search.plateau import Plateau

Winner = Callable[[np.ndarray, int, int], int]


class RegularizedEvolution(SearchMethod):
    """Regularized evolution (Method 1).

    Parameters
    ----------
    population_size : int
        P, how many of the latest individuals are alive.
    tournament_size : int
        T, how many of them compete to be the parent; drawn without replacement.
    fresh_probability : float
        The probability of a fresh random candidate instead of a child (1 − the mutation rate of some searches).
    restart : int
        After so many individuals in a row that are no better than the best found, the whole population is replaced by
        copies of that, which are not evaluated again; 0: never. Nothing is replaced before there is a whole population.
    ties : {"random", "newest"}
        Which of equally fit members wins a tournament: any with the same chance, or the newest, as in the program that
        the paper's authors published for NAS-Bench-101.
    """

    def __init__(
        self,
        *,
        population_size: int = 100,
        tournament_size: int = 10,
        fresh_probability: float = 0.0,
        restart: int = 0,
        ties: Literal["random", "newest"] = "random",
    ) -> None:
        check_population(population_size, tournament_size)
        if not 0.0 <= fresh_probability < 1.0:
            raise ValueError(f"fresh_probability must be in [0, 1), got {fresh_probability}")
        self.population_size = population_size
        self.tournament_size = tournament_size
        self.fresh_probability = fresh_probability
        self.restart = restart
        self.ties = check_ties(ties)
        self._plateau = Plateau(restart)
        self._individuals: list[Individual] = []
        self._merit = np.zeros((population_size, 2))
        self._fitness, self._birth = self._merit.T  # the latter 0 for all unless it decides
        self._told = 0  # individuals that have entered; the oldest sits at _told % population_size
        self._asked = 0
        self._winner: Winner  # set when the first is told; a cached property would make every attribute slower

    def ask(self, rng: Rng) -> Individual | None:
        alive = self._merit
        if self._told < self.population_size:
            # The first P asked for are seeds. With many workers the P-th answer may still be out: then the tournament
            # is held among those that are there, and only while it lacks members more seeds are drawn.
            self._asked += 1
            if self._asked <= self.population_size or self._told < self.tournament_size:
                return None
            alive = alive[: self._told]
        if self.fresh_probability and rng.uniform() < self.fresh_probability:
            return None
        return self._individuals[self._winner(alive, self.tournament_size, rng.word())]

    def tell(self, individual: Individual) -> None:
        place = self._told % self.population_size
        if self._told < self.population_size:
            if not self._told:
                self._winner = compiled_winner()
            self._individuals.append(individual)
        else:
            self._individuals[place] = individual
        self._fitness[place] = individual.fitness
        if self.ties == "newest":
            self._birth[place] = self._told
        self._told += 1
        if self.restart:
            best = self._plateau.reached(individual)
            if best is not None and self._told >= self.population_size:
                self._individuals = [best] * self.population_size
                self._merit[:] = (best.fitness, 0.0)


def compiled_winner() -> Winner:
    """Who wins a tournament, see `selection`; numba comes with searches alone."""
    from ufh_cli.core.search.selection import tournament_winner

    return tournament_winner


def check_population(population_size: int, tournament_size: int) -> None:
    """Raise `ValueError` unless 1 <= tournament_size <= population_size."""
    if population_size < 1:
        raise ValueError(f"population_size must be at least 1, got {population_size}")
    if not 1 <= tournament_size <= population_size:
        raise ValueError(
            f"tournament_size must be between 1 and population_size ({population_size}), got {tournament_size}"
        )


def check_ties(ties: Literal["random", "newest"]) -> Literal["random", "newest"]:
    """`ties`; `ValueError` unless it is "random" or "newest"."""
    if ties not in ("random", "newest"):
        raise ValueError(f"ties must be 'random' or 'newest', got {ties!r}")
    return ties
