"""For all tests: data that ufh builds for itself go into pytest's own cache, and are there the next time."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("UFH_DATA", str(config.rootpath / ".pytest_cache" / "ufh-data"))
