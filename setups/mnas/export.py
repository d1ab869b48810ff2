"""A trained network as an ordinary Keras model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from setups.mnas.layers import Layer
from setups.mnas.network import EPSILON, MOVING_DECAY
from setups.mnas.space import Space
from setups.mnas.weights import Part, Weights, parts, tensors
from setups.tensorflow_runtime import load_tensorflow
from ufh_cli.files import check_target, put, write_whole

_NORMALISATION = {"scale": "gamma", "offset": "beta", "mean": "moving_mean", "variance": "moving_variance"}


def save_keras(
    space: Space,
    layers: Sequence[Layer],
    weights: Weights,
    path: str | Path,
    standard: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Write the network of `layers` with its `weights` as a model that `keras.models.load_model` loads.

    The model takes float32 images (n, size, size, channels) and gives the softmax's outputs (n, classes). It is made of
    Keras' own layers only.

    Parameters
    ----------
    standard : (mean, spread), each (channels,), optional
        Of the pixels, see `images.Images`: the model then takes them as they are in the source, else standardised.

    Raises
    ------
    ValueError
        With one clear line, when `path` does not end in .keras or cannot be written.
    """
    path = Path(path)
    check_path(path)
    model = keras_model(space, layers, weights)
    if standard is not None:
        keras = load_tensorflow().keras
        mean, spread = standard
        pixels = keras.Input(model.input_shape[1:], name="pixels")
        model = keras.Model(pixels, model(keras.layers.Normalization(mean=mean, variance=spread**2)(pixels)))
    try:
        with tempfile.TemporaryDirectory() as folder:  # Keras itself would write through a link
            model.save(Path(folder, path.name))
            content = Path(folder, path.name).read_bytes()
        write_whole(path, lambda file: put(file, content))
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None


def check_path(path: Path) -> None:
    """`ValueError` in one line unless a Keras model can have this `path`."""
    if path.suffix != ".keras":
        raise ValueError(f"a Keras model is written to a file whose name ends in .keras, got {path}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} to")
    try:
        check_target(path)
    except OSError as error:
        raise ValueError(f"{path} {error.strerror}") from None


def keras_model(space: Space, layers: Sequence[Layer], weights: Weights | None = None) -> Any:
    """The network of `layers` as a functional Keras model, with `weights` or with values that Keras draws."""
    model = _Builder(space, layers).model()
    if weights is not None:
        for (position, name, tensor), value in tensors(parts(space, layers), weights).items():
            suffix = "_norm" if tensor in _NORMALISATION else ""
            variable = getattr(model.get_layer(_name(position, name) + suffix), _NORMALISATION.get(tensor, tensor))
            variable.assign(value.reshape(variable.shape))
    return model


def _name(position: int, name: str) -> str:
    return f"layer{position + 1}_{name}" if position >= 0 else name


class _Builder:
    """Keras' layers for the parts of a network, as `network` applies them."""

    def __init__(self, space: Space, layers: Sequence[Layer]) -> None:
        self._keras = load_tensorflow().keras
        self._space = space
        self._layers = layers
        self._parts: Iterator[Part] = iter(parts(space, layers))

    def model(self) -> Any:
        keras, space = self._keras, self._space
        images = keras.Input((space.image_size, space.image_size, space.image_channels), name="images")
        x = self._relu6(self._convolution(images))
        for layer in self._layers:
            shortcut = x
            x = self._layer(layer, x)
            if layer.skip == "pool":
                shortcut = self._pooled(layer, shortcut)
            if layer.skip != "none":
                x = keras.layers.Add(name=_name(layer.position, "skip"))([x, shortcut])
        if space.head_filters:
            x = self._relu6(self._convolution(x))
        outputs = self._dense(keras.layers.GlobalAveragePooling2D(name="average")(x), "softmax")
        return keras.Model(images, outputs, name="network")

    def _layer(self, layer: Layer, x: Any) -> Any:
        if layer.op == "pool":
            name = _name(layer.position, "pool")
            return self._keras.layers.MaxPooling2D(3, layer.stride, padding="same", name=name)(x)
        if layer.op == "mbconv":
            x = self._relu6(self._convolution(x))
        x = self._relu6(self._convolution(x))
        if layer.se:
            x = self._excited(layer, x)
        return x if layer.op == "conv" else self._convolution(x)

    def _convolution(self, x: Any) -> Any:
        layers, part = self._keras.layers, next(self._parts)
        sizes = {"kernel_size": part.kernel[:2], "strides": part.stride, "padding": "same", "use_bias": False}
        name = _name(part.position, part.name)
        if part.name == "depthwise":
            convolution = layers.DepthwiseConv2D(name=name, **sizes)
        else:
            convolution = layers.Conv2D(part.channels, name=name, **sizes)
        normalisation = layers.BatchNormalization(epsilon=EPSILON, momentum=MOVING_DECAY, name=f"{name}_norm")
        return normalisation(convolution(x))

    def _relu6(self, x: Any) -> Any:
        return self._keras.layers.ReLU(max_value=6.0)(x)

    def _dense(self, x: Any, activation: str) -> Any:
        part = next(self._parts)
        name = _name(part.position, part.name)
        return self._keras.layers.Dense(part.channels, activation=activation, name=name)(x)

    def _excited(self, layer: Layer, x: Any) -> Any:
        layers = self._keras.layers
        average = layers.GlobalAveragePooling2D(keepdims=True, name=_name(layer.position, "average"))(x)
        gates = self._dense(self._dense(average, "relu"), "sigmoid")
        return layers.Multiply(name=_name(layer.position, "scaled"))([x, gates])

    def _pooled(self, layer: Layer, x: Any) -> Any:
        """The average of 3x3 pixels; its channels are padded or cropped as columns, for which Keras has layers."""
        layers, name = self._keras.layers, _name(layer.position, "shortcut")
        x = layers.AveragePooling2D(3, layer.stride, padding="same", name=name)(x)
        more = layer.outputs - layer.inputs
        if more == 0:
            return x
        if more > 0:
            fit = layers.ZeroPadding2D(((0, 0), (0, more)), name=f"{name}_padded")
        else:
            fit = layers.Cropping2D(((0, 0), (0, -more)), name=f"{name}_cropped")
        turned = layers.Permute((1, 3, 2), name=f"{name}_turned")(x)
        return layers.Permute((1, 3, 2), name=f"{name}_back")(fit(turned))
