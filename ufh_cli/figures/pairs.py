"""Candidates that behave alike and look different, side by side (Figure 13)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.equivalents import Equivalents
from ufh_cli.core.setup import Setup
from ufh_cli.figures.style import figure


def plot_pairs(setup: Setup, pairs: Sequence[Equivalents], out: Path) -> None:
    """Draw each pair in a row, by the setup's own drawing."""
    with figure(out, setup.notice(), rows=len(pairs), columns=2, width=8.0, height=2.4 * len(pairs)) as (fig, _):
        for row, pair in enumerate(pairs):
            left, right = fig.axes[2 * row : 2 * row + 2]
            setup.draw(pair.first, left)
            setup.draw(pair.second, right)
            key = f"{pair.key:016x}" if isinstance(pair.key, int) else repr(pair.key)
            left.set_title(f"key {key}, fitness {pair.fitness:.5g}", fontsize=8)
            structure = "same structural key" if pair.same_structure else "another structural key"
            right.set_title(f"the same key, {structure}", fontsize=8)
            for axes in (left, right):
                axes.grid(visible=False)
