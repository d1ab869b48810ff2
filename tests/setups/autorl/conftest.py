"""What the tests of the setup `autorl` share: the vectors of the original."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def autorl_vectors() -> Path:
    """The directory of the original's vectors, which is not part of the repository."""
    shared = Path(os.environ.get("UFH_REFERENCE") or Path(__file__).resolve().parents[4] / "shared")
    directory = shared / "vectors" / "autorl"
    if not directory.is_dir():
        pytest.skip("no reference data: set UFH_REFERENCE to their directory")
    return directory


@pytest.fixture(scope="session")
def vector_lines(autorl_vectors: Path) -> Callable[[str], list[dict[str, Any]]]:
    """The records of one of its files of lines."""

    def read(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (autorl_vectors / name).read_text(encoding="utf-8").splitlines()]

    return read
