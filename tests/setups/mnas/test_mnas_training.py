"""Training: against a reference in numpy, repeatable, and good enough for a search to tell architectures apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from setups.mnas.images import load_images
from setups.mnas.layers import layers
from setups.mnas.network import EPSILON, MOVING_DECAY, Network
from setups.mnas.space import lite_space, random_architecture, reference_architecture
from setups.mnas.training import (
    TrainingSettings,
    accuracy,
    batches,
    initial_state,
    rate,
    reevaluate,
    traced_step,
    train,
    train_each,
)
from setups.mnas.weights import initial_weights, parts, tensors
from setups.tensorflow_runtime import load_tensorflow, out_of_memory_as_memory_error
from ufh_cli.core.rng import Rng

SPACE = lite_space()
QUICK = TrainingSettings(steps=4, batch_size=8)


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def random_layers(seed):
    return layers(SPACE, random_architecture(SPACE, Rng.from_seed(seed)))


def test_training_again_gives_the_same_bytes_and_another_seed_others(digits):
    network = random_layers(3)
    one, again, other = (train(SPACE, network, digits, QUICK, seed) for seed in (5, 5, 6))
    assert one.weights.trained.tobytes() == again.weights.trained.tobytes()
    assert one.weights.moving.tobytes() == again.weights.moving.tobytes()
    assert one.validation_accuracy == again.validation_accuracy
    assert one.weights.trained.tobytes() != other.weights.trained.tobytes()
    assert one.examples == 32


@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_trainings_side_by_side_are_the_single_ones_but_for_rounding(digits, seed):
    """Each replica has its own weights, images and order: after two steps only rounding tells them from single ones."""
    network, few = random_layers(seed), TrainingSettings(steps=2, batch_size=16, learning_rate=1e-4)
    together = train_each(SPACE, network, digits, few, [5, 6, 7])
    for seed, found in zip((5, 6, 7), together, strict=True):
        single = train(SPACE, network, digits, few, seed)
        np.testing.assert_allclose(found.weights.moving, single.weights.moving, rtol=2e-3, atol=2e-4)
        # Adam's first steps go by the sign of a slope, which rounding decides where the slope is nothing.
        apart = np.abs(found.weights.trained - single.weights.trained)
        assert np.quantile(apart, 0.95) < 1e-5
        assert found.examples == single.examples == 32
    again = train_each(SPACE, network, digits, few, [5, 6, 7])
    for one, other in zip(together, again, strict=True):
        assert one.weights.trained.tobytes() == other.weights.trained.tobytes()
        assert one.validation_accuracy == other.validation_accuracy


def test_the_base_network_learns_and_better_than_a_poor_one(digits):
    """A network of nothing but its stem tells digits apart worse than the base network does."""
    settings = TrainingSettings(steps=80, batch_size=32, learning_rate=0.02)
    reference = layers(SPACE, reference_architecture(SPACE))
    good, poor = (train(SPACE, network, digits, settings, 1).validation_accuracy for network in (reference, ()))
    assert good > 0.8
    assert 0.1 < poor < good - 0.1
    assert reevaluate(SPACE, (), digits, QUICK, 2) == reevaluate(SPACE, (), digits, QUICK, 2)


def test_batch_normalisation_of_the_stem_against_numpy(digits):
    """Moving averages after two steps, and the outputs of a network of a stem only that uses them."""
    network = Network(SPACE, ())
    tf = load_tensorflow()
    state = initial_state(network, 1)
    means, variances = np.zeros(SPACE.stem_filters), np.ones(SPACE.stem_filters)
    for start in (0, 8):
        few = digits.train[start : start + 8]
        kernel = tensors(network.parts, initial_weights(network.parts, 1))[-2, "stem", "kernel"]
        if start:
            kernel = state.trained.numpy()[: kernel.size].reshape(kernel.shape)
        maps = correlate(few, kernel)
        means = MOVING_DECAY * means + (1 - MOVING_DECAY) * maps.mean(axis=(0, 1, 2))
        variances = MOVING_DECAY * variances + (1 - MOVING_DECAY) * maps.var(axis=(0, 1, 2), ddof=1)
        state, _ = network.step(
            state, tf.constant(few), tf.constant(digits.train_labels[start : start + 8]), tf.constant(0.01)
        )
    moving = state.moving.numpy()
    np.testing.assert_allclose(moving[: len(means)], means, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moving[len(means) :], variances, rtol=1e-4)
    pieces = state.trained.numpy()
    sizes = np.cumsum([kernel.size, len(means), len(means), len(means) * SPACE.classes])
    kernel, scale, offset, dense, bias = np.split(pieces, sizes)
    maps = correlate(digits.valid[:20], kernel.reshape(3, 3, 1, -1))
    maps = np.clip((maps - means) / np.sqrt(variances + EPSILON) * scale + offset, 0.0, 6.0)
    expected = maps.mean(axis=(1, 2)) @ dense.reshape(len(means), -1) + bias
    logits, _ = network.logits(state.trained, tf.constant(digits.valid[:20]), state.moving)
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-3, atol=1e-4)


def correlate(images, kernel):
    """A convolution as networks have it, "SAME", of stride 1, in float64."""
    side = len(kernel)
    padded = np.pad(images.astype(np.float64), ((0, 0), (side // 2, side // 2), (side // 2, side // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel.astype(np.float64))


def test_the_slope_of_the_loss_is_its_change(digits):
    """By differences of the loss in float64; and a step goes against the slope."""
    network = Network(SPACE, random_layers(4), "float64")
    tf = load_tensorflow()
    state = initial_state(network, 1)
    few, labels = tf.constant(digits.train[:8], tf.float64), tf.constant(digits.train_labels[:8])

    def loss(trained):
        changed = state._replace(trained=tf.constant(trained))
        return network.step(changed, few, labels, tf.constant(0.0, tf.float64))[1].numpy()[0]

    after, _ = network.step(state, few, labels, tf.constant(0.1, tf.float64))
    slope = after.gradient.numpy() / 0.1
    origin = state.trained.numpy()
    direction = slope / np.linalg.norm(slope)
    change = (loss(origin + 1e-6 * direction) - loss(origin - 1e-6 * direction)) / 2e-6
    assert change == pytest.approx(np.linalg.norm(slope), rel=1e-3)
    steep = np.abs(slope) > 1e-6
    assert steep.mean() > 0.3
    assert ((after.trained.numpy() - origin)[steep] * slope[steep] < 0.0).all()


def test_adam_against_keras(digits):
    """Three steps with a constant rate: the weights are where Keras' optimiser brings them."""
    tf = load_tensorflow()
    network = Network(SPACE, random_layers(5))
    state = initial_state(network, 1)
    variable = tf.Variable(state.trained)
    optimizer = tf.keras.optimizers.Adam(0.003, epsilon=1e-7)
    for step in range(3):
        few = slice(8 * step, 8 * step + 8)
        before = state
        state, _ = network.step(
            state,
            tf.constant(digits.train[few]),
            tf.constant(digits.train_labels[few]),
            tf.constant(0.003 * adam_correction(step), tf.float32),
        )
        slope = (state.gradient - 0.9 * before.gradient) / 0.1
        optimizer.apply_gradients([(slope, variable)])
    np.testing.assert_allclose(state.trained.numpy(), variable.numpy(), atol=2e-5)


def adam_correction(step):
    return np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))


def test_the_rate_rises_for_a_tenth_then_falls_to_nothing():
    settings = TrainingSettings(steps=50, learning_rate=0.1)
    rates = [rate(settings, step) / adam_correction(step) for step in range(50)]
    np.testing.assert_allclose(rates[:6], [0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    assert all(later < earlier for earlier, later in pairwise(rates[5:]))
    assert rates[-1] < 0.001
    assert all(rate(TrainingSettings(steps=steps), step) > 0.0 for steps in (1, 2, 11) for step in range(steps))


def test_batches_go_through_all_images_in_turn():
    chosen = list(batches(10, 4, 5, seed=3))
    assert all(len(batch) == 4 for batch in chosen)
    order = np.concatenate(chosen)
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10].tolist() != order[10:].tolist()
    np.testing.assert_array_equal(order, np.concatenate(list(batches(10, 4, 5, seed=3))))
    assert [len(batch) for batch in batches(3, 8, 2, seed=0)] == [8, 8]


def test_traced_and_eager_steps_agree(digits):
    tf = load_tensorflow()
    network = Network(SPACE, random_layers(6))
    state = initial_state(network, 1)
    batch = tf.constant(digits.train[:8]), tf.constant(digits.train_labels[:8]), tf.constant(0.001)
    eager, eager_loss = network.step(state, *batch)
    traced, traced_loss = traced_step(network, state, digits, 8)(state, *batch)
    np.testing.assert_allclose(traced_loss.numpy(), eager_loss.numpy(), rtol=1e-5)
    np.testing.assert_allclose(traced.moving.numpy(), eager.moving.numpy(), rtol=1e-4, atol=1e-5)


def test_both_precisions_are_the_same_network(digits):
    """float64 has batch normalisation of its own."""
    tf = load_tensorflow()
    for seed in (7, 8, 9):
        logits = {}
        for dtype in ("float32", "float64"):
            network = Network(SPACE, random_layers(seed), dtype)
            state = initial_state(network, 1)
            few = tf.constant(digits.train[:16], dtype)
            used, moving = network.logits(state.trained, few)
            logits[dtype] = (used, moving, network.logits(state.trained, few, moving)[0])
        for one, other in zip(logits["float32"], logits["float64"], strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=2e-3, atol=2e-3)


def test_a_layer_without_function_shifts_no_weights():
    """The weights of a part follow from its own name, position and shape, and so does not what comes before it."""
    network = layers(SPACE, reference_architecture(SPACE))
    more = tensors(parts(SPACE, network), initial_weights(parts(SPACE, network), 9))
    fewer = tensors(parts(SPACE, network[:4]), initial_weights(parts(SPACE, network[:4]), 9))
    shared = [key for key in fewer if key[1] != "classes"]
    assert len(shared) > 40
    assert all(np.array_equal(fewer[key], more[key]) for key in shared)
    kernels = [value.ravel()[:6].tobytes() for key, value in more.items() if key[2] == "kernel"]
    assert len(set(kernels)) == len(kernels)


def test_initial_kernels_have_the_spread_of_their_fan_in():
    network = parts(SPACE, layers(SPACE, reference_architecture(SPACE)))
    found = tensors(network, initial_weights(network, 2))
    for part in network:
        kernel = found[part.position, part.name, "kernel"]
        if kernel.size > 2000:
            assert kernel.std() == pytest.approx(np.sqrt(2.0 / part.fan_in), rel=0.05)
            assert abs(kernel.mean()) < 3 * kernel.std() / np.sqrt(kernel.size)


def test_outputs_that_are_not_finite_are_wrong(digits):
    network = Network(SPACE, ())
    weights = initial_weights(network.parts, 1)
    assert accuracy(network, weights, digits.valid, digits.valid_labels) > 0.0
    weights.trained[:] = np.nan
    assert accuracy(network, weights, digits.valid, digits.valid_labels) == 0.0


def test_a_lack_of_memory_is_a_memory_error():
    tf = load_tensorflow()
    with pytest.raises(MemoryError, match="tensorflow has not enough memory"), out_of_memory_as_memory_error():
        tf.zeros((1 << 20, 1 << 20, 1 << 6))
    with pytest.raises(KeyboardInterrupt), out_of_memory_as_memory_error():
        raise KeyboardInterrupt
