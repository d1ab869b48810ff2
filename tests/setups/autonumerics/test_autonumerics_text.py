"""Formulas: read, written, read again; what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.autonumerics.mutation import Limits, mutated
from setups.autonumerics.program import EMPTY, code_array, to_vertices, value_array
from setups.autonumerics.run_kernel import run
from setups.autonumerics.text import format_program, parse_program

LIMITS = Limits(20, 12, np.array([1, 2, 3, 4, 5, 6, 7]), np.array([2.0, 1.0, 2.0, 1.0]), 0.5, 3.0)


def descendants(seed, count):
    program = EMPTY
    for number in range(count):
        program = mutated(program, seed * 1000 + number, LIMITS)
        yield program


def outputs(program, points):
    slots = np.empty((100, len(points)))
    return slots[run(code_array(program), value_array(program), points, slots)].copy()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_text_reads_back_as_the_same_program(seed):
    for program in descendants(seed, 20):
        again = parse_program(format_program(program))
        assert again == program, format_program(program)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_the_formula_means_what_the_program_computes(seed):
    points = np.linspace(0.5, 1.5, 7)
    names = {"sqrt": np.sqrt, "fma": lambda a, b, c: a * b + c}
    for program in descendants(seed, 20):
        *named, last = format_program(program).split("; ")
        scope = {**names, "x": points}
        with np.errstate(all="ignore"):
            for line in named:
                exec(line, scope)
            expected = np.broadcast_to(eval(last, scope), points.shape)
        # The same up to inputs in another order: a fused multiply-add may round differently.
        np.testing.assert_allclose(outputs(program, points), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_canonical_programs_have_no_operation_on_coefficients_alone_and_no_dead_one(seed):
    for program in descendants(seed, 30):
        vertices = to_vertices(program)
        k = program.coefficients
        used = [source for vertex in vertices for source in vertex.inputs]
        for place in range(1, len(vertices) - 1):
            assert place in used
        for place in range(1, k + 1):
            assert used.count(place) == (1 if program.operations else 0)
        for vertex in vertices[1 + k :]:
            assert any(not 1 <= source <= k for source in vertex.inputs)
            assert all(source < len(vertices) for source in vertex.inputs)


def test_empty_and_constant_programs():
    assert parse_program("x") == EMPTY
    constant = parse_program("2.5")
    assert (constant.operations, constant.coefficients) == (0, 1)
    assert format_program(constant) == "2.5"
    assert format_program(EMPTY) == "x"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("x +", "cannot read"),
        ("y + 1", "unknown name 'y'"),
        ("exp(x)", "unknown function 'exp'"),
        ("sqrt(x, x)", "sqrt takes 1 input"),
        ("x ** 0.5", "whole number"),
        ("x ^ -1", "whole number"),
        ("x ^ 5000", "whole number"),
        ("x < 1", "a formula has no"),
        ("x.real", "a formula has no"),
        ("'text'", "no number"),
        ("1e999", "no number"),
        ("1j*x", "no number"),
        ("u = x", "must be a formula"),
        ("x = 2; x", "'x' is taken"),
        ("u = x*x; u = u*u; u", "'u' is taken"),
        ("import os; x", "expected name = formula"),
        ("+".join(["x*x/(x+1)"] * 61), "at most 60 operations"),
        ("(" * 5000 + "x" + ")" * 5000, "cannot read"),
        ("-" * 15000 + "x", ""),
        ("x+" * 12000 + "x", "at most 20000 characters"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, complaint):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_program(text)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_vertex_inserted_behind_another_puts_one_function_into_the_other():
    parent, composed = parse_program("c1/x + x"), parse_program("u = x*x; c1/u + u")
    kinds = np.array([1, 2, 3, 4, 5])

    def children(weights):
        limits = Limits(20, 12, kinds, np.array(weights), 0.0, 1.0)
        return {mutated(parent, word, limits).code for word in range(2000)}

    assert composed.code in children([0.0, 0.0, 0.0, 1.0])
    assert composed.code not in children([1.0, 0.0, 0.0, 0.0])
