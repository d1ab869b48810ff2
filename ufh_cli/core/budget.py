"""When a trial ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ufh_cli.core.setup import Objectives


@dataclass(frozen=True)
class Budget:
    """When a trial ends: at the first of these.

    Attributes
    ----------
    cost : float
        In the setup's unit, hashing included. What would finish later does not count.
    candidates : int or None
        Method 1's N.
    target_fitness : float or None
        A best fitness that is good enough; with several objectives, a hypervolume.
    target_objectives : tuple of float
        With several objectives, what one candidate must be no worse than in each; empty for no such target.
    """

    cost: float = math.inf
    candidates: int | None = None
    target_fitness: float | None = None
    target_objectives: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.cost > 0:
            raise ValueError(f"the budget's cost must be above 0, got {self.cost}")
        if self.candidates is not None and self.candidates < 1:
            raise ValueError(f"the budget's candidates must be at least 1, got {self.candidates}")
        if math.isinf(self.cost) and self.candidates is None:
            raise ValueError("a budget needs a cost or a number of candidates")

    def check(self, objectives: Objectives | None) -> None:
        """Raise `ValueError`, with one clear line, where these objectives cannot have this target."""
        given = len(self.target_objectives)
        if given and objectives is None:
            raise ValueError("budget.target_objectives needs a setup that, with its options, has several objectives")
        if given and objectives is not None and given != len(objectives.names):
            names = ", ".join(objectives.names)
            raise ValueError(f"budget.target_objectives must have a value for each of {names}, got {given}")
