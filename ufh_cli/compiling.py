"""What is being compiled, for whoever wants to tell of it: a first use may wait for it for ten seconds and more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_PATIENCE = 0.5  # seconds of a processor on compiling in all, before it is worth a word

watchers: list[Callable[[str | None, float], object]] = []  # called with what is compiled, after so many seconds
_names: list[str] = []  # of the functions under way, each called by the one before
_spent = 0.0  # on those that are done
_since = 0.0


def began(function: Callable[..., object]) -> None:
    """`function` is being compiled; unless by itself, for another that calls it."""
    global _since
    if not _names:
        _since = time.thread_time()
    name = re.sub("_[0-9a-f]{12}$", "", function.__name__)  # without its sources' digest
    _names.append(f"{function.__module__}.{name}")
    seconds = _spent + time.thread_time() - _since
    if seconds > _PATIENCE:
        for watcher in watchers:
            watcher(_names[0], seconds)


def ended() -> None:
    """The latest that began is compiled."""
    global _spent
    _names.pop()
    if not _names:
        _spent += time.thread_time() - _since
        for watcher in watchers:
            watcher(None, _spent)
