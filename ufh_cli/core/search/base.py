"""What every search method is: something that can be asked for the next step and told what came of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup


class Individual:
    """A candidate on its way through a trial.

    Attributes
    ----------
    candidate : object
        The point of the search space.
    key : hashable or None
        Its functional (or structural) key once it has been computed.
    fitness : float
        What the search is told of it; −inf until then.
    evaluation : Evaluation or None
        All that the search is told of it: its own evaluation, or that of an earlier one that behaves alike.
    objectives : tuple of float
        With several objectives, all maximised; empty otherwise and until they are known.
    forecast : tuple of float, or None
        In guided search, what was known of a child before its evaluation: by how much its score was above that of its
        parent, NaN where the model was not asked, and its parent's objectives, or fitness alone.
    outputs, row : arrays, or None
        Where guided search judges by them, its hashable outputs, and the columns that were made of them.
    is_next : bool
        Of an individual that `SearchMethod.ask` returns: it comes next itself and not a mutated child of it.
    """

    # Until they are known; not set on each individual, since so many are made.
    key: Hashable | None = None
    fitness = float("-inf")
    evaluation: Evaluation | None = None
    objectives: tuple[float, ...] = ()
    forecast: tuple[float, tuple[float, ...]] | None = None
    outputs: np.ndarray | Sequence[np.ndarray] | None = None
    row: np.ndarray | None = None
    is_next = False

    def __init__(self, candidate: Any, key: Hashable | None = None, fitness: float | None = None) -> None:
        self.candidate = candidate
        if key is not None:
            self.key = key
        if fitness is not None:
            self.fitness = fitness


class SearchMethod(ABC):
    """The outer loop's choices (Method 1 and its rivals). It never evaluates, hashes or mutates.

    Attributes
    ----------
    has_parents : bool
        True when candidates are children of others, which is what FCM and tabulist act on.
    needs_keys : bool
        True when it looks at keys, so that a technique must compute them.
    """

    has_parents: ClassVar[bool] = True
    needs_keys: bool = False

    def start(self, setup: Setup) -> None:  # noqa: B027
        """A trial begins in this space; `ValueError` with one clear line when the method cannot search it."""

    @abstractmethod
    def ask(self, rng: Rng) -> Individual | None:
        """The parent whose mutated child comes next, None for a fresh random candidate, or one that `is_next`."""

    @abstractmethod
    def tell(self, individual: Individual) -> None:
        """An individual asked for earlier has its fitness now; in a distributed search the order may differ."""
