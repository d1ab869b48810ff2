"""The parts of a network that have weights, and their initial values.

All weights of a network lie in one vector, so that a training step has a few large operations rather than a few small
ones for each part. Initial values depend on (seed, position, name) of the part alone, never on what was drawn before:
a layer without function shifts nothing. Numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod, sqrt
from typing import NamedTuple
from zlib import crc32

import numpy as np

from setups.mnas.layers import Layer, excited_channels, squeezed_channels, strided
from setups.mnas.space import Space

STEM, HEAD = -2, -1
"""Positions of the parts before and after the layers, which have 0, 1, …: the same whatever the number of layers."""


class Part(NamedTuple):
    """A convolution with its batch normalisation, or a dense layer with its bias.

    Attributes
    ----------
    position : int
        `STEM`, `HEAD` or `Layer.position`.
    name : str
        "stem", "conv", "expand", "depthwise", "project", "squeeze", "excite", "head" or "classes".
    kernel : tuple of int
        (height, width, channels in, channels out), the last of a depthwise convolution being 1; (in, out) where dense.
    stride : int
    fan_in : int
        Inputs that an output is made of, without those that are always beyond the map's edge.
    """

    position: int
    name: str
    kernel: tuple[int, ...]
    stride: int
    fan_in: int

    @property
    def normalised(self) -> bool:
        """Whether batch normalisation follows: it does a convolution, while a dense layer has a bias."""
        return len(self.kernel) == 4

    @property
    def channels(self) -> int:
        """Number of channels that come out."""
        return self.kernel[-2] if self.name == "depthwise" else self.kernel[-1]

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the trained tensors, by name, in the order in which they lie in the vector."""
        vectors = ("scale", "offset") if self.normalised else ("bias",)
        return {"kernel": self.kernel} | dict.fromkeys(vectors, (self.channels,))


class Weights(NamedTuple):
    """All numbers of a network.

    Attributes
    ----------
    trained : float32 array
        The tensors of all parts, one after the other.
    moving : float32 array
        Moving averages of batch normalisation: means, then variances, of each normalised part in turn.
    """

    trained: np.ndarray
    moving: np.ndarray


def parts(space: Space, layers: Sequence[Layer]) -> tuple[Part, ...]:
    """The parts of the network of `layers`, in the order in which it applies them."""
    size, channels = space.image_size, space.image_channels
    found = [_convolution(STEM, "stem", 3, channels, space.stem_filters, space.stem_stride, size)]
    size, channels = strided(size, space.stem_stride), space.stem_filters
    for layer in layers:
        found += _layer_parts(layer, size)
        size, channels = strided(size, layer.stride), layer.outputs
    if space.head_filters:
        found.append(_convolution(HEAD, "head", 1, channels, space.head_filters, 1, size))
        channels = space.head_filters
    return (*found, _dense(HEAD, "classes", channels, space.classes))


def _layer_parts(layer: Layer, size: int) -> list[Part]:
    if layer.op == "pool":
        return []
    position, inner = layer.position, layer.inputs * layer.expansion
    found = []
    if layer.op == "conv":
        found.append(_convolution(position, "conv", layer.kernel, layer.inputs, layer.outputs, layer.stride, size))
    else:
        if layer.op == "mbconv":
            found.append(_convolution(position, "expand", 1, layer.inputs, inner, 1, size))
        taps = _reaching_taps(size, layer.kernel, layer.stride)
        kernel = (layer.kernel, layer.kernel, inner, 1)
        found.append(Part(position, "depthwise", kernel, layer.stride, taps**2))
    if layer.se:
        squeezed, excited = squeezed_channels(layer), excited_channels(layer)
        found.append(_dense(position, "squeeze", excited, squeezed))
        found.append(_dense(position, "excite", squeezed, excited))
    if layer.op != "conv":
        found.append(_convolution(position, "project", 1, inner, layer.outputs, 1, strided(size, layer.stride)))
    return found


def _convolution(position: int, name: str, kernel: int, inputs: int, outputs: int, stride: int, size: int) -> Part:
    taps = _reaching_taps(size, kernel, stride)
    return Part(position, name, (kernel, kernel, inputs, outputs), stride, taps**2 * inputs)


def _dense(position: int, name: str, inputs: int, outputs: int) -> Part:
    return Part(position, name, (inputs, outputs), 1, inputs)


@cache
def _reaching_taps(size: int, kernel: int, stride: int) -> int:
    """How many of the `kernel` taps along a side of `size` pixels ever lie on a pixel, with "SAME" padding."""
    outputs = strided(size, stride)
    before = max((outputs - 1) * stride + kernel - size, 0) // 2
    return sum(any(0 <= output * stride - before + tap < size for output in range(outputs)) for tap in range(kernel))


def initial_weights(network: Sequence[Part], seed: int) -> Weights:
    """Weights before training: kernels uniform with variance 2 / fan-in (He et al. 2015), scales 1, the rest 0.

    Parameters
    ----------
    network : sequence of Part
    seed : int
        At least 0, of any size.
    """
    trained = [
        _kernel(part, seed).ravel() if name == "kernel" else np.full(shape, float(name == "scale"))
        for part in network
        for name, shape in part.tensors.items()
    ]
    moving = [np.full(part.channels, value) for part in network if part.normalised for value in (0.0, 1.0)]
    return Weights(np.concatenate(trained).astype(np.float32), np.concatenate(moving).astype(np.float32))


def _kernel(part: Part, seed: int) -> np.ndarray:
    words = np.random.PCG64([seed, part.position - STEM, crc32(part.name.encode())]).random_raw(prod(part.kernel))
    # From the words themselves: numpy may change how its generators make numbers of them.
    kernel = ((words >> np.uint64(11)) * 2.0**-52 - 1.0).reshape(part.kernel)
    return kernel * sqrt(6.0 / part.fan_in)


def tensors(network: Sequence[Part], weights: Weights) -> dict[tuple[int, str, str], np.ndarray]:
    """Each tensor of `weights` in its shape, by (position, name of the part, name of the tensor).

    Besides the trained tensors there are "mean" and "variance" of each normalised part.
    """
    found = {}
    trained = moving = 0
    for part in network:
        for name, shape in part.tensors.items():
            found[part.position, part.name, name] = weights.trained[trained : trained + prod(shape)].reshape(shape)
            trained += prod(shape)
        if part.normalised:
            for name in ("mean", "variance"):
                found[part.position, part.name, name] = weights.moving[moving : moving + part.channels]
                moving += part.channels
    return found
