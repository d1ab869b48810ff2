"""The exported model is an ordinary Keras model, and the same network."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from setups.mnas.export import keras_model, save_keras
from setups.mnas.images import load_images
from setups.mnas.layers import layers
from setups.mnas.network import Network
from setups.mnas.space import Block, Space, lite_space, random_architecture, reference_architecture
from setups.mnas.training import TrainingSettings, train
from setups.tensorflow_runtime import load_tensorflow
from ufh_cli.core.rng import Rng

SPACE = lite_space()
BRIEF = TrainingSettings(steps=5, batch_size=16)


@pytest.fixture(scope="module")
def digits():
    return load_images("digits", train=300, valid=100, test=50)


def probabilities(space, network, weights, images):
    tf = load_tensorflow()
    logits, _ = Network(space, network).logits(
        tf.constant(weights.trained), tf.constant(images), tf.constant(weights.moving)
    )
    return tf.nn.softmax(logits).numpy()


def test_a_loaded_model_gives_the_same_outputs_and_accuracy(digits, tmp_path):
    """In a process that knows nothing of this project."""
    network = layers(SPACE, random_architecture(SPACE, Rng.from_seed(3)))
    trained = train(SPACE, network, digits, BRIEF, 4)
    save_keras(SPACE, network, trained.weights, tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", digits.valid)
    program = (
        "import numpy, keras; model = keras.models.load_model('model.keras'); "
        "numpy.save('outputs.npy', model.predict(numpy.load('images.npy'), verbose=0))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    found = np.load(tmp_path / "outputs.npy")
    np.testing.assert_allclose(found, probabilities(SPACE, network, trained.weights, digits.valid), atol=1e-5)
    assert np.mean(found.argmax(axis=1) == digits.valid_labels) == trained.validation_accuracy


SPACES = {
    "lite": SPACE,
    "with a head": SPACE._replace(head_filters=24, strides=(1, 2, 2, 1, 2, 1, 1)),
    "stem of stride 2": SPACE._replace(stem_stride=2),
}


@pytest.mark.parametrize("space", SPACES)
def test_models_agree_with_the_network_for_all_kinds_of_layers(space, digits):
    """After training, so that moving averages and biases are not what they begin with."""
    space: Space = SPACES[space]
    blocks = (
        Block("conv", 5, 1, 0.25, "pool", 1.25, 0),
        Block("separable", 3, 1, 0.25, "pool", 0.75, 0),
        Block("mbconv", 5, 3, 0.25, "identity", 1.0, 0),
        Block("pool", 3, 1, 0.0, "pool", 1.0, 0),
        Block("mbconv", 3, 6, 0.0, "pool", 0.75, -1),
        Block("conv", 3, 1, 0.0, "identity", 1.0, 0),
        Block("mbconv", 3, 1, 0.25, "none", 1.0, 0),
    )
    network = layers(space, blocks)
    weights = train(space, network, digits, BRIEF, 1).weights
    model = keras_model(space, network, weights)
    found = model(digits.valid[:30], training=False).numpy()
    np.testing.assert_allclose(found, probabilities(space, network, weights, digits.valid[:30]), atol=1e-5)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == weights.trained.size


def test_the_slope_is_that_of_keras(digits):
    """The same weights and batch, in float64, where no rounding turns a ReLU off in only one of the two."""
    tf = load_tensorflow()
    network_layers = layers(SPACE, random_architecture(SPACE, Rng.from_seed(5)))
    weights = train(SPACE, network_layers, digits, BRIEF, 1).weights
    few, labels = tf.constant(digits.train[:16], tf.float64), digits.train_labels[:16]
    tf.keras.config.set_floatx("float64")
    try:
        model = keras_model(SPACE, network_layers, weights)
        with tf.GradientTape() as tape:
            loss = tf.keras.losses.SparseCategoricalCrossentropy()(labels, model(few, training=True))
    finally:
        tf.keras.config.set_floatx("float32")
    expected = [gradient.numpy().ravel() for gradient in tape.gradient(loss, model.trainable_variables)]
    trained = tf.constant(weights.trained, tf.float64)
    network = Network(SPACE, network_layers, "float64")
    with tf.GradientTape() as tape:
        tape.watch(trained)
        logits, _ = network.logits(trained, few)
        mean = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    assert mean.numpy() == pytest.approx(loss.numpy(), rel=1e-6)  # Keras clips probabilities at 1e-7
    np.testing.assert_allclose(tape.gradient(mean, trained).numpy(), np.concatenate(expected), rtol=1e-5, atol=1e-6)


def test_places_that_cannot_be_written_are_refused_in_one_line(tmp_path):
    network = layers(SPACE, reference_architecture(SPACE))
    weights = train(SPACE, (), load_images("digits"), BRIEF._replace(steps=1), 0).weights
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        save_keras(SPACE, network, weights, tmp_path / "model.h5")
    with pytest.raises(ValueError, match="there is no folder"):
        save_keras(SPACE, network, weights, tmp_path / "absent" / "model.keras")
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(ValueError, match="is a folder") as error:
        save_keras(SPACE, (), weights, tmp_path / "model.keras")
    assert "\n" not in str(error.value)
