"""Keys of what people have, through the public names."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import ufh_cli as ufh
from ufh_cli.core.hashing import functional_key as core_key

VALUES = [0.5, 0.25, 1 / 3, -0.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"mantissa_bits": 9}, {"decimals": 3}])
def test_arrays_have_the_keys_that_they_have_in_a_search(dtype: type, options: dict) -> None:
    array = np.array(VALUES, dtype)
    for outputs in (array, [array, array], (array,), np.ma.MaskedArray(array, [0, 1, 0, 0]), [array] * 9):
        assert ufh.functional_key(outputs, **options) == core_key(outputs, **options)
        assert ufh.FunctionalHash(**options)(outputs) == core_key(outputs, **options)


def test_lists_of_numbers_are_one_array() -> None:
    expected = core_key(np.array(VALUES))
    assert (
        ufh.functional_key(VALUES) == ufh.functional_key(iter(VALUES)) == ufh.functional_key(tuple(VALUES)) == expected
    )
    assert ufh.functional_key([VALUES[:2], VALUES[2:]]) == expected
    assert ufh.functional_key([VALUES[:1], VALUES[1:]]) == core_key([np.array(VALUES[:1]), np.array(VALUES[1:])])
    assert ufh.functional_key(0.5) == core_key(np.array([0.5]))


def test_whole_numbers_are_kept_whole_and_are_no_floats() -> None:
    def key(outputs: object) -> int:
        return ufh.functional_key(outputs, mantissa_bits=4)

    assert key([1_000_000, 2]) != key([1_000_001, 2])
    assert len({key([0, 1]), key([0.0, 1.0]), key([False, True])}) == 3
    assert key([0, 1]) == key(np.array([0, 1], np.int32)) == key(np.array([0, 1], np.int64))
    assert key([np.array([0.5]), np.array([1])]) == key([np.array([0.5001]), np.array([1])]) != key([0.5, 2])
    assert key([10**30]) != key([10**30 + 1])


def test_dictionaries_count_by_the_order_of_their_names() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0])
    assert ufh.functional_key({"b": b, "a": a}) == ufh.functional_key({"a": a, "b": b}) == core_key([a, b])


def test_a_constant_can_be_broadcast() -> None:
    assert ufh.functional_key(2.0, shape=(4,)) == core_key(np.full(4, 2.0))
    assert ufh.functional_key(np.full(4, 2.0), shape=(4,)) == core_key(np.full(4, 2.0))
    with pytest.raises(ValueError, match="broadcast"):
        ufh.functional_key([1.0, 2.0], shape=(3,))


def test_other_floats_and_what_has_an_array() -> None:
    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.array(VALUES, np.float32)

    assert ufh.functional_key(Tensor()) == core_key(np.array(VALUES, np.float32))
    assert ufh.functional_key(np.array(VALUES, np.longdouble)) == core_key(np.array(VALUES))
    assert ufh.functional_key(np.array([1 + 2j])) == core_key([np.array([1.0]), np.array([2.0])])


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(VALUES, requires_grad=True)
    assert ufh.functional_key(tensor) == core_key(np.array(VALUES, np.float32))
    assert ufh.functional_key(tensor.bfloat16()) == core_key(tensor.bfloat16().float().detach().numpy())


@pytest.mark.parametrize("package", ["jax.numpy", "tensorflow"])
def test_tensors_of_jax_and_tensorflow(package: str) -> None:
    module = pytest.importorskip(package)
    make = module.asarray if package == "jax.numpy" else module.constant
    values = np.array(VALUES, np.float32)
    assert ufh.functional_key(make(values)) == core_key(values)
    assert ufh.functional_key({"b": make(values), "a": make(values[:2])}) == core_key([values[:2], values])
    halves = make(values, dtype=module.bfloat16)
    assert ufh.functional_key(halves) == core_key(np.asarray(halves).astype(np.float32)) != core_key(values)
    assert ufh.functional_key(make(np.array([1, 2], np.int32))) == ufh.functional_key([1, 2])


def test_tables_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    values = np.array(VALUES, np.float32)
    column, table = pandas.Series(values), pandas.DataFrame({"a": values, "b": values[::-1]})
    assert ufh.functional_key(column) == ufh.functional_key(pandas.Index(values)) == core_key(values)
    assert ufh.functional_key(table) == core_key(table.to_numpy())
    assert ufh.functional_key(pandas.Series([1, 2])) == ufh.functional_key([1, 2])
    absent = pandas.Series([0.5, None], dtype="Float64")
    assert ufh.functional_key(absent) == core_key(np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match=r"cannot hash an array of .*; give arrays, tensors or numbers"):
        ufh.functional_key(pandas.DataFrame({"a": [0.5], "b": ["text"]}))


@pytest.mark.parametrize("nothing", [[], {}, (), "", np.empty(0), [[], []], iter([]), np.empty(0, int)])
def test_nothing_is_no_key(nothing: object) -> None:
    with pytest.raises(ValueError, match="nothing"):
        ufh.functional_key(nothing)


@pytest.mark.parametrize("outputs", ["text", b"bytes", None, object(), np.array(["a"]), [None], {"a": "b"}])
def test_what_cannot_be_hashed_says_what_to_do(outputs: object) -> None:
    with pytest.raises(ValueError, match=r"cannot hash .*; give arrays, tensors or numbers"):
        ufh.functional_key(outputs)


def test_the_public_names_load_nothing_heavy() -> None:
    program = """
import sys
import ufh_cli as ufh
assert "numpy" not in sys.modules
assert ufh.functional_key([0.5]) and ufh.functional_cache and ufh.Cache and ufh.SqliteCache
assert set(ufh.__all__) <= set(dir(ufh))
assert not {"numba", "scipy", "pydantic", "rich", "typer", "matplotlib"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'functional_kee'"):
        ufh.functional_kee  # type: ignore[attr-defined]  # noqa: B018
