"""The reader of the metrics in the official file, on protocol buffers written here by independent slow code."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_format import double, evaluation, message, model_metrics, varint

from setups.nasbench.official import decode_metrics

METRICS = model_metrics(4, [36.0, 0.25, 0.125, 0.5], [71.5, 0.75, 0.625, 1.0])


def test_metrics_of_the_second_and_third_evaluation_are_decoded() -> None:
    assert decode_metrics(METRICS) == [36.0, 0.25, 0.125, 0.5, 71.5, 0.75, 0.625, 1.0]


def test_order_of_fields_is_free_and_unknown_fields_are_skipped() -> None:
    unknown = varint(9 << 3) + varint(2**64 - 1) + double(10, 7.0) + message(300, b"\xff" * 200) + b"\x5d" + bytes(4)
    shuffled = unknown + double(5, 0.5) + double(4, 0.125) + unknown + double(3, 0.25) + double(2, 36.0)
    first, final = message(1, b""), message(1, evaluation(4.0, 71.5, 0.75, 0.625, 1.0))
    assert decode_metrics(unknown + first + message(1, shuffled) + unknown + final) == decode_metrics(METRICS)


def test_the_last_of_a_repeated_scalar_counts() -> None:
    half = double(3, 0.9) + evaluation(2.0, 36.0, 0.25, 0.125, 0.5)
    final = evaluation(4.0, 71.5, 0.75, 0.625, 1.0)
    assert decode_metrics(b"".join(message(1, e) for e in (b"", half, final))) == decode_metrics(METRICS)


def test_every_truncated_message_is_refused_or_lacks_only_what_is_not_read() -> None:
    needed = METRICS.index(varint(2 << 3) + varint(8555530))
    for size in range(len(METRICS)):
        if size >= needed:
            continue
        with pytest.raises(ValueError, match=r"protocol buffer|evaluations in the metrics"):
            decode_metrics(METRICS[:size])


@pytest.mark.parametrize(
    ("half", "says"),
    [
        ([36.0, 0.25, float("nan"), 0.5], "half-way validation accuracy is nan"),
        ([36.0, 1.0000001, 0.25, 0.5], "half-way train accuracy is 1.0000001"),
        ([36.0, 0.25, 0.5, -0.1], "half-way test accuracy is -0.1"),
        ([-1.0, 0.25, 0.5, 0.5], "half-way training time is -1.0"),
        ([float("inf"), 0.25, 0.5, 0.5], "half-way training time is inf"),
    ],
)
def test_impossible_metrics_are_refused(half: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode_metrics(model_metrics(4, half, [71.5, 0.75, 0.625, 1.0]))


def test_missing_metrics_are_named() -> None:
    complete = message(1, evaluation(4.0, 71.5, 0.75, 0.625, 1.0))
    without_validation = message(1, double(2, 71.5) + double(3, 0.75) + double(5, 1.0))
    with pytest.raises(ValueError, match="the final validation accuracy is missing"):
        decode_metrics(complete * 2 + without_validation)
    with pytest.raises(ValueError, match="only 2 of 3 evaluations"):
        decode_metrics(complete * 2)


@pytest.mark.parametrize(
    "impossible",
    [
        pytest.param(b"\x0b\x0c", id="a group, which no message here has"),
        pytest.param(b"\x02\x00", id="field number 0"),
        pytest.param(b"\x80" * 10 + b"\x01", id="a number of more than ten bytes"),
        pytest.param(b"\x0a\x05abcd", id="text that ends too early"),
        pytest.param(b"\x11abcdefg", id="a double that ends too early"),
        pytest.param(b"\x15abc", id="four bytes that end too early"),
    ],
)
def test_what_no_message_can_hold_is_refused(impossible: bytes) -> None:
    for message_with_it in (impossible + METRICS, METRICS + impossible):
        with pytest.raises(ValueError, match="protocol buffer"):
            decode_metrics(message_with_it)


@settings(max_examples=500)
@given(st.binary(max_size=120))
def test_random_bytes_are_no_metrics(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"protocol buffer|evaluations in the metrics"):
        decode_metrics(data)


@settings(max_examples=300)
@given(st.integers(0, len(METRICS) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_possible_metrics_or_a_refusal(at: int, byte: int) -> None:
    metrics = [0.0] * 8
    with suppress(ValueError):
        metrics = decode_metrics(METRICS[:at] + bytes([byte]) + METRICS[at + 1 :])
    assert len(metrics) == 8
    assert all(0 <= accuracy <= 1 for accuracy in metrics[1:4] + metrics[5:])
