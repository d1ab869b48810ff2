"""A spec as a picture: the graph with its operations; what pruning takes away is pale and dotted."""

from __future__ import annotations

from typing import Any

import numpy as np

from setups.nasbench.enumeration import EDGES_MASK, VERTICES_SHIFT, kept_vertices
from setups.nasbench.text import to_matrix_ops

_FACES = {"conv3x3-bn-relu": "#9ecae1", "conv1x1-bn-relu": "#d9e8b5", "maxpool3x3": "#f6c9a0"}
_NAMES = {"conv3x3-bn-relu": "conv\n3×3", "conv1x1-bn-relu": "conv\n1×1", "maxpool3x3": "pool\n3×3"}
_OFFSETS = (0.0, 0.75, -0.75, 1.5, -1.5)  # of the vertices of one rank from the middle


def draw_spec(spec: int, axes: Any) -> None:
    """Draw `spec` on matplotlib's `axes`, from left to right by the longest path from the input."""
    matrix, ops = to_matrix_ops(spec)
    on_path = kept_vertices(spec >> VERTICES_SHIFT, spec & EDGES_MASK)
    kept = [bool(on_path >> vertex & 1) for vertex in range(len(ops))]
    places = _places(matrix)
    for x, y in zip(*np.nonzero(matrix), strict=True):
        live = kept[x] and kept[y]
        # Edges over several ranks bend, so that they do not run through the vertices between.
        far = abs(places[y][0] - places[x][0]) > 1.5
        axes.annotate(
            "", places[y], places[x],
            arrowprops={
                "arrowstyle": "-|>", "color": "#333333" if live else "#c4c4c4", "linestyle": "-" if live else ":",
                "linewidth": 1.1 if live else 0.8, "shrinkA": 12, "shrinkB": 12,
                "connectionstyle": f"arc3,rad={0.28 if far else 0.0}",
            },
        )  # fmt: skip
    for vertex, (place, op) in enumerate(zip(places, ops, strict=True)):
        axes.text(
            *place, _NAMES.get(op, "in" if vertex == 0 else "out"), ha="center", va="center", fontsize=7,
            color="black" if kept[vertex] else "#a0a0a0", zorder=3,
            bbox={
                "boxstyle": "round,pad=0.35", "facecolor": _FACES.get(op, "#e4e4e4") if kept[vertex] else "white",
                "edgecolor": "#333333" if kept[vertex] else "#c4c4c4", "linestyle": "-" if kept[vertex] else ":",
            },
        )  # fmt: skip
    across, up = np.array(places).T
    axes.set_xlim(across.min() - 0.7, across.max() + 0.7)
    axes.set_ylim(min(up.min(), -0.75) - 0.5, max(up.max(), 0.75) + 0.5)
    axes.set_axis_off()


def _places(matrix: np.ndarray) -> list[tuple[float, float]]:
    """(across, up) of each vertex: the rank is the longest path from the input, the output stands last."""
    ranks = [0] * len(matrix)
    for y in range(1, len(matrix)):
        ranks[y] = 1 + max((ranks[x] for x in range(y) if matrix[x, y]), default=0)
    ranks[-1] = max(*ranks[:-1], ranks[-1] - 1) + 1
    seen: dict[int, int] = {}
    places = []
    for rank in ranks:
        number = seen.get(rank, 0)
        seen[rank] = number + 1
        places.append((float(rank), _OFFSETS[number % len(_OFFSETS)] + 0.25 * (rank % 2)))
    return places
