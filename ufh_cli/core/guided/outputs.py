"""Hashable outputs as a row of numbers for a model: what a candidate does, at no cost where its key was computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_MOST = 64  # columns
_MISSING = -100.0  # what is not finite; logarithms of finite numbers are within 710

Outputs = Callable[[Any], "np.ndarray | Sequence[np.ndarray]"]


class LatestOutputs:
    """Hashable outputs, of which the latest are remembered: those that a key was computed from a moment ago."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._latest: tuple[Any, Any] | None = None

    def __call__(self, candidate: Any) -> np.ndarray | Sequence[np.ndarray]:
        if self._latest is None or self._latest[0] is not candidate:
            self._latest = (candidate, self._outputs(candidate))
        return self._latest[1]


def output_row(outputs: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """At most 64 columns, float32: the outputs on a logarithmic scale, or the means of neighbouring ones."""
    arrays = [outputs] if isinstance(outputs, np.ndarray) else outputs
    values = np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    row = np.where(finite, np.sign(values) * np.log1p(np.abs(values)), _MISSING)
    if row.size > _MOST:
        starts = np.arange(_MOST) * row.size // _MOST
        row = np.add.reduceat(row, starts) / np.diff([*starts, row.size])
    return row.astype(np.float32)
