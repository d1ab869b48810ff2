"""Where data are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from setups.data import check_length, data_directory
from setups.image_files import fetched_path
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


def test_long_texts_of_candidates_are_refused_with_the_limit():
    check_length("x\n" * 50_000)
    with pytest.raises(ValueError, match="up to 100,000 characters, this one 100,001"):
        check_length("x\n" * 50_000 + "x")
    with pytest.raises(ValueError, match="up to 10,000 characters, this one 10,001"):
        check_length("x" * 10_001)
