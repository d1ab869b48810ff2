"""Latency measured on this machine, by running the network in tensorflow on one thread.

The figure depends on the machine and on what else it does, and so is never reproduced exactly; `cost_model.latency_ms`
is. Tensorflow is imported when a latency is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np

from setups.mnas.layers import Layer
from setups.mnas.space import Space

_WARM_UP = 5  # calls; the first one traces, and grappler optimises within the next


def measured_latency_ms(space: Space, network: tuple[Layer, ...], repeats: int = 101) -> float:
    """Median time of inference on one image, in milliseconds.

    Parameters
    ----------
    space : Space
    network : tuple of Layer
        From `layers.layers`.
    repeats : int
        Calls that are timed, at least 1.

    Raises
    ------
    ValueError
        When tensorflow is not installed, or `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    return median_ms(inference(space, network), repeats)


def inference(space: Space, network: tuple[Layer, ...]) -> Callable[[], object]:
    """A traced and warm call of `network` on one image.

    Weights are initial ones, which take as long as trained ones, and are constants of the traced graph, as in a
    network that is deployed.
    """
    from setups.mnas.network import Network
    from setups.mnas.weights import initial_weights
    from setups.tensorflow_runtime import load_tensorflow

    tf = load_tensorflow()
    model = Network(space, network)
    weights = initial_weights(model.parts, seed=0)
    trained, moving = tf.constant(weights.trained), tf.constant(weights.moving)
    shape = (1, space.image_size, space.image_size, space.image_channels)
    image = tf.constant(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))

    def infer(images: object) -> object:
        return model.logits(trained, images, moving)[0]

    traced = tf.function(infer, input_signature=[tf.TensorSpec(shape, tf.float32)]).get_concrete_function()

    def call() -> object:
        return traced(image).numpy()

    for _ in range(_WARM_UP):
        call()
    return call


def median_ms(call: Callable[[], object], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """Median time of `repeats` calls, in milliseconds, by a `clock` in seconds."""
    seconds = []
    for _ in range(repeats):
        start = clock()
        call()
        seconds.append(clock() - start)
    return 1e3 * median(seconds)
