"""What the tests of the setup `nasbench` share: the space, the peer package, the reference data."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from peer_nasbench import load_peer

from setups.nasbench.space import Space

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
