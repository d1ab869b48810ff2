"""What a trial leaves behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ufh_cli.core.guided.tally import Tally
from ufh_cli.core.search import Individual
from ufh_cli.core.timecourse import Improvement, area_under_curve


@dataclass
class TrialResult:
    """What a trial leaves behind.

    Attributes
    ----------
    curve : list of Improvement
        f(t): a row each time the best changed; with several objectives f is the hypervolume of the front so far.
    best : Individual or None
        The fittest individual; the first of equals.
    front : list of Individual
        With several objectives, the non-dominated ones, in ascending order of the first objective.
    candidates, evaluations : int
        Proposed and finished within the budget; of those, evaluated.
    cache_hits, partial_hits, collisions, comparisons : int
        Full and partial hits of the cache (partial: FEA wants a further evaluation, or some tasks of several are
        known); in counterfactual mode, wrong hits and hits compared.
    repeats, waits : int
        In a distributed search, evaluations of a key that was being evaluated already, and full hits that waited for
        such an evaluation instead.
    warm_hits : int
        Of the full hits, those that evaluations of an earlier experiment answered.
    lost : int
        Of the evaluations, those that could not be finished; their candidates have the lowest fitness.
    stopped : int
        Of the evaluations, those that a hurdle stopped.
    guidance : Tally or None
        What a guided search kept count of.
    cost : float
        Spent when the trial ended, in the setup's unit.
    duration : float
        T of the AUC: the budget's cost, or the cost spent where the budget has none.
    stopped_by : str
        ``"budget"``, ``"candidates"``, ``"target"``, or ``"stalled"`` when for very long nothing had any cost.
    """

    curve: list[Improvement] = field(default_factory=list)
    best: Individual | None = None
    front: list[Individual] = field(default_factory=list)
    reevaluated_fitness: float = math.nan
    candidates: int = 0
    evaluations: int = 0
    cache_hits: int = 0
    partial_hits: int = 0
    collisions: int = 0
    comparisons: int = 0
    repeats: int = 0
    waits: int = 0
    warm_hits: int = 0
    lost: int = 0
    stopped: int = 0
    guidance: Tally | None = None
    cost: float = 0.0
    duration: float = 0.0
    stopped_by: str = ""

    @property
    def best_fitness(self) -> float:
        """f at the end; NaN when nothing was evaluated to the end."""
        return self.curve[-1].best_fitness if self.curve else math.nan

    @property
    def auc(self) -> float:
        return area_under_curve([p.cost for p in self.curve], [p.best_fitness for p in self.curve], self.duration)

    @property
    def hit_fraction(self) -> float:
        return self.cache_hits / self.candidates if self.candidates else math.nan
