"""Who answers whether a mutation is better than its parent."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ufh_cli.core.guided.columns import columns_of
from ufh_cli.core.guided.order import Point, is_better, standings
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup

if TYPE_CHECKING:
    from ufh_cli.core.guided.gnn import GraphNetwork

_TREES, _RATE, _PENALTY, _SHARE = 32, 0.2, 5.0, 0.5
_PAIRS, _STEP, _DECAY = 5000, 0.05, 1e-3


class Model(Protocol):
    """Learns from evaluations and compares candidates."""

    def learn(self, candidate: Any, point: Point) -> None:
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
        self._points = np.empty((settings.window, 1))
        self._learnt = 0
        self._fit: Callable[[np.ndarray, np.ndarray, np.uint64], np.ndarray]
        if settings.model == "linear":  # either compiles when it is first imported
            from ufh_cli.core.guided import linear

            self._fit = lambda rows, points, word: linear.fit(rows, points, _PAIRS, _STEP, _DECAY, word)
            self._score = linear.score
        else:
            from ufh_cli.core.guided import trees

            self._fit = lambda rows, points, word: trees.grow(
                rows, standings(points), _TREES, _RATE, _PENALTY, _SHARE, word
            )
            self._score = trees.score

    def learn(self, row: np.ndarray, point: Point) -> None:
        """Keep a row, shape (columns,), and how good it was."""
        if self._rows is None:
            self._rows = np.empty((self._window, row.size), np.float32)
            self._points = np.empty((self._window, len(point)))
        place = self._learnt % self._window
        self._rows[place], self._points[place] = row, point
        self._learnt += 1

    def refit(self) -> None:
        """Learn from what is kept."""
        assert self._rows is not None
        known = min(self._learnt, self._window)
        self._fitted = self._fit(self._rows[:known], self._points[:known], np.uint64(self._rng.word()))

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Of each row; called after `refit` only."""
        return self._score(self._fitted, rows)


class OfColumns:
    """Learns from candidates by the columns of their graphs."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._columns = columns_of(setup)
        self._ranker = Ranker(settings, rng)
        self.refit = self._ranker.refit

    def learn(self, candidate: Any, point: Point) -> None:
        self._ranker.learn(self._columns.of([candidate])[0], point)

    def of(self, candidates: Sequence[Any]) -> np.ndarray:
        return self._ranker.scores(self._columns.of(candidates))


class Structural:
    """A model of graphs; where a setup says that its structural keys are few, each is scored once between refits."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._setup = setup
        self._inner = _inner(settings, setup, rng)
        self._known: dict[Hashable, float] = {}
        self.learn = self._inner.learn

    def refit(self) -> None:
        self._inner.refit()
        self._known.clear()

    def scores(self, parent: Any, children: Sequence[Any]) -> list[float]:
        asked = [*children, parent]
        if not self._setup.few_structures:
            return self._inner.of(asked).tolist()
        known = self._known
        keys = [*map(self._setup.structural_key, asked)]
        new = {key: candidate for key, candidate in zip(keys, asked, strict=True) if key not in known}
        if new:
            known.update(zip(new, self._inner.of([*new.values()]).tolist(), strict=True))
        return [known[key] for key in keys]


class Oracle:
    """Evaluates both at no cost and says which is better; each answer is right with a given probability."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._accuracy = settings.accuracy
        self._setup = setup
        self._rng = rng

    def learn(self, candidate: Any, point: Point) -> None:
        pass

    def refit(self) -> None:
        pass

    def scores(self, parent: Any, children: Sequence[Any]) -> list[float]:
        known = self._point(parent)
        return [*(self._answer(is_better(self._point(child), known)) for child in children), 0.0]

    def _point(self, candidate: Any) -> Point:
        evaluation = self._setup.evaluate(candidate, Rng.from_word(self._rng.word()))
        if self._setup.objectives is not None:
            return self._setup.objectives_of(candidate, evaluation)
        return (evaluation.fitness,)

    def _answer(self, better: bool) -> float:
        return 1.0 if better == (self._rng.uniform() < self._accuracy) else -1.0


def make_model(settings: Guidance, setup: Setup, rng: Rng) -> Model:
    """The model that `settings` ask for, for one trial; all its randomness comes from `rng`."""
    if settings.model == "oracle":
        return Oracle(settings, setup, rng)
    return Structural(settings, setup, rng)


def _inner(settings: Guidance, setup: Setup, rng: Rng) -> OfColumns | GraphNetwork:
    if settings.model != "gnn":
        return OfColumns(settings, setup, rng)
    from ufh_cli.core.guided.gnn import GraphNetwork  # compiles when it is first imported

    return GraphNetwork(settings, setup, rng)
