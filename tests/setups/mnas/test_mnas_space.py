"""The space of MNAS: drawing, mutation and decisions."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.mnas.space import (
    Block,
    block_choices,
    decisions,
    from_decisions,
    lite_space,
    mutate,
    paper_space,
    random_architecture,
    reference_architecture,
    rounded_channels,
)
from ufh_cli.core.rng import Rng

SPACES = {"lite": lite_space(), "paper": paper_space(), "a1": paper_space(base="mnasnet_a1")}
seeds = st.integers(0, 2**32 - 1)
spaces = st.sampled_from(list(SPACES.values()))


def is_of(space, architecture):
    """Whether every choice of `architecture` is one that `space` has."""
    return len(architecture) == len(space.strides) and all(
        value in values
        for index, block in enumerate(architecture)
        for value, values in zip(block, block_choices(space, index), strict=True)
    )


@settings(deadline=None)
@given(spaces, seeds)
def test_random_architectures_are_of_the_space_and_can_be_keys(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    assert is_of(space, architecture)
    assert pickle.loads(pickle.dumps(architecture)) == architecture
    assert hash(architecture) == hash(random_architecture(space, Rng.from_seed(seed)))


def test_every_value_of_every_field_is_drawn_equally_often():
    space, rng, draws = lite_space(), Rng.from_seed(5), 4000
    drawn = [random_architecture(space, rng) for _ in range(draws)]
    for index in range(7):
        for field, values in enumerate(block_choices(space, index)):
            counts = Counter(architecture[index][field] for architecture in drawn)
            assert set(counts) == set(values)
            expected = draws / len(values)
            assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


@settings(deadline=None)
@given(spaces, seeds)
def test_mutation_changes_one_field_of_one_block(space, seed):
    rng = Rng.from_seed(seed)
    architecture = random_architecture(space, rng)
    child = mutate(space, architecture, rng)
    assert is_of(space, child)
    pairs = zip(architecture, child, strict=True)
    assert sum(old != new for before, after in pairs for old, new in zip(before, after, strict=True)) == 1


def test_mutation_draws_block_and_field_uniformly_and_then_the_value():
    space, rng, draws = lite_space(), Rng.from_seed(6), 40_000
    architecture = random_architecture(space, rng)
    counts: Counter[tuple[int, int, object]] = Counter()
    for _ in range(draws):
        child = mutate(space, architecture, rng)
        for index, field in product(range(7), range(7)):
            if child[index][field] != architecture[index][field]:
                counts[index, field, child[index][field]] += 1
    assert sum(counts.values()) == draws
    for index, field in product(range(7), range(7)):
        others = set(block_choices(space, index)[field]) - {architecture[index][field]}
        expected = draws / 49 / len(others)
        for value in others:
            assert abs(counts[index, field, value] - expected) < 5 * expected**0.5


def test_a_block_of_one_layer_can_only_gain_one():
    for space in SPACES.values():
        for index, base in enumerate(space.base_layers):
            values = block_choices(space, index)[Block._fields.index("layers")]
            assert min(base + value for value in values) == max(1, base - 1)
            assert 0 in values
            assert 1 in values


@settings(deadline=None)
@given(spaces, seeds)
def test_decisions_make_up_every_architecture(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    choices = [
        values.index(value)
        for index, block in enumerate(architecture)
        for value, values in zip(block, block_choices(space, index), strict=True)
    ]
    assert all(0 <= choice < size for choice, size in zip(choices, decisions(space), strict=True))
    assert from_decisions(space, choices) == architecture


def test_the_space_has_its_published_size():
    # Each of the 7 blocks: 5 ops, 2 kernels, 3 expansions, 2 ratios, 3 skips, 3 filters; 3 numbers of layers, or 2.
    assert prod(decisions(paper_space())) == (5 * 2 * 3 * 2 * 3 * 3) ** 7 * 2**2 * 3**5


def test_the_reference_is_of_its_space():
    for space in SPACES.values():
        assert is_of(space, reference_architecture(space))
        assert all((block.filters, block.layers) == (1.0, 0) for block in reference_architecture(space))


def test_channels_are_rounded_as_in_mobilenets():
    # Known numbers of MobileNetV2 of width 0.75 and 1.4, and MnasNet's.
    assert [rounded_channels(x * 0.75, 8) for x in (16, 24, 32, 64, 96, 160, 320)] == [16, 24, 24, 48, 72, 120, 240]
    assert [rounded_channels(x * 1.4, 8) for x in (16, 24, 32, 64, 96, 160, 320)] == [24, 32, 48, 88, 136, 224, 448]


@settings(deadline=None)
@given(st.floats(0.1, 5000), st.sampled_from([1, 2, 4, 8]))
def test_rounded_channels_are_multiples_and_hardly_fewer(channels, multiple):
    rounded = rounded_channels(channels, multiple)
    assert rounded >= multiple
    assert rounded % multiple == 0
    assert rounded >= 0.9 * channels
    assert rounded <= channels + multiple


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lite_space(image_size=0), "image_size must be at least 1, got 0"),
        (lambda: lite_space(classes=1), "classes must be at least 2, got 1"),
        (lambda: paper_space(image_channels=-3), "image_channels must be at least 1, got -3"),
        (lambda: paper_space(width=float("nan")), "width must be above 0 and at most 16, got nan"),
        (lambda: paper_space(base="mobilenet"), "unknown base network 'mobilenet'; did you mean 'mobilenet_v2'?"),
        (lambda: from_decisions(lite_space(), [0]), "an architecture takes 49 choices, got 1"),
        (lambda: from_decisions(lite_space(), [5] + [0] * 48), "choice 0 must be from 0 to 4, got 5"),
    ],
)
def test_impossible_values_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        make()
    assert str(error.value) == message
