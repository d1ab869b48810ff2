"""What the examples search: four terms c * x**p, of which many spellings are the same function."""

from __future__ import annotations

import numpy as np

COEFFICIENTS = (-1.0, 0.0, 1.0, 2.0)
POWERS = (0, 1, 2, 3)
TERMS = 4
PROBE = np.linspace(-1.0, 1.0, 8)  # the examples that the hash looks at
_X = np.linspace(-1.0, 1.0, 200)
_TARGET = 1.0 + 2.0 * _X - _X**3


def outputs(genes) -> np.ndarray:
    """What the candidate puts out on the probe; genes are TERMS pairs of places in COEFFICIENTS and POWERS."""
    return _values(genes, PROBE)


def loss(genes) -> float:
    """The costly part, in a search that is no example."""
    return float(np.mean((_values(genes, _X) - _TARGET) ** 2))


def _values(genes, x: np.ndarray) -> np.ndarray:
    genes = [int(gene) for gene in genes]
    terms = [COEFFICIENTS[c] * x ** POWERS[p] for c, p in zip(genes[::2], genes[1::2], strict=True)]
    return np.sum(terms, axis=0)
