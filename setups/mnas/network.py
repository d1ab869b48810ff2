"""The network of some layers as raw tensorflow operations: what it computes, and one step of training it.

Not Keras layers, whose tracing takes several times as long as these few operations; `export` builds the same network
from them, and a test holds the two against each other. The functions work on tensors both eagerly and traced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from math import prod
from typing import Any, NamedTuple

from setups.mnas.layers import Layer
from setups.mnas.space import Space
from setups.mnas.weights import Part, parts
from setups.tensorflow_runtime import load_tensorflow

Tensor = Any  # tensorflow is imported only when a network is made
_Statistics = tuple[Tensor, Tensor]  # mean and variance of each channel

EPSILON = 1e-3
"""Added to variances in batch normalisation, as in MnasNet."""

MOVING_DECAY = 0.9
"""What a step leaves of the moving averages; MnasNet's 0.99 would need more steps than a short training has."""

GRADIENT_DECAY, SQUARES_DECAY = 0.9, 0.999
"""Adam's, as usual."""

_ADAM_EPSILON = 1e-7


class State(NamedTuple):
    """What training changes: `trained` and `moving` as in `weights.Weights`, and Adam's two moving averages.

    Attributes
    ----------
    trained, gradient, squares : float tensors (weights,)
    moving : float tensor
    """

    trained: Tensor
    moving: Tensor
    gradient: Tensor
    squares: Tensor


class Network:
    """The network of `layers` in `space`.

    Parameters
    ----------
    space : Space
    layers : sequence of Layer
    dtype : str
        "float32", or "float64" where rounding errors shall not show; all floats given and returned are of it.
    replicas : int
        k networks of the same layers, side by side in the channels, each with its own weights and images: depthwise
        convolutions, normalisations and activations of all are one operation, which takes half the time of k.

    Attributes
    ----------
    parts : tuple of Part
        What has weights, see `weights`.
    dtype : str
    replicas : int
    """

    def __init__(self, space: Space, layers: Sequence[Layer], dtype: str = "float32", replicas: int = 1) -> None:
        self.dtype = dtype
        self.replicas = replicas
        self.parts = parts(space, layers)
        self._layers = tuple(layers)
        self._shapes = [shape for part in self.parts for shape in part.tensors.values()]
        self._sizes = [prod(shape) for shape in self._shapes]
        self._channels = [part.channels for part in self.parts if part.normalised for _ in range(2)]
        self._tf = load_tensorflow()

    def logits(self, trained: Tensor, images: Tensor, moving: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What goes into the softmax.

        Parameters
        ----------
        trained : float tensor
            As in `weights.Weights`, of shape (weights,), or (k, weights) of k replicas.
        images : float tensor (n, size, size, k × channels)
            Those of the first replica, then those of the second one, and so on.
        moving : float tensor, optional
            Normalise with these moving averages, as after training; by default with those of the batch, as in it.

        Returns
        -------
        logits : float tensor (n, k × classes)
        moving : float tensor
            The means and variances (unbiased) that were used, laid out as `weights.Weights.moving`.
        """
        return _Pass(self, trained, moving).run(images)

    def step(self, state: State, images: Tensor, labels: Tensor, rate: Tensor) -> tuple[State, Tensor]:
        """One step of Adam (Kingma & Ba 2015) on the mean cross-entropy of a batch.

        Parameters
        ----------
        state : State
        images : float tensor (n, size, size, k × channels)
        labels : int32 tensor (n,), or (n, k) of k replicas
        rate : float tensor ()
            The learning rate, with Adam's correction for the first steps in it (`training.rate`).

        Returns
        -------
        State
        loss : float tensor (k,)
            Of each replica, before the step.
        """
        tf, raw = self._tf, self._tf.raw_ops
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(state.trained)
            logits, batch = self.logits(state.trained, images)
            few = logits.shape[0] * self.replicas
            losses, _ = raw.SparseSoftmaxCrossEntropyWithLogits(
                features=raw.Reshape(tensor=logits, shape=[few, -1]), labels=raw.Reshape(tensor=labels, shape=[few])
            )
            # Each replica's weights act on its own loss alone: the slope of the sum has the slopes of all.
            loss = raw.Mean(input=raw.Reshape(tensor=losses, shape=[-1, self.replicas]), axis=[0])
        slope = tape.gradient(loss, state.trained)
        gradient = GRADIENT_DECAY * state.gradient + (1.0 - GRADIENT_DECAY) * slope
        squares = SQUARES_DECAY * state.squares + (1.0 - SQUARES_DECAY) * slope * slope
        trained = state.trained - rate * gradient / (tf.sqrt(squares) + _ADAM_EPSILON)
        moving = MOVING_DECAY * state.moving + (1.0 - MOVING_DECAY) * batch
        return State(trained, moving, gradient, squares), loss


class _Pass:
    """One pass of images through a network."""

    def __init__(self, network: Network, trained: Tensor, moving: Tensor | None) -> None:
        self._raw = network._tf.raw_ops
        self._network = network
        self._tensors = self._split(trained, network._sizes, network._shapes)
        self._moving = None if moving is None else self._split(moving, network._channels, None)
        self._parts = iter(network.parts)
        self._used: list[Tensor] = []
        self._epsilon = network._tf.constant(EPSILON, network.dtype)

    def _split(self, vector: Tensor, sizes: list[int], shapes: list[tuple[int, ...]] | None) -> Iterator[Tensor]:
        """The tensors of all parts, each (k, …); those without shape (k × channels,)."""
        raw, k = self._raw, self._network.replicas
        rows = raw.Reshape(tensor=vector, shape=[k, -1])
        pieces = raw.SplitV(value=rows, size_splits=sizes, axis=1, num_split=len(sizes))
        return (
            raw.Reshape(tensor=piece, shape=[-1] if shape is None or len(shape) == 1 else [k, *shape])
            for piece, shape in zip(pieces, shapes or repeat(None, len(sizes)), strict=True)
        )

    def run(self, images: Tensor) -> tuple[Tensor, Tensor]:
        raw = self._raw
        x = self._relu6(self._convolution(images))
        for layer in self._network._layers:
            shortcut = x
            x = self._layer(layer, x)
            if layer.skip == "pool":
                shortcut = self._pooled(layer, shortcut)
            if layer.skip != "none":
                x = raw.AddV2(x=x, y=shortcut)
        part = next(self._parts)
        if part.normalised:
            x, part = self._relu6(self._normalised(x, part)), next(self._parts)
        logits = self._dense(raw.Mean(input=x, axis=[1, 2]))
        k = self._network.replicas
        used = raw.ConcatV2(values=[raw.Reshape(tensor=one, shape=[k, -1]) for one in self._used], axis=1)
        return logits, raw.Reshape(tensor=used, shape=[-1]) if k == 1 else used

    def _layer(self, layer: Layer, x: Tensor) -> Tensor:
        raw = self._raw
        if layer.op == "pool":
            strides = [1, layer.stride, layer.stride, 1]
            return raw.MaxPool(input=x, ksize=[1, 3, 3, 1], strides=strides, padding="SAME")
        if layer.op == "mbconv":
            x = self._relu6(self._convolution(x))
        x = self._relu6(self._convolution(x))
        if layer.se:
            x = self._excited(x)
        return x if layer.op == "conv" else self._convolution(x)

    def _convolution(self, x: Tensor) -> Tensor:
        return self._normalised(x, next(self._parts))

    def _normalised(self, x: Tensor, part: Part) -> Tensor:
        """The convolution of `part` and its batch normalisation."""
        raw, strides = self._raw, [1, part.stride, part.stride, 1]
        kernel, scale, offset = (next(self._tensors) for _ in range(3))
        if part.name == "depthwise":
            height, width, channels, _ = part.kernel
            together = raw.Transpose(x=kernel, perm=[1, 2, 0, 3, 4])
            kernel = raw.Reshape(tensor=together, shape=[height, width, self._network.replicas * channels, 1])
            x = raw.DepthwiseConv2dNative(input=x, filter=kernel, strides=strides, padding="SAME")
        else:
            x = self._each(
                lambda x, kernel: raw.Conv2D(input=x, filter=kernel, strides=strides, padding="SAME"), x, kernel
            )
        moving = None if self._moving is None else (next(self._moving), next(self._moving))
        if self._network.dtype == "float32":
            return self._fused_normalisation(x, scale, offset, moving)
        return self._plain_normalisation(x, scale, offset, moving)

    def _fused_normalisation(self, x: Tensor, scale: Tensor, offset: Tensor, moving: _Statistics | None) -> Tensor:
        mean, variance = moving or ([], [])
        training = moving is None
        normalised = self._raw.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=EPSILON, is_training=training
        )
        self._used += [normalised.batch_mean, normalised.batch_variance]
        return normalised.y

    def _plain_normalisation(self, x: Tensor, scale: Tensor, offset: Tensor, moving: _Statistics | None) -> Tensor:
        """The same of smaller operations, because the fused one is for float32 only."""
        raw = self._raw
        mean, variance = moving or (raw.Mean(input=x, axis=[0, 1, 2]), None)
        centred = raw.Sub(x=x, y=mean)
        if variance is None:
            variance = raw.Mean(input=raw.Square(x=centred), axis=[0, 1, 2])
            values = prod(x.shape[:3])
            self._used += [mean, variance * (values / max(values - 1, 1))]
        else:
            self._used += [mean, variance]
        factor = raw.Mul(x=raw.Rsqrt(x=raw.AddV2(x=variance, y=self._epsilon)), y=scale)
        return raw.BiasAdd(value=raw.Mul(x=centred, y=factor), bias=offset)

    def _relu6(self, x: Tensor) -> Tensor:
        return self._raw.Relu6(features=x)

    def _dense(self, x: Tensor) -> Tensor:
        kernel, bias = next(self._tensors), next(self._tensors)
        product = self._each(lambda x, kernel: self._raw.MatMul(a=x, b=kernel), x, kernel)
        return self._raw.BiasAdd(value=product, bias=bias)

    def _each(self, operation: Callable[[Tensor, Tensor], Tensor], x: Tensor, kernels: Tensor) -> Tensor:
        """`operation` on the channels of each replica and its kernel, the results side by side."""
        raw, k = self._raw, self._network.replicas
        axis = len(x.shape) - 1
        few = raw.Split(axis=axis, value=x, num_split=k)
        found = [operation(*pair) for pair in zip(few, raw.Unpack(value=kernels, num=k, axis=0), strict=True)]
        return found[0] if k == 1 else raw.ConcatV2(values=found, axis=axis)

    def _excited(self, x: Tensor) -> Tensor:
        """Squeeze-and-excitation (Hu et al. 2018) with ReLU, as MnasNet has it."""
        raw = self._raw
        squeezed = raw.Relu(features=self._dense(raw.Mean(input=x, axis=[1, 2])))
        gates = raw.Sigmoid(x=self._dense(squeezed))
        channels = [next(self._parts) for _ in range(2)][-1].channels  # squeeze and excite
        return raw.Mul(x=x, y=raw.Reshape(tensor=gates, shape=[-1, 1, 1, self._network.replicas * channels]))

    def _pooled(self, layer: Layer, x: Tensor) -> Tensor:
        """The average of 3x3 pixels, with channels of zeros appended or the last channels left out."""
        raw, strides = self._raw, [1, layer.stride, layer.stride, 1]
        x = raw.AvgPool(value=x, ksize=[1, 3, 3, 1], strides=strides, padding="SAME")
        more = layer.outputs - layer.inputs
        if more == 0:
            return x
        places = [-1, *x.shape[1:3]]
        x = raw.Reshape(tensor=x, shape=[*places, self._network.replicas, layer.inputs])
        if more > 0:
            x = raw.Pad(input=x, paddings=[[0, 0], [0, 0], [0, 0], [0, 0], [0, more]])
        else:
            x = raw.Slice(input=x, begin=[0] * 5, size=[-1, -1, -1, -1, layer.outputs])
        return raw.Reshape(tensor=x, shape=[*places, self._network.replicas * layer.outputs])
