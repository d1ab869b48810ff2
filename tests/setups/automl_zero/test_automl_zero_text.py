"""Programs as text: read and printed without loss, and one clear line for what cannot be read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.automl_zero.mutation import random_program
from setups.automl_zero.operations import OPERATIONS
from setups.automl_zero.program import Instruction, Memory, check, constant_count, pack, unpack
from setups.automl_zero.space import Space, chosen_operations
from setups.automl_zero.text import format_instruction, format_program, parse_instruction, parse_program

MEMORY = Memory(5, 9, 3)
SPACE = Space(MEMORY, (0, 0, 0), (99, 99, 99), chosen_operations("all"))

# The paper's Figure 2, but that ReLU's zero is a vector that stays 0, as the language has it.
FIGURE_2 = """
# sX/vX/mX = scalar/vector/matrix at address X.
def InitializePass():
  # Initialize variables.
 m1 = gaussian(-1e-10, 9e-09) # 1st layer weights
  s3 = 4.1 # Set learning rate
  v4 = gaussian(-0.033, 0.01) # 2nd layer weights
def ForwardPass(): # v0=features
  v6 = dot(m1, v0) # Apply 1st layer weights
  v7 = maximum(v5, v6) # Apply ReLU
  s1 = dot(v7, v4) # Compute prediction
def BackwardPass(): # s0=label
  v3 = heaviside(v6, 1.0) # ReLU gradient
  s1 = s0 - s1 # Compute error
  s2 = s1 * s3 # Scale by learning rate
  v2 = s2 * v3 # Approx. 2nd layer weight delta
  v3 = v2 * v4 # Gradient w.r.t. activations
  m0 = outer(v3, v0) # 1st layer weight delta
  m1 = m1 + m0 # Update 1st layer weights
  v4 = v2 + v4 # Update 2nd layer weights
"""


@settings(max_examples=200, deadline=None)
@given(word=st.integers(0, 2**64 - 1), sizes=st.tuples(*[st.integers(0, 15)] * 3))
def test_text_round_trip(word, sizes):
    program = random_program(np.array(sizes), word, SPACE.encoded())
    assert parse_program(format_program(program, lambda i: f"remark {i}"), MEMORY) == program


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.number))
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_operation_with_any_constants(operation, data):
    count = constant_count(operation.number)
    floats = st.floats(width=64 if operation.number == 56 else 32, allow_nan=False)
    constants = [data.draw(floats) for _ in range(count)]
    if operation.number in (57, 58):
        constants[:-1] = [data.draw(st.floats(0, 1, width=32, exclude_max=True)) for _ in range(count - 1)]
    instruction = Instruction(
        operation.number,
        1 if operation.in1 else 0,
        2 if operation.in2 else 0,
        1 if operation.out else 0,
        tuple(constants),
    )
    assert parse_instruction(format_instruction(instruction), MEMORY) == instruction
    program = pack([[instruction], [], []])
    assert unpack(program)[0] == [instruction]


def test_figure_2_of_the_paper():
    program = parse_program(FIGURE_2, MEMORY)
    ops = [[instruction.op for instruction in function] for function in unpack(program)]
    assert ops == [[64, 56, 63], [31, 48, 27], [16, 2, 3, 18, 25, 28, 39, 23]]
    assert "v7 = maximum(v5, v6)" in format_program(program)


def test_names_of_the_automl_zero_paper_and_plain_indices():
    ours = parse_program(
        "def InitializePass():\n  v2[2] = 0.5\ndef ForwardPass():\n  s1 = s0\ndef BackwardPass():\n".replace(
            "s1 = s0", "s1 = abs(s0)"
        ),
        MEMORY,
        5,
    )
    theirs = parse_program("def Learn():\ndef Setup():\n v2[ F*0.5 ]=.5\ndef Predict():\n s1=abs( s0 )", MEMORY)
    assert ours == theirs


@pytest.mark.parametrize("kind", ["s", "v", "m"])
@pytest.mark.parametrize("one", ["1.0", "1.", "1.00"])
def test_reciprocals_with_any_spelling_of_one(kind, one):
    plain = parse_instruction(f"{kind}1 = 1 / {kind}2", MEMORY)
    assert parse_instruction(f"{kind}1 = {one} / {kind}2", MEMORY) == plain


PROGRAM = "def Setup():\n{}\ndef Predict():\ndef Learn():\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s1 = dto(v1, v0)", "did you mean 'dot'"),
        ("s1 = dot(s1, s2)", "a scalar from"),
        ("foo", "expected an instruction"),
        ("s0 = s1 + s2", "s0 is the label"),
        ("v0 = v1 + v2", "v0 holds the features"),
        ("s5 = s1 + s2", "s1 to s4"),
        ("s1 = s1 + s5", "s0 to s4"),
        ("m3 = m1 + m1", "m0 to m2"),
        ("s999 = s1 + s2", "above 255"),
        ("v1 = 3.0", "sets one element"),
        ("v1[4] = 3.0", "below F = 4"),
        ("v1[F * 1.5] = 3.0", r"\[0, 1\)"),
        ("s1[1] = 3.0", "only constants|only .* one element"),
        ("v1[1] = v2 + v3", "one element"),
        ("s1 = 1 2", "unknown instruction"),
        ("v1 = maximum(0, v2)", "a vector from"),
        ("s1 = 2.5 / s2", "a scalar from '2.5/s'"),
        ("s1 = 1.5 / s2", "a scalar from '1.5/s'"),
    ],
)
def test_bad_instructions(line, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_program(PROGRAM.format(line), MEMORY, 4)
    assert str(error.value).startswith("line 2: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no function InitializePass and no ForwardPass and no BackwardPass"),
        ("def Setup():\ndef Predict():\n", "no function BackwardPass"),
        ("def Setup():\ndef Lern():\n", "line 2: .* did you mean 'Learn'"),
        ("def Setup():\ndef InitializePass():\n", "defined twice"),
        ("s1 = 2\n", "before the first function"),
        ("def Setup:\n", "expected a line like"),
    ],
)
def test_bad_programs(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_program(text, MEMORY)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"", "length"),
        (pack([[Instruction(1, 0, 0, 1)], [], []])[:-1], "length"),
        (pack([[], [Instruction(65)], []]), "no operation 65"),
        (pack([[], [Instruction(1, 9, 0, 1)], []]), "ForwardPass, instruction 1: address s9"),
        (pack([[], [], [Instruction(57, out=1, constants=(1.0, 2.0))]]), r"in \[0, 1\)"),
    ],
)
def test_packed_programs_are_checked(program, message):
    with pytest.raises(ValueError, match=message):
        check(program, MEMORY)
