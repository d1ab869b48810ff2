"""Fitting coefficients by CMA-ES, as the paper does: for comparison, since it takes some hundred times as long.

The strategy's constants are those of Hansen's tutorial (2016, "The CMA Evolution Strategy"), without negative weights.
As in the original's use of it: the population is large, the first deviation .1, and the best of all samples is kept.
The loss is the logarithm of the largest error.
"""

from __future__ import annotations

import numpy as np

from setups.autonumerics.compiled import cached_jit
from setups.autonumerics.fit_kernel import largest_error

POPULATION = 128
FIRST_DEVIATION = 0.1
PATIENCE = 100  # generations, of which half must have brought a gain


class CmaEs:
    """The covariance matrix adaptation evolution strategy, ask and tell.

    Parameters
    ----------
    mean : float64 (k,)
        Where to start.
    deviation : float
        The first step size.
    population : int
        Samples a generation, at least 4.
    generator : numpy Generator
        Where the samples come from.
    """

    def __init__(self, mean: np.ndarray, deviation: float, population: int, generator: np.random.Generator) -> None:
        k = len(mean)
        parents = population // 2
        weights = np.log((population + 1) / 2) - np.log(np.arange(1, parents + 1))
        self._weights = weights / weights.sum()
        effective = 1.0 / (self._weights**2).sum()
        self._effective = effective
        self._for_deviation = (effective + 2) / (k + effective + 5)
        self._damping = 1 + 2 * max(0.0, np.sqrt((effective - 1) / (k + 1)) - 1) + self._for_deviation
        self._for_path = (4 + effective / k) / (k + 4 + 2 * effective / k)
        self._rank_one = 2 / ((k + 1.3) ** 2 + effective)
        self._rank_many = min(1 - self._rank_one, 2 * (effective - 2 + 1 / effective) / ((k + 2) ** 2 + effective))
        self._expected = np.sqrt(k) * (1 - 1 / (4 * k) + 1 / (21 * k * k))
        self._deviation_path, self._path = np.zeros(k), np.zeros(k)
        self._covariance, self._axes, self._scales = np.eye(k), np.eye(k), np.ones(k)
        self._generator, self._population, self._generation = generator, population, 0
        self.mean, self.deviation = mean.astype(np.float64).copy(), float(deviation)

    def ask(self) -> np.ndarray:
        """The next generation, float64 (population, k)."""
        draws = self._generator.standard_normal((self._population, len(self.mean)))
        self._steps = draws * self._scales @ self._axes.T
        return self.mean + self.deviation * self._steps

    def tell(self, losses: np.ndarray) -> None:
        """Take in the losses (population,) of the generation asked for; small is good."""
        k = len(self.mean)
        self._generation += 1
        chosen = self._steps[np.argsort(losses, kind="stable")[: len(self._weights)]]
        step = self._weights @ chosen
        self.mean = self.mean + self.deviation * step
        white = self._axes @ ((self._axes.T @ step) / self._scales)
        rate = self._for_deviation
        self._deviation_path = (1 - rate) * self._deviation_path + np.sqrt(rate * (2 - rate) * self._effective) * white
        length = np.linalg.norm(self._deviation_path)
        settled = np.sqrt(1 - (1 - rate) ** (2 * self._generation))
        moving = bool(length / settled < (1.4 + 2 / (k + 1)) * self._expected)
        rate = self._for_path
        self._path = (1 - rate) * self._path + moving * np.sqrt(rate * (2 - rate) * self._effective) * step
        kept = 1 - self._rank_one - self._rank_many + (not moving) * self._rank_one * rate * (2 - rate)
        self._covariance = (
            kept * self._covariance
            + self._rank_one * np.outer(self._path, self._path)
            + self._rank_many * (chosen.T * self._weights) @ chosen
        )
        growth = (self._for_deviation / self._damping) * (length / self._expected - 1)
        self.deviation *= float(np.exp(min(1.0, growth)))
        values, self._axes = np.linalg.eigh((self._covariance + self._covariance.T) / 2)
        self._scales = np.sqrt(np.maximum(values, 1e-30))


@cached_jit
def _losses(code, samples, points, targets, scale, slots):
    losses = np.empty(len(samples))
    for i in range(len(samples)):
        losses[i] = np.log(max(largest_error(code, samples[i], points, targets, scale, slots), 1e-300))
    return losses


def fit_by_cma(
    code: np.ndarray,
    values: np.ndarray,
    points: np.ndarray,
    targets: np.ndarray,
    scale: np.ndarray,
    generations: int,
    word: int,
    slots: np.ndarray,
) -> float:
    """Fit `values`, in place, with at most so many generations seeded by `word`; returns passes over the points."""
    strategy = CmaEs(values, FIRST_DEVIATION, POPULATION, np.random.Generator(np.random.PCG64(word)))
    best = float(_losses(code, values[None], points, targets, scale, slots)[0])
    gains: list[bool] = []
    for _ in range(generations):
        samples = strategy.ask()
        losses = _losses(code, samples, points, targets, scale, slots)
        least = int(np.argmin(losses))
        gains.append(bool(losses[least] < best))
        if gains[-1]:
            best, values[:] = float(losses[least]), samples[least]
        if not np.isfinite(losses).any():
            break
        if len(gains) >= PATIENCE and sum(gains[-PATIENCE:]) < PATIENCE // 2:
            break
        strategy.tell(losses)
        if not np.isfinite(strategy.mean).all() or not np.isfinite(strategy.deviation):
            break
    return 1.0 + len(gains) * POPULATION
