"""For all tests: data that ufh builds for itself go into pytest's own cache, and are there the next time."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Some test imports tensorflow first; with oneDNN its results would depend on the number of threads.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ.setdefault("UFH_DATA", str(config.rootpath / ".pytest_cache" / "ufh-data"))
