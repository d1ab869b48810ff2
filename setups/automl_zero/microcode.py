"""The machine's own instruction set, to which the 65 instructions are decoded.

Scalars, vectors and matrices are runs of 1, F and F * F elements, so that an elementwise instruction is the
same for all three. The order counts: `execute` branches on ranges of it.
"""

from __future__ import annotations

import numpy as np

# fmt: off
(
    ADD, SUBTRACT, MULTIPLY, DIVIDE, MINIMUM, MAXIMUM, MATRIX_MINIMUM, MATRIX_MAXIMUM,  # two runs -> a run
    ABSOLUTE, RECIPROCAL, STEP_FROM_ZERO, STEP_ABOVE_ZERO,  # a run -> a run
    SCALE, BROADCAST, DOT, NORM, MEAN, DEVIATION, CONSTANT,  # a scalar and a run, or a run and a scalar
    MATRIX_VECTOR, OUTER, COLUMNS, ROWS, COLUMN_NORMS, ROW_NORMS, ROW_MEANS, ROW_DEVIATIONS, TRANSPOSE, MATRIX_MATRIX,
    SINE, COSINE, TANGENT, ARCSINE, ARCCOSINE, ARCTANGENT, EXPONENTIAL, LOGARITHM,  # scalars, a lane at a time
    UNIFORM, GAUSSIAN,
) = range(39)
# fmt: on

# MICROCODE[number of the instruction] = (machine instruction, kind whose length the run has: 1, 2, 3 for s,
# v, m).
_TABLE = {
    1: (ADD, 1), 2: (SUBTRACT, 1), 3: (MULTIPLY, 1), 4: (DIVIDE, 1), 5: (ABSOLUTE, 1), 6: (RECIPROCAL, 1),
    7: (SINE, 1), 8: (COSINE, 1), 9: (TANGENT, 1), 10: (ARCSINE, 1), 11: (ARCCOSINE, 1), 12: (ARCTANGENT, 1),
    13: (EXPONENTIAL, 1), 14: (LOGARITHM, 1), 15: (STEP_FROM_ZERO, 1), 16: (STEP_ABOVE_ZERO, 2),
    17: (STEP_ABOVE_ZERO, 3), 18: (SCALE, 2), 19: (BROADCAST, 2), 20: (RECIPROCAL, 2), 21: (NORM, 2),
    22: (ABSOLUTE, 2), 23: (ADD, 2), 24: (SUBTRACT, 2), 25: (MULTIPLY, 2), 26: (DIVIDE, 2), 27: (DOT, 2),
    28: (OUTER, 2), 29: (SCALE, 3), 30: (RECIPROCAL, 3), 31: (MATRIX_VECTOR, 2), 32: (COLUMNS, 2),
    33: (ROWS, 2), 34: (NORM, 3), 35: (COLUMN_NORMS, 2), 36: (ROW_NORMS, 2), 37: (TRANSPOSE, 2),
    38: (ABSOLUTE, 3), 39: (ADD, 3), 40: (SUBTRACT, 3), 41: (MULTIPLY, 3), 42: (DIVIDE, 3),
    43: (MATRIX_MATRIX, 2), 44: (MINIMUM, 1), 45: (MINIMUM, 2), 46: (MATRIX_MINIMUM, 3), 47: (MAXIMUM, 1),
    48: (MAXIMUM, 2), 49: (MATRIX_MAXIMUM, 3), 50: (MEAN, 2), 51: (MEAN, 3), 52: (ROW_MEANS, 2),
    53: (ROW_DEVIATIONS, 2), 54: (DEVIATION, 2), 55: (DEVIATION, 3), 56: (CONSTANT, 1), 57: (CONSTANT, 1),
    58: (CONSTANT, 1), 59: (UNIFORM, 1), 60: (UNIFORM, 2), 61: (UNIFORM, 3), 62: (GAUSSIAN, 1),
    63: (GAUSSIAN, 2), 64: (GAUSSIAN, 3),
}  # fmt: skip

MICROCODE = np.zeros((65, 2), dtype=np.int64)  # row 0, noop, is never executed
for _number, _entry in _TABLE.items():
    MICROCODE[_number] = _entry
MICROCODE.setflags(write=False)
