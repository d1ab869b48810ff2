"""The machine's own instruction set, to which the 65 instructions are decoded.

Scalars, vectors and matrices are runs of 1, F and F * F elements, so that an elementwise instruction is the same for
all three. What differs only in how it goes through its operands is one machine instruction with other numbers:

- `SCALE` multiplies a scalar with a run;
- `OUTER` multiplies, for each row i, element i of `a` with a run of `b`: two vectors, and, with the constant 1.0 for
  `a`, rows that are copies of a vector;
- `FILL` copies a scalar, or, for each row, an element of a vector;
- `DOT` sums, for each row, the products of a run of `a` with that of `b`; `SQUARES` those of a run of `a` with itself,
  for norms; `STRIDED` those of elements further apart, for each column of `b`, or, with 1.0 for `b`, for means.

All but `FILL` *finish* what they have made, and so take an addition or subtraction in that comes next: the number of
the machine instruction is then that of the finish more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# How a result r is finished: r, c + r, c - r, r - c; only of sums: sqrt(r), r / n, and sqrt(r / n - c * c).
AS_IT_IS, PLUS, MINUS, LESS, ROOT, MEAN, DEVIATION = range(7)

# fmt: off
(
    SCALE, _, _, _, OUTER, _, _, _,  # and the three of each that are finished otherwise
    ADD, SUBTRACT, MULTIPLY, DIVIDE, MINIMUM, MAXIMUM,  # two runs -> a run
    ABSOLUTE, RECIPROCAL, STEP_FROM_ZERO, STEP_ABOVE_ZERO,  # a run -> a run
    FILL, CONSTANT, TRANSPOSE,
    SINE, COSINE, TANGENT, ARCSINE, ARCCOSINE, ARCTANGENT, EXPONENTIAL, LOGARITHM,  # scalars, a lane at a time
    UNIFORM, GAUSSIAN,
) = range(31)
# fmt: on
DOT, SQUARES, STRIDED = 31, 38, 45  # and the six of each that are finished otherwise

IN1, IN2, ONE = range(3)  # where an operand is: at the instruction's addresses, or the constant 1.0
NONE, SINGLE, VECTOR, MATRIX = range(4)  # counts and strides: 0, 1, F and F * F elements


class Micro(NamedTuple):
    """How an instruction is decoded.

    Attributes
    ----------
    op : int
        The machine instruction.
    a, b : int
        Where the operands are.
    c, out : int
        Told when it is decoded.
    length : int
        Of the runs, or of what is summed.
    rows, columns : int
        Of products and sums, if there is more than one run or number of them; only `STRIDED` has columns.
    a_row, b_row : int
        What to go on by in the operands from row to row; from column to column it is one element of `b`.
    a_step, b_step : int
        What to go on by from element to element, where it is not from one to the next.
    """

    op: int
    a: int = IN1
    b: int = IN2
    c: int = NONE
    out: int = NONE
    length: int = SINGLE
    rows: int = SINGLE
    columns: int = SINGLE
    a_row: int = NONE
    b_row: int = NONE
    a_step: int = SINGLE
    b_step: int = SINGLE


def _rows_of(op: int, **other: int) -> Micro:
    """`op` on each row of a matrix."""
    return Micro(op, length=VECTOR, rows=VECTOR, a_row=VECTOR, **other)


def _mean(length: int) -> Micro:
    return Micro(STRIDED + MEAN, length=length, b=ONE, b_step=NONE)


def _with_itself(finish: int, length: int) -> Micro:
    return Micro(SQUARES + finish, length=length)


def _on_runs(op: int, scalar: int, vector: int, matrix: int) -> dict[int, Micro]:
    """`op` for the three instructions of these numbers."""
    return {scalar: Micro(op), vector: Micro(op, length=VECTOR), matrix: Micro(op, length=MATRIX)}


_TABLE = {
    **_on_runs(ADD, 1, 23, 39),
    **_on_runs(SUBTRACT, 2, 24, 40),
    3: Micro(SCALE),
    25: Micro(MULTIPLY, length=VECTOR),
    41: Micro(MULTIPLY, length=MATRIX),
    **_on_runs(DIVIDE, 4, 26, 42),
    **_on_runs(ABSOLUTE, 5, 22, 38),
    **_on_runs(RECIPROCAL, 6, 20, 30),
    **{7 + place: Micro(SINE + place) for place in range(8)},
    15: Micro(STEP_FROM_ZERO),
    16: Micro(STEP_ABOVE_ZERO, length=VECTOR),
    17: Micro(STEP_ABOVE_ZERO, length=MATRIX),
    18: Micro(SCALE, length=VECTOR),
    19: Micro(FILL, length=VECTOR),
    21: _with_itself(ROOT, VECTOR),
    27: Micro(DOT, length=VECTOR),
    28: Micro(OUTER, length=VECTOR, rows=VECTOR, a_row=SINGLE),
    29: Micro(SCALE, length=MATRIX),
    31: _rows_of(DOT),
    32: Micro(FILL, length=VECTOR, rows=VECTOR, a_row=SINGLE),
    33: Micro(OUTER, length=VECTOR, rows=VECTOR, a=ONE, b=IN1),
    34: _with_itself(ROOT, MATRIX),
    35: Micro(
        STRIDED + ROOT, length=VECTOR, rows=VECTOR, b=IN1, a_row=SINGLE, b_row=SINGLE, a_step=VECTOR, b_step=VECTOR
    ),
    36: _rows_of(SQUARES + ROOT),
    37: Micro(TRANSPOSE, length=VECTOR),
    43: _rows_of(STRIDED, columns=VECTOR, b_step=VECTOR),
    44: Micro(MINIMUM),
    45: Micro(MINIMUM, length=VECTOR),
    # Of a NaN and a number the original has the second operand where these are matrices, and else the first.
    46: Micro(MINIMUM, length=MATRIX, a=IN2, b=IN1),
    47: Micro(MAXIMUM),
    48: Micro(MAXIMUM, length=VECTOR),
    49: Micro(MAXIMUM, length=MATRIX, a=IN2, b=IN1),
    50: _mean(VECTOR),
    51: _mean(MATRIX),
    52: _rows_of(STRIDED + MEAN, b=ONE, b_step=NONE),
    53: _rows_of(SQUARES + DEVIATION),
    54: _with_itself(DEVIATION, VECTOR),
    55: _with_itself(DEVIATION, MATRIX),
    **dict.fromkeys((56, 57, 58), Micro(CONSTANT)),
    **_on_runs(UNIFORM, 59, 60, 61),
    **_on_runs(GAUSSIAN, 62, 63, 64),
}

# MICROCODE[number of the instruction, attribute of `Micro`]; row 0, noop, is never executed.
MICROCODE = np.array([_TABLE.get(number, Micro(ADD)) for number in range(65)], dtype=np.int64)
MICROCODE.setflags(write=False)

# FUSABLE[machine instruction]: whether what it makes can be finished in another way.
FUSABLE = np.zeros(STRIDED + DEVIATION + 1, dtype=np.bool_)
FUSABLE[[SCALE, OUTER, DOT, STRIDED]] = True
FUSABLE.setflags(write=False)

# FUSED[machine instruction, operand of it that the instruction before has made]: how that is finished instead.
FUSED = np.zeros((FUSABLE.size, 2), dtype=np.int64)
FUSED[ADD] = PLUS, PLUS
FUSED[SUBTRACT] = LESS, MINUS
FUSED.setflags(write=False)
