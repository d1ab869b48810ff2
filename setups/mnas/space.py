"""The search space of MnasNet (Tan et al. 2019, Section 4): a stack of blocks, each with choices of its own.

A candidate is an `Architecture`, one `Block` of categorical choices for each block of the network. It keeps choices
that have no function, such as the kernel of an identity block, and mutation acts on them too, so that different
architectures can stand for the same network; `layers.layers` gives the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ufh_cli.core.names import nearest
from ufh_cli.core.rng import Rng

OPS = ("conv", "separable", "mbconv", "pool", "identity")
SKIPS = ("none", "identity", "pool")


class Block(NamedTuple):
    """The choices of one block; all its layers are alike, but that only the first has the block's stride.

    Attributes
    ----------
    op : str
        One of `OPS`: convolution, depthwise-separable convolution, mobile inverted bottleneck (MBConv), pooling, or
        nothing at all.
    kernel : int
        3 or 5: side of the (depthwise) convolution, in pixels.
    expansion : int
        1, 3 or 6: channels within an MBConv over channels that enter it.
    se : float
        0.0 or 0.25: ratio of squeeze-and-excitation, 0.0 for none.
    skip : str
        One of `SKIPS`: what is added to the output of a layer.
    filters : float
        0.75, 1.0 or 1.25: output channels over those of the base network's block.
    layers : int
        -1, 0 or 1: number of layers less that of the base network's block.
    """

    op: str
    kernel: int
    expansion: int
    se: float
    skip: str
    filters: float
    layers: int


Architecture = tuple[Block, ...]

# In the order of the fields of Block. A block whose base has one layer cannot do with one less.
_CHOICES: tuple[tuple[Any, ...], ...] = (
    OPS,
    (3, 5),
    (1, 3, 6),
    (0.0, 0.25),
    SKIPS,
    (0.75, 1.0, 1.25),
    (-1, 0, 1),
)


class Space(NamedTuple):
    """What all architectures of a search share: the base network and the images.

    Attributes
    ----------
    strides, base_layers, base_filters : tuple of int
        One for each block: stride of its first layer, number of layers and output channels of the base network.
    stem_filters, stem_stride : int
        Of the 3x3 convolution before the blocks.
    head_filters : int
        Of the 1x1 convolution after the blocks; 0 for none.
    image_size : int
        Height and width of the images, in pixels.
    image_channels, classes : int
    channel_multiple : int
        Numbers of channels are rounded to multiples of it, see `rounded_channels`.
    """

    strides: tuple[int, ...]
    base_layers: tuple[int, ...]
    base_filters: tuple[int, ...]
    stem_filters: int
    stem_stride: int
    head_filters: int
    image_size: int
    image_channels: int
    classes: int
    channel_multiple: int


# (layers, filters) of each block, from Sandler et al. 2018 (Table 2) and Tan et al. 2019 (Figure 7).
BASES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "mobilenet_v2": ((1, 2, 3, 4, 3, 3, 1), (16, 24, 32, 64, 96, 160, 320)),
    "mnasnet_a1": ((1, 2, 3, 4, 2, 3, 1), (16, 24, 40, 80, 112, 160, 320)),
}


def paper_space(
    image_size: int = 224,
    image_channels: int = 3,
    classes: int = 1000,
    width: float = 1.0,
    base: str = "mobilenet_v2",
) -> Space:
    """The space at the paper's size: 7 blocks around MobileNetV2 (or MnasNet-A1) for ImageNet.

    Parameters
    ----------
    image_size, image_channels, classes : int
    width : float
        Multiplies all numbers of channels; that of the head is not made smaller.
    base : str
        One of `BASES`.

    Raises
    ------
    ValueError
        In one line, when a value is not possible.
    """
    _check_sizes(image_size, image_channels, classes, width)
    if base not in BASES:
        raise ValueError(f"unknown base network {base!r}; {nearest(base, BASES)}")
    base_layers, base_filters = BASES[base]
    return Space(
        strides=(1, 2, 2, 2, 1, 2, 1),
        base_layers=base_layers,
        base_filters=tuple(rounded_channels(filters * width, 8) for filters in base_filters),
        stem_filters=rounded_channels(32 * width, 8),
        stem_stride=2,
        head_filters=rounded_channels(1280 * max(1.0, width), 8),
        image_size=image_size,
        image_channels=image_channels,
        classes=classes,
        channel_multiple=8,
    )


def lite_space(image_size: int = 8, image_channels: int = 1, classes: int = 10, width: float = 0.25) -> Space:
    """A space whose networks train within seconds: 7 blocks of at most 3 layers, 8 channels at first, small images.

    The stem halves images of more than 16 pixels, and two blocks halve the map again: 8x8 images end as 2x2 maps.
    The numbers of channels are `width` times those of MobileNetV2, at least 8. There is no convolution in the head.

    Raises
    ------
    ValueError
        In one line, when a value is not possible.
    """
    _check_sizes(image_size, image_channels, classes, width)
    filters = BASES["mobilenet_v2"][1]
    return Space(
        strides=(1, 1, 2, 1, 2, 1, 1),
        base_layers=(1, 2, 2, 2, 2, 2, 1),
        base_filters=tuple(max(8, rounded_channels(number * width, 4)) for number in filters),
        stem_filters=max(8, rounded_channels(32 * width, 4)),
        stem_stride=2 if image_size > 16 else 1,
        head_filters=0,
        image_size=image_size,
        image_channels=image_channels,
        classes=classes,
        channel_multiple=2,
    )


def _check_sizes(image_size: int, image_channels: int, classes: int, width: float) -> None:
    for name, value, least in (
        ("image_size", image_size, 1),
        ("image_channels", image_channels, 1),
        ("classes", classes, 2),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    if not (math.isfinite(width) and 0.0 < width <= 16.0):
        raise ValueError(f"width must be above 0 and at most 16, got {width}")


def rounded_channels(channels: float, multiple: int) -> int:
    """The nearest multiple of `multiple`, as MobileNets have it: at least one, and at most 10 % below `channels`."""
    rounded = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * channels else rounded


def block_choices(space: Space, index: int) -> tuple[tuple[Any, ...], ...]:
    """The values that each field of `Block` can have in block `index` (from 0); a block has at least one layer."""
    layers = _CHOICES[-1] if space.base_layers[index] > 1 else (0, 1)
    return (*_CHOICES[:-1], layers)


def decisions(space: Space) -> tuple[int, ...]:
    """How many values each field has: those of the first block, then those of the second, and so on."""
    return tuple(len(values) for index in range(len(space.strides)) for values in block_choices(space, index))


def from_decisions(space: Space, choices: Sequence[int]) -> Architecture:
    """The architecture that takes value number ``choices[i]`` for the i-th of `decisions`.

    Raises
    ------
    ValueError
        When there are not as many choices as decisions, or one is out of range.
    """
    sizes = decisions(space)
    if len(choices) != len(sizes):
        raise ValueError(f"an architecture takes {len(sizes)} choices, got {len(choices)}")
    for number, (choice, size) in enumerate(zip(choices, sizes, strict=True)):
        if not 0 <= choice < size:
            raise ValueError(f"choice {number} must be from 0 to {size - 1}, got {choice}")
    fields = len(Block._fields)
    return tuple(
        Block(*(values[choices[index * fields + field]] for field, values in enumerate(block_choices(space, index))))
        for index in range(len(space.strides))
    )


def random_architecture(space: Space, rng: Rng) -> Architecture:
    """An architecture with every field drawn uniformly from its values."""
    return from_decisions(space, [rng.integer(size) for size in decisions(space)])


def mutate(space: Space, architecture: Architecture, rng: Rng) -> Architecture:
    """`architecture` with one field of one block altered, both drawn uniformly, to another of its values, uniformly.

    "we randomly alter a single parameter in a block of the model by uniformly randomly sampling a new value"
    (Section 4.1). A new value is taken to be one that differs from the old one; that the network differs too is not
    said.
    """
    index = rng.integer(len(architecture))
    field = rng.integer(len(Block._fields))
    block = architecture[index]
    values = block_choices(space, index)[field]
    value = rng.choice([other for other in values if other != block[field]])
    altered = block._replace(**{Block._fields[field]: value})
    return (*architecture[:index], altered, *architecture[index + 1 :])


def reference_architecture(space: Space) -> Architecture:
    """The base network of `space`, as in MobileNetV2: MBConv of kernel 3 with residuals, expansion 6 (block 1: 1).

    Its latency is the target of the fitness.
    """
    return tuple(
        Block("mbconv", 3, 1 if index == 0 else 6, 0.0, "identity", 1.0, 0) for index in range(len(space.strides))
    )
