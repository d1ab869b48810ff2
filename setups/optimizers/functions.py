"""The 45 functions of the language (Chen et al. 2023, Section 2, and its public code), their types and their guards.

A value is a scalar or an array shaped like the weights. Most functions work element by element and give an array as
soon as one argument is one; scalars are spread. Norms and dots go over all weights and give a scalar.

Guards, as in the original: logarithms and the square root take the absolute value of what they get, ``log1p`` that of
1 + x, and a division adds 1e-8 to the denominator. All else may give infinities and NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

EPSILON = 1e-8

# How the type of the result follows from those of the arguments.
CONSTANT, ELEMENTWISE, REDUCTION, LAST_SCALAR, NEVER = range(5)


class Function(NamedTuple):
    """One function.

    Attributes
    ----------
    name : str
    arity : int
        0 to 3.
    kind : int
        CONSTANT gives a scalar; so does REDUCTION, of arguments of one type; ELEMENTWISE gives an array where any
        argument is one; LAST_SCALAR does so too, but its last argument must be a scalar; NEVER fits no arguments.
    sign : str
        The operator it is written with, or "".
    """

    name: str
    arity: int
    kind: int
    sign: str = ""


_UNARY = (
    "abs cos sin tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh exp exp2 exp10 expm1 "
    "log log10 log2 log1p square sqrt cube cbrt sign reciprocal negative"
)

FUNCTIONS = (
    *(Function(name, 1, ELEMENTWISE) for name in _UNARY.split()),
    Function("invert", 1, NEVER),  # of whole numbers, which no value is
    Function("norm", 1, REDUCTION),
    Function("global_norm", 1, REDUCTION),
    Function("dot", 2, REDUCTION),
    Function("cosine_sim", 2, REDUCTION),
    Function("clip_by_global_norm", 2, LAST_SCALAR),
    Function("power", 2, ELEMENTWISE),
    Function("interp", 3, LAST_SCALAR),
    Function("add", 2, ELEMENTWISE, "+"),
    Function("subtract", 2, ELEMENTWISE, "-"),
    Function("multiply", 2, ELEMENTWISE, "*"),
    Function("divide", 2, ELEMENTWISE, "/"),
    Function("maximum", 2, ELEMENTWISE),
    Function("minimum", 2, ELEMENTWISE),
    Function("get_pi", 0, CONSTANT),
    Function("get_e", 0, CONSTANT),
    Function("get_eps", 0, CONSTANT),
)
NUMBERS = {function.name: number for number, function in enumerate(FUNCTIONS)}

# By the number of a function, for compiled code.
ARITY = np.array([function.arity for function in FUNCTIONS], dtype=np.int64)
KIND = np.array([function.kind for function in FUNCTIONS], dtype=np.int64)

(
    ABS, COS, SIN, TAN, ARCSIN, ARCCOS, ARCTAN, SINH, COSH, TANH, ARCSINH, ARCCOSH, ARCTANH, EXP, EXP2, EXP10, EXPM1,
    LOG, LOG10, LOG2, LOG1P, SQUARE, SQRT, CUBE, CBRT, SIGN, RECIPROCAL, NEGATIVE, INVERT, NORM, GLOBAL_NORM, DOT,
    COSINE_SIM, CLIP_BY_GLOBAL_NORM, POWER, INTERP, ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM,
    GET_PI, GET_E, GET_EPS,
) = range(len(FUNCTIONS))  # fmt: skip

FUNCTION_SETS = ("all", "paper", "arithmetic")


def function_set(name: str) -> np.ndarray:
    """Numbers (int64) of the functions that mutations insert.

    "all" is everything but ``invert``; "paper" leaves out ``cbrt`` too, which a slip of the original keeps from ever
    passing its check; "arithmetic" has only what takes no transcendental function.
    """
    left_out = {INVERT}
    if name == "paper":
        left_out.add(CBRT)
    if name == "arithmetic":
        kept = {ABS, SQUARE, SQRT, CUBE, SIGN, RECIPROCAL, NEGATIVE, INTERP, ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM}
        left_out = set(range(len(FUNCTIONS))) - kept - {MINIMUM}
    return np.array([number for number in range(len(FUNCTIONS)) if number not in left_out], dtype=np.int64)
