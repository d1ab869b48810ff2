"""What the hash's settings do: models per key (Figure 10 left), collision and hit rates (§6.5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.calibrate import Setting
from ufh_cli.analyses.collisions import ModelsPerKey
from ufh_cli.figures.style import figure


def plot_models_per_key(rows: Sequence[ModelsPerKey], out: Path, notice: str) -> None:
    """Draw models per key against mantissa bits, the numbers written at the points."""
    with figure(out, notice) as (_, axes):
        places = np.arange(len(rows))
        axes.plot(places, [row.ratio for row in rows], color="#5f5f5f", marker="o")
        for place, row in zip(places, rows, strict=True):
            axes.annotate(
                f"{row.ratio:,.3f}", (place, row.ratio), textcoords="offset points", xytext=(4, 6), fontsize=8
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xticks(places, [str(row.mantissa_bits) for row in rows])
        axes.set_xlabel("mantissa bits of the hash")
        axes.set_ylabel(f"models per key ({rows[0].models:,} models)")


def plot_settings(settings: Sequence[Setting], recommended: Setting | None, out: Path, notice: str) -> None:
    """Draw collision rate and hit rate of each setting with 95 % intervals; the recommended one is ringed."""
    height = max(2.6, 0.34 * len(settings) + 1.5)
    with figure(out, notice, columns=2, share_y=True, width=7.0, height=height) as (_, (left, right)):
        _draw_rates(left, [s.collision_interval for s in settings], [s.collision_rate for s in settings])
        _draw_rates(right, [s.hit_interval for s in settings], [s.hit_rate for s in settings])
        if recommended is not None:
            place = list(settings).index(recommended)
            for axes, rate in ((left, recommended.collision_rate), (right, recommended.hit_rate)):
                axes.plot(rate, place, "o", markersize=13, markerfacecolor="none", markeredgecolor="#d1495b")
        # Rates from none at all to all: a logarithmic axis with a place for zero.
        left.set_xscale("symlog", linthresh=1e-4)
        left.xaxis.set_major_formatter("{x:g}")
        left.set_xlim(left=0)
        left.set_yticks(range(len(settings)), [setting.label for setting in settings])
        left.invert_yaxis()
        left.set_xlabel("collisions / hits compared")
        right.set_xlabel("hits / candidates")
        right.set_title("ringed: recommended", fontsize=8)


def _draw_rates(axes: Any, intervals: Sequence[tuple[float, float]], rates: Sequence[float]) -> None:
    values = np.array(rates)
    low, high = np.array(intervals).T
    errors = np.maximum([values - low, high - values], 0.0)
    axes.errorbar(values, range(len(values)), xerr=errors, linestyle="none", marker="s", color="#5f5f5f", capsize=3)
