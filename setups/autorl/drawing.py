"""A loss graph as a picture, like the paper's Figure 3: inputs at the bottom, the loss on top, live nodes only.

Laid out in rows (Sugiyama, Tagawa and Toda 1981): each node above all that it takes, arrows over several rows led
through a point of their own in each row between, rows sorted so that few arrows cross.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from setups.autorl.graph import FIRST, INPUTS, Graph, live
from setups.autorl.operations import OPERATIONS

_INPUT_LABELS = ("Q params", "a", "s", "target params", "s'", "r", "γ", "constant")
_INPUT_FACE, _PARAMETERS_FACE, _NODE_FACE, _LOSS_FACE = "#e4e4e4", "#d9e8b5", "#cfe3f3", "#f6c9a0"
_SWEEPS = 12

# A place in a row: a node or input, or the point (source, target, row) of an arrow that passes.
_Point = int | tuple[int, int, int]


def draw_graph(graph: Graph, axes: Any) -> None:
    """Draw `graph` on matplotlib's `axes`, the text as large as fits.

    Where only their order tells two inputs apart and it matters, the arrow of the second is dashed. `ValueError` when
    `graph` has no nodes.
    """
    if not graph:
        raise ValueError("a graph without nodes cannot be drawn")
    inputs = {index: graph[index - FIRST].inputs for index in live(graph)}
    loss = max(inputs)
    labels = {index: _label(graph, index) for index in {*inputs, *(i for taken in inputs.values() for i in taken)}}
    rank = _ranks(inputs)
    places = _places(inputs, rank, lambda point: _width(labels[point]) if isinstance(point, int) else 0.3)
    size, half_height = _fit(axes, places, labels)
    for target, taken in inputs.items():
        for order, source in enumerate(taken):
            route = [places[point] for point in _route(source, target, rank)]
            route[-1] = (route[-1][0], route[-1][1] - half_height)
            _draw_arrow(axes, route, size, order > 0 and _order_is_unclear(graph[target - FIRST].operation))
    for index, label in labels.items():
        axes.text(
            *places[index], label, ha="center", va="center", fontsize=size, zorder=3,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": _face(index, loss), "edgecolor": "#333333",
                  "linewidth": 1.6 if index == loss else 0.8},
        )  # fmt: skip
    axes.set_axis_off()


def _label(graph: Graph, index: int) -> str:
    return _INPUT_LABELS[index] if index < FIRST else OPERATIONS[graph[index - FIRST].operation].name


def _face(index: int, loss: int) -> str:
    if index < FIRST:
        return _PARAMETERS_FACE if INPUTS[index].endswith("param") else _INPUT_FACE
    return _LOSS_FACE if index == loss else _NODE_FACE


def _order_is_unclear(operation: int) -> bool:
    signatures = OPERATIONS[operation].signatures
    return OPERATIONS[operation].ordered and any(signature[::-1] in signatures for signature in signatures)


def _width(label: str) -> float:
    return 0.25 + 0.075 * len(label)


def _fit(axes: Any, places: dict[_Point, tuple[float, float]], labels: dict[int, str]) -> tuple[float, float]:
    """Set the limits of `axes`; the size of text, in points, that fits the planned widths, and half a box's height."""
    left = min(places[index][0] - _width(label) / 2 for index, label in labels.items())
    right = max(places[index][0] + _width(label) / 2 for index, label in labels.items())
    left, right = (min(left, *(x for x, _ in places.values())), max(right, *(x for x, _ in places.values())))
    top = max(up for _, up in places.values())
    axes.set_xlim(left - 0.1, right + 0.1)
    axes.set_ylim(-0.4, top + 0.4)
    box = axes.get_window_extent()
    points = 72.0 / axes.figure.dpi
    across, up = box.width * points / (right - left + 0.2), box.height * points / (top + 0.8)
    size = max(3.0, min(9.0, 0.12 * across, up / 3.0))
    return size, 0.95 * size / up


def _draw_arrow(axes: Any, route: list[tuple[float, float]], size: float, dashed: bool) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    points = [route[0]]
    for (x0, y0), (x1, y1) in pairwise(route):
        middle = (y0 + y1) / 2
        points += [(x0, middle), (x1, middle), (x1, y1)]
    path = Path(points, [Path.MOVETO] + [Path.CURVE4] * (len(points) - 1))
    axes.add_patch(
        FancyArrowPatch(
            path=path, arrowstyle="-|>", mutation_scale=size, linewidth=0.9, color="#555555",
            linestyle="--" if dashed else "-", shrinkA=0.0, shrinkB=0.0, zorder=1,
        )
    )  # fmt: skip


def _ranks(inputs: dict[int, tuple[int, ...]]) -> dict[int, int]:
    """The row of each node: the longest path from below; an input stands right below the lowest that takes it."""
    rank = {source: 0 for taken in inputs.values() for source in taken if source < FIRST}
    for index, taken in inputs.items():
        rank[index] = 1 + max(rank[source] for source in taken)
    for source in [index for index in rank if index < FIRST]:
        rank[source] = min(rank[index] for index, taken in inputs.items() if source in taken) - 1
    return rank


def _route(source: int, target: int, rank: dict[int, int]) -> list[_Point]:
    """The points that the arrow from `source` to `target` goes through, upwards."""
    return [source, *((source, target, row) for row in range(rank[source] + 1, rank[target])), target]


def _places(
    inputs: dict[int, tuple[int, ...]], rank: dict[int, int], width: Callable[[_Point], float]
) -> dict[_Point, tuple[float, float]]:
    """(across, up) of all points: each as near as it can be to the mean of its neighbours.

    Rows are settled a few times down and up, and the state with the fewest crossings is kept.
    """
    segments = [
        pair for target in inputs for source in inputs[target] for pair in pairwise(_route(source, target, rank))
    ]
    neighbours: dict[_Point, list[_Point]] = {}
    for below, above in segments:
        neighbours.setdefault(below, []).append(above)
        neighbours.setdefault(above, []).append(below)
    rows: list[list[_Point]] = [[] for _ in range(max(rank.values()) + 1)]
    for point in _depth_first(max(inputs), inputs, rank):
        rows[_row(point, rank)].append(point)
    across: dict[_Point, float] = {point: float(i) for row in rows for i, point in enumerate(row)}
    best, fewest = across, float("inf")
    for sweep in range(_SWEEPS):
        for row in rows[::-1] if sweep % 2 == 0 else rows:
            wanted = {point: sum(across[n] for n in neighbours[point]) / len(neighbours[point]) for point in row}
            if sweep >= 2:  # first only spread them: the order that the loss's expression suggests is often the best
                row.sort(key=wanted.__getitem__)
            across.update(_spread(row, wanted, width))
        crossings = _crossings(segments, across, rank)
        if crossings <= fewest:
            best, fewest = dict(across), crossings
    return {point: (best[point], float(_row(point, rank))) for point in best}


def _row(point: _Point, rank: dict[int, int]) -> int:
    return rank[point] if isinstance(point, int) else point[2]


def _depth_first(loss: int, inputs: dict[int, tuple[int, ...]], rank: dict[int, int]) -> list[_Point]:
    """All points in the order in which they are met from the loss downwards, first inputs first."""
    met: dict[_Point, None] = {}
    waiting: list[_Point] = [loss]
    while waiting:
        point = waiting.pop()
        if point in met:
            continue
        met[point] = None
        if isinstance(point, int):
            for source in reversed(inputs.get(point, ())):
                waiting += _route(source, point, rank)[:-1]
    return list(met)


def _crossings(segments: list[tuple[_Point, _Point]], across: dict[_Point, float], rank: dict[int, int]) -> int:
    """How many pairs of segments between the same two rows cross."""
    spans = sorted((_row(below, rank), across[below], across[above]) for below, above in segments)
    return sum(
        row == other and x0 < x1 and y0 > y1
        for i, (row, x0, y0) in enumerate(spans)
        for other, x1, y1 in spans[i + 1 :]
    )


def _spread(row: list[_Point], wanted: dict[_Point, float], width: Callable[[_Point], float]) -> dict[_Point, float]:
    """Places near those wanted, in the order of `row` and without overlap: the mean of pushing right and left."""
    gaps = [(width(a) + width(b)) / 2 + 0.12 for a, b in pairwise(row)]
    right = [wanted[point] for point in row]
    left = list(right)
    for i, gap in enumerate(gaps):
        right[i + 1] = max(right[i + 1], right[i] + gap)
    for i in range(len(gaps) - 1, -1, -1):
        left[i] = min(left[i], left[i + 1] - gaps[i])
    return {point: (a + b) / 2 for point, a, b in zip(row, left, right, strict=True)}
