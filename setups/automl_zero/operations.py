"""The 65 instructions of AutoML-Zero: what they read and write, how they are written, what the original says
they cost.

Numbers are those of the original program (Table S1 of the AutoML-Zero paper). Addresses are of three kinds:
``s`` (scalars), ``v`` (vectors of F elements) and ``m`` (F x F matrices).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

KINDS = "svm"  # kinds of address in the order of the memory; in compiled tables 1, 2, 3, and 0 for none


class Operation(NamedTuple):
    """One of the 65 instructions.

    Attributes
    ----------
    number : int
        The original's number.
    out, in1, in2 : str
        Kind of the address written and of those read: "s", "v", "m", or "" where there is none.
    form : str
        The right-hand side in text, with {a} and {b} for what is read and {x}, {y} for constants.
    cost : float
        Relative run time in the original's train-budget rule, which does not depend on F.
    """

    number: int
    out: str
    in1: str
    in2: str
    form: str
    cost: float


_ROWS = [
    (0, "", "", "", "noop", 3.01),
    (1, "s", "s", "s", "{a} + {b}", 4.70),
    (2, "s", "s", "s", "{a} - {b}", 5.10),
    (3, "s", "s", "s", "{a} * {b}", 4.42),
    (4, "s", "s", "s", "{a} / {b}", 3.96),
    (5, "s", "s", "", "abs({a})", 3.68),
    (6, "s", "s", "", "1 / {a}", 4.21),
    (7, "s", "s", "", "sin({a})", 7.54),
    (8, "s", "s", "", "cos({a})", 7.45),
    (9, "s", "s", "", "tan({a})", 7.58),
    (10, "s", "s", "", "arcsin({a})", 9.15),
    (11, "s", "s", "", "arccos({a})", 7.67),
    (12, "s", "s", "", "arctan({a})", 9.27),
    (13, "s", "s", "", "exp({a})", 11.76),
    (14, "s", "s", "", "log({a})", 11.63),
    (15, "s", "s", "", "heaviside({a})", 4.06),
    (16, "v", "v", "", "heaviside({a})", 3.97),
    (17, "m", "m", "", "heaviside({a})", 6.73),
    (18, "v", "s", "v", "{a} * {b}", 3.71),
    (19, "v", "s", "", "broadcast({a})", 4.17),
    (20, "v", "v", "", "1 / {a}", 6.31),
    (21, "s", "v", "", "norm({a})", 4.81),
    (22, "v", "v", "", "abs({a})", 3.71),
    (23, "v", "v", "v", "{a} + {b}", 4.70),
    (24, "v", "v", "v", "{a} - {b}", 4.17),
    (25, "v", "v", "v", "{a} * {b}", 4.50),
    (26, "v", "v", "v", "{a} / {b}", 4.56),
    (27, "s", "v", "v", "dot({a}, {b})", 4.29),
    (28, "m", "v", "v", "outer({a}, {b})", 9.83),
    (29, "m", "s", "m", "{a} * {b}", 5.99),
    (30, "m", "m", "", "1 / {a}", 24.34),
    (31, "v", "m", "v", "dot({a}, {b})", 9.31),
    (32, "m", "v", "", "columns({a})", 10.99),
    (33, "m", "v", "", "rows({a})", 11.09),
    (34, "s", "m", "", "norm({a})", 6.42),
    (35, "v", "m", "", "norm({a}, axis=0)", 6.68),
    (36, "v", "m", "", "norm({a}, axis=1)", 13.35),
    (37, "m", "m", "", "transpose({a})", 9.39),
    (38, "m", "m", "", "abs({a})", 4.63),
    (39, "m", "m", "m", "{a} + {b}", 5.58),
    (40, "m", "m", "m", "{a} - {b}", 5.43),
    (41, "m", "m", "m", "{a} * {b}", 5.48),
    (42, "m", "m", "m", "{a} / {b}", 18.23),
    (43, "m", "m", "m", "matmul({a}, {b})", 14.52),
    (44, "s", "s", "s", "minimum({a}, {b})", 3.68),
    (45, "v", "v", "v", "minimum({a}, {b})", 3.99),
    (46, "m", "m", "m", "minimum({a}, {b})", 5.46),
    (47, "s", "s", "s", "maximum({a}, {b})", 4.57),
    (48, "v", "v", "v", "maximum({a}, {b})", 3.97),
    (49, "m", "m", "m", "maximum({a}, {b})", 5.84),
    (50, "s", "v", "", "mean({a})", 4.28),
    (51, "s", "m", "", "mean({a})", 4.60),
    (52, "v", "m", "", "mean({a}, axis=1)", 9.76),
    (53, "v", "m", "", "std({a}, axis=1)", 16.77),
    (54, "s", "v", "", "std({a})", 5.59),
    (55, "s", "m", "", "std({a})", 10.64),
    (56, "s", "", "", "{x}", 3.69),
    (57, "v", "", "", "{x}", 3.99),  # one element
    (58, "m", "", "", "{x}", 3.69),  # one element
    (59, "s", "", "", "uniform({x}, {y})", 26.61),
    (60, "v", "", "", "uniform({x}, {y})", 57.82),
    (61, "m", "", "", "uniform({x}, {y})", 208.34),
    (62, "s", "", "", "gaussian({x}, {y})", 20.78),
    (63, "v", "", "", "gaussian({x}, {y})", 77.48),
    (64, "m", "", "", "gaussian({x}, {y})", 277.69),
]

OPERATIONS = tuple(Operation(*row) for row in _ROWS)

NOOP = 0
SCALAR_CONSTANT, VECTOR_CONSTANT, MATRIX_CONSTANT = 56, 57, 58
FIRST_UNIFORM, FIRST_GAUSSIAN = 59, 62


def _kind_code(kind: str) -> int:
    return KINDS.index(kind) + 1 if kind else 0


# SIGNATURES[number] = kinds of (out, in1, in2), 0 for none; for compiled code.
SIGNATURES = np.array([[_kind_code(k) for k in (op.out, op.in1, op.in2)] for op in OPERATIONS], dtype=np.int64)
SIGNATURES.setflags(write=False)

COSTS = np.array([op.cost for op in OPERATIONS])
COSTS.setflags(write=False)
