"""An architecture as a picture in the manner of the paper's Figure 1: blocks (green) of layers (yellow) of ops (blue).

What has no function is pale and dotted.
"""

from __future__ import annotations

from typing import Any

from setups.mnas.layers import block_layers, strided, without_function
from setups.mnas.space import Architecture, Block, Space

_BLOCK_FACE, _LAYER_FACE, _OP_FACE = "#dcefd0", "#fbe7a1", "#cfe2f3"
_OPS = {"conv": "conv", "separable": "sep conv", "mbconv": "MBConv", "pool": "max pool", "identity": "identity"}
_SKIPS = {"none": "no skip", "identity": "residual", "pool": "avg skip"}
_FIELDS = ("op", "kernel", "expansion", "se", "skip", "filters")
_WIDTHS = (1.55, 0.75, 0.6, 0.95, 1.35, 0.9)  # of the boxes of these fields
_LAYERS_AT, _LAYER_WIDTH, _OPS_AT = 0.45, 0.26, 2.05
_RIGHT = _OPS_AT + sum(_WIDTHS) + 0.1


def draw_architecture(space: Space, architecture: Architecture, axes: Any) -> None:
    """Draw `architecture` on matplotlib's `axes`: a row for each block, from the image at the top to the classes."""
    size = strided(space.image_size, space.stem_stride)
    channels = space.stem_filters
    image = f"image {space.image_size}×{space.image_size}×{space.image_channels}"
    _end(axes, 0.0, f"{image}   conv 3×3{_stride(space.stem_stride)}", _shape(size, channels))
    found = block_layers(space, architecture)
    for index, (block, network) in enumerate(zip(architecture, found, strict=True)):
        y = -1.0 - index
        stride = network[0].stride if network else 1
        for layer in network:
            size, channels = strided(size, layer.stride), layer.outputs
        silent = without_function(space, architecture, index)
        _box(axes, 0.0, y, _RIGHT, 0.86, _BLOCK_FACE, bool(network))
        _label(axes, 0.22, y, str(index + 1), bool(network), weight="bold")
        # A block without function has the layers that it would have.
        for number in range(space.base_layers[index] + block.layers):
            x = _LAYERS_AT + _LAYER_WIDTH * 1.15 * number
            _box(axes, x, y, _LAYER_WIDTH, 0.62, _LAYER_FACE, number < len(network))
        _draw_ops(axes, y, block, stride, silent, bool(network))
        _label(axes, _RIGHT + 0.15, y, _shape(size, channels) if network else "", True, align="left")
    head = "conv 1×1   average   dense" if space.head_filters else "average   dense"
    _end(axes, -1.0 - len(architecture), head, f"{space.classes} classes")
    axes.set_xlim(-0.1, _RIGHT + 1.35)
    axes.set_ylim(-1.6 - len(architecture), 0.6)
    axes.set_axis_off()


def _draw_ops(axes: Any, y: float, block: Block, stride: int, silent: tuple[str, ...], live: bool) -> None:
    texts = {
        "op": _OPS[block.op] + _stride(stride),
        "kernel": f"{block.kernel}×{block.kernel}",
        "expansion": f"e{block.expansion}",
        "se": f"SE {block.se:g}" if block.se else "no SE",
        "skip": _SKIPS[block.skip],
        "filters": f"×{block.filters:g}",
    }
    x = _OPS_AT
    for field, width in zip(_FIELDS, _WIDTHS, strict=True):
        works = live and field not in silent
        _box(axes, x, y, width - 0.08, 0.62, _OP_FACE, works)
        _label(axes, x + (width - 0.08) / 2, y, texts[field], works)
        x += width


def _end(axes: Any, y: float, text: str, shape: str) -> None:
    """The stem or the head, which have no choices."""
    _box(axes, 0.0, y, _RIGHT, 0.62, "#ececec", True)
    _label(axes, _RIGHT / 2, y, text, True)
    _label(axes, _RIGHT + 0.15, y, shape, True, align="left")


def _box(axes: Any, x: float, y: float, width: float, height: float, face: str, live: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=face if live else "white", edgecolor="#444444" if live else "#c4c4c4",
            linestyle="-" if live else ":", linewidth=0.7,
        )
    )  # fmt: skip


def _label(axes: Any, x: float, y: float, text: str, live: bool, align: str = "center", weight: str = "normal") -> None:
    axes.text(
        x, y, text, ha=align, va="center_baseline", fontsize=6.5, weight=weight, color="black" if live else "#a8a8a8"
    )


def _shape(size: int, channels: int) -> str:
    return f"{size}×{size}×{channels}"


def _stride(stride: int) -> str:
    return f" /{stride}" if stride > 1 else ""
