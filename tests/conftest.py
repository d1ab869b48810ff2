"""For all tests: the command with the package of a user in sight, and data that ufh builds in the cache of pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "user_package"))

from forked_command import zygote  # noqa: F401
from ufh_command import odd, ufh, user_site  # noqa: F401


def pytest_configure(config: pytest.Config) -> None:
    # Some test imports tensorflow first; with oneDNN its results would depend on the number of threads.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ.setdefault("UFH_DATA", str(config.rootpath / ".pytest_cache" / "ufh-data"))
    # It compiles what searches of every setup use, so that no command of a test has to say so.
    import ufh_cli.core.search.selection  # noqa: F401
