"""Fronts of several objectives: what each trial found, and how many trials attain what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.analyses.fronts import objective_names
from ufh_cli.analyses.rerun import config_of
from ufh_cli.analyses.series import Series
from ufh_cli.core.front import ranks
from ufh_cli.core.setup import Landmark
from ufh_cli.experiment.trials import make_setup
from ufh_cli.figures.style import DASHES, MARKERS, figure, labels_of, line_styles, notice_of


def plot_front(series: Sequence[Series], out: Path) -> None:
    """Draw the first two objectives: faint points of all trials, and as a line what half of the trials attain.

    With them what the first setup knows from elsewhere: thin lines and black marks.
    """
    names = objective_names(series)
    with figure(out, notice_of(series), width=6.4, height=4.4) as (fig, axes):
        styles = line_styles([one.technique for one in series])
        for one, label, (colour, dash, _) in zip(series, labels_of(series), styles, strict=True):
            fronts = [np.array([entry[:2] for entry in front]) for front in one.fronts()]
            points = np.concatenate(fronts)
            axes.scatter(points[:, 0], points[:, 1], s=6, alpha=0.25, color=colour, linewidths=0)
            steps = attained_by_half(fronts)
            axes.step(steps[:, 0], steps[:, 1], where="pre", label=label, color=colour, linestyle=dash)
        _draw_landmarks(axes, make_setup(config_of(series[0])).landmarks())
        axes.set(xlabel=names[0], ylabel=names[1])
        title = "steps: attained by half of the trials"
        fig.legend(fontsize=7, loc="outside right center", title=title, title_fontsize=8)


def _draw_landmarks(axes: Any, landmarks: Sequence[Landmark]) -> None:
    for place, landmark in enumerate(landmarks):
        points = np.array([point[:2] for point in landmark.points])
        marker = MARKERS[place % len(MARKERS)]
        if landmark.joined:
            dash = DASHES[place % len(DASHES)]
            axes.plot(*points.T, color="#777777", lw=0.9, ls=dash, marker=marker, ms=3, label=landmark.name)
        else:
            axes.scatter(*points.T, s=42, color="black", marker=marker, zorder=3, label=landmark.name)


def attained_by_half(fronts: Sequence[np.ndarray]) -> np.ndarray:
    """The median attainment (Fonseca et al. 2001) of fronts of two objectives.

    Parameters
    ----------
    fronts : sequence of arrays, shape (points, 2)
        Of each trial, all maximised.

    Returns
    -------
    array, shape (corners, 2)
        Ascending in the first objective: from each on, the second that at least half of the trials reach.
    """
    grid = np.unique(np.concatenate([front[:, 0] for front in fronts]))
    best = np.full((len(fronts), grid.size), -np.inf)
    for row, front in zip(best, fronts, strict=True):
        for i, x in enumerate(grid):
            reached = front[front[:, 0] >= x, 1]
            row[i] = reached.max() if reached.size else -np.inf
    half = np.sort(best, axis=0)[len(fronts) - (len(fronts) + 1) // 2]
    corners = np.column_stack([grid, half])[np.isfinite(half)]
    return corners[ranks(corners) == 0] if len(corners) else corners
