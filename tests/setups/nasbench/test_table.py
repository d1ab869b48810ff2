"""The table's format: what is written is read back, whatever interrupts or stands in the way."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from small_tables import N, columns_of, flip_byte

from setups.nasbench.table import Table, write_table

# ---- writing and reading ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("budgets", [(4, 108), (4, 12, 36, 108)])
def test_a_table_is_read_back_bit_for_bit(tmp_path: Path, dtype: type, budgets: tuple[int, ...]) -> None:
    columns = columns_of(dtype=dtype, budgets=budgets)
    write_table(tmp_path / "a" / "b", columns, source="official", provenance={"file": "f", "bytes": 7})
    table = Table.load(str(tmp_path / "a" / "b"), verify=True)
    assert sorted(table.columns) == sorted(columns)
    for name, column in columns.items():
        assert table.columns[name].dtype == column.dtype
        assert np.array_equal(table.columns[name], column)
    for name in ("cells", "accuracy4", "time4", "accuracy108", "time108"):
        assert getattr(table, name) is table.columns[name]
    assert (table.source, table.provenance) == ("official", {"file": "f", "bytes": 7})


def test_columns_are_mapped_and_cannot_be_changed(table_path: Path) -> None:
    table = Table.load(table_path)
    for column in table.columns.values():
        assert isinstance(column.base, np.memmap)
        assert not column.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        table.accuracy4[0] = 0


def test_the_memory_layout_of_the_input_does_not_matter(tmp_path: Path) -> None:
    columns = columns_of()
    other = {name: np.asfortranarray(column) for name, column in columns.items()}
    a = write_table(tmp_path / "a", columns, source="surrogate")
    b = write_table(tmp_path / "b", other, source="surrogate")
    assert a.fingerprint == b.fingerprint
    assert np.array_equal(b.accuracy108, columns["accuracy108"])


def test_fingerprints_tell_tables_apart(tmp_path: Path) -> None:
    def fingerprint(name: str, source: str = "surrogate", provenance: dict | None = None, **changes) -> str:
        columns = columns_of() | changes
        table = write_table(tmp_path / name, columns, source=source, provenance=provenance)
        assert Table.load(tmp_path / name).fingerprint == table.fingerprint
        return table.fingerprint

    changed = columns_of()["time108"].copy()
    changed[-1, 2, 1] = np.nextafter(changed[-1, 2, 1], np.float32(0))
    reference = fingerprint("a")
    others = [
        fingerprint("b", source="official"),
        fingerprint("c", time108=changed),
        fingerprint("d", time108=columns_of()["time108"].astype(np.float64)),
        fingerprint("e", **{name: c for name, c in columns_of(1, budgets=(12,)).items() if name != "cells"}),
    ]
    assert len({reference, *others}) == 5
    assert reference.startswith("surrogate-")
    assert others[0].startswith("official-")
    assert fingerprint("f", provenance={"made_by": "somebody else"}) == reference


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"accuracy4": None}, "needs the column 'accuracy4'"),
        ({"accuracy5": np.zeros((N, 3, 2, 3))}, "has no column 'accuracy5'"),
        ({"time4": np.zeros((N, 3, 3))}, r"'time4' must have shape \(5, 3, 2\), not \(5, 3, 3\)"),
        ({"time4": np.zeros((N, 3, 2), np.float16)}, "must be float32 or float64, not float16"),
        ({"accuracy108": np.full((N, 3, 2, 3), 1.5)}, "'accuracy108' must lie between 0 and 1"),
        ({"accuracy108": np.full((N, 3, 2, 3), np.nan)}, "'accuracy108' must lie between 0 and 1"),
        ({"time108": np.full((N, 3, 2), -1.0)}, "'time108' must lie between 0 and"),
        ({"time108": np.full((N, 3, 2), np.inf)}, "'time108' must lie between 0 and"),
        ({"cells": np.array([1, 2, 3, 5, 4], np.uint32)}, "'cells' must be"),
        ({"cells": np.array([1, 2, 3, 4, 4], np.uint32)}, "'cells' must be"),
        ({"cells": np.arange(N)}, "'cells' must be"),
    ],
)
def test_columns_that_are_no_table_are_refused(tmp_path: Path, changes: dict, says: str) -> None:
    columns = {name: column for name, column in (columns_of() | changes).items() if column is not None}
    with pytest.raises(ValueError, match=says):
        write_table(tmp_path / "table", columns, source="official")
    assert os.listdir(tmp_path) == []


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="official, surrogate, not 'measured'"):
        write_table(tmp_path / "table", columns_of(), source="measured")


# ---- replacing, interruption, several writers ----


def test_another_table_is_replaced_and_stays_readable_where_it_is_open(table_path: Path) -> None:
    old = Table.load(table_path)
    before = old.accuracy4.copy()
    new = write_table(table_path, columns_of(1), source="surrogate")
    assert new.fingerprint != old.fingerprint
    assert np.array_equal(Table.load(table_path, verify=True).accuracy4, columns_of(1)["accuracy4"])
    assert np.array_equal(old.accuracy4, before)
    assert os.listdir(table_path.parent) == [table_path.name]


def test_a_damaged_table_is_replaced(table_path: Path) -> None:
    (table_path / "time4.npy").write_bytes(b"torn")
    (table_path / "manifest.json").unlink()
    write_table(table_path, columns_of(), source="surrogate")
    assert np.array_equal(Table.load(table_path, verify=True).time4, columns_of()["time4"])


def test_silent_damage_is_repaired_by_writing_the_same_table(table_path: Path) -> None:
    flip_byte(table_path / "time4.npy", -1)
    write_table(table_path, columns_of(), source="surrogate")
    assert np.array_equal(Table.load(table_path, verify=True).time4, columns_of()["time4"])


def test_what_is_no_table_is_never_replaced(tmp_path: Path) -> None:
    folder, file, link = tmp_path / "folder", tmp_path / "file", tmp_path / "link"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    file.write_text("precious")
    link.symlink_to(folder)
    for place in (folder, link):
        with pytest.raises(ValueError, match=r"folder exists and is no accuracy table"):
            write_table(place, columns_of(), source="surrogate")
    for place in (file, file / "table"):
        with pytest.raises(ValueError, match=r"cannot write a table to .*: Not a directory"):
            write_table(place, columns_of(), source="surrogate")
    assert (folder / "thesis.tex").read_text() == file.read_text() == "precious"


def test_the_table_that_a_link_points_to_is_replaced(table_path: Path) -> None:
    link = table_path.with_name("link")
    link.symlink_to(table_path)
    written = write_table(link, columns_of(1), source="surrogate")
    assert link.is_symlink()
    assert Table.load(table_path).fingerprint == Table.load(link).fingerprint == written.fingerprint


@pytest.mark.parametrize("calls", range(7))
def test_a_failure_while_writing_leaves_the_old_table_or_nothing(table_path: Path, monkeypatch, calls: int) -> None:
    left = [calls]

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    for place in (table_path, table_path.with_name("new")):
        left[0] = calls
        with pytest.raises(ValueError, match=r"cannot write a table to .*: No space left on device"):
            write_table(place, columns_of(1), source="official")
    assert os.listdir(table_path.parent) == [table_path.name]
    assert np.array_equal(Table.load(table_path, verify=True).accuracy4, columns_of()["accuracy4"])


@pytest.mark.parametrize("kinds", [1, 3])
def test_writers_at_the_same_time_leave_one_whole_table(tmp_path: Path, kinds: int) -> None:
    writers = 6
    barrier = Barrier(writers)

    def write(i: int) -> tuple[str, str]:
        columns = columns_of(i % kinds, n=2000)
        barrier.wait()
        table = write_table(tmp_path / "table", columns, source="surrogate")
        assert np.array_equal(table.accuracy4, columns["accuracy4"])
        assert table.path == tmp_path / "table"
        return table.fingerprint, write_table(tmp_path / f"own{i}", columns, source="surrogate").fingerprint

    with ThreadPoolExecutor(writers) as pool:
        fingerprints = list(pool.map(write, range(writers)))
    last = Table.load(tmp_path / "table", verify=True)
    assert last.fingerprint in {own for _, own in fingerprints}
    assert sorted(os.listdir(tmp_path)) == [*(f"own{i}" for i in range(writers)), "table"]
    if kinds == 1:
        assert {fingerprint for pair in fingerprints for fingerprint in pair} == {last.fingerprint}
