"""Counts of parameters and multiply-adds against known networks and the weights themselves; the model of latency."""

from __future__ import annotations

from importlib.util import find_spec
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.mnas.calibrate_latency import fit
from setups.mnas.cost_model import (
    LATENCY_MS,
    block_costs,
    latency_features,
    latency_ms,
    network_cost,
    total,
)
from setups.mnas.layers import layers
from setups.mnas.measured_latency import measured_latency_ms
from setups.mnas.space import Block, Space, lite_space, paper_space, random_architecture, reference_architecture
from setups.mnas.weights import initial_weights, parts
from ufh_cli.core.rng import Rng

spaces = st.sampled_from([lite_space(), lite_space(32, 3), paper_space(), lite_space(image_size=1)])
seeds = st.integers(0, 2**32 - 1)


def cost_of(space, architecture):
    return network_cost(space, layers(space, architecture))


def test_mobilenet_v2_has_its_published_counts():
    space = paper_space()
    cost = cost_of(space, reference_architecture(space))
    assert cost.parameters == 3_504_872  # of the usual implementations; "3.4M" in the paper
    assert cost.multiply_adds == pytest.approx(300e6, rel=0.01)


def test_mnasnet_a1_has_its_published_counts():
    space = paper_space(base="mnasnet_a1")
    rows = [
        (3, 1, 0.0, "none"), (3, 6, 0.0, "identity"), (5, 3, 0.25, "identity"), (3, 6, 0.0, "identity"),
        (3, 6, 0.25, "identity"), (5, 6, 0.25, "identity"), (3, 6, 0.0, "identity"),
    ]  # fmt: skip
    architecture = tuple(Block("mbconv", kernel, e, se, skip, 1.0, 0) for kernel, e, se, skip in rows)
    cost = cost_of(space, architecture)
    assert cost.parameters == pytest.approx(3.9e6, rel=0.01)
    assert cost.multiply_adds == pytest.approx(312e6, rel=0.01)


def test_a_small_network_counted_by_hand():
    space = Space(
        strides=(1, 2, 1), base_layers=(1, 2, 1), base_filters=(4, 6, 8), stem_filters=4, stem_stride=1,
        head_filters=10, image_size=5, image_channels=3, classes=2, channel_multiple=2,
    )  # fmt: skip
    architecture = (
        Block("conv", 3, 6, 0.25, "identity", 1.0, 0),
        Block("mbconv", 5, 3, 0.25, "pool", 1.0, -1),
        Block("pool", 5, 6, 0.25, "identity", 1.25, 0),
    )
    stem, conv, mbconv, pool, head = block_costs(space, architecture)
    # 5x5 images; a convolution of 3 x 3 x 3 inputs, and batch normalisation of 4 channels.
    assert stem[:2] == (27 * 4 + 8, 25 * 27 * 4)
    # Squeeze to 1 of 4 channels and back, with biases. Then the residual.
    assert conv[:2] == (36 * 4 + 8 + (4 + 1) + (4 + 4), 25 * 36 * 4 + 4 + 4)
    # 4 -> 12 channels on 5x5 pixels, depthwise 5x5 to 3x3 pixels, squeeze to 1 of 12 and back, 12 -> 6 channels.
    weights = 48 + 25 * 12 + 72
    assert mbconv.parameters == weights + 2 * (12 + 12 + 6) + (12 + 1) + (12 + 12)
    assert mbconv.multiply_adds == 25 * 48 + 9 * 25 * 12 + 12 + 12 + 9 * 72
    assert pool[:2] == (0, 0)
    # 6 -> 10 channels on 3x3 pixels, then 2 classes with biases.
    assert head[:2] == (60 + 20 + 20 + 2, 9 * 60 + 20)
    # Bytes: each reads 4 or 6 channels of all pixels and writes as many, the addition reads two maps.
    assert pool.traffic == 4 * (6 * 9 * 2 + 6 * 9 * 3)
    assert stem.traffic == 4 * (3 * 25 + 108 + 4 * 25)
    # Convolution, average, two dense layers, scaling, addition; expansion, depthwise, 4, projection, average, addition.
    assert [part.operations for part in (stem, conv, mbconv, pool, head)] == [1, 6, 9, 2, 3]


@settings(deadline=None)
@given(spaces, seeds)
def test_parameters_are_the_trained_weights(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    shapes = [shape for part in parts(space, layers(space, architecture)) for shape in part.tensors.values()]
    assert cost_of(space, architecture).parameters == sum(map(prod, shapes))


def test_parameters_are_those_of_real_weights():
    space = lite_space()
    for seed in range(20):
        architecture = random_architecture(space, Rng.from_seed(seed))
        weights = initial_weights(parts(space, layers(space, architecture)), seed)
        assert cost_of(space, architecture).parameters == weights.trained.size


@settings(deadline=None)
@given(spaces, seeds)
def test_the_whole_costs_the_sum_of_its_blocks(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    assert total(block_costs(space, architecture)) == cost_of(space, architecture)
    for block, cost in zip(architecture, block_costs(space, architecture)[1:-1], strict=True):
        assert block.op != "identity" or cost == (0, 0, 0, 0)
        assert block.op in ("identity", "pool") or min(cost) > 0


@settings(deadline=None)
@given(spaces, seeds)
def test_latency_is_linear_in_the_features_and_blind_to_what_has_no_function(space, seed):
    rng = Rng.from_seed(seed)
    architecture = random_architecture(space, rng)
    features = latency_features(cost_of(space, architecture))
    expected = sum(constant * feature for constant, feature in zip(LATENCY_MS, features, strict=True))
    assert latency_ms(space, architecture) == pytest.approx(expected)
    idle = architecture[2]._replace(op="identity")
    other = random_architecture(space, rng)[2]._replace(op="identity")
    latencies = {latency_ms(space, (*architecture[:2], block, *architecture[3:])) for block in (idle, other)}
    assert len(latencies) == 1


def test_latency_grows_with_the_network():
    space = lite_space()
    reference = reference_architecture(space)
    smaller = tuple(block._replace(filters=0.75) for block in reference)
    larger = tuple(block._replace(layers=1) for block in reference)
    latencies = [latency_ms(space, one) for one in (smaller, reference, larger)]
    assert latencies == sorted(latencies)
    assert 0 < latencies[0] < latencies[2]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 10.0), min_size=4, max_size=4), seeds)
def test_the_fit_finds_the_constants_of_a_linear_machine(constants, seed):
    generator = Rng.from_seed(seed).generator()
    features = generator.uniform(0.1, 10.0, (40, 4))
    assert fit(features, features @ constants) == pytest.approx(constants, rel=1e-6, abs=1e-9)


def test_a_latency_is_measured_by_running_the_network():
    if find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed")
    space = lite_space(4)
    network = layers(space, reference_architecture(space))
    assert 0 < measured_latency_ms(space, network, repeats=3) < 60_000
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        measured_latency_ms(space, network, repeats=0)
