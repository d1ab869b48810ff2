"""Who answers whether a mutation is better than its parent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ufh_cli.core.guided import linear, trees
from ufh_cli.core.guided.columns import GraphColumns
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.guided.tally import midranks
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup

_TREES, _RATE, _PENALTY, _SHARE = 32, 0.2, 5.0, 0.5
_PAIRS, _STEP, _DECAY = 5000, 0.05, 1e-3


class Model(Protocol):
    """Learns from evaluations and compares candidates."""

    def learn(self, candidate: Any, fitness: float) -> None:
        """Keep what an evaluation found."""

    def refit(self) -> None:
        """Learn from what is kept."""

    def scores(self, parent: Any, children: Sequence[Any]) -> list[float]:
        """Of each child, and last of the parent: the higher, the better. Called after `refit` only."""


class Ranker:
    """Learns from rows of columns how candidates rank, among the latest so many, and scores others."""

    def __init__(self, settings: Guidance, rng: Rng) -> None:
        self._rng = rng
        self._window = settings.window
        self._rows: np.ndarray | None = None  # a ring
        self._fitness = np.empty(settings.window)
        self._learnt = 0
        self._fit: Callable[[np.ndarray, np.ndarray, np.uint64], np.ndarray]
        if settings.model == "linear":
            self._fit, self._score = _weigh, linear.score
        else:
            self._fit, self._score = _grow, trees.score

    def learn(self, row: np.ndarray, fitness: float) -> None:
        """Keep a row, shape (columns,), and what it was worth."""
        if self._rows is None:
            self._rows = np.empty((self._window, row.size), np.float32)
        place = self._learnt % self._window
        self._rows[place], self._fitness[place] = row, fitness
        self._learnt += 1

    def refit(self) -> None:
        """Learn from what is kept."""
        assert self._rows is not None
        known = min(self._learnt, self._window)
        self._fitted = self._fit(self._rows[:known], midranks(self._fitness[:known]), np.uint64(self._rng.word()))

    def scores(self, rows: np.ndarray) -> list[float]:
        """Of each row; called after `refit` only."""
        return self._score(self._fitted, rows).tolist()


class OfColumns:
    """A model of candidates by the columns of their graphs."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._columns = GraphColumns(setup)
        self._ranker = Ranker(settings, rng)
        self.refit = self._ranker.refit

    def learn(self, candidate: Any, fitness: float) -> None:
        self._ranker.learn(self._columns.of([candidate])[0], fitness)

    def scores(self, parent: Any, children: Sequence[Any]) -> list[float]:
        return self._ranker.scores(self._columns.of([*children, parent]))


class Oracle:
    """Evaluates both at no cost and says which is better; each answer is right with a given probability."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._accuracy = settings.accuracy
        self._setup = setup
        self._rng = rng

    def learn(self, candidate: Any, fitness: float) -> None:
        pass

    def refit(self) -> None:
        pass

    def scores(self, parent: Any, children: Sequence[Any]) -> list[float]:
        known = self._fitness(parent)
        return [*(self._answer(self._fitness(child) > known) for child in children), 0.0]

    def _fitness(self, candidate: Any) -> float:
        return self._setup.evaluate(candidate, Rng.from_word(self._rng.word())).fitness

    def _answer(self, better: bool) -> float:
        return 1.0 if better == (self._rng.uniform() < self._accuracy) else -1.0


def make_model(settings: Guidance, setup: Setup, rng: Rng) -> Model:
    """The model that `settings` ask for, for one trial; all its randomness comes from `rng`."""
    if settings.model == "oracle":
        return Oracle(settings, setup, rng)
    return OfColumns(settings, setup, rng)


def _grow(rows: np.ndarray, target: np.ndarray, word: np.uint64) -> np.ndarray:
    return trees.grow(rows, target, _TREES, _RATE, _PENALTY, _SHARE, word)


def _weigh(rows: np.ndarray, target: np.ndarray, word: np.uint64) -> np.ndarray:
    return linear.fit(rows, target, _PAIRS, _STEP, _DECAY, word)
