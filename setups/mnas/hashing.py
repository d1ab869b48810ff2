"""Hashable outputs of a network (Method 3): what it answers to ten images after a little training (Section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setups.mnas.images import Images
from setups.mnas.layers import Layer
from setups.mnas.network import Network
from setups.mnas.space import Space
from setups.mnas.training import TrainingSettings, initial_state, rate
from setups.tensorflow_runtime import load_tensorflow, out_of_memory_as_memory_error

OUTPUT_IMAGES = 10
"""Canonical images whose outputs are hashed; those of the training batch follow them in the training set."""

_SEED = 0x6D6E6173


def outputs(space: Space, layers: Sequence[Layer], images: Images, settings: TrainingSettings) -> np.ndarray:
    """Softmax outputs of the network of `layers` on canonical images, after `settings.hash_steps` steps of training.

    Computed eagerly, for tracing would take longer, and with float64: there, errors of rounding do not reach the
    decimals that are hashed, while with float32 they do, and depend on the number of threads. Batch normalisation uses
    the batch's own mean and variance, because its moving averages say nothing so early.

    Returns
    -------
    float64 array (10, classes)

    Raises
    ------
    MemoryError
        When tensorflow has not enough memory.
    """
    tf = load_tensorflow()
    network = Network(space, layers, "float64")
    batch = slice(OUTPUT_IMAGES, OUTPUT_IMAGES + settings.hash_examples)
    with out_of_memory_as_memory_error(), tf.device("CPU:0"):
        state = initial_state(network, _SEED)
        few, labels = tf.constant(images.train[batch], tf.float64), tf.constant(images.train_labels[batch])
        for number in range(settings.hash_steps):
            state, _ = network.step(state, few, labels, tf.constant(rate(settings, number), tf.float64))
        logits, _ = network.logits(state.trained, tf.constant(images.train[:OUTPUT_IMAGES], tf.float64))
        return tf.nn.softmax(logits).numpy()
