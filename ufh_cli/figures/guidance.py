"""How well a guided search foresaw, and what it evaluated, along the search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.style import figure, labels_of, line_styles, notice_of

_QUARTERS = (1, 2, 3, 4)
_PANELS = {
    "online_auc": "area under the ROC curve of predictions\nmade before the evaluation",
    "better_share": "share of evaluated children\nthat beat their parent",
}


def plot_guidance(series: Sequence[Series], out: Path) -> None:
    """Draw both for each quarter of the children that were evaluated, mean ± 2 SEM over trials.

    Raises
    ------
    InputError
        When none of the searches was guided.
    """
    guided = [one for one in series if "online_auc" in one.trials[0] and one.column("children").any()]
    if not guided:
        raise InputError("none of these searches was guided; choose a technique such as fec+guided")
    styles = line_styles([one.technique for one in guided])
    with figure(out, notice_of(guided), width=9.0, columns=2) as (_, axes):
        for panel, (name, words) in zip(axes, _PANELS.items(), strict=True):
            for label, one, (colour, dash, marker) in zip(labels_of(guided), guided, styles, strict=True):
                values = np.stack([one.column(f"{name}_{quarter}") for quarter in _QUARTERS])
                found = np.isfinite(values)
                count = np.maximum(found.sum(axis=1), 1)
                mean = np.where(found, values, 0.0).sum(axis=1) / count
                spread = np.where(found, values - mean[:, None], 0.0)
                sem = np.sqrt((spread**2).sum(axis=1) / np.maximum(count - 1, 1) / count)
                panel.errorbar(
                    _QUARTERS, mean, 2 * sem, color=colour, linestyle=dash, marker=marker, markersize=4, capsize=2,
                    label=f"{label} (n = {len(one.trials)})",
                )  # fmt: skip
            panel.set_xticks(_QUARTERS)
            panel.set_xlabel("quarter of the children that were evaluated")
            panel.set_ylabel(words)
        axes[0].axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
        axes[1].set_ylim(bottom=0)
        axes[1].legend(title="mean ± 2 SEM")
