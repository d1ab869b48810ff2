"""Where tables are kept, and the surrogate's first use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_tables import columns_of
from ufh_command import later

from setups.nasbench import NasBench
from setups.nasbench.store import official_path, open_table, surrogate_path
from setups.nasbench.table import Table, write_table


def test_the_official_table_is_opened_or_the_commands_that_make_it_are_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"`ufh data fetch nasbench`, then `ufh data convert nasbench`") as caught:
        open_table("official")
    assert str(tmp_path) in str(caught.value)
    written = write_table(official_path(), columns_of(), source="official")
    assert open_table("official").fingerprint == written.fingerprint


def test_a_table_is_opened_by_its_path(table_path: Path) -> None:
    assert (
        open_table(table_path).fingerprint
        == open_table(str(table_path)).fingerprint
        == Table.load(table_path).fingerprint
    )
    with pytest.raises(ValueError, match="did you mean 'official'"):
        open_table("offical")
    with pytest.raises(ValueError, match=r"no table and no directory .*missing'; known are official, surrogate$"):
        open_table(table_path / "missing")
    with pytest.raises(ValueError, match="no directory 'xxx"):
        open_table("x" * 5000)


OPEN = "from setups.nasbench.store import open_table; print(open_table('surrogate').fingerprint)"


def test_the_surrogate_is_built_in_place_of_a_damaged_one_and_then_kept(tmp_path: Path, monkeypatch) -> None:
    from setups.nasbench.enumeration import N_CELLS

    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    write_table(surrogate_path(), columns_of(), source="surrogate")
    os.truncate(surrogate_path() / "time4.npy", 100)
    processes = [subprocess.Popen([sys.executable, "-c", OPEN], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    fingerprints = [process.communicate()[0].strip() for process in processes]
    written = (surrogate_path() / "manifest.json").stat().st_mtime_ns
    table = open_table("surrogate")
    assert (surrogate_path() / "manifest.json").stat().st_mtime_ns == written
    assert fingerprints == [table.fingerprint] * 2
    assert (table.source, table.path) == ("surrogate", surrogate_path())
    assert len(table.cells) == N_CELLS
    assert Table.load(surrogate_path(), verify=True).fingerprint == table.fingerprint
    assert os.listdir(surrogate_path().parent) == [surrogate_path().name]


def test_a_data_directory_that_cannot_be_written_is_explained(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UFH_DATA", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="UFH_DATA names another directory"):
        open_table("surrogate")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="every file can be read")
def test_a_surrogate_that_may_not_be_read_is_explained(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    path = surrogate_path()
    write_table(path, columns_of(), source="surrogate")
    for locked in (path, path / "time4.npy"):
        mode = locked.stat().st_mode
        locked.chmod(0)
        try:
            with pytest.raises(ValueError, match=r"cannot read the surrogate's table in .*UFH_DATA names another"):
                open_table("surrogate")
        finally:
            locked.chmod(mode)


def test_a_new_surrogate_is_built_step_by_step_and_takes_the_place_of_earlier_ones_only(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    parent = surrogate_path().parent
    for name in ("surrogate-0123456789ab", "surrogate-mine", "official"):
        write_table(parent / name, columns_of(), source="surrogate")
    write_table(parent / "surrogate-0123456789ac", columns_of(), source="official")
    write_table(parent / "surrogate-0123456789ad", columns_of(), source="surrogate")
    (parent / "surrogate-0123456789ad" / "notes.txt").write_text("mine")
    write_table(tmp_path / "elsewhere", columns_of(), source="surrogate")
    (parent / "surrogate-0123456789ae").symlink_to(tmp_path / "elsewhere")
    (parent / "surrogate-0123456789af").mkdir()
    before = set(os.listdir(parent))
    steps: list[tuple[int, int | None]] = []
    NasBench.prepare({}, lambda done, total: steps.append((done, total)))
    assert set(os.listdir(parent)) == before - {"surrogate-0123456789ab"} | {surrogate_path().name}
    assert Table.load(tmp_path / "elsewhere", verify=True)
    total = steps[0][1]
    assert total is not None
    assert steps == [(done, total) for done in range(total + 1)]
    NasBench.prepare({}, lambda done, total: steps.append((done, total)))
    assert len(steps) == total + 1  # nothing is built twice


def test_nothing_is_built_for_another_table(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    NasBench.prepare({"table": "official"}, lambda done, total: None)
    assert os.listdir(tmp_path) == []


def test_the_first_use_says_what_it_builds_and_the_second_is_silent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ufh_cli", "hash", "nasbench", "input-1 1-output 1=maxpool3x3"]
    environment = os.environ | {"UFH_DATA": str(tmp_path / "data")}
    first, second = (
        subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert later(first.stderr) == "nasbench: building the surrogate's table, once\n"
    assert second.stderr == ""
    assert first.stdout == second.stdout != ""
