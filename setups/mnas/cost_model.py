"""What a network costs: parameters, multiply-adds, memory traffic and, by a linear model of these, latency.

The counts are exact for the network that `layers` describes. Latency is what the search's fitness is made of; by the
model it is the same on every machine and in every run, which measured latencies are not.
"""

from __future__ import annotations

from typing import NamedTuple

from setups.mnas.layers import Layer, block_layers, excited_channels, layers, squeezed_channels, strided
from setups.mnas.space import Architecture, Space

_BYTES = 4  # of a float32


LATENCY_MS = (0.103, 0.0158, 0.204, 0.006)
"""Milliseconds for each of `latency_features`.

Fitted by ``python -m setups.mnas.calibrate_latency`` to 100 random networks of lite and middle size, on one thread of a
2.5 GHz Xeon that had much else to do. Of 100 other networks, which took 0.17 to 4.8 ms, the relative error was 0.115 in
the median, 0.133 in the mean and below 0.267 for nine of ten; the rank correlation was 0.975. MobileNetV2 at 224x224,
far beyond that range, took 16.7 ms (median of 100 calls) and has 19.6 ms by the model.
"""


class Cost(NamedTuple):
    """What one pass of one image through a part of a network takes; parts add up by `total`.

    Attributes
    ----------
    parameters : int
        Trained numbers: weights of convolutions and dense layers, biases of dense layers, and the scale and offset of
        batch normalisations. Their moving averages are not counted.
    multiply_adds : int
        Of convolutions and dense layers, as the field counts them.
    traffic : int
        Bytes that all operations together read and write when each reads its inputs and weights and writes its output
        once. Batch normalisation and ReLU6 count as part of the convolution before them.
    operations : int
        Convolutions, dense layers, poolings, scalings and additions: what an interpreter launches.
    """

    parameters: int
    multiply_adds: int
    traffic: int
    operations: int


def total(costs: list[Cost]) -> Cost:
    """The sum of `costs`."""
    return Cost(*map(sum, zip(*costs, strict=True)))


def stem_cost(space: Space) -> Cost:
    """Cost of the convolution before the blocks."""
    pixels = strided(space.image_size, space.stem_stride) ** 2
    return _convolution(3, space.image_channels, space.stem_filters, space.image_size**2, pixels)


def layer_cost(layer: Layer, size: int) -> Cost:
    """Cost of `layer` on a map of `size` x `size` pixels."""
    before, after = size**2, strided(size, layer.stride) ** 2
    inner = layer.inputs * layer.expansion
    costs = []
    if layer.op == "conv":
        costs.append(_convolution(layer.kernel, layer.inputs, layer.outputs, before, after))
        costs += _excitation(layer, after)
    elif layer.op == "pool":
        costs.append(_elementwise(layer.inputs * before, layer.outputs * after))
    else:
        if layer.op == "mbconv":
            costs.append(_convolution(1, layer.inputs, inner, before, before))
        costs.append(_depthwise(layer.kernel, inner, before, after))
        costs += _excitation(layer, after)
        costs.append(_convolution(1, inner, layer.outputs, after, after))
    if layer.skip == "pool":
        costs.append(_elementwise(layer.inputs * before, layer.inputs * after))
    if layer.skip != "none":
        costs.append(_elementwise(2 * layer.outputs * after, layer.outputs * after))
    return total(costs)


def head_cost(space: Space, inputs: int, size: int) -> Cost:
    """Cost of what follows the blocks, which leave `inputs` channels on a map of `size` x `size` pixels."""
    costs, channels = [], inputs
    if space.head_filters:
        channels = space.head_filters
        costs.append(_convolution(1, inputs, channels, size**2, size**2))
    costs += [_elementwise(channels * size**2, channels), _dense(channels, space.classes)]
    return total(costs)


def block_costs(space: Space, architecture: Architecture) -> list[Cost]:
    """Costs of the stem, of each block, and of the head; a block without function costs nothing."""
    size, channels = strided(space.image_size, space.stem_stride), space.stem_filters
    costs = [stem_cost(space)]
    for block in block_layers(space, architecture):
        parts = [Cost(0, 0, 0, 0)]
        for layer in block:
            parts.append(layer_cost(layer, size))
            size, channels = strided(size, layer.stride), layer.outputs
        costs.append(total(parts))
    return [*costs, head_cost(space, channels, size)]


def network_cost(space: Space, network: tuple[Layer, ...]) -> Cost:
    """Cost of the whole of `network`, stem and head included."""
    size, channels = strided(space.image_size, space.stem_stride), space.stem_filters
    costs = [stem_cost(space)]
    for layer in network:
        costs.append(layer_cost(layer, size))
        size, channels = strided(size, layer.stride), layer.outputs
    return total([*costs, head_cost(space, channels, size)])


def latency_features(cost: Cost) -> tuple[float, ...]:
    """What latency is linear in: 1, millions of multiply-adds, megabytes of traffic, operations."""
    return 1.0, cost.multiply_adds / 1e6, cost.traffic / 1e6, float(cost.operations)


def latency_ms(space: Space, architecture: Architecture) -> float:
    """Latency of inference on one image, in milliseconds, by the model with the constants `LATENCY_MS`."""
    features = latency_features(network_cost(space, layers(space, architecture)))
    return sum(constant * feature for constant, feature in zip(LATENCY_MS, features, strict=True))


def _convolution(kernel: int, inputs: int, outputs: int, pixels_in: int, pixels_out: int) -> Cost:
    """A convolution with batch normalisation."""
    weights = kernel**2 * inputs * outputs
    traffic = inputs * pixels_in + weights + outputs * pixels_out
    return Cost(weights + 2 * outputs, weights * pixels_out, _BYTES * traffic, 1)


def _depthwise(kernel: int, channels: int, pixels_in: int, pixels_out: int) -> Cost:
    """A depthwise convolution with batch normalisation."""
    weights = kernel**2 * channels
    traffic = channels * (pixels_in + pixels_out) + weights
    return Cost(weights + 2 * channels, weights * pixels_out, _BYTES * traffic, 1)


def _dense(inputs: int, outputs: int) -> Cost:
    """A dense layer with biases."""
    weights = inputs * outputs
    return Cost(weights + outputs, weights, _BYTES * (inputs + weights + outputs), 1)


def _elementwise(numbers_in: int, numbers_out: int) -> Cost:
    """An operation without weights."""
    return Cost(0, 0, _BYTES * (numbers_in + numbers_out), 1)


def _excitation(layer: Layer, pixels: int) -> list[Cost]:
    """Squeeze-and-excitation of a map of `pixels` pixels: average, two dense layers, scaling."""
    if not layer.se:
        return []
    channels, squeezed = excited_channels(layer), squeezed_channels(layer)
    return [
        _elementwise(channels * pixels, channels),
        _dense(channels, squeezed),
        _dense(squeezed, channels),
        _elementwise(channels * pixels, channels * pixels),
    ]
