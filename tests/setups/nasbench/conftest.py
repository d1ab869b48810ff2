"""What the tests of the setup `nasbench` share: the space, the peer package, the reference data, small files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from peer_nasbench import load_peer

from setups.nasbench.space import Space
from setups.nasbench.table import write_table

sys.path.append(str(Path(__file__).parent))

from official_format import tfrecord
from small_tables import columns_of

_REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def space() -> Space:
    return Space.build()


@pytest.fixture(scope="session")
def reference() -> Path:
    """The directory of the reference data, which is not part of the repository."""
    directory = Path(os.environ.get("UFH_REFERENCE", _REPOSITORY.parent / "shared"))
    if not directory.is_dir():
        pytest.skip("no reference data: set UFH_REFERENCE to their directory")
    return directory


@pytest.fixture(scope="session")
def peer() -> SimpleNamespace:
    """`ModelSpec` and `hash_module` of the package nasbench_pytorch."""
    return load_peer()


@pytest.fixture
def write_records(tmp_path: Path) -> Callable[..., Path]:
    """Writes a TFRecord file of the given records, or of the given bytes as they are, alone in its directory."""

    def write(records: list[bytes] | bytes, name: str = "nasbench_full.tfrecord") -> Path:
        path = tmp_path / name
        path.write_bytes(records if isinstance(records, bytes) else tfrecord(records))
        return path

    return write


@pytest.fixture
def table_path(tmp_path: Path) -> Path:
    """The directory of a small accuracy table, alone in its parent."""
    write_table(tmp_path / "table", columns_of(), source="surrogate")
    return tmp_path / "table"
