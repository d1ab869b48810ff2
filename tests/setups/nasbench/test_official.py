"""The reader of the official file, on small files written here in the exact format, by independent slow code."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from setups.nasbench.official import SHA256, convert, decode_metrics
from setups.nasbench.space import canonical_cell, from_matrix_ops
from setups.nasbench.tfrecord import check_records, read_records

REFERENCE = Path(os.environ.get("UFH_REFERENCE", Path(__file__).parents[4] / "shared"))

C3, C1, MP = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
MODULES = [
    ("0100", "input,output"),
    ("011001000", f"input,{MP},output"),
    ("0100000100010000", f"input,{C3},{C1},output"),  # the second operation is on no path
    # The example of the benchmark's README: an Inception-like cell of 7 vertices and 9 edges.
    (
        "0111010000000100000010000100000000100000010000000",
        f"input,{C1},{C3},{C3},{C3},{MP},output",
    ),
]


# ---- an independent writer of the format ----


def slow_crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial division is defined."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = slow_crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def tfrecord(records: list[bytes]) -> bytes:
    lengths = [struct.pack("<Q", len(record)) for record in records]
    return b"".join(n + masked(n) + data + masked(data) for n, data in zip(lengths, records, strict=True))


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def message(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def evaluation(epoch: float, time: float, train: float, validation: float, test: float) -> bytes:
    fields = [double(i, value) for i, value in enumerate((epoch, time, train, validation, test), start=1)]
    return b"".join(fields) + message(6, b"/checkpoints/model.ckpt-1234")


def model_metrics(epochs: int, half: list[float], final: list[float]) -> bytes:
    evaluations = [evaluation(0.0, 0.0, 0.1, 0.1, 0.1), evaluation(epochs / 2, *half), evaluation(epochs, *final)]
    return b"".join(message(1, e) for e in evaluations) + varint(2 << 3) + varint(8555530) + double(3, 2500.25)


def row(module: tuple[str, str], epochs: object, metrics: bytes) -> bytes:
    module_hash = hashlib.md5("".join(module).encode()).hexdigest()
    return json.dumps([module_hash, epochs, *module, base64.b64encode(metrics).decode()]).encode()


def cell_of(module: tuple[str, str]) -> int:
    adjacency, operations = module
    n = len(operations.split(","))
    matrix = [[int(digit) for digit in adjacency[n * i : n * i + n]] for i in range(n)]
    return canonical_cell(from_matrix_ops(matrix, operations.split(",")))


def numbers_of(module: int, epochs: int, run: int) -> np.ndarray:
    """(half-way, final) x (time, train, validation, test): different for each training, exact in float32."""
    rng = np.random.default_rng([module, epochs, run])
    values = rng.random((2, 4)).astype(np.float32)
    values[:, 0] *= np.float32(20 * epochs)
    return values.astype(np.float64)


def training(module: int, epochs: int, run: int) -> bytes:
    half, final = numbers_of(module, epochs, run).tolist()
    return row(MODULES[module], epochs, model_metrics(epochs, half, final))


def all_trainings(budgets: tuple[int, ...] = (4, 12, 36, 108)) -> list[bytes]:
    return [training(m, b, r) for m in range(len(MODULES)) for b in budgets for r in range(3)]


CELLS = np.array(sorted(cell_of(module) for module in MODULES), np.uint32)
ROWS = [int(np.searchsorted(CELLS, cell_of(module))) for module in MODULES]


@pytest.fixture
def write(tmp_path: Path):
    def write(records: list[bytes] | bytes, name: str = "nasbench_full.tfrecord") -> Path:
        path = tmp_path / name
        path.write_bytes(records if isinstance(records, bytes) else tfrecord(records))
        return path

    return write


def refusal(source: Path, cells: np.ndarray = CELLS) -> str:
    """The one line with which converting `source` is refused; nothing is left behind."""
    destination = source.parent / "table"
    with pytest.raises(ValueError, match=r".") as caught:
        convert(source, destination, expected_cells=cells)
    assert os.listdir(source.parent) == [source.name]
    line = str(caught.value)
    assert "\n" not in line
    assert source.name in line
    return line


# ---- TFRecord ----


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_writer_of_these_tests_uses_the_crc_of_rfc_3720(data: bytes, crc: int) -> None:
    assert slow_crc32c(data) == crc


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=12), st.integers(1, 200))
@example([b"", b"", b""], 1)
def test_records_are_read_back_whatever_the_block_size(tmp_path_factory, records, block_bytes) -> None:
    path = tmp_path_factory.mktemp("records") / "file"
    path.write_bytes(tfrecord(records))
    seen: list[tuple[int, int]] = []
    digest = hashlib.sha256()
    read = read_records(path, progress=lambda *at: seen.append(at), digest=digest, block_bytes=block_bytes)
    assert list(read) == records
    assert digest.digest() == hashlib.sha256(path.read_bytes()).digest()
    assert seen == sorted(seen)
    assert seen[-1] == (path.stat().st_size,) * 2
    assert check_records(path) == len(records)


def test_long_records_are_read_through_a_small_block(tmp_path: Path) -> None:
    records = [bytes([i]) * size for i, size in enumerate((3000, 1, 9000))]
    (tmp_path / "file").write_bytes(tfrecord(records))
    assert list(read_records(tmp_path / "file", block_bytes=64)) == records


def test_a_record_longer_than_allowed_is_refused_before_memory_is_taken_for_it(write) -> None:
    length = struct.pack("<Q", 1 << 62)
    path = write(tfrecord([b"first"]) + length + masked(length))
    with pytest.raises(ValueError, match=r"record 1, which starts at byte 21, claims 4611686018427387904 bytes"):
        check_records(path)


def test_every_truncation_is_noticed(write) -> None:
    records = [b"first", b"", b"the third record"]
    whole = tfrecord(records)
    ends = {len(tfrecord(records[:n])): n for n in range(1, 4)}
    for size in range(1, len(whole)):
        path = write(whole[:size])
        if size in ends:
            assert check_records(path) == ends[size]
            continue
        with pytest.raises(ValueError, match="truncated") as caught:
            check_records(path)
        complete = [end for end in ends if end < size]
        assert f"{size - max(complete, default=0)} bytes into record {len(complete)}" in str(caught.value)
        assert f"starts at byte {max(complete, default=0)}" in str(caught.value)


def test_every_flipped_bit_is_noticed(write) -> None:
    records = [b"first", b"the second"]
    whole = tfrecord(records)
    second = len(tfrecord(records[:1]))
    for at in range(len(whole)):
        for bit in range(8):
            path = write(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            where = "record 1, which starts at byte 21" if at >= second else "record 0, which starts|byte 0"
            with pytest.raises(ValueError, match=where):
                check_records(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no TFRecord file but empty"),
        (gzip.compress(tfrecord([b"data"])), "compressed by gzip"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"\n  <?xml version='1.0'?><Error/>", "a web page or XML"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"<p>", "a web page"),
        (b'{"module": "of another format"}', r"byte 0\)"),
    ],
)
def test_foreign_files_are_called_by_their_name(write, content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_records(write(content))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*missing: No such file"):
        check_records(tmp_path / "missing")
    with pytest.raises(ValueError, match="Is a directory"):
        check_records(tmp_path)


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=200))
def test_random_bytes_are_refused(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"TFRecord|truncated"):
        check_records(path)


# ---- protocol buffer ----

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


# ---- conversion ----


def expected_column(kind: str, budget: int) -> np.ndarray:
    shape = (len(CELLS), 3, 2, 3) if kind == "accuracy" else (len(CELLS), 3, 2)
    column = np.full(shape, np.nan)
    for module, table_row in enumerate(ROWS):
        for run in range(3):
            numbers = numbers_of(module, budget, run)
            column[table_row, run] = numbers[:, 1:] if kind == "accuracy" else numbers[:, 0]
    return column


def test_every_number_arrives_at_its_place(write, tmp_path: Path) -> None:
    source = write(all_trainings())
    seen: list[tuple[int, int]] = []
    table = convert(source, tmp_path / "table", lambda *at: seen.append(at), expected_cells=CELLS)
    assert table.source == "official"
    assert table.cells.tolist() == CELLS.tolist()
    assert sorted(table.columns) == sorted(
        ["cells", *(k + b for k in ("accuracy", "time") for b in ["4", "12", "36", "108"])]
    )
    for budget in (4, 12, 36, 108):
        for kind in ("accuracy", "time"):
            column = table.columns[f"{kind}{budget}"]
            assert column.dtype == np.float32
            assert np.array_equal(column, expected_column(kind, budget))
    assert seen[-1] == (source.stat().st_size,) * 2
    assert table.provenance["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert table.provenance["is_published_file"] is False
    assert len(bytes.fromhex(SHA256)) == 32


@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_runs_are_numbered_in_the_order_of_the_file(tmp_path_factory, random) -> None:
    folder = tmp_path_factory.mktemp("order")
    trainings = [(m, b, r) for m in range(2) for b in (4, 108) for r in range(3)]
    random.shuffle(trainings)
    (folder / "file").write_bytes(tfrecord([training(*t) for t in trainings]))
    cells = np.sort(CELLS[ROWS[:2]])
    table = convert(folder / "file", folder / "table", expected_cells=cells)
    for m in range(2):
        for budget in (4, 108):
            in_file_order = [numbers_of(*t)[:, 1:] for t in trainings if t[:2] == (m, budget)]
            found = table.columns[f"accuracy{budget}"][np.searchsorted(cells, cell_of(MODULES[m]))]
            assert np.array_equal(found, in_file_order)


def test_isomorphic_modules_are_one_cell(write, tmp_path: Path) -> None:
    """A parallel pair of operations in two orders; the second has a vertex on no path besides."""
    one = ("0110000100010000", f"input,{C3},{MP},output")
    other = ("0110000001000010000100000", f"input,{MP},{C3},{C1},output")
    metrics = [model_metrics(4, [1.0, 0.1, 0.2, 0.3], [2.0, 0.4, 0.5, run / 4]) for run in range(3)]
    records = [
        row(module, budget, m) for budget in (4, 108) for module, m in zip((one, other, one), metrics, strict=True)
    ]
    table = convert(write(records), tmp_path / "table", expected_cells=np.array([cell_of(one)], np.uint32))
    assert table.accuracy108[0, :, 1, 2].tolist() == [0, 0.25, 0.5]


def test_numbers_that_float32_would_change_are_kept_in_float64(write, tmp_path: Path) -> None:
    cells = CELLS[[ROWS[0]]]
    records = [training(0, budget, run) for budget in (4, 108) for run in range(3)]
    records[1] = row(MODULES[0], 4, model_metrics(4, [36.0, 0.25, 0.125, 0.5], [71.5, 0.1540665090084076, 0.625, 1.0]))
    table = convert(write(records), tmp_path / "table", expected_cells=cells)
    assert table.accuracy4.dtype == np.float64
    assert table.accuracy4[0, 1, 1, 0] == 0.1540665090084076
    assert np.array_equal(table.accuracy4[0, 0], numbers_of(0, 4, 0)[:, 1:])
    assert table.time4.dtype == table.accuracy108.dtype == np.float32


def test_real_trainings_are_read_back_exactly(write, tmp_path: Path) -> None:
    """4-epoch accuracies of the benchmark that the authors of the hash keep beside their code."""
    path = REFERENCE / "vectors" / "nasbench" / "official_hashes.json"
    if not path.exists():
        pytest.skip("the reference data are not there")
    order = [
        "final_train_accuracy",
        "halfway_train_accuracy",
        "final_validation_accuracy",
        "halfway_validation_accuracy",
    ]
    vectors = json.loads(path.read_text())
    assert vectors["order"] == order
    # Accuracies are k / 9984 in float32; the fixture also has invented ones, which are not.
    fixture = [entry["accuracies"] for entry in vectors["repo_fixture"]]
    real = [a for a in fixture if all(float(np.float32(x)) == x and abs(9984 * x - round(9984 * x)) < 0.01 for x in a)]
    assert real
    runs = (real * 3)[:3]
    records = [
        row(MODULES[0], budget, model_metrics(budget, [36.0, a[1], a[3], 0.5], [71.5, a[0], a[2], 0.5]))
        for budget in (4, 108)
        for a in runs
    ]
    table = convert(write(records), tmp_path / "table", expected_cells=CELLS[[ROWS[0]]])
    assert table.accuracy4.dtype == np.float32
    for run, (final_train, half_train, final_validation, half_validation) in enumerate(runs):
        found = table.accuracy4[0, run, :, :2].astype(np.float64).tolist()
        assert found == [[half_train, half_validation], [final_train, final_validation]]


def test_a_file_without_the_middle_budgets_is_enough(write, tmp_path: Path) -> None:
    table = convert(write(all_trainings((4, 108))), tmp_path / "table", expected_cells=CELLS)
    assert sorted(table.columns) == ["accuracy108", "accuracy4", "cells", "time108", "time4"]


def test_the_file_of_108_epochs_only_is_refused_with_the_one_that_is_needed(write) -> None:
    source = write(all_trainings((108,)), "nasbench_only108.tfrecord")
    assert "108 epochs only; the hash needs those of 4 epochs, which are in nasbench_full.tfrecord" in refusal(source)


@pytest.mark.parametrize("budget", [4, 12, 108])
def test_missing_trainings_are_counted(write, budget: int) -> None:
    gone = {training(0, budget, 2), *(training(3, budget, run) for run in range(3))}
    line = refusal(write([record for record in all_trainings() if record not in gone]))
    assert f"2 of {len(CELLS)} cells have fewer than 3 trainings of {budget} epochs" in line
    assert f"the first is cell {CELLS[0]} with 2" in line


def test_missing_cells_are_counted(write) -> None:
    more = np.unique(np.append(CELLS, np.uint32(cell_of(("011001000", f"input,{C1},output")))))
    assert f"1 of {len(CELLS) + 1} cells" in refusal(write(all_trainings()), more)


def test_a_fourth_training_is_refused(write) -> None:
    records = all_trainings()
    assert f"record {len(records)}: run 4 of 36 epochs of the same module" in refusal(
        write([*records, training(1, 36, 0)])
    )


GOOD = model_metrics(4, [36.0, 0.25, 0.125, 0.5], [71.5, 0.75, 0.625, 1.0])


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (b"", "not a row in JSON"),
        (b"[1, 2", "not a row in JSON"),
        (b"\xff\xfe\xfa", "not a row in JSON"),
        (b"[" * 100_000, "not a row in JSON"),
        (b"{}", "not an array of"),
        (b'["hash", 4, "0100", "input,output"]', "not an array of"),
        (b'["hash", "4", "0100", "input,output", ""]', "not an array of"),
        (b'["hash", true, "0100", "input,output", ""]', "not an array of"),
        (row(MODULES[0], 5, GOOD), "5 epochs, where the benchmark has 4, 12, 36, 108"),
        (b'["hash", 4, "0100", "input,output", "AAA"]', "not in base64"),
        (b'["hash", 4, "0100", "input,output", "\\u00e9"]', "not in base64"),
        (row(MODULES[0], 4, GOOD).replace(b'"]', b'*"]'), "not in base64"),
        (b'["hash", 4, "0100", "input,output", "CgA="]', "only 1 of 3 evaluations in the metrics"),
        (row(MODULES[0], 4, GOOD[:40]), "protocol buffer"),
        (row(("010", "input,output"), 4, GOOD), "'010' is not a matrix of 0 and 1 for 2 operations"),
        (row(("0200", "input,output"), 4, GOOD), "'0200' is not a matrix of 0 and 1"),
        (row(("0١00", "input,output"), 4, GOOD), "is not a matrix of 0 and 1"),
        (row(("", ""), 4, GOOD), "is not a matrix of 0 and 1 for 1 operations"),
        (row(("0" * 4096, "x" + ",x" * 63), 4, GOOD), "2 to 7 rows"),
        (row(("0110", "input,output"), 4, GOOD), "upper triangular"),
        (row(("011001000", "input,conv5x5-bn-relu,output"), 4, GOOD), "conv5x5-bn-relu"),
        (row(("0000", "input,output"), 4, GOOD), "not in the search space"),
        (row(("0" + "1" * 6 + "00" + "1" * 5 + "0" * 35, MODULES[3][1]), 4, GOOD), "not in the search space"),
        (row(("011001000", f"input,{C1},output"), 4, GOOD), "not in the search space"),
    ],
)
def test_malformed_rows_are_refused_by_their_number(write, record: bytes, says: str) -> None:
    line = refusal(write([training(0, 4, 0), record]))
    assert "record 1: " in line
    assert says in line
    assert len(line) < 500


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_row_is_refused_or_read_as_another_training(tmp_path_factory, data) -> None:
    """Whatever a row holds, nothing but `ValueError` comes out, and a table holds possible numbers only."""
    folder = tmp_path_factory.mktemp("row")
    cells = CELLS[[ROWS[0]]]
    records = [training(0, budget, run) for budget in (4, 108) for run in range(3)]
    damaged = bytearray(records[0])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (folder / "file").write_bytes(tfrecord([bytes(damaged), *records[1:]]))
    try:
        table = convert(folder / "file", folder / "table", expected_cells=cells)
    except ValueError as error:
        line = str(error)
    else:
        line = table.source
        assert np.all((table.accuracy4 >= 0) & (table.accuracy4 <= 1))
        assert np.array_equal(table.accuracy108, expected_column("accuracy", 108)[ROWS[0]][None])
    assert "\n" not in line


def test_a_damaged_file_leaves_no_table(write) -> None:
    whole = tfrecord(all_trainings())
    assert "truncated" in refusal(write(whole[:-5]))
    assert "wrong checksum" in refusal(write(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]))


def test_line_breaks_in_base64_are_read(write, tmp_path: Path) -> None:
    """Python's older base64 writer breaks lines after 76 characters."""
    records = all_trainings((4, 108))
    broken = []
    for record in records:
        *head, metrics = json.loads(record)
        broken.append(json.dumps([*head, base64.encodebytes(base64.b64decode(metrics)).decode()]).encode())
    assert broken != records
    plain = convert(write(records), tmp_path / "plain", expected_cells=CELLS)
    assert convert(write(broken), tmp_path / "broken", expected_cells=CELLS).fingerprint == plain.fingerprint


def test_the_whole_space_is_expected_unless_said_otherwise(write, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"423620 of 423624 cells have fewer than 3 trainings of 4 epochs"):
        convert(write(all_trainings()), tmp_path / "table")
