"""Damaged and foreign tables: each is refused in one clear line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import N, columns_of, flip_byte

from setups.nasbench.table import Table, write_table


def edit_manifest(path: Path, **changes: object) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | changes))


def assert_refused(path: Path, says: str, verify: bool = False) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Table.load(path, verify=verify)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("column", ["cells", "accuracy4", "time4", "accuracy108", "time108"])
def test_changed_sizes_are_noticed_at_once(table_path: Path, column: str) -> None:
    file = table_path / f"{column}.npy"
    content = file.read_bytes()
    for wrong in (content[:-1], content + b"\0", b""):
        file.write_bytes(wrong)
        assert_refused(table_path, rf"cannot map {column}.npy: it has {len(wrong)} bytes instead of {len(content)}")
    file.unlink()
    assert_refused(table_path, rf"cannot map {column}.npy: No such file")


@pytest.mark.parametrize("column", ["cells", "accuracy4", "time4", "accuracy108", "time108"])
def test_changed_data_are_noticed_by_verification(table_path: Path, column: str) -> None:
    flip_byte(table_path / f"{column}.npy", -1 if column != "cells" else -N * 4)
    if column != "cells":
        assert Table.load(table_path).source == "surrogate"
    assert_refused(table_path, f"wrong checksum of {column}.npy", verify=True)


def test_another_type_or_shape_is_noticed(table_path: Path) -> None:
    file = table_path / "time4.npy"
    for array in (np.zeros((N, 3, 2), ">f4"), np.zeros((N, 2, 3), np.float32), np.zeros((N, 3, 2), "i4")):
        np.save(file, array)
        assert_refused(table_path, "time4.npy has not the type and shape that its manifest says")
    np.save(file, np.asfortranarray(np.zeros((N, 3, 2), np.float32)))
    assert_refused(table_path, "time4.npy has not the type and shape")


def test_pickles_are_never_loaded(table_path: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    file = table_path / "time4.npy"
    np.save(file, np.array([Trap()] * 6, dtype=object), allow_pickle=True)
    for content in (file.read_bytes(), pickle.dumps(Trap())):
        file.write_bytes(content)
        manifest = json.loads((table_path / "manifest.json").read_text())
        manifest["columns"]["time4"]["bytes"] = len(content)
        (table_path / "manifest.json").write_text(json.dumps(manifest))
        assert_refused(table_path, r"cannot map time4.npy", verify=True)
    assert not (tmp_path / "sprung").exists()


def test_cells_out_of_order_are_noticed(table_path: Path) -> None:
    np.save(table_path / "cells.npy", Table.load(table_path).cells[::-1].copy())
    assert_refused(table_path, "cells.npy is not in ascending order")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "something else"}, "does not describe an accuracy table"),
        ({"version": 2}, "is a table of version 2; this program reads version 1"),
        ({"source": "measured"}, "does not say where the table is from"),
        ({"provenance": None}, "does not say where the table is from"),
        ({"cells": 0}, "how many cells"),
        ({"cells": "5"}, "how many cells"),
        ({"cells": N + 1}, "entry of column 'cells' does not fit a table of 6 cells"),
        ({"columns": {}}, "lacks the column cells"),
        ({"columns": []}, "how many cells and columns"),
    ],
)
def test_foreign_manifests_are_refused(table_path: Path, changes: dict, says: str) -> None:
    edit_manifest(table_path, **changes)
    assert_refused(table_path, says)


def test_columns_of_other_names_are_refused(table_path: Path) -> None:
    columns = json.loads((table_path / "manifest.json").read_text())["columns"]
    edit_manifest(table_path, columns=columns | {"../secret": columns["time4"]})
    assert_refused(table_path, r"entry of column '\.\./secret'")


def test_unreadable_manifests_are_refused(table_path: Path) -> None:
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"[]"):
        (table_path / "manifest.json").write_bytes(content)
        assert_refused(table_path, r"manifest\.json")
    shutil.rmtree(table_path)
    assert_refused(table_path, "holds no accuracy table")
    table_path.write_text("a file")
    assert_refused(table_path, "holds no accuracy table")


@pytest.fixture(scope="module")
def whole_table(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    path = tmp_path_factory.mktemp("damage") / "table"
    write_table(path, columns_of(), source="surrogate")
    return path, {file.name: file.read_bytes() for file in path.iterdir()}


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damage_gives_one_clear_line_or_does_no_harm(whole_table, data) -> None:
    """Random bytes in the manifest or in a column's header never raise anything but `ValueError`."""
    path, contents = whole_table
    name = data.draw(st.sampled_from(["manifest.json", "cells.npy", "accuracy4.npy"]))
    damaged = bytearray(contents[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 127 if name.endswith(".npy") else len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    for file, content in contents.items():
        (path / file).write_bytes(damaged if file == name else content)
    try:
        loaded = Table.load(path, verify=True)
    except ValueError as error:
        outcome = str(error)
    else:
        assert all(np.array_equal(loaded.columns[column], values) for column, values in columns_of().items())
        outcome = loaded.source
    assert "\n" not in outcome


def test_a_header_whose_keys_are_of_two_kinds_is_refused(table_path: Path) -> None:
    content = (table_path / "cells.npy").read_bytes()
    (table_path / "cells.npy").write_bytes(content.replace(b"'descr'", b"b'desc'", 1))
    assert_refused(table_path, r"cells\.npy")


@pytest.mark.parametrize("value", [np.nan, 1e30, -0.5])
def test_impossible_accuracies_are_refused(table_path: Path, value: float) -> None:
    column = np.load(table_path / "accuracy108.npy")
    column[1, 2, 0, 1] = value
    np.save(table_path / "accuracy108.npy", column)
    assert_refused(table_path, "'accuracy108' must lie between 0 and 1")


def test_pipes_are_not_waited_for(table_path: Path) -> None:
    for name in ("time4.npy", "manifest.json"):
        (table_path / name).unlink()
        os.mkfifo(table_path / name)
        assert_refused(table_path, "no regular file")
