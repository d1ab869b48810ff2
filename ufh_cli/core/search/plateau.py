"""Restarts: once a search has found nothing better for long, it goes on from the best found alone.

As Chen et al. 2023 do ("Symbolic discovery of optimization algorithms", Section 2), where the next search's population
begins as copies of the best program of the last.
"""

from __future__ import annotations

from ufh_cli.core.search.base import Individual


class Plateau:
    """Tells when a search has found nothing better for long.

    Parameters
    ----------
    patience : int
        So many individuals in a row, none better than the best before them, are a plateau; 0: there is none.

    Attributes
    ----------
    best : Individual or None
        The fittest so far, the first of equals. One that a hurdle stopped never is: its fitness is another measure.

    Raises
    ------
    ValueError
        When `patience` is below 0.
    """

    def __init__(self, patience: int) -> None:
        if patience < 0:
            raise ValueError(f"restart must be at least 0, got {patience}")
        self.patience = patience
        self.best: Individual | None = None
        self._waited = 0

    def reached(self, individual: Individual) -> Individual | None:
        """Take in the next individual; the best, where a plateau ends with it and another begins, else None."""
        if not self.patience:
            return None
        stopped = individual.evaluation is not None and individual.evaluation.stopped
        if not stopped and (self.best is None or individual.fitness > self.best.fitness):
            self.best = individual
            self._waited = 0
            return None
        self._waited += 1
        if self._waited < self.patience:
            return None
        self._waited = 0
        return self.best
