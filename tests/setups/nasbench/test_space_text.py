"""Specs of NAS-Bench-101 as matrices and as text: what is written is read back, and what is wrong is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasbench_specs import DENSE, raw_specs, valid_specs

from setups.nasbench.enumeration import OPS, is_valid, prune
from setups.nasbench.text import describe, from_matrix_ops, pad, parse, to_matrix_ops


@given(raw_specs)
def test_matrix_and_operations_read_back_equal(spec):
    assert from_matrix_ops(*to_matrix_ops(spec)) == spec


@given(valid_specs)
def test_text_reads_back_equal(spec):
    assert "\n" not in describe(spec)
    assert parse(describe(spec)) == spec
    assert parse(describe(prune(spec))) == pad(prune(spec))
    assert prune(parse(describe(prune(spec)))) == prune(spec)


def test_text_is_readable_and_the_order_of_items_is_free():
    spec = from_matrix_ops([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "maxpool3x3", "output"])
    assert describe(prune(spec)) == "input-1 input-output 1-output 1=maxpool3x3"
    assert parse("1=maxpool3x3,  1-output, input-output\ninput-1") == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no path of edges leads from input to output"),
        ("input-1 1=maxpool3x3", "no path of edges leads from input to output"),
        ("input-1 1-output", "vertex 1 has edges but no operation"),
        ("input-1 1-output 1=conv3x3", "unknown operation 'conv3x3'; did you mean 'conv3x3-bn-relu'?"),
        ("input-1 1-output 1=maxpool", "unknown operation 'maxpool'; did you mean 'maxpool3x3'?"),
        ("input-1 1-output 1=", "unknown operation ''; known are conv1x1-bn-relu, conv3x3-bn-relu, maxpool3x3"),
        ("input-6 6-output", "'input-6': no vertex '6'; there are input, 1, 2, 3, 4, 5, output"),
        ("inptu-1", "no vertex 'inptu'"),
        ("output-input", "from a lower to a higher vertex"),
        ("input-output 2-1", "from a lower to a higher vertex"),
        ("input-output 1-1", "from a lower to a higher vertex"),
        ("input-output input-output", "an edge goes once"),
        ("input-output input=maxpool3x3", "each of the vertices 1 to 5 has one operation"),
        ("input-output 1=maxpool3x3 1=maxpool3x3", "each of the vertices 1 to 5 has one operation"),
        ("input->output", "no vertex '>output'"),
        ("7516192769", "expected an edge such as input-1 or an operation such as 1=conv3x3-bn-relu"),
        (f"{DENSE} input-output", "10 edges lie between input and output, at most 9 are allowed"),
    ],
)
def test_a_wrong_text_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


_items = st.sampled_from(["input", "output", "1", "2", "5", "9", "-", "=", ",", " ", "\n", *OPS])


@given(st.one_of(st.text(), st.lists(_items).map("".join)))
def test_any_text_gives_a_valid_spec_or_one_short_line(text):
    refusal = ""
    try:
        valid = is_valid(parse(text))
    except ValueError as error:
        valid, refusal = False, str(error)
    assert valid or (len(refusal.splitlines()) == 1 and len(refusal) < 200)


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1], [0]], ["input", "output"], "rows of different lengths"),
        (0, [], "must be square"),
        ([0, 1], ["input", "output"], "must be square"),
        ([[0]], ["input"], "must be square with 2 to 7 rows"),
        (np.zeros((8, 8)), ["input", *[OPS[0]] * 6, "output"], "must be square with 2 to 7 rows"),
        (np.zeros((2, 3)), ["input", "output"], "must be square"),
        ([[0, 2], [0, 0]], ["input", "output"], "only 0 and 1"),
        ([[0, np.nan], [0, 0]], ["input", "output"], "only 0 and 1"),
        ([["0", "1"], ["0", "0"]], ["input", "output"], "only 0 and 1"),
        ([[0, 1], [1, 0]], ["input", "output"], "upper triangular"),
        ([[1, 1], [0, 0]], ["input", "output"], "upper triangular"),
        ([[0, 1], [0, 0]], ["input", OPS[0], "output"], "must be 'input', 0 of"),
        ([[0, 1], [0, 0]], ["output", "input"], "must be 'input'"),
        (np.zeros((3, 3)), ["input", "conv1x1", "output"], "did you mean 'conv1x1-bn-relu'"),
        (np.zeros((3, 3)), ["input", 1, "output"], "unknown operation 1"),
    ],
)
def test_a_wrong_matrix_or_operation_is_refused(matrix, ops, message):
    with pytest.raises(ValueError, match=message):
        from_matrix_ops(matrix, ops)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float64])
def test_a_matrix_of_any_number_type_is_read(dtype):
    matrix = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=dtype)
    assert describe(prune(from_matrix_ops(matrix, ["input", OPS[1], "output"]))) == (
        "input-1 1-output 1=conv1x1-bn-relu"
    )
