"""Each of the 45 functions and its guard, against numpy, through programs that read and run."""

from __future__ import annotations

import numpy as np
import pytest

from setups.optimizers.execute import run
from setups.optimizers.functions import FUNCTIONS
from setups.optimizers.text import parse_program

VALUES = np.array([-30.0, -2.0, -1.0, -0.5, 0.0, 1e-9, 0.3, 1.0, 1.5, 2.0, 900.0, np.inf, -np.inf, np.nan])
FINITE = np.array([0.5, -1.5, 2.0, 0.25])

UNARY = {
    "abs": np.abs, "cos": np.cos, "sin": np.sin, "tan": np.tan, "arcsin": np.arcsin, "arccos": np.arccos,
    "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh,
    "arccosh": np.arccosh, "arctanh": np.arctanh, "exp": np.exp, "exp2": np.exp2, "exp10": lambda x: np.power(10.0, x),
    "expm1": np.expm1, "log": lambda x: np.log(np.abs(x)), "log10": lambda x: np.log10(np.abs(x)),
    "log2": lambda x: np.log2(np.abs(x)), "log1p": lambda x: np.log(np.abs(1.0 + x)), "square": np.square,
    "sqrt": lambda x: np.sqrt(np.abs(x)), "cube": lambda x: x * x * x, "cbrt": np.cbrt, "sign": np.sign,
    "reciprocal": lambda x: 1.0 / x, "negative": np.negative,
}  # fmt: skip
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": lambda x, y: x / (y + 1e-8),
    "maximum": np.maximum, "minimum": np.minimum, "power": np.power,
}  # fmt: skip
SCALARS = {
    "norm(g)": lambda g, w: np.linalg.norm(g),
    "global_norm(g)": lambda g, w: np.linalg.norm(g),
    "norm(lr)": lambda g, w: 0.5,
    "dot(g, w)": np.dot,
    "dot(lr, lr)": lambda g, w: 0.25,
    "cosine_sim(g, w)": lambda g, w: np.dot(g, w) / np.linalg.norm(g) / np.linalg.norm(w),
    "get_pi()": lambda g, w: np.pi,
    "get_e()": lambda g, w: np.e,
    "get_eps()": lambda g, w: 1e-8,
}
TESTED = {*UNARY, *BINARY, *(form.split("(")[0] for form in SCALARS), "interp", "clip_by_global_norm", "invert"}


def of_gradient(body: str, g: np.ndarray, lr: float = 0.5) -> np.ndarray:
    """The update of a program with weights 0, exactly."""
    program = parse_program(f"def train(w, g, m, v, lr):\n  {body}\n  return update, m, v")
    return -run(program, np.zeros_like(g), np.stack([g]), np.array([lr]))[0]


def test_there_are_45_functions_and_all_are_tested():
    assert len(FUNCTIONS) == 45
    assert {function.name for function in FUNCTIONS} == TESTED


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_argument(name):
    with np.errstate(all="ignore"):
        expected = UNARY[name](VALUES)
    np.testing.assert_allclose(of_gradient(f"update = {name}(g)", VALUES), expected, rtol=1e-13)
    scalar = of_gradient(f"x = {name}(lr)\n  update = g * x", np.ones(3), 0.7)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(scalar, UNARY[name](np.full(3, 0.7)), rtol=1e-13)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arguments(name):
    first, second = np.repeat(VALUES, len(VALUES)), np.tile(VALUES, len(VALUES))
    program = parse_program(
        f"def train(w, g, m, v, lr):\n  update = {name}(m, g)\n  m = g + 0.0\n  return update, m, v"
    )
    with np.errstate(all="ignore"):
        expected = BINARY[name](first, second)
        # The first step leaves the first argument in m, the second uses it.
        found = run(program, np.zeros_like(first), np.stack([first, second]), np.ones(2))
    usable = np.isfinite(found[0])
    np.testing.assert_allclose(found[0][usable] - found[1][usable], expected[usable], rtol=1e-12, atol=1e-12)
    spread = of_gradient(f"update = {name}(g, 0.5)", VALUES)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(spread, BINARY[name](VALUES, np.full_like(VALUES, 0.5)), rtol=1e-13)


@pytest.mark.parametrize("form", SCALARS)
def test_scalars(form):
    w = np.array([1.0, 2.0, -0.5, 0.25])
    program = parse_program(
        f"def train(w, g, m, v, lr):\n  x = {form}\n  update = abs(sign(g)) * x\n  return update, m, v"
    )
    found = w - run(program, w, np.stack([FINITE]), np.array([0.5]))[0]
    np.testing.assert_allclose(found, SCALARS[form](FINITE, w), rtol=1e-12, atol=1e-15)


def test_interpolation_goes_past_its_ends():
    found = of_gradient("x = square(g)\n  update = interp(g, x, 1.25)", FINITE)
    np.testing.assert_allclose(found, -0.25 * FINITE + 1.25 * FINITE**2, rtol=1e-14)


@pytest.mark.parametrize("largest", [0.1, 1.0, 100.0])
def test_clipping_bounds_the_norm_over_all_weights(largest):
    found = of_gradient("update = clip_by_global_norm(g, lr)", FINITE, largest)
    np.testing.assert_allclose(found, FINITE * min(1.0, largest / np.linalg.norm(FINITE)), rtol=1e-14)


def test_guards_at_zero():
    zero = np.zeros(2)
    np.testing.assert_array_equal(of_gradient("update = g / g", zero), zero)
    np.testing.assert_array_equal(of_gradient("update = 1.0 / g", zero), 1e8)
    np.testing.assert_array_equal(of_gradient("update = log(g)", zero), -np.inf)
    np.testing.assert_array_equal(of_gradient("update = reciprocal(g)", zero), np.inf)


def test_invert_fits_no_value():
    with pytest.raises(ValueError, match="invert takes whole numbers"):
        parse_program("def train(w, g, m, v, lr):\n  update = invert(g)\n  return update, m, v")


def test_scalars_are_spread_where_arrays_take_them_and_only_scalars_weigh():
    with pytest.raises(ValueError, match="interp takes a scalar as its last argument"):
        parse_program("def train(w, g, m, v, lr):\n  update = interp(g, m, v)\n  return update, m, v")
    with pytest.raises(ValueError, match="dot takes arguments of one type, got array and scalar"):
        parse_program("def train(w, g, m, v, lr):\n  x = dot(g, lr)\n  update = g * x\n  return update, m, v")
