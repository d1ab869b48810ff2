"""A search space of one's own: polynomials written as sums of terms, of which many are the same polynomial."""

from __future__ import annotations

import re
import time

import numpy as np

from ufh_cli.core.graph import Graph
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup

Term = tuple[int, int]  # coefficient, power
SEEN, UNSEEN = np.arange(-8, 8) / 8, np.arange(-8, 8) / 8 + 1 / 16


class Polynomials(Setup[tuple[Term, ...]]):
    """Polynomials that approximate sin(3x) [a toy].

    Parameters
    ----------
    terms : int
        How many terms a polynomial has; they may cancel.
    noise : float
        Standard deviation of a fitness.
    delay : float
        Seconds that an evaluation takes.
    """

    cost_unit = "points"
    hash_cost = 0.1
    free_reevaluation = True
    operations = ("1", "x", "x^2", "x^3", "x^4", "+")

    def __init__(self, *, terms: int = 5, noise: float = 0.0, delay: float = 0.0) -> None:
        if terms < 1:
            raise ValueError(f"terms must be at least 1, got {terms}")
        self.terms, self.noise, self.delay = terms, noise, delay

    def random_candidate(self, rng: Rng) -> tuple[Term, ...]:
        return tuple(self._random_term(rng) for _ in range(self.terms))

    def mutate(self, candidate: tuple[Term, ...], rng: Rng) -> tuple[Term, ...]:
        place = rng.integer(self.terms)
        return (*candidate[:place], self._random_term(rng), *candidate[place + 1 :])

    def hashable_outputs(self, candidate: tuple[Term, ...]) -> list[np.ndarray]:
        return [self._values(candidate, SEEN).astype(np.float32)]

    def evaluate(self, candidate: tuple[Term, ...], rng: Rng) -> Evaluation:
        time.sleep(self.delay)
        noise = self.noise * (rng.uniform() - 0.5) * 12**0.5
        return Evaluation(self._fitness(candidate, SEEN) + noise, 1.0 + 0.1 * len(set(candidate)))

    def reevaluate(self, candidate: tuple[Term, ...], rng: Rng) -> float:
        return self._fitness(candidate, UNSEEN)

    def describe(self, candidate: tuple[Term, ...]) -> str:
        return " ".join(f"{coefficient:+d}x^{power}" for coefficient, power in candidate)

    def parse(self, text: str) -> tuple[Term, ...]:
        terms = tuple(re.fullmatch(r"([+-]\d+)x\^(\d+)", word) for word in text.split())
        if not terms or None in terms:
            raise ValueError(f"{text!r} is not a sum of terms such as '+2x^3 -1x^0'")
        return tuple((int(term[1]), int(term[2])) for term in terms)

    def graph(self, candidate: tuple[Term, ...]) -> Graph:
        powers, coefficients = [power for _, power in candidate], [[coefficient] for coefficient, _ in candidate]
        end = len(candidate)
        return Graph([*powers, 5], [(term, end) for term in range(end)], [*coefficients, [0]])

    def fingerprint(self) -> str:
        return "sin(3x) at 16 points"

    def notice(self) -> str:
        return "a toy [not a benchmark]"

    def _random_term(self, rng: Rng) -> Term:
        return rng.integer(7) - 3, rng.integer(5)

    def _values(self, candidate: tuple[Term, ...], x: np.ndarray) -> np.ndarray:
        return sum((coefficient * x**power for coefficient, power in candidate), np.zeros(x.size))

    def _fitness(self, candidate: tuple[Term, ...], x: np.ndarray) -> float:
        return 1 / (1 + float(np.mean((self._values(candidate, x) - np.sin(3 * x)) ** 2)))
