"""Speed of the MNAS setup: an evaluation, its functional hash, and the same networks in Keras layers.

    python benchmarks/mnas.py [--networks N] [--seed S] [--no-keras]

For random architectures of the lite space on scikit-learn's digits it prints seconds of an evaluation, milliseconds of
a hash and their ratio; seconds of several trainings of a network, one after the other and all at once; and, for the raw
operations and for Keras layers, seconds to build and trace the step of training and to run it for the first time, and
milliseconds of a further step. All is processor time, of one thread of tensorflow's without oneDNN, in one process; two
ways are measured in turn for each network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from setups.mnas.export import keras_model
from setups.mnas.hashing import outputs
from setups.mnas.images import Images, load_images
from setups.mnas.layers import Layer, layers
from setups.mnas.network import Network
from setups.mnas.space import Space, lite_space, random_architecture
from setups.mnas.training import TrainingSettings, initial_state, traced_step, train, train_each
from setups.tensorflow_runtime import load_tensorflow
from ufh_cli.core.rng import Rng

TRAININGS = 4
STEPS = 30  # of which the median is taken


class Timing(NamedTuple):
    """Seconds to build and trace a step, of its first run, and of one more."""

    trace: float
    first: float
    step: float


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def raw_timing(space: Space, network_layers: Sequence[Layer], images: Images, settings: TrainingSettings) -> Timing:
    """The network as this project trains it."""
    tf = load_tensorflow()
    start = time.process_time()
    network = Network(space, network_layers)
    state = initial_state(network, 1)
    step = traced_step(network, state, images, settings.batch_size)
    traced = time.process_time() - start
    batch = (tf.constant(images.train[: settings.batch_size]), tf.constant(images.train_labels[: settings.batch_size]))

    def run() -> None:
        nonlocal state
        state, loss = step(state, *batch, tf.constant(settings.learning_rate))
        loss.numpy()

    return Timing(traced, seconds(run), float(np.median([seconds(run) for _ in range(STEPS)])))


def keras_timing(space: Space, network_layers: Sequence[Layer], images: Images, settings: TrainingSettings) -> Timing:
    """The same network as Keras layers, with Keras' loss and Adam, its step traced without `Model.fit`."""
    tf = load_tensorflow()
    start = time.process_time()
    model = keras_model(space, network_layers)
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate)
    optimizer.build(model.trainable_variables)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy()

    def step(few: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(few, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    shape = (settings.batch_size, *images.train.shape[1:])
    traced_function = tf.function(step, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec(shape[:1], tf.int32)
    )
    traced = time.process_time() - start
    batch = (tf.constant(images.train[: settings.batch_size]), tf.constant(images.train_labels[: settings.batch_size]))

    def run() -> None:
        traced_function(*batch).numpy()

    timing = Timing(traced, seconds(run), float(np.median([seconds(run) for _ in range(STEPS)])))
    tf.keras.backend.clear_session()
    return timing


def show_trainings(
    space: Space, networks: Sequence[Sequence[Layer]], images: Images, settings: TrainingSettings
) -> None:
    """Several trainings of each network, one after the other and at once, in turn."""
    seeds = range(1, TRAININGS + 1)
    single, together = [], []
    for network in networks:
        single.append(seconds(lambda n=network: [train(space, n, images, settings, seed) for seed in seeds]))
        together.append(seconds(lambda n=network: train_each(space, n, images, settings, seeds)))
    show(f"{TRAININGS} trainings, one after the other", single, "s")
    show(f"{TRAININGS} trainings at once", together, "s")
    print(f"{'sum one after the other / sum at once':<44}{sum(single) / sum(together):9.3g}")


def show(name: str, values: Sequence[float], unit: str) -> None:
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    print(f"{name:<44}{middle:9.3g} {unit:<3} (from {low:.3g} to {high:.3g}), mean {np.mean(values):.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-keras", action="store_true")
    arguments = parser.parse_args()
    space, images, settings, rng = (
        lite_space(),
        load_images("digits"),
        TrainingSettings(),
        Rng.from_seed(arguments.seed),
    )
    networks = [layers(space, random_architecture(space, rng)) for _ in range(arguments.networks)]
    outputs(space, networks[0], images, settings)  # tensorflow sets itself up at its first operations
    print(f"{len(networks)} random networks, {settings}")
    hashes = [seconds(lambda n=n: outputs(space, n, images, settings)) for n in networks]
    evaluations = [seconds(lambda n=n: train(space, n, images, settings, 1)) for n in networks]
    show("evaluation", evaluations, "s")
    show("hash", [1e3 * value for value in hashes], "ms")
    show("hash / evaluation", [a / b for a, b in zip(hashes, evaluations, strict=True)], "")
    print(f"{'sum of hashes / sum of evaluations':<44}{sum(hashes) / sum(evaluations):9.3g}")
    show_trainings(space, networks, images, settings)
    if arguments.no_keras:
        return
    pairs = [
        (raw_timing(space, network, images, settings), keras_timing(space, network, images, settings))
        for network in networks
    ]
    for name, timings in (
        ("raw operations", [raw for raw, _ in pairs]),
        ("Keras layers", [keras for _, keras in pairs]),
    ):
        show(f"{name}: build and trace", [timing.trace for timing in timings], "s")
        show(f"{name}: first step", [timing.first for timing in timings], "s")
        show(f"{name}: step", [1e3 * timing.step for timing in timings], "ms")
    show("Keras / raw: build and trace", [keras.trace / raw.trace for raw, keras in pairs], "")
    show("Keras / raw: step", [keras.step / raw.step for raw, keras in pairs], "")


if __name__ == "__main__":
    main()
