"""MySpace: formulas of one variable that shall follow a curve (symbolic regression)."""

from __future__ import annotations

import numpy as np

import ufh_cli as ufh

Formula = str | tuple  # "x", "1", or an operation and what it is applied to: ("+", "x", "1")
OPERATIONS = {"+": np.add, "-": np.subtract, "*": np.multiply}
SEEN, UNSEEN = np.linspace(-1, 1, 20), np.linspace(-0.95, 0.95, 19)


def wanted(x: np.ndarray) -> np.ndarray:
    """The curve to follow: change it."""
    return x**4 + x**3 + x**2 + x


class MySpace(ufh.Setup[Formula]):
    """Formulas that follow a curve: symbolic regression.

    Parameters
    ----------
    depth : int
        How deep operations may be nested; an option like any keyword with a type and a default.
    """

    hash_cost = 0.1  # one hash, in units of `Evaluation.cost`
    free_reevaluation = True
    costly = False

    def __init__(self, *, depth: int = 4) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self.depth = depth

    def random_candidate(self, rng: ufh.Rng) -> Formula:
        return self._grown(rng, self.depth)

    def mutate(self, candidate: Formula, rng: ufh.Rng) -> Formula:
        return self._mutated(candidate, rng, self.depth)

    def hashable_outputs(self, candidate: Formula) -> np.ndarray:
        return values(candidate, SEEN[::4])

    def evaluate(self, candidate: Formula, rng: ufh.Rng) -> ufh.Evaluation:
        return ufh.Evaluation(fitness(candidate, SEEN), cost=1.0)

    def reevaluate(self, candidate: Formula, rng: ufh.Rng) -> float:
        return fitness(candidate, UNSEEN)

    def describe(self, candidate: Formula) -> str:
        if isinstance(candidate, str):
            return candidate
        operation, left, right = candidate
        return f"({self.describe(left)} {operation} {self.describe(right)})"

    def _grown(self, rng: ufh.Rng, depth: int) -> Formula:
        if depth == 0 or rng.uniform() < 0.3:
            return "x" if rng.uniform() < 0.7 else "1"
        operation = list(OPERATIONS)[rng.integer(len(OPERATIONS))]
        return operation, self._grown(rng, depth - 1), self._grown(rng, depth - 1)

    def _mutated(self, formula: Formula, rng: ufh.Rng, depth: int) -> Formula:
        if isinstance(formula, str) or rng.uniform() < 0.3:
            return self._grown(rng, depth)
        operation, left, right = formula
        if rng.uniform() < 0.5:
            return operation, self._mutated(left, rng, depth - 1), right
        return operation, left, self._mutated(right, rng, depth - 1)


def values(formula: Formula, x: np.ndarray) -> np.ndarray:
    """What a formula gives at each x."""
    if isinstance(formula, str):
        return x if formula == "x" else np.ones_like(x)
    operation, left, right = formula
    return OPERATIONS[operation](values(left, x), values(right, x))


def fitness(formula: Formula, x: np.ndarray) -> float:
    """1 for a formula that follows the curve, towards 0 for one far from it."""
    return 1.0 / (1.0 + float(np.sqrt(np.mean((values(formula, x) - wanted(x)) ** 2))))


if __name__ == "__main__":
    result = ufh.run(MySpace, over={"technique": ["none", "fec"]}, trials=10, budget=1000.0, name="myspace")
    print(result.to_markdown())
    print("best:", result.best["description"])
    print("wrote", result.plot("curves"))
