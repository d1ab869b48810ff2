"""The conversion of the official file, on small files written here in the exact format, by independent slow code."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from official_format import model_metrics, row, tfrecord

from setups.nasbench.enumeration import canonical_cell
from setups.nasbench.official import SHA256, convert
from setups.nasbench.text import from_matrix_ops

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


def expected_column(kind: str, budget: int) -> np.ndarray:
    shape = (len(CELLS), 3, 2, 3) if kind == "accuracy" else (len(CELLS), 3, 2)
    column = np.full(shape, np.nan)
    for module, table_row in enumerate(ROWS):
        for run in range(3):
            numbers = numbers_of(module, budget, run)
            column[table_row, run] = numbers[:, 1:] if kind == "accuracy" else numbers[:, 0]
    return column


def test_every_number_arrives_at_its_place(write_records, tmp_path: Path) -> None:
    source = write_records(all_trainings())
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


def test_isomorphic_modules_are_one_cell(write_records, tmp_path: Path) -> None:
    """A parallel pair of operations in two orders; the second has a vertex on no path besides."""
    one = ("0110000100010000", f"input,{C3},{MP},output")
    other = ("0110000001000010000100000", f"input,{MP},{C3},{C1},output")
    metrics = [model_metrics(4, [1.0, 0.1, 0.2, 0.3], [2.0, 0.4, 0.5, run / 4]) for run in range(3)]
    records = [
        row(module, budget, m) for budget in (4, 108) for module, m in zip((one, other, one), metrics, strict=True)
    ]
    table = convert(write_records(records), tmp_path / "table", expected_cells=np.array([cell_of(one)], np.uint32))
    assert table.accuracy108[0, :, 1, 2].tolist() == [0, 0.25, 0.5]


def test_numbers_that_float32_would_change_are_kept_in_float64(write_records, tmp_path: Path) -> None:
    cells = CELLS[[ROWS[0]]]
    records = [training(0, budget, run) for budget in (4, 108) for run in range(3)]
    records[1] = row(MODULES[0], 4, model_metrics(4, [36.0, 0.25, 0.125, 0.5], [71.5, 0.1540665090084076, 0.625, 1.0]))
    table = convert(write_records(records), tmp_path / "table", expected_cells=cells)
    assert table.accuracy4.dtype == np.float64
    assert table.accuracy4[0, 1, 1, 0] == 0.1540665090084076
    assert np.array_equal(table.accuracy4[0, 0], numbers_of(0, 4, 0)[:, 1:])
    assert table.time4.dtype == table.accuracy108.dtype == np.float32


def test_real_trainings_are_read_back_exactly(write_records, tmp_path: Path, reference: Path) -> None:
    """4-epoch accuracies of the benchmark that the authors of the hash keep beside their code."""
    path = reference / "vectors" / "nasbench" / "official_hashes.json"
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
    table = convert(write_records(records), tmp_path / "table", expected_cells=CELLS[[ROWS[0]]])
    assert table.accuracy4.dtype == np.float32
    for run, (final_train, half_train, final_validation, half_validation) in enumerate(runs):
        found = table.accuracy4[0, run, :, :2].astype(np.float64).tolist()
        assert found == [[half_train, half_validation], [final_train, final_validation]]


def test_a_file_without_the_middle_budgets_is_enough(write_records, tmp_path: Path) -> None:
    table = convert(write_records(all_trainings((4, 108))), tmp_path / "table", expected_cells=CELLS)
    assert sorted(table.columns) == ["accuracy108", "accuracy4", "cells", "time108", "time4"]


def test_the_file_of_108_epochs_only_is_refused_with_the_one_that_is_needed(write_records) -> None:
    source = write_records(all_trainings((108,)), "nasbench_only108.tfrecord")
    assert "108 epochs only; the hash needs those of 4 epochs, which are in nasbench_full.tfrecord" in refusal(source)


@pytest.mark.parametrize("budget", [4, 12, 108])
def test_missing_trainings_are_counted(write_records, budget: int) -> None:
    gone = {training(0, budget, 2), *(training(3, budget, run) for run in range(3))}
    line = refusal(write_records([record for record in all_trainings() if record not in gone]))
    assert f"2 of {len(CELLS)} cells have fewer than 3 trainings of {budget} epochs" in line
    assert f"the first is cell {CELLS[0]} with 2" in line


def test_missing_cells_are_counted(write_records) -> None:
    more = np.unique(np.append(CELLS, np.uint32(cell_of(("011001000", f"input,{C1},output")))))
    assert f"1 of {len(CELLS) + 1} cells" in refusal(write_records(all_trainings()), more)


def test_a_fourth_training_is_refused(write_records) -> None:
    records = all_trainings()
    assert f"record {len(records)}: run 4 of 36 epochs of the same module" in refusal(
        write_records([*records, training(1, 36, 0)])
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
def test_malformed_rows_are_refused_by_their_number(write_records, record: bytes, says: str) -> None:
    line = refusal(write_records([training(0, 4, 0), record]))
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


def test_a_damaged_file_leaves_no_table(write_records) -> None:
    whole = tfrecord(all_trainings())
    assert "truncated" in refusal(write_records(whole[:-5]))
    assert "wrong checksum" in refusal(write_records(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]))


def test_line_breaks_in_base64_are_read(write_records, tmp_path: Path) -> None:
    """Python's older base64 writer breaks lines after 76 characters."""
    records = all_trainings((4, 108))
    broken = []
    for record in records:
        *head, metrics = json.loads(record)
        broken.append(json.dumps([*head, base64.encodebytes(base64.b64decode(metrics)).decode()]).encode())
    assert broken != records
    plain = convert(write_records(records), tmp_path / "plain", expected_cells=CELLS)
    assert convert(write_records(broken), tmp_path / "broken", expected_cells=CELLS).fingerprint == plain.fingerprint


def test_the_whole_space_is_expected_unless_said_otherwise(write_records, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"423620 of 423624 cells have fewer than 3 trainings of 4 epochs"):
        convert(write_records(all_trainings()), tmp_path / "table")
