"""NSGA-II: of several objectives, the non-dominated survive, and of those the lonelier."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import numpy as np

from ufh_cli.core.front import crowding_distances, ranks
from ufh_cli.core.rng import Rng
from ufh_cli.core.search.base import Individual, SearchMethod

_LARGEST_POPULATION = 5_000  # ranks of three objectives take a matrix of all pairs of it and its children


class Nsga2(SearchMethod):
    """NSGA-II (Deb et al. 2002), without crossover, for one process or many.

    The first candidates are random. Whenever `children` more individuals have been told, in whatever order, a
    generation closes: the best of them, and of the population, become the new population. Individuals without
    objectives are ranked by their fitness alone; NaN counts as −inf.

    Parameters
    ----------
    population_size : int
        N, how many survive a generation.
    children : int
        How many individuals make up a generation; 0 means as many as the population. The first generation has at least
        as many as the population.
    parents : {"tournament", "elites"}
        Who has children: the better, by rank and then crowding, of two different members drawn at random, or all
        members in turn, the best first.
    elitism : bool
        Whether the population competes with its children. Without it survival must be earned anew, by copies.
    crowding : bool
        Whether the crowding distance decides within a front; without it, who was told first (in a tournament, a coin).
    copies : float
        The probability that a child is its parent's candidate itself, to be evaluated again (a cache answers for it).
    unique_keys : bool
        Whether only one individual of each functional key survives, the first in lexicographic order of the objectives
        and of equals the latest. Candidates that behave alike never dominate each other and would fill a front. The
        population may then be smaller than N. Needs a technique that computes keys.

    Raises
    ------
    ValueError
        For parameters out of range.
    """

    def __init__(
        self,
        *,
        population_size: int = 100,
        children: int = 0,
        parents: Literal["tournament", "elites"] = "tournament",
        elitism: bool = True,
        crowding: bool = True,
        copies: float = 0.0,
        unique_keys: bool = False,
    ) -> None:
        if not 1 <= population_size <= _LARGEST_POPULATION:
            raise ValueError(f"population_size must be from 1 to {_LARGEST_POPULATION:,}, got {population_size}")
        if not 0 <= children <= _LARGEST_POPULATION:
            raise ValueError(f"children must be from 0 to {_LARGEST_POPULATION:,}, got {children}")
        if parents not in ("tournament", "elites"):
            raise ValueError(f'parents must be "tournament" or "elites", got {parents!r}')
        if not 0.0 <= copies <= 1.0:
            raise ValueError(f"copies must be in [0, 1], got {copies}")
        self.population_size = population_size
        self.children = children or population_size
        self.parents = parents
        self.elitism = elitism
        self.crowding = crowding
        self.copies = copies
        self.unique_keys = self.needs_keys = unique_keys
        self.population: list[Individual] = []  # the best first
        self._rank = np.empty(0, int)  # of the members, in their order
        self._distance = np.empty(0)
        self._told: list[Individual] = []
        self._turn = 0

    def ask(self, rng: Rng) -> Individual | None:
        if not self.population:
            return None
        if self.parents == "elites":
            parent = self.population[self._turn % len(self.population)]
            self._turn += 1
        else:
            parent = self.population[self._winner(rng)]
        if self.copies and rng.uniform() < self.copies:
            copy = Individual(parent.candidate, parent.key)
            copy.is_next = True
            return copy
        return parent

    def tell(self, individual: Individual) -> None:
        """Take an individual in; the last of a generation makes the new population.

        Raises
        ------
        ValueError
            When it has no key but keys shall be unique, or another number of objectives than the others.
        """
        if self.unique_keys and individual.key is None:
            raise ValueError("nsga2: unique_keys needs a technique that computes keys, such as fec")
        self._told.append(individual)
        wanted = self.children if self.population else max(self.children, self.population_size)
        if len(self._told) >= wanted:
            self._close()

    def _winner(self, rng: Rng) -> int:
        n = len(self.population)
        if n == 1:
            return 0
        a, b = rng.sample(n, 2)
        if self._rank[a] != self._rank[b]:
            return a if self._rank[a] < self._rank[b] else b
        # Of equals the first: the order of the two is random already.
        return b if self.crowding and self._distance[b] > self._distance[a] else a

    def _close(self) -> None:
        pool = [*self.population, *self._told] if self.elitism else self._told
        objectives = _objectives(pool)
        if self.unique_keys:
            places = _one_of_each_key(pool, objectives)
            pool, objectives = [pool[i] for i in places], objectives[places]
        rank = ranks(objectives)
        distance = np.zeros(len(pool))
        if self.crowding:
            for r in range(rank.max() + 1):
                front = np.flatnonzero(rank == r)
                distance[front] = crowding_distances(objectives[front])
        order = np.lexsort((-distance, rank))[: self.population_size]  # stable: of equals, who was told first
        self.population = [pool[i] for i in order]
        self._rank, self._distance = rank[order], distance[order]
        self._told, self._turn = [], 0


def _objectives(individuals: list[Individual]) -> np.ndarray:
    """Shape (n, d). One that could not be evaluated has none, and the lowest fitness: it is the lowest in each."""
    width = max(1, *(len(individual.objectives) for individual in individuals))
    rows = []
    for individual in individuals:
        row = individual.objectives
        if not row:
            row = (individual.fitness,) if width == 1 else (-np.inf,) * width
            if width > 1 and individual.fitness > -np.inf:
                raise ValueError(f"nsga2: an individual has a fitness but none of the {width} objectives of the others")
        if len(row) != width:
            raise ValueError(f"nsga2: individuals of {len(row)} and of {width} objectives cannot be compared")
        rows.append(row)
    values = np.array(rows, float)
    values[np.isnan(values)] = -np.inf
    return values


def _one_of_each_key(individuals: list[Individual], objectives: np.ndarray) -> list[int]:
    """The places of those that stay, in order; the greatest in lexicographic order is never a dominated one."""
    kept: dict[Hashable, int] = {}
    rows = [tuple(row) for row in objectives.tolist()]
    for place, individual in enumerate(individuals):
        other = kept.get(individual.key)
        if other is None or rows[place] >= rows[other]:
            kept[individual.key] = place
    return sorted(kept.values())
