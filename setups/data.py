"""Where setups keep their data, and whom they tell how far they are with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[int, int | None], None]
"""Takes what is done and what there is to do, in steps or bytes."""

_LONGEST_TEXT, _LONGEST_LINE = 100_000, 10_000  # characters


def data_directory() -> Path:
    """Where data are kept: the environment variable UFH_DATA, else the user's data directory.

    Raises
    ------
    ValueError
        When the user has no home either, as in some containers.
    """
    if chosen := os.environ.get("UFH_DATA"):
        return Path(chosen).expanduser()
    if not os.path.isabs(os.path.expanduser("~")) and "XDG_DATA_HOME" not in os.environ:
        raise ValueError("there is no home to keep data in: set UFH_DATA to a folder for them")
    from platformdirs import user_data_dir

    return Path(user_data_dir("ufh", appauthor=False))


def check_length(text: str) -> None:
    """`ValueError` in one line when a candidate's text is longer than any that could be meant."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a candidate's text has up to {_LONGEST_TEXT:,} characters, this one {len(text):,}")
    longest = max(map(len, text.splitlines()), default=0)
    if longest > _LONGEST_LINE:
        raise ValueError(f"a line of a candidate's text has up to {_LONGEST_LINE:,} characters, this one {longest:,}")
