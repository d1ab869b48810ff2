"""The functional hash: equal for the same function however it is written, different for others, the same everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from setups.mnas.hashing import outputs
from setups.mnas.images import load_images
from setups.mnas.layers import layers
from setups.mnas.space import Block, lite_space, mutate, random_architecture, reference_architecture
from setups.mnas.training import TrainingSettings, train
from ufh_cli.core.rng import Rng

SPACE = lite_space()
SETTINGS = TrainingSettings()
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


@pytest.fixture(scope="module")
def key(digits):
    """The bytes that are hashed: outputs rounded to the fourth decimal (Section 4.1)."""

    def rounded(architecture, settings=SETTINGS):
        found = outputs(SPACE, layers(SPACE, architecture), digits, settings)
        return (np.round(found, 4) + 0.0).tobytes()

    return rounded


def with_block(architecture, index, **fields):
    return (*architecture[:index], architecture[index]._replace(**fields), *architecture[index + 1 :])


def test_outputs_are_probabilities(digits):
    found = outputs(SPACE, layers(SPACE, reference_architecture(SPACE)), digits, SETTINGS)
    assert found.shape == (10, 10)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert np.ptp(found, axis=0).max() > 0.01


REDUNDANT = {
    "layers of an identity block": ({"op": "identity", "layers": 0}, {"layers": 1}),
    "everything of an identity block": (
        {"op": "identity"},
        {"kernel": 5, "expansion": 1, "se": 0.25, "skip": "pool", "filters": 0.75},
    ),
    "expansion of a convolution": ({"op": "conv", "expansion": 6}, {"expansion": 1}),
    "expansion of a separable convolution": ({"op": "separable", "expansion": 6}, {"expansion": 3}),
    "kernel and ratio of a pool": ({"op": "pool", "kernel": 3, "se": 0.0}, {"kernel": 5, "se": 0.25}),
    "identity over a stride": ({"op": "conv", "layers": -1, "skip": "identity"}, {"skip": "none"}),
}


@pytest.mark.parametrize("redundancy", REDUNDANT)
def test_choices_without_function_share_a_key(redundancy, key):
    """In block 3, which has a stride; the other blocks as they come."""
    first, second = REDUNDANT[redundancy]
    one = with_block(random_architecture(SPACE, Rng.from_seed(1)), 2, **first)
    other = with_block(one, 2, **second)
    assert one != other
    assert key(one) == key(other)


def test_different_networks_have_different_keys(key):
    """Random ones, and neighbours of which one parameter differs."""
    rng = Rng.from_seed(7)
    found = {}
    architectures = [random_architecture(SPACE, rng) for _ in range(24)]
    architectures += [mutate(SPACE, architecture, rng) for architecture in architectures]
    for architecture in architectures:
        found.setdefault(layers(SPACE, architecture), set()).add(key(architecture))
    assert len(found) > 35
    assert all(len(keys) == 1 for keys in found.values())
    assert len(set().union(*found.values())) == len(found)


def test_every_choice_of_a_block_shows(key):
    """With all that has a function, in one block."""
    block = Block("mbconv", 3, 3, 0.0, "none", 1.0, 0)
    base = (*reference_architecture(SPACE)[:2], block, *reference_architecture(SPACE)[3:])
    changes = (
        {"op": "conv"}, {"op": "separable"}, {"op": "pool"}, {"op": "identity"}, {"kernel": 5}, {"expansion": 1},
        {"expansion": 6}, {"se": 0.25}, {"skip": "identity"}, {"skip": "pool"}, {"filters": 0.75}, {"filters": 1.25},
        {"layers": -1}, {"layers": 1},
    )  # fmt: skip
    keys = [key(base)] + [key(with_block(base, 2, **change)) for change in changes]
    different = {layers(SPACE, each) for each in [base] + [with_block(base, 2, **change) for change in changes]}
    assert len(set(keys)) == len(different) >= len(changes)


def test_training_shows_in_the_outputs(key):
    """Gradients count (Section 3.2), and so does each step."""
    reference = reference_architecture(SPACE)
    keys = [key(reference, SETTINGS._replace(hash_steps=steps)) for steps in (0, 1, 2)]
    assert len(set(keys)) == 3
    assert key(reference, SETTINGS._replace(hash_examples=9)) != key(reference)


PROGRAM = """
import sys
from {module} import keys, weights
print(weights() if sys.argv[1] == "weights" else keys())
"""


def architectures():
    rng = Rng.from_seed(11)
    return [reference_architecture(SPACE)] + [random_architecture(SPACE, rng) for _ in range(7)]


def keys():
    """A digest of the keys of eight architectures."""
    images = load_images("digits")
    found = [outputs(SPACE, layers(SPACE, each), images, SETTINGS) for each in architectures()]
    return hashlib.sha256((np.round(found, 4) + 0.0).tobytes()).hexdigest()


def weights():
    """A digest of what training leaves of one of them."""
    settings = TrainingSettings(steps=3, batch_size=8)
    found = train(SPACE, layers(SPACE, architectures()[3]), load_images("digits"), settings, 2)
    return hashlib.sha256(found.weights.trained.tobytes() + found.weights.moving.tobytes()).hexdigest()


@pytest.mark.parametrize(("function", "threads"), [("keys", "2"), ("weights", "1")])
def test_another_process_computes_the_same(function, threads):
    """Keys with another number of threads, too."""
    program = PROGRAM.format(module=Path(__file__).stem)
    environment = os.environ | {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)]),
    }
    run = subprocess.run(
        [sys.executable, "-c", program, function], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == {"keys": keys, "weights": weights}[function]()
