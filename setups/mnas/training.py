"""Training a network and its accuracy: what an evaluation does (Method 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import cos, pi, sqrt
from typing import Any, NamedTuple

import numpy as np

from setups.mnas.images import Images
from setups.mnas.layers import Layer
from setups.mnas.network import GRADIENT_DECAY, SQUARES_DECAY, Network, State
from setups.mnas.space import Space
from setups.mnas.weights import Weights, initial_weights
from setups.tensorflow_runtime import load_tensorflow, out_of_memory_as_memory_error

_IMAGES_AT_ONCE = 512  # when the accuracy is measured


class TrainingSettings(NamedTuple):
    """How networks are trained.

    Attributes
    ----------
    steps, batch_size : int
    learning_rate : float
        Of Adam at its highest; it rises over the first tenth of the steps and falls to 0 as half a cosine.
    hash_steps : int
        Steps of training before the outputs of the functional hash; the rate is that of as many first steps.
    hash_examples : int
        Images in the batch of these steps.
    """

    steps: int = 100
    batch_size: int = 32
    learning_rate: float = 0.01
    hash_steps: int = 1
    hash_examples: int = 10


class Trained(NamedTuple):
    """A trained network.

    Attributes
    ----------
    weights : Weights
    validation_accuracy : float
        From 0 to 1, on the images held out of the training set.
    examples : int
        Training examples seen, repetitions counted.
    """

    weights: Weights
    validation_accuracy: float
    examples: int


def train(space: Space, layers: Sequence[Layer], images: Images, settings: TrainingSettings, seed: int) -> Trained:
    """Train the network of `layers` from initial weights, and measure it.

    `seed`, at least 0, settles the initial weights and the order of the images; the result is the same, byte for byte,
    in every process, with as many threads and on the same kind of processor.

    Raises
    ------
    MemoryError
        When tensorflow has not enough memory.
    """
    return train_each(space, layers, images, settings, [seed])[0]


def train_each(
    space: Space, layers: Sequence[Layer], images: Images, settings: TrainingSettings, seeds: Sequence[int]
) -> list[Trained]:
    """Train the network once from each of `seeds`, all at once: as `train` of each, but for rounding.

    Raises
    ------
    MemoryError
        When tensorflow has not enough memory.
    """
    network = Network(space, layers)
    with out_of_memory_as_memory_error():
        return [
            Trained(
                weights,
                accuracy(network, weights, images.valid, images.valid_labels),
                settings.steps * settings.batch_size,
            )
            for weights in _descend(space, layers, images, settings, seeds)
        ]


def reevaluate(space: Space, layers: Sequence[Layer], images: Images, settings: TrainingSettings, seed: int) -> float:
    """Accuracy on the test set after training from other initial weights; from 0 to 1."""
    network = Network(space, layers)
    with out_of_memory_as_memory_error():
        (weights,) = _descend(space, layers, images, settings, [seed])
        return accuracy(network, weights, images.test, images.test_labels)


def accuracy(network: Network, weights: Weights, images: np.ndarray, labels: np.ndarray) -> float:
    """Part of `images` whose largest output is that of the label; outputs that are not finite count as wrong."""
    tf = load_tensorflow()
    trained, moving = tf.constant(weights.trained), tf.constant(weights.moving)
    right = 0
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        few = slice(start, start + _IMAGES_AT_ONCE)
        logits = network.logits(trained, tf.constant(images[few]), moving)[0].numpy()
        right += int(np.sum((logits.argmax(axis=1) == labels[few]) & np.isfinite(logits).all(axis=1)))
    return right / len(images)


def _descend(
    space: Space, layers: Sequence[Layer], images: Images, settings: TrainingSettings, seeds: Sequence[int]
) -> list[Weights]:
    """The weights after training from each seed, in one step for all."""
    tf = load_tensorflow()
    network = Network(space, layers, replicas=len(seeds))
    state = initial_state(network, *seeds)
    step = traced_step(network, state, images, settings.batch_size)
    orders = [batches(len(images.train), settings.batch_size, settings.steps, seed) for seed in seeds]
    for number, chosen in enumerate(zip(*orders, strict=True)):
        few = np.concatenate([images.train[one] for one in chosen], axis=-1)
        labels = np.stack([images.train_labels[one] for one in chosen], axis=-1)
        now = tf.constant(rate(settings, number), tf.float32)
        state, _ = step(state, tf.constant(few), tf.constant(labels.reshape(_labels_shape(network, len(few)))), now)
    rows = zip(*(np.atleast_2d(tensor.numpy()) for tensor in (state.trained, state.moving)), strict=True)
    return [Weights(trained, moving) for trained, moving in rows]


def traced_step(network: Network, state: State, images: Images, batch_size: int) -> Callable[..., Any]:
    """`Network.step` as a graph for batches of `batch_size` of `images`."""
    tf = load_tensorflow()
    size, _, channels = images.train.shape[1:]
    return tf.function(network.step, autograph=False).get_concrete_function(
        State(*(tf.TensorSpec(tensor.shape, tf.float32) for tensor in state)),
        tf.TensorSpec((batch_size, size, size, network.replicas * channels), tf.float32),
        tf.TensorSpec(_labels_shape(network, batch_size), tf.int32),
        tf.TensorSpec((), tf.float32),
    )


def _labels_shape(network: Network, batch_size: int) -> tuple[int, ...]:
    """Shape of the labels of a step."""
    return (batch_size,) if network.replicas == 1 else (batch_size, network.replicas)


def initial_state(network: Network, *seeds: int) -> State:
    """The state of `network` before training, from the seed of each replica."""
    tf = load_tensorflow()
    drawn = [initial_weights(network.parts, seed) for seed in seeds]
    trained, moving = (np.stack(all_of) if len(seeds) > 1 else all_of[0] for all_of in zip(*drawn, strict=True))
    nothing = tf.zeros(trained.shape, network.dtype)
    return State(tf.constant(trained, network.dtype), tf.constant(moving, network.dtype), nothing, nothing)


def batches(examples: int, batch_size: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of the images of each step: all of them in an order by `seed`, then in another one, and so on."""
    words = np.random.PCG64([seed, 1])
    waiting = np.empty(0, dtype=np.int64)
    for _ in range(steps):
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, np.argsort(words.random_raw(examples), kind="stable")])
        chosen, waiting = waiting[:batch_size], waiting[batch_size:]
        yield chosen


def rate(settings: TrainingSettings, step: int) -> float:
    """The rate of step number `step` (from 0), with Adam's correction for averages that begin at 0."""
    rising = max(1, settings.steps // 10)
    if step < rising:
        scheduled = settings.learning_rate * (step + 1) / rising
    else:
        scheduled = settings.learning_rate * 0.5 * (1.0 + cos(pi * (step - rising) / (settings.steps - rising)))
    return scheduled * sqrt(1.0 - SQUARES_DECAY ** (step + 1)) / (1.0 - GRADIENT_DECAY ** (step + 1))
