"""What the functional key must and must not depend on, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ufh_cli.core.hashing import FunctionalHash, functional_key

NAN = math.nan


@pytest.mark.parametrize("options", [{}, {"mantissa_bits": 7}, {"decimals": 3}])
def test_what_lies_under_a_mask_does_not_matter_but_the_mask_does(options: dict) -> None:
    def key(values: list[float], mask: object) -> int:
        one = np.ma.MaskedArray(np.array(values), mask=mask)
        (alone,) = {functional_key(one, **options), functional_key([one], **options)}
        assert FunctionalHash(**options).rows(np.ma.stack([one, one])) == [alone, alone]
        return alone

    assert key([1.0, 5.0, 3.0], [0, 1, 0]) == key([1.0, NAN, 3.0], [0, 1, 0])
    plain = functional_key(np.array([1.0, 5.0, 3.0]), **options)
    keys = {key([1.0, 5.0, 3.0], mask) for mask in ([0, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1])}
    assert len(keys | {plain, key([1.0, 0.0, 3.0], [0, 0, 0])}) == 6
    assert key([1.0, 5.0, 3.0], False) == plain


@pytest.mark.parametrize("empty", [[], (), {}, "", np.empty(0), [np.empty(0)] * 5, np.empty((3, 0)), iter(())])
def test_nothing_to_hash_is_no_key(empty: object) -> None:
    with pytest.raises(ValueError, match=r"nothing to hash: .* hold no value"):
        functional_key(empty)  # type: ignore[arg-type]


def test_an_iterator_that_was_used_is_no_key() -> None:
    outputs = iter([np.ones(3)])
    functional_key(outputs)
    with pytest.raises(ValueError, match="an iterator that was used before"):
        functional_key(outputs)
    with pytest.raises(ValueError, match="nothing to hash"):
        FunctionalHash().rows(np.empty((3, 0)))


def test_at_most_keeps_all_that_a_type_has() -> None:
    for dtype, all_bits in ((np.float16, 10), (np.float32, 23)):
        outputs = (np.arange(1, 9) / 7).astype(dtype)
        key = functional_key(outputs, mantissa_bits=24, at_most=True)
        assert key == functional_key(outputs, mantissa_bits=all_bits)
    wide = np.arange(1, 9) / 7
    assert functional_key(wide, mantissa_bits=24, at_most=True) == functional_key(wide, mantissa_bits=24)
    with pytest.raises(ValueError, match="at_most=True goes with mantissa_bits"):
        FunctionalHash(at_most=True)


# ---- order, number, type ----


@given(
    st.lists(st.lists(st.floats(-4, 4), max_size=4), min_size=1, max_size=4),
    st.lists(st.lists(st.floats(-4, 4), max_size=4), min_size=1, max_size=4),
)
def test_order_and_number_of_the_outputs_matter(first: list[list[float]], second: list[list[float]]) -> None:
    assume(any(first) and any(second))

    def canonical(arrays: list[list[float]]) -> list[list[float]]:
        return [[value or 0.0 for value in array] for array in arrays]

    keys = [functional_key([np.array(a, float) for a in arrays], mantissa_bits=52) for arrays in (first, second)]
    assert (keys[0] == keys[1]) is (canonical(first) == canonical(second))


@pytest.mark.parametrize("length", [2, 1500])
def test_the_same_values_in_other_arrays_have_other_keys(length: int) -> None:
    values = np.arange(length) + 1.0
    a, b = values[: length // 2], values[length // 2 :]
    arrangements = [[values], [a, b], [b, a], [values[::-1]], [values, np.empty(0)], [np.empty(0), values]]
    arrangements += [[array.astype(np.float32) for array in arrays] for arrays in arrangements]
    arrangements += [[values.astype(np.float16)], [a.astype(np.float32), b], [values, values]]
    keys = [functional_key(arrays, mantissa_bits=10) for arrays in arrangements]
    assert len(set(keys)) == len(keys)


def test_an_array_is_a_list_of_one() -> None:
    for values in (np.arange(5.0), np.arange(100.0), np.arange(5000.0)):
        assert functional_key(values) == functional_key([values]) == functional_key(iter([values]))


# ---- how the array lies in memory does not matter ----


@pytest.mark.parametrize("options", [{"mantissa_bits": 7}, {"decimals": 3}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("rows", [4, 3000])
def test_memory_layout_does_not_matter(rows: int, dtype: type, options: dict) -> None:
    values = np.random.default_rng(rows).normal(size=(rows, 6)).astype(dtype)
    flat = np.array(values.ravel())
    wide = np.empty((rows, 12), dtype)
    wide[:, ::2] = values
    read_only = flat.copy()
    read_only.flags.writeable = False
    expected = functional_key(flat, **options)
    layouts = [values, np.asfortranarray(values), values.T.copy().T, wide[:, ::2], flat[::-1].copy()[::-1], read_only]
    layouts += [array.astype(array.dtype.newbyteorder(order)) for array in (values, flat) for order in "<>"]
    assert [functional_key(layout, **options) for layout in layouts] == [expected] * len(layouts)
    assert functional_key(values.T, **options) != expected


@pytest.mark.parametrize("shape", [(1, 1), (7,), (5, 20), (4, 2, 3), (3, 9000)])
@pytest.mark.parametrize("options", [{}, {"mantissa_bits": 5}, {"decimals": 2}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_have_the_keys_that_they_have_alone(shape: tuple, options: dict, dtype: type) -> None:
    outputs = np.random.default_rng(1).normal(size=shape).astype(dtype)
    outputs.reshape(-1)[:1] = NAN
    key = FunctionalHash(**options)
    assert key.rows(outputs) == [key(row) for row in outputs]
    assert key.rows(outputs.T) == [key(row) for row in outputs.T]


def test_a_precision_may_be_any_integer() -> None:
    outputs = np.array([0.1, 0.2])
    assert FunctionalHash(mantissa_bits=np.int64(24))(outputs) == FunctionalHash(mantissa_bits=24)(outputs)  # type: ignore[arg-type]


def test_hashing_leaves_the_outputs_alone() -> None:
    values = np.array([1 / 3, -0.0, NAN, 1e300])
    before = values.tobytes()
    functional_key(values, mantissa_bits=3)
    functional_key(values, decimals=2)
    assert values.tobytes() == before


def test_a_scalar_array_counts_as_one_value() -> None:
    assert functional_key([np.float64(0.5)]) == functional_key(np.array(0.5)) == functional_key(np.array([0.5]))


# ---- refusals ----


@pytest.mark.parametrize(("dtype", "bits"), [(np.float16, 11), (np.float32, 24)])
def test_more_bits_than_the_type_has_are_refused(dtype: type, bits: int) -> None:
    name = np.dtype(dtype).name
    FunctionalHash(mantissa_bits=bits - 1)(np.ones(3, dtype))
    for outputs in (np.ones(3, dtype), [np.ones(3), np.ones(3, dtype)], [np.ones(2, dtype)] * 5):
        with pytest.raises(ValueError, match=f"mantissa_bits is {bits}, but the hashable outputs are {name}"):
            FunctionalHash(mantissa_bits=bits)(outputs)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.complex128, np.bool_, np.longdouble, object, "U3"])
@pytest.mark.parametrize("options", [{}, {"mantissa_bits": 4}, {"decimals": 4}])
def test_only_floats_are_hashed(dtype: object, options: dict) -> None:
    with pytest.raises(ValueError, match="must be float16, float32 or float64 arrays"):
        functional_key(np.ones(3).astype(dtype), **options)
    with pytest.raises(ValueError, match="must be float16, float32 or float64 arrays"):
        functional_key([np.ones(3), np.ones(3).astype(dtype)], **options)


@pytest.mark.parametrize("outputs", [[0.5, 0.25], [[0.5]], 0.5, None])
def test_what_is_no_array_is_refused_in_one_line(outputs: object) -> None:
    with pytest.raises(ValueError, match="must be float16, float32 or float64 arrays"):
        functional_key(outputs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mantissa_bits": 0}, "mantissa_bits must be between 1 and 52, got 0"),
        ({"mantissa_bits": 53}, "mantissa_bits must be between 1 and 52, got 53"),
        ({"decimals": -1}, "decimals must be between 0 and 15, got -1"),
        ({"decimals": 16}, "decimals must be between 0 and 15, got 16"),
        ({"mantissa_bits": 8, "decimals": 4}, "give mantissa_bits or decimals, not both"),
        ({"mantissa_bits": 24.0}, "mantissa_bits must be a whole number, got 24.0"),
        ({"mantissa_bits": True}, "mantissa_bits must be a whole number, got True"),
        ({"decimals": "4"}, "decimals must be a whole number, got '4'"),
    ],
)
def test_impossible_precisions_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FunctionalHash(**options)
