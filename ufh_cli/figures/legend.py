"""Legends that cover nothing: inside where there is room, else below the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_CORNERS = {"lower right": (1, 0), "upper right": (1, 1), "upper left": (0, 1), "lower left": (0, 0)}
_MARGIN = 0.5  # of the font's size, as matplotlib has it


def place_legend(fig: Any, axes: Any, **options: Any) -> Any:
    """The legend of `axes` in a corner where it covers nothing that is drawn; else outside, below all axes.

    To be called when everything is drawn. The options are matplotlib's.
    """
    legend = axes.legend(loc="lower right", **options)
    fig.canvas.draw()  # else its size and the axes' place are not known
    size, frame = legend.get_window_extent(), axes.get_window_extent()
    margin = _MARGIN * legend._fontsize * fig.dpi / 72
    for corner, (right, upper) in _CORNERS.items():
        left = frame.x1 - margin - size.width if right else frame.x0 + margin
        bottom = frame.y1 - margin - size.height if upper else frame.y0 + margin
        box = type(frame.frozen()).from_bounds(left, bottom, size.width, size.height)
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        if inside and not _covers(axes, box):
            legend.set_loc(corner)
            return legend
    legend.remove()
    return legend_below(fig, *axes.get_legend_handles_labels(), **options)


def legend_below(fig: Any, handles: Any, labels: Any, **options: Any) -> Any:
    """A legend below all axes and above what stands at the foot, in as many columns as the figure is wide."""
    engine = fig.get_layout_engine()
    left, foot, width, height = engine.get()["rect"]
    for columns in range(len(labels), 0, -1):
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, foot), "borderaxespad": 0.2}
        legend = fig.legend(handles, labels, ncols=columns, **place, **options)
        extent = legend.get_window_extent()
        if columns == 1 or extent.width <= fig.bbox.width:
            taken = min(1.05 * extent.height / fig.bbox.height, height / 2)
            engine.set(rect=(left, foot + taken, width, height - taken))
            return legend
        legend.remove()
    raise AssertionError("unreachable")


def handles(places: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """What a legend of several axes has to tell, each name once."""
    found: dict[str, Any] = {}
    for axes in places:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _covers(axes: Any, box: Any) -> bool:
    """Whether a line, a band or a point lies in the `box`, in pixels."""
    for line in axes.lines:
        if line.get_path().transformed(line.get_transform()).intersects_bbox(box, filled=False):
            return True
    for drawn in axes.collections:
        offsets = drawn.get_offset_transform().transform(drawn.get_offsets())
        if len(offsets) and any(map(box.contains, *offsets.T)) and len(offsets) > 1:
            return True
        paths = (path.transformed(drawn.get_transform()) for path in drawn.get_paths())
        if len(offsets) <= 1 and any(path.intersects_bbox(box, filled=True) for path in paths):
            return True
    return any(patch.get_window_extent().overlaps(box) for patch in axes.patches)
