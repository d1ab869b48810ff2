"""A cache in memory that threads share, with one evaluation of a key at a time."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Hashable
from enum import Enum
from typing import Any

from ufh_cli.library.policy import Policy

# Seconds between two looks at whether another's evaluation of a key is over: twice as many each time.
SHORTEST_WAIT = 0.001
LONGEST_WAIT = 0.5


class Answer(Enum):
    """What a store says of a key: its value; evaluate it; another is just doing that."""

    HIT = "hit"
    MINE = "mine"
    WAIT = "wait"


class Cache:
    """Values by key in this process's memory, for `functional_cache`; any number of threads may use one.

    Parameters
    ----------
    max_entries : int or None
        When full, the entry used least recently is dropped. None keeps all.
    """

    def __init__(self, *, max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, got {max_entries}")
        self.max_entries = max_entries
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._claims: dict[Hashable, threading.Event] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def bind(self, space: str, setting: dict[str, Any]) -> None:
        """A space in memory has no setting to agree with."""

    def begin(self, space: str, key: int, policy: Policy) -> tuple[Answer, Any]:
        """What is known of a key; where nothing is and nobody is at it, the caller is to `finish` or to `abandon`."""
        place = (space, key)
        with self._lock:
            entry = self._entries.get(place)
            if entry is not None and entry[1] >= policy.repeats:
                if self.max_entries is not None:
                    self._entries.move_to_end(place)
                value = entry[0]
                return Answer.HIT, copy.deepcopy(value) if isinstance(value, dict | list) else value
            if place in self._claims:
                return Answer.WAIT, None
            self._claims[place] = threading.Event()
            return Answer.MINE, None

    def finish(self, space: str, key: int, value: Any, policy: Policy) -> Any:
        """Take in what an evaluation found; returns the key's value now."""
        place = (space, key)
        with self._lock:
            old, count = self._entries.get(place, (None, 0))
            value = policy.merged(old, count, value)
            self._entries[place] = (copy.deepcopy(value) if isinstance(value, dict | list) else value, count + 1)
            if self.max_entries is not None:
                self._entries.move_to_end(place)
                if len(self._entries) > self.max_entries:
                    self._entries.popitem(last=False)
            self._release(place)
        return value

    def abandon(self, space: str, key: int) -> None:
        """The evaluation failed: another may try."""
        with self._lock:
            self._release((space, key))

    def wait(self, space: str, key: int, seconds: float) -> None:
        """Until the evaluation of a key is over, or `seconds` have passed."""
        event = self._claims.get((space, key))
        if event is not None:
            event.wait(seconds)

    def peek(self, space: str, key: int) -> tuple[Any, int] | None:
        """The value of a key and how many evaluations it is of; None where there is none."""
        return self._entries.get((space, key))

    def forget(self, space: str, key: int) -> bool:
        """Drop a key; whether it was there."""
        with self._lock:
            return self._entries.pop((space, key), None) is not None

    def clear(self, space: str) -> None:
        """Drop all keys of a space."""
        with self._lock:
            for place in [place for place in self._entries if place[0] == space]:  # type: ignore[index]
                del self._entries[place]

    def _release(self, place: Hashable) -> None:
        event = self._claims.pop(place, None)
        if event is not None:
            event.set()
