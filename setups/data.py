"""Where setups keep their data, and whom they tell how far they are with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int | None], None]
"""Takes what is done and what there is to do, in steps or bytes."""


def data_directory() -> Path:
    """Where data are kept: the environment variable UFH_DATA, else the user's data directory."""
    if chosen := os.environ.get("UFH_DATA"):
        return Path(chosen).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("ufh", appauthor=False))
