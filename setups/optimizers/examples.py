"""What programs are hashed on: fixed weights and gradients of many magnitudes (Method 3).

No data of any task. The gradients of each weight have a scale of their own, over six decades, and change it along the
steps; half of each is noise and the rest is pulled towards the start's weights. Steps alternate between
phases of large and small gradients, so that clipping, guards and slow averages show; the learning rate falls along a
cosine, and the last phase, of small rate and gradients, finds the averages full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SEED = 2302_06675
_PHASES = (1.0, 1.0, 1e-2, 1e-2, 10.0, 10.0, 0.1, 1e-3)  # scales of two steps each, over and over


class Examples(NamedTuple):
    """Weights at the start (weights,), gradients (steps, weights) and learning rates (steps,), all float64."""

    weights: np.ndarray
    gradients: np.ndarray
    rates: np.ndarray


def make_examples(steps: int, size: int) -> Examples:
    """Examples for `steps` steps of `size` weights; those of fewer steps are not the first of more."""
    rng = np.random.Generator(np.random.PCG64(_SEED))
    scales = 10.0 ** rng.uniform(-4.0, 2.0, size)
    weights = rng.standard_normal(size) * 10.0 ** rng.uniform(-3.0, 0.5, size)
    mean = rng.standard_normal(size)
    noise = rng.standard_normal((steps, size))
    phases = np.array([_PHASES[t // 2 % len(_PHASES)] for t in range(steps)])
    gradients = phases[:, None] * scales * (0.5 * noise + 0.3 * mean + 0.5 * np.tanh(weights))
    rates = 0.02 + 2.0 * np.cos(0.5 * np.pi * np.arange(steps) / steps) ** 2
    return Examples(weights, gradients, rates)
