"""Classic tournament selection: elitist, (μ + λ); the child of a tournament's winner replaces the worst."""

from __future__ import annotations

import heapq
from typing import Literal

import numpy as np

from ufh_cli.core.rng import Rng
from ufh_cli.core.search.base import Individual, SearchMethod
from ufh_cli.core.search.regularized_evolution import Winner, check_population, check_ties, compiled_winner


class TournamentSelection(SearchMethod):
    """Classic tournament selection (§6.1): good individuals live for ever.

    Parameters
    ----------
    population_size : int
        P, how many of the fittest individuals are alive. Of equally bad ones the oldest dies.
    tournament_size : int
        T, how many of them compete to be the parent; drawn without replacement.
    ties : {"random", "newest"}
        Which of equally fit members wins a tournament: see `RegularizedEvolution`.
    """

    def __init__(
        self,
        *,
        population_size: int = 100,
        tournament_size: int = 10,
        ties: Literal["random", "newest"] = "random",
    ) -> None:
        check_population(population_size, tournament_size)
        self.ties = check_ties(ties)
        self.population_size = population_size
        self.tournament_size = tournament_size
        self._individuals: list[Individual] = []
        self._merit = np.zeros((population_size, 2))
        self._fitness, self._birth = self._merit.T  # the latter 0 for all unless it decides
        self._worst: list[tuple[float, int, int]] = []  # a heap of (fitness, age, place)
        self._told = 0
        self._asked = 0
        self._winner: Winner  # set when the first is told; a cached property would make every attribute slower

    def ask(self, rng: Rng) -> Individual | None:
        self._asked += 1
        if self._asked <= self.population_size or self._told < self.tournament_size:
            return None
        alive = self._merit if self._told >= self.population_size else self._merit[: self._told]
        return self._individuals[self._winner(alive, self.tournament_size, rng.word())]

    def tell(self, individual: Individual) -> None:
        entry = (individual.fitness, self._told)
        self._told += 1
        if len(self._individuals) < self.population_size:
            place = len(self._individuals)
            if not place:
                self._winner = compiled_winner()
            self._individuals.append(individual)
            heapq.heappush(self._worst, (*entry, place))
        else:
            place = self._worst[0][2]
            if entry < self._worst[0][:2]:
                return  # the newcomer is the worst itself
            heapq.heapreplace(self._worst, (*entry, place))
            self._individuals[place] = individual
        self._fitness[place] = individual.fitness
        if self.ties == "newest":
            self._birth[place] = entry[1]
