"""Architectures as text, as tables and as pictures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from setups.mnas.cost_model import network_cost
from setups.mnas.drawing import draw_architecture
from setups.mnas.layers import block_layers, layers, without_function
from setups.mnas.space import lite_space, paper_space, random_architecture, reference_architecture
from setups.mnas.text import format_architecture, parse_architecture, table
from ufh_cli.core.rng import Rng

LITE = lite_space()
spaces = st.sampled_from([LITE, paper_space()])
seeds = st.integers(0, 2**32 - 1)
REFERENCE = """\
block 1: mbconv kernel=3 expansion=1 se=0.0 skip=identity filters=1.0 layers=0
block 2: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
block 3: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
block 4: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
block 5: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
block 6: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
block 7: mbconv kernel=3 expansion=6 se=0.0 skip=identity filters=1.0 layers=0
"""


@settings(deadline=None)
@given(spaces, seeds)
def test_text_reads_back_without_loss(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    assert parse_architecture(space, format_architecture(space, architecture)) == architecture


@settings(deadline=None)
@given(seeds)
def test_comments_name_the_choices_without_function(seed):
    architecture = random_architecture(LITE, Rng.from_seed(seed))
    for index, line in enumerate(format_architecture(LITE, architecture).splitlines()):
        _, _, remark = line.partition("  # without function: ")
        assert tuple(remark.split(", ") if remark else ()) == without_function(LITE, architecture, index)


def test_the_form_is_the_documented_one():
    reference = reference_architecture(LITE)
    lines = format_architecture(LITE, reference).splitlines()
    assert [line.partition("  #")[0] for line in lines] == REFERENCE.splitlines()
    assert "layers=+1" in format_architecture(LITE, (reference[0]._replace(layers=1), *reference[1:]))


def test_blocks_fields_and_numbers_can_be_written_in_other_ways():
    lines = REFERENCE.splitlines()
    lines[1] = "block   2 :  mbconv  layers=-0 filters=1 skip=identity se=0 expansion=6 kernel=3  # mine"
    text = "# a comment\n\n" + "\n".join(reversed(lines))
    assert parse_architecture(LITE, text) == reference_architecture(LITE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("block 3:", "block 9:", "line 3: blocks are numbered 1 to 7, got '9'"),
        ("block 3:", "block 2:", "line 3: block 2 is described twice"),
        ("block 3:", "layer 3:", "line 3: expected a block such as 'block 1: conv kernel=3 ...', got 'layer 3: mb"),
        ("3: mbconv", "3: mbconf", "line 3: unknown op 'mbconf'; did you mean 'mbconv'?"),
        ("3: mbconv kernel=3", "3: mbconv kernal=3", "line 3: unknown field 'kernal'; did you mean 'kernel'?"),
        ("3: mbconv kernel=3", "3: mbconv kernel=4", "line 3: kernel must be one of 3, 5, got '4'"),
        ("3: mbconv kernel=3", "3: mbconv kernel=three", "line 3: kernel must be one of 3, 5, got 'three'"),
        ("3: mbconv kernel=3", "3: mbconv kernel=nan", "line 3: kernel must be one of 3, 5, got 'nan'"),
        ("3: mbconv kernel=3", "3: mbconv kernel", "line 3: expected a field such as kernel=3, got 'kernel'"),
        ("3: mbconv kernel=3", "3: mbconv", "line 3: kernel missing; a block has kernel, expansion, se, skip, filt"),
        ("3: mbconv kernel=3", "3: mbconv kernel=3 kernel=5", "line 3: kernel is given twice"),
        ("1: mbconv kernel=3 expansion=1 se=0.0 skip=identity", "1: mbconv kernel=3 expansion=1 se=0.0 skip=identiti",
         "line 1: unknown skip 'identiti'; did you mean 'identity'?"),
        ("se=0.0 skip=identity filters=1.0 layers=0\nblock 2", "se=0 skip=none filters=1 layers=-1\nblock 2",
         "line 1: layers must be one of 0, +1, got '-1'"),
        (REFERENCE.splitlines()[6], "", "block 7 missing; an architecture has 7 blocks"),
        (REFERENCE, "", "block 1, 2, 3, 4, 5, 6, 7 missing; an architecture has 7 blocks"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(old, new, message):
    assert old in REFERENCE
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared
        parse_architecture(LITE, REFERENCE.replace(old, new))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - any line will do
        parse_architecture(LITE, text)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(spaces, seeds)
def test_a_table_adds_up(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    rows = table(space, architecture)
    assert [row.block for row in rows] == ["stem", *(f"block {n}" for n in range(1, 8)), "head", "sum"]
    numbers = [int(row.layers) for row in rows]
    assert numbers[-1] == sum(numbers[:-1])
    assert sum(numbers[1:8]) == len(layers(space, architecture))
    whole = network_cost(space, layers(space, architecture))
    for name in ("parameters", "multiply_adds"):
        column = [int(getattr(row, name).replace(",", "")) for row in rows]
        assert column[-1] == sum(column[:-1]) == getattr(whole, name)


def test_a_table_shows_what_functions():
    architecture = list(reference_architecture(LITE))
    architecture[1] = architecture[1]._replace(op="identity")
    architecture[2] = architecture[2]._replace(se=0.25, kernel=5, filters=1.25)
    rows = table(LITE, tuple(architecture))
    assert rows[2][:5] == ("block 2", "identity", "-", "8", "0")
    assert rows[3][:5] == ("block 3", "mbconv e6 se 0.25, residual", "5x5 /2", "10", "2")
    assert rows[8][:5] == ("head", "average, dense", "-", "10", "1")


@settings(max_examples=10, deadline=None)
@given(spaces, seeds)
def test_a_picture_greys_what_has_no_function(space, seed):
    architecture = random_architecture(space, Rng.from_seed(seed))
    axes = Figure().subplots()
    draw_architecture(space, architecture, axes)
    pale = [text.get_text() for text in axes.texts if text.get_color() != "black"]
    silent = [without_function(space, architecture, index) for index in range(7)]
    found = [any(layer) for layer in block_layers(space, architecture)]
    drawn = [7 if not live else len(set(fields) - {"layers"}) for live, fields in zip(found, silent, strict=True)]
    assert len(pale) == sum(drawn)
    assert len(axes.texts) == 2 * 2 + 7 * 8
