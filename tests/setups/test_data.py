"""Where data are kept."""

from __future__ import annotations

from pathlib import Path

from setups.data import data_directory
from setups.mnas.images import fetched_path
from setups.nasbench.store import official_path


def test_the_data_directory_can_be_chosen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    assert data_directory() == tmp_path
    assert all(path.is_relative_to(tmp_path) for path in (official_path(), fetched_path("cifar10")))
    monkeypatch.setenv("UFH_DATA", "~/data")
    assert data_directory() == Path.home() / "data"
    monkeypatch.delenv("UFH_DATA")
    assert data_directory().is_absolute()
    assert data_directory().name == "ufh"
