"""The error of a program over the interval, as a curve."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np


def draw_error(axes: Any, points: np.ndarray, errors: np.ndarray, kind: str, formula: str) -> None:
    """Draw `errors` (n,) at `points` (n,) on matplotlib's `axes`, between lines at the largest, with the formula."""
    finite = np.isfinite(errors)
    largest = float(np.abs(errors[finite]).max()) if finite.any() else 0.0
    for level in (-largest, largest):
        axes.axhline(level, color="#999999", linewidth=0.7, linestyle="--")
    axes.axhline(0.0, color="#cccccc", linewidth=0.7)
    axes.plot(points, np.where(finite, errors, np.nan), color="#1f5a94", linewidth=1.2)
    axes.set_xlabel("x")
    axes.set_ylabel(f"{kind} error")
    axes.set_title(textwrap.fill(f"{formula}   (largest: {largest:.3g})", 70), fontsize=7, family="monospace")
