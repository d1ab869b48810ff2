"""When a trial ends."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
        A best fitness that is good enough.
    """

    cost: float = math.inf
    candidates: int | None = None
    target_fitness: float | None = None

    def __post_init__(self) -> None:
        if not self.cost > 0:
            raise ValueError(f"the budget's cost must be above 0, got {self.cost}")
        if self.candidates is not None and self.candidates < 1:
            raise ValueError(f"the budget's candidates must be at least 1, got {self.candidates}")
        if math.isinf(self.cost) and self.candidates is None:
            raise ValueError("a budget needs a cost or a number of candidates")
