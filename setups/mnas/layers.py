"""The network that an architecture means: its layers, free of all choices that have no function.

What a layer computes from its input x of shape (batch, size, size, inputs); padding is "SAME" throughout, convolutions
have no bias, and each of them is followed by batch normalisation:

- ``conv``: kernel x kernel convolution, ReLU6, squeeze-and-excitation.
- ``separable``: kernel x kernel depthwise convolution, ReLU6, squeeze-and-excitation, linear 1x1 convolution. An MBConv
  of expansion 1 is the same, as in MnasNet, and is given as ``separable``.
- ``mbconv``: 1x1 convolution to expansion * inputs channels, ReLU6, then as ``separable``.
- ``pool``: 3x3 maximum; no weights, as many channels out as in.

To this is added, by the layer's skip: nothing, x itself (``identity``), or ``pool``: the 3x3 average of x (over the
pixels that there are) with the layer's stride, to whose channels zeros are appended, or of which the last ones are
left out, until there are as many as the layer's outputs ("option A" of He et al. 2016, Section 4.2: no weights).

Before the layers there is a stem (3x3 convolution, ReLU6), after them the head (1x1 convolution and ReLU6 where
`Space.head_filters` is not 0, average over the map, dense layer with bias, softmax).

A strided layer leaves ceil(size / stride) pixels to each side, so that every architecture is possible on images of
every size. On a map of one pixel a stride does nothing: the layer has stride 1 there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from setups.mnas.space import Architecture, Block, Space, block_choices, rounded_channels


class Layer(NamedTuple):
    """One layer of a network; layers that compute the same from the same weights are equal.

    Attributes
    ----------
    op : str
        "conv", "separable", "mbconv" or "pool".
    kernel, stride : int
        Sides in pixels; the kernel of a pool is 3.
    inputs, outputs : int
        Channels.
    expansion : int
        3 or 6 in an MBConv, else 1.
    se : float
        Ratio of squeeze-and-excitation, 0.0 for none.
    skip : str
        "none", "identity" or "pool".
    position : int
        Number of layers before it, the stem not counted.
    """

    op: str
    kernel: int
    stride: int
    inputs: int
    outputs: int
    expansion: int
    se: float
    skip: str
    position: int


def layers(space: Space, architecture: Architecture) -> tuple[Layer, ...]:
    """The layers of the network that `architecture` means, in order.

    An identity block gives none: its input passes on, with as many channels and pixels. What has no function is
    normalised: the kernel and ratio of a pool, an expansion without MBConv, an identity skip over a stride or a change
    of channels, a stride on a single pixel, the outer taps of a kernel of 5 on a map of at most 2 x 2 pixels, a pool
    or an averaging skip where all pixels are alike. Networks that differ here may still be the same function.
    """
    return tuple(layer for block in block_layers(space, architecture) for layer in block)


def block_layers(space: Space, architecture: Architecture) -> list[tuple[Layer, ...]]:
    """The layers that each block contributes to `layers`."""
    x = _Map(space.stem_filters, strided(space.image_size, space.stem_stride), 0)
    position = 0
    blocks = []
    for index, block in enumerate(architecture):
        found: list[Layer] = []
        if block.op != "identity":
            for number in range(space.base_layers[index] + block.layers):
                layer = _layer(space, index, block, number == 0, x, position)
                if layer is not None:
                    found.append(layer)
                    x = x.after(layer)
                    position += 1
        blocks.append(tuple(found))
    return blocks


class _Map(NamedTuple):
    """What is known of the input of a layer: channels, side in pixels, and how often it was just max-pooled."""

    channels: int
    size: int
    pooled: int

    @property
    def constant(self) -> bool:
        """Whether all pixels are alike: n poolings spread the maximum over n pixels to each side."""
        return self.pooled >= self.size - 1

    def after(self, layer: Layer) -> _Map:
        pooled = 0
        if layer.op == "pool":
            if self.constant:
                pooled = self.size  # and remains so, whatever the stride and the skip
            elif layer.stride == 1 and layer.skip == "none":
                pooled = self.pooled + 1
        return _Map(layer.outputs, strided(self.size, layer.stride), pooled)


def _layer(space: Space, index: int, block: Block, first: bool, x: _Map, position: int) -> Layer | None:
    """A layer of block `index` on `x`, what has no function normalised; None when nothing has."""
    pooling = block.op == "pool"
    stride = space.strides[index] if first and x.size > 1 else 1
    filters = rounded_channels(space.base_filters[index] * block.filters, space.channel_multiple)
    outputs = x.channels if pooling else filters
    same_shape = stride == 1 and x.channels == outputs
    skip = block.skip
    if skip == "pool" and x.constant and same_shape:
        skip = "identity"
    elif skip == "identity" and not same_shape:
        skip = "none"
    if pooling:
        if x.constant and stride == 1 and skip == "none":
            return None
        return Layer("pool", 3, stride, x.channels, outputs, 1, 0.0, skip, position)
    kernel = block.kernel if x.size > 2 else 3
    expansion = block.expansion if block.op == "mbconv" else 1
    op = "separable" if block.op == "mbconv" and expansion == 1 else block.op
    return Layer(op, kernel, stride, x.channels, outputs, expansion, block.se, skip, position)


def strided(size: int, stride: int) -> int:
    """Side of the map that a layer with `stride` makes of one with side `size`, in pixels."""
    return -(-size // stride)


def squeezed_channels(layer: Layer) -> int:
    """Channels within squeeze-and-excitation: a part of the layer's inputs as in MnasNet, at least 1; 0 without it."""
    return max(1, int(layer.inputs * layer.se)) if layer.se else 0


def excited_channels(layer: Layer) -> int:
    """Channels that squeeze-and-excitation scales: a convolution's outputs, else those of the depthwise convolution."""
    return layer.outputs if layer.op == "conv" else layer.inputs * layer.expansion


def without_function(space: Space, architecture: Architecture, index: int) -> tuple[str, ...]:
    """The fields of block `index` (from 0) whose value has no function.

    Those of which every other value would give the same layers, and an identity skip that no layer can have.
    """
    network = layers(space, architecture)
    block = architecture[index]

    def silent(field: str, values: tuple[Any, ...]) -> bool:
        if field == "skip" and block.skip == "identity":
            values = ("none",)
        others = [block._replace(**{field: value}) for value in values]
        return all(
            layers(space, (*architecture[:index], other, *architecture[index + 1 :])) == network for other in others
        )

    return tuple(
        field for field, values in zip(Block._fields, block_choices(space, index), strict=True) if silent(field, values)
    )
