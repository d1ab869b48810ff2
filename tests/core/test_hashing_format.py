"""The functional key: its documented format, bit by bit."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from ufh_cli.core.hashing import MANTISSA_BITS, FunctionalHash, functional_key

INF, NAN = math.inf, math.nan
PIPES: dict = {"capture_output": True, "text": True, "check": False}
MANTISSA = {16: 10, 32: 23, 64: 52}
# Lengths around the places where the code changes its way of working, and some in between.
LENGTHS = [1, 2, 7, 24, 25, 1023, 1024, 1025, 5000, 8191, 8192, 8193, 16384, 20001]


# ---- the format of hashing.py's docstring once more, in integers and struct ----


def canonical_word(word: int, width: int, bits: int) -> int:
    """Truncate, then −0.0 -> 0.0 and NaN -> the quiet NaN without payload."""
    mantissa = MANTISSA[width]
    sign, exponent, fraction = word >> (width - 1), (word >> mantissa) % 2 ** (width - 1 - mantissa), word % 2**mantissa
    top = 2 ** (width - 1 - mantissa) - 1
    if exponent == top and fraction:
        return (top << mantissa) | (1 << (mantissa - 1))
    fraction -= fraction % 2 ** (mantissa - bits)
    if exponent == 0 and fraction == 0:
        return 0
    return (sign << (width - 1)) | (exponent << mantissa) | fraction


def reference_key(arrays: Sequence[tuple[int, Sequence[int]]], bits: int | None) -> int:
    """The key of arrays given as (width, words)."""
    message = b"ufh1"
    for width, words in arrays:
        keep = MANTISSA[width] // 2 if bits is None else bits
        message += struct.pack("<BQ", width // 8, len(words))
        code = {16: "H", 32: "I", 64: "Q"}[width]
        message += struct.pack(f"<{len(words)}{code}", *(canonical_word(word, width, keep) for word in words))
    return xxh3_64_intdigest(message)


def reference_decimal_key(arrays: Sequence[Sequence[float]], decimals: int) -> int:
    message = b"ufh1"
    for values in arrays:
        message += struct.pack("<BQ", 8 + 128, len(values))
        for value in values:
            scaled = float(value) * 10.0**decimals
            unit = float(round(scaled)) if math.isfinite(scaled) else float(value)
            message += struct.pack("<Q", 0x7FF8 << 48) if math.isnan(unit) else struct.pack("<d", unit or 0.0)
    return xxh3_64_intdigest(message)


def floats(width: int, words: Sequence[int]) -> np.ndarray:
    return np.array(words, f"u{width // 8}").view(f"f{width // 8}")


def word_strategy(width: int) -> st.SearchStrategy[int]:
    """Any bit pattern, with the corners often: zeros, subnormals, infinities, quiet and signalling NaNs."""
    mantissa, sign = MANTISSA[width], 1 << (width - 1)
    infinity = (2 ** (width - 1 - mantissa) - 1) << mantissa
    positive = [0, 1, 2, (1 << mantissa) - 1, 1 << mantissa, infinity - 1, infinity, infinity + 1]
    positive += [infinity + (1 << (mantissa - 1)), sign - 1]
    corners = positive + [sign | word for word in positive]
    return st.sampled_from(corners) | st.integers(0, 2**width - 1)


@st.composite
def outputs_as_words(draw: st.DrawFn) -> tuple[list[tuple[int, list[int]]], int | None]:
    """Up to three arrays of any float types, and mantissa bits that all of them have."""
    widths = draw(st.lists(st.sampled_from([16, 32, 64]), min_size=1, max_size=3))
    arrays = [(width, draw(st.lists(word_strategy(width), max_size=12))) for width in widths]
    assume(any(words for _, words in arrays))
    return arrays, draw(st.none() | st.integers(1, min(MANTISSA[width] for width in widths)))


# ---- golden values: they may never change ----

GOLDEN = np.array([1.0, -2.5, 0.1, 1e-300, 0.0, -0.0, INF, -INF, NAN, 5e-324, 123456.789])
with np.errstate(over="ignore"):
    GOLDEN_SINGLE, GOLDEN_HALF = GOLDEN.astype(np.float32), GOLDEN.astype(np.float16)


@pytest.mark.parametrize(
    ("options", "outputs", "key"),
    [
        ({}, [GOLDEN], 7756329068615207370),
        ({"mantissa_bits": 24}, [GOLDEN], 6240970537756366042),
        ({"mantissa_bits": 52}, [GOLDEN], 6343853324269247315),
        ({}, [GOLDEN_SINGLE], 9203726996007148956),
        ({"mantissa_bits": 8}, [GOLDEN_SINGLE], 2985131421295758937),
        ({}, [GOLDEN_HALF], 5584119631100393937),
        ({"mantissa_bits": 7}, [GOLDEN_HALF, GOLDEN_SINGLE, GOLDEN], 15902010286596546458),
        ({"decimals": 4}, [GOLDEN], 16795622352244272351),
        ({"decimals": 4}, [np.array([0.12345, 0.5]), np.array([0.87655])], 80966021271590571),
        ({"mantissa_bits": 24}, [np.arange(20_000) / 7], 2574680039196836013),
    ],
)
def test_golden_keys(options: dict, outputs: list[np.ndarray], key: int) -> None:
    assert functional_key(outputs, **options) == key


# ---- the format ----


@given(outputs_as_words())
def test_the_key_follows_the_documented_format(case: tuple) -> None:
    arrays, bits = case
    key = functional_key([floats(*array) for array in arrays], mantissa_bits=bits)
    assert key == reference_key(arrays, bits)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("width", [16, 32, 64])
def test_long_arrays_follow_the_format(width: int, length: int) -> None:
    words = np.random.default_rng(length).integers(0, 2**width, length, f"u{width // 8}")
    array = words.view(f"f{width // 8}")
    expected = reference_key([(width, words.tolist())], 5)
    assert functional_key(array, mantissa_bits=5) == expected
    assert functional_key([array[:3], array], mantissa_bits=5) == reference_key(
        [(width, words[:3].tolist()), (width, words.tolist())], 5
    )


@given(
    st.lists(st.lists(st.floats() | st.floats(-2, 2), max_size=12), min_size=1, max_size=3),
    st.integers(0, 15),
)
def test_rounding_to_decimals_follows_the_format(arrays: list[list[float]], decimals: int) -> None:
    assume(any(arrays))
    key = functional_key([np.array(array, float) for array in arrays], decimals=decimals)
    assert key == reference_decimal_key(arrays, decimals)


@pytest.mark.parametrize("length", LENGTHS)
def test_rounding_long_arrays_follows_the_format(length: int) -> None:
    values = np.random.default_rng(length).normal(size=length)
    assert functional_key(values, decimals=4) == reference_decimal_key([values.tolist()], 4)


@given(st.lists(st.floats(-8, 8, width=16), min_size=1, max_size=8), st.sampled_from([np.float16, np.float32]))
def test_rounding_to_decimals_looks_at_the_values_alone(values: list[float], dtype: type) -> None:
    assert functional_key(np.array(values, dtype), decimals=2) == functional_key(np.array(values, float), decimals=2)


@pytest.mark.parametrize("decimals", [0, 3, 15])
def test_every_float16_is_rounded_to_decimals_as_the_format_says(decimals: int) -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    assert functional_key(halves, decimals=decimals) == reference_decimal_key([halves.tolist()], decimals)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("length", LENGTHS)
def test_rounding_long_narrow_arrays_follows_the_format(length: int, dtype: type) -> None:
    values = np.random.default_rng(length).normal(size=length).astype(dtype)
    assert functional_key(values, decimals=4) == reference_decimal_key([values.tolist()], 4)


# ---- what the key keeps of a value, without the format ----


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False), st.integers(1, 52))
def test_the_mantissa_is_truncated_toward_zero(value: float, bits: int) -> None:
    mantissa, exponent = math.frexp(value)
    kept = math.ldexp(math.trunc(math.ldexp(mantissa, bits + 1)), exponent - bits - 1)
    key = FunctionalHash(mantissa_bits=bits)
    assert key(np.array([value])) == key(np.array([kept]))
    if kept:
        unit = math.ldexp(1.0, exponent - 1 - bits)  # the last bit that is kept
        assert key(np.array([kept])) != key(np.array([kept + math.copysign(unit, kept)]))
        assert key(np.array([kept])) != key(np.array([-kept]))


def test_truncation_does_not_round() -> None:
    key = FunctionalHash(mantissa_bits=2)
    assert key(np.array([1.25])) == key(np.array([math.nextafter(1.5, 0.0)]))
    assert key(np.array([1.25])) != key(np.array([1.5]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_bits_given_keeps_half_of_the_mantissa(dtype: type) -> None:
    half = MANTISSA_BITS[np.dtype(dtype).itemsize] // 2
    one = np.ones(1, dtype)
    assert functional_key(one) == functional_key(one + dtype(2.0 ** -(half + 1)))
    assert functional_key(one) != functional_key(one + dtype(2.0**-half))


def test_decimals_round_half_to_even() -> None:
    key = FunctionalHash(decimals=0)
    assert key(np.array([0.5, 1.5, 2.5, -0.5])) == key(np.array([0.0, 2.0, 2.0, 0.0]))
    key = FunctionalHash(decimals=4)
    assert key(np.array([0.12344999])) == key(np.array([0.1234])) != key(np.array([0.12346]))


@pytest.mark.parametrize("options", [{}, {"mantissa_bits": 1}, {"mantissa_bits": 52}, {"decimals": 4}])
def test_special_values(options: dict) -> None:
    def key(*values: float) -> int:
        return functional_key(np.array(values), **options)

    payload = struct.unpack("<d", struct.pack("<Q", 0xFFF0000000000001))[0]
    tiny = 5e-324
    assert key(-0.0) == key(0.0)
    assert key(NAN) == key(-NAN) == key(payload)
    assert (key(-tiny) == key(0.0)) is (options.get("mantissa_bits") != 52)
    assert len({key(0.0), key(NAN), key(INF), key(-INF), key(1.0), key(1.7e308), key(-1.7e308)}) == 7


# ---- many arrays, masks, and the two ways to the same canonical form ----


@given(st.lists(st.lists(word_strategy(64), max_size=30), min_size=4, max_size=9), st.integers(1, 52))
def test_many_arrays_follow_the_format(arrays: list[list[int]], bits: int) -> None:
    assume(any(arrays))
    outputs = [floats(64, words) for words in arrays]
    expected = reference_key([(64, words) for words in arrays], bits)
    assert functional_key(outputs, mantissa_bits=bits) == functional_key(iter(outputs), mantissa_bits=bits) == expected
    equal = [outputs[0], outputs[0][::-1]] * 3
    if arrays[0]:
        expected = reference_key([(64, arrays[0]), (64, arrays[0][::-1])] * 3, bits)
        assert functional_key(equal, mantissa_bits=bits) == expected


def test_the_keys_are_the_same_before_numba_is_loaded() -> None:
    """In a process of its own: what is hashed there loads no numba, and has the keys that compiled code gives here."""
    program = """
import sys
import numpy as np
from ufh_cli.core.hashing import FunctionalHash
words = np.random.default_rng(5).integers(0, 2**64, 3000, "u8")
words[:40] &= np.uint64(1) << np.uint64(63)
words[40:80] |= np.uint64(0x7FF0) << np.uint64(48)
words[80:90] = np.uint64(0x7FF0) << np.uint64(48)
for options in ({}, {"mantissa_bits": 9}, {"decimals": 3}):
    for dtype in ("f2", "f4", "f8"):
        for size in (1, 20, 24, 25, 192, 193, 700, 3000):
            print(FunctionalHash(**options)(words.view(dtype)[:size]))
            print(FunctionalHash(**options)(words.view(dtype)[-size:]))
"""
    bare = subprocess.run([sys.executable, "-c", program + "assert 'numba' not in sys.modules"], **PIPES)
    compiled = subprocess.run([sys.executable, "-c", "import numba\n" + program], **PIPES)
    assert bare.stderr == compiled.stderr == ""
    assert bare.stdout == compiled.stdout
    assert len(set(bare.stdout.split())) > 80
