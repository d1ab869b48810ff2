"""Choices without function leave no trace in the layers of an architecture; choices with a function do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate, maximum_filter

from setups.mnas.layers import block_layers, layers, strided, without_function
from setups.mnas.space import (
    Block,
    block_choices,
    lite_space,
    mutate,
    paper_space,
    random_architecture,
    reference_architecture,
)
from ufh_cli.core.rng import Rng

SPACES = [lite_space(), lite_space(32, 3), paper_space(), paper_space(image_size=8), lite_space(image_size=1)]
spaces = st.sampled_from(SPACES)
seeds = st.integers(0, 2**32 - 1)
indices = st.integers(0, 6)


def with_block(architecture, index, **fields):
    return (*architecture[:index], architecture[index]._replace(**fields), *architecture[index + 1 :])


def all_values(space, architecture, index, field):
    """`architecture` with each value of one field of one block."""
    values = block_choices(space, index)[Block._fields.index(field)]
    return [with_block(architecture, index, **{field: value}) for value in values]


def map_sizes(space, network):
    """Sides of the maps that enter each layer, and of the last one's output."""
    sizes = [strided(space.image_size, space.stem_stride)]
    for layer in network:
        sizes.append(strided(sizes[-1], layer.stride))
    return sizes


@settings(deadline=None)
@given(spaces, seeds, indices)
def test_an_identity_block_is_nothing_whatever_its_other_fields(space, seed, index):
    rng = Rng.from_seed(seed)
    one = with_block(random_architecture(space, rng), index, op="identity")
    fields = random_architecture(space, rng)[index]._asdict() | {"op": "identity"}
    other = with_block(one, index, **fields)
    assert layers(space, one) == layers(space, other)
    silent = without_function(space, one, index)
    assert set(silent) >= {"kernel", "expansion", "se", "skip", "filters", "layers"}


@settings(deadline=None)
@given(spaces, seeds, indices, st.sampled_from(["conv", "separable", "pool"]))
def test_expansion_counts_in_mbconv_only(space, seed, index, op):
    architecture = with_block(random_architecture(space, Rng.from_seed(seed)), index, op=op)
    assert len({layers(space, other) for other in all_values(space, architecture, index, "expansion")}) == 1
    mbconv = with_block(architecture, index, op="mbconv")
    assert len({layers(space, other) for other in all_values(space, mbconv, index, "expansion")}) == 3


@settings(deadline=None)
@given(spaces, seeds, indices, st.sampled_from(["kernel", "se", "filters", "expansion"]))
def test_a_pool_has_no_weights(space, seed, index, field):
    architecture = with_block(random_architecture(space, Rng.from_seed(seed)), index, op="pool")
    assert len({layers(space, other) for other in all_values(space, architecture, index, field)}) == 1


@settings(deadline=None)
@given(spaces, seeds, indices)
def test_an_mbconv_without_expansion_is_a_separable_convolution(space, seed, index):
    architecture = random_architecture(space, Rng.from_seed(seed))
    mbconv = with_block(architecture, index, op="mbconv", expansion=1)
    assert layers(space, mbconv) == layers(space, with_block(architecture, index, op="separable"))


@settings(deadline=None)
@given(seeds, st.sampled_from([2, 4]), st.sampled_from(["conv", "separable", "mbconv", "pool"]))
def test_an_identity_skip_over_a_stride_is_none(seed, index, op):
    space = lite_space(32, 3)
    architecture = with_block(random_architecture(space, Rng.from_seed(seed)), index, op=op, layers=-1)
    residual = with_block(architecture, index, skip="identity")
    assert layers(space, residual) == layers(space, with_block(architecture, index, skip="none"))
    assert "skip" in without_function(space, residual, index)
    assert layers(space, residual) != layers(space, with_block(architecture, index, skip="pool"))


@settings(deadline=None)
@given(seeds, st.sampled_from([3, 5, 6]))
def test_an_identity_skip_over_a_change_of_channels_is_none(seed, index):
    space = lite_space(32, 3)._replace(base_layers=(2, 2, 2, 2, 2, 2, 2))
    architecture = random_architecture(space, Rng.from_seed(seed))
    architecture = with_block(architecture, index, op="conv", layers=-1, skip="none")
    others = all_values(space, architecture, index, "filters")
    residuals = [with_block(other, index, skip="identity") for other in others]
    for other, residual in zip(others, residuals, strict=True):
        alone = block_layers(space, other)[index][0]
        assert (layers(space, residual) == layers(space, other)) == (alone.inputs != alone.outputs)


@settings(deadline=None)
@given(seeds, indices, st.sampled_from(["conv", "separable", "mbconv"]))
def test_choices_of_blocks_with_weights_on_large_maps_all_count(seed, index, op):
    space = lite_space(32, 3)
    # One layer more than the base has: there is one without a stride and a change of channels.
    architecture = with_block(random_architecture(space, Rng.from_seed(seed)), index, op=op, expansion=3, layers=1)
    for field in ("op", "kernel", "se", "skip", "filters", "layers"):
        others = all_values(space, architecture, index, field)
        assert len({layers(space, other) for other in others}) == len(others)


@settings(deadline=None)
@given(spaces, seeds)
def test_mutation_of_a_field_without_function_changes_nothing(space, seed):
    rng = Rng.from_seed(seed)
    architecture = random_architecture(space, rng)
    silent = [without_function(space, architecture, index) for index in range(7)]
    for _ in range(10):
        child = mutate(space, architecture, rng)
        ((index, field),) = [
            (index, field)
            for index in range(7)
            for field in Block._fields
            if getattr(architecture[index], field) != getattr(child[index], field)
        ]
        if field in silent[index] and field != "skip":
            assert layers(space, architecture) == layers(space, child)


@settings(deadline=None)
@given(spaces, seeds)
def test_layers_fit_together_on_every_image(space, seed):
    network = layers(space, random_architecture(space, Rng.from_seed(seed)))
    assert [layer.position for layer in network] == list(range(len(network)))
    assert all(before.outputs == after.inputs for before, after in pairwise(network))
    assert all(layer.inputs == space.stem_filters for layer in network[:1])
    sizes = map_sizes(space, network)
    assert min(sizes) >= 1
    for layer, size in zip(network, sizes[:-1], strict=True):
        assert layer.stride == 1 or size > 1
        assert layer.skip != "identity" or (layer.stride == 1 and layer.inputs == layer.outputs)
        assert layer.op != "pool" or layer.inputs == layer.outputs
        assert (layer.expansion > 1) == (layer.op == "mbconv")


@settings(deadline=None)
@given(spaces, seeds)
def test_only_the_first_layer_of_a_block_has_its_stride(space, seed):
    rng = Rng.from_seed(seed)
    architecture = random_architecture(space, rng)
    strides = [
        stride
        for block, stride in zip(architecture, space.strides, strict=True)
        if block.op != "identity" and stride > 1
    ]
    network = layers(space, architecture)
    sizes = map_sizes(space, network)
    assert sum(layer.stride > 1 for layer in network) <= len(strides)
    if sizes[-1] > 1:
        assert sum(layer.stride > 1 for layer in network) == len(strides)


def test_the_reference_network_is_mobilenet_v2():
    network = layers(paper_space(), reference_architecture(paper_space()))
    assert len(network) == 17
    assert [layer.outputs for layer in network] == [16, 24, 24] + [32] * 3 + [64] * 4 + [96] * 3 + [160] * 3 + [320]
    assert [number for number, layer in enumerate(network) if layer.stride == 2] == [1, 3, 6, 13]
    assert sum(layer.skip == "identity" for layer in network) == 10
    assert network[0].op == "separable"
    assert {layer.expansion for layer in network[1:]} == {6}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_pools_end_where_the_maximum_has_spread(size):
    """Pools are left out from the one on that finds all pixels alike, here checked on random maps."""
    space = lite_space(size)._replace(strides=(1,) * 7, base_layers=(3,) * 7)
    pools = [Block("pool", 3, 1, 0.0, "none", 1.0, 1)] * 7
    network = layers(space, tuple(pools))
    pixels = np.random.default_rng(size).normal(size=(size, size))
    for _ in network:
        assert np.ptp(pixels) > 0
        pixels = maximum_filter(pixels, 3, mode="constant", cval=-np.inf)
    assert np.ptp(pixels) == 0


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_kernel_of_5_is_one_of_3_where_its_outer_taps_meet_no_pixel(size, stride):
    space = lite_space(size)._replace(strides=(stride,) * 7)
    one = tuple(Block(op, 5, 1, 0.0, "none", 1.0, 0) for op in ("conv", *["identity"] * 6))
    (layer,) = layers(space, one)
    reached = np.zeros((5, 5), bool)
    for tap in np.ndindex(5, 5):
        kernel = np.zeros((5, 5))
        kernel[tap] = 1
        reached[tap] = same_convolution(np.ones((size, size)), kernel, stride).any()
    outer = reached.copy()
    outer[1:4, 1:4] = False
    assert layer.kernel == (5 if outer.any() else 3)
    if layer.kernel == 3:
        rng = np.random.default_rng(size)
        pixels, kernel = rng.normal(size=(size, size)), rng.normal(size=(5, 5))
        wide, narrow = (same_convolution(pixels, part, stride) for part in (kernel, kernel[1:4, 1:4]))
        np.testing.assert_allclose(wide, narrow)


def same_convolution(pixels, kernel, stride):
    """A convolution with "SAME" padding as tensorflow pads: the odd pixel goes after the map."""
    size, side = len(pixels), len(kernel)
    outputs = -(-size // stride)
    padding = max((outputs - 1) * stride + side - size, 0)
    before = padding // 2
    padded = np.pad(pixels, (before, padding - before))
    whole = correlate(padded, kernel, mode="constant")[side // 2 :, side // 2 :]
    return whole[: outputs * stride : stride, : outputs * stride : stride][:outputs, :outputs]


@settings(deadline=None)
@given(seeds, indices)
def test_without_function_names_an_identity_skip_that_no_layer_has(seed, index):
    space = lite_space(32, 3)
    architecture = with_block(random_architecture(space, Rng.from_seed(seed)), index, skip="identity")
    assume(architecture[index].op != "identity")
    none = with_block(architecture, index, skip="none")
    equal = layers(space, architecture) == layers(space, none)
    assert ("skip" in without_function(space, architecture, index)) == equal
