"""A large cache in little room: a table of integers of 64 bits and of values that are nothing but numbers.

In a dictionary a key and a float take 95 bytes, a key and an `Evaluation` 223; the numbers themselves are 16 and 24.
Here they lie in one array, a row an entry: open addressing with linear probing, from the key's home on, which
depends on all its bits: not all keys are hashes.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from ufh_cli.core.rng import GOLDEN as _MIX
from ufh_cli.core.setup import Evaluation

PACKED_FROM = 1 << 19  # entries: fewer take little memory anyway, and a dictionary stores them in a fifth of the time

_FULLEST, _EMPTIEST = 0.6, 0.43  # rows in use for each home, when the table grows and when it has grown
_TAIL = 64  # rows beyond those that are known to be needed; the last is never used, so that a search ends
_GRAVE = 1  # in the place of a key that was removed: searches pass it, while 0, which was never used, ends them
_FIRST = 2  # the least key that is packed
_MASK = 2**64 - 1
_new = tuple.__new__


def packed(entries: Mapping[Hashable, Any]) -> Mapping[Hashable, Any] | PackedTable:
    """The same entries in a table, if most of them can be packed; otherwise as they are."""
    items = list(entries.items())
    if not items:
        return entries
    table = PackedTable(items[0][1], len(items))
    for key, value in items:
        table[key] = value
    return entries if table.unpacked > len(items) // 2 else table


class PackedTable:
    """What a cache asks of a dictionary. Its keys have no order, and None cannot be kept.

    Packed are values of one kind: floats, evaluations that are a fitness and a cost, or pairs of one of these and a
    count. Whatever else there is, as a key or a value, is kept in a dictionary beside. One thread writes at a time, and
    any may read meanwhile.

    Parameters
    ----------
    like : object
        A value of the kind that is to be packed.
    entries : int
        How many are to come, for a beginning.
    """

    def __init__(self, like: Any, entries: int = 0) -> None:
        _, cost, count = _numbers(like) or (0.0, None, None)
        self._has_cost, self._has_count = cost is not None, count is not None
        self._width = 2 + self._has_cost + self._has_count  # cells a row: key, fitness, and what of the others there is
        self._others: dict[Hashable, Any] = {}
        self._writing = threading.Lock()
        self._spread(np.empty((0, self._width), np.uint64), entries)

    @property
    def unpacked(self) -> int:
        """How many entries are kept in a dictionary."""
        return len(self._others)

    def __len__(self) -> int:
        return self._used - self._graves + len(self._others)

    def __iter__(self) -> Iterator[Hashable]:
        yield from self._rows()[:, 0].tolist()
        yield from list(self._others)

    def __contains__(self, key: Hashable) -> bool:
        return self.get(key) is not None

    def __reduce__(self) -> tuple[Any, ...]:
        return packed, ({key: self.get(key) for key in self},)

    def get(self, key: Hashable, default: Any = None) -> Any:
        if type(key) is not int or key < _FIRST:
            number = _packable(key)
            return self.get(number, default) if number else self._others.get(key, default)
        cells, floats, homes = self._table  # at once, for another thread may put a larger one in its place
        width = self._width
        cell = (key * _MIX & _MASK) % homes * width
        while (held := cells[cell]) != key:  # as in `_cell`, without the time of a call
            if not held:
                return self._others.get(key, default) if self._others else default
            cell += width
        value: Any = floats[cell + 1]
        if self._has_cost:
            value = _new(Evaluation, (value, floats[cell + 2], (), None, False, None, None))
        return (value, cells[cell + width - 1]) if self._has_count else value

    def __setitem__(self, key: Hashable, value: Any) -> None:
        number, numbers = _packable(key), _numbers(value)
        with self._writing:
            if numbers and number and [one is not None for one in numbers[1:]] == [self._has_cost, self._has_count]:
                self._write(number, *numbers)
                if self._others:
                    self._others.pop(key, None)
            else:
                self._others[key] = value
                self._bury(number)

    def pop(self, key: Hashable, default: Any = None) -> Any:
        with self._writing:
            value = self.get(key, default)
            self._others.pop(key, None)
            self._bury(_packable(key))
        return value

    def _write(self, key: int, fitness: float, cost: float | None, count: int | None) -> None:
        cell = self._cell(key)
        cells, floats, homes = self._table
        if not cells[cell]:
            if self._used >= _FULLEST * homes or cell + self._width == len(cells):
                self._spread(self._rows(), self._used - self._graves + 1)
                cells, floats, homes = self._table
                cell = self._cell(key)
            self._used += 1
        floats[cell + 1] = fitness
        if cost is not None:
            floats[cell + 2] = cost
        if count is not None:
            cells[cell + self._width - 1] = count
        cells[cell] = key  # last: who finds it finds its numbers

    def _bury(self, key: int) -> None:
        cell = self._cell(key)
        if key and self._table[0][cell]:
            self._table[0][cell] = _GRAVE  # and its numbers stay, for who has just found it
            self._graves += 1

    def _cell(self, key: int) -> int:
        """Where the key stands, or else the free row at which a search for it ends."""
        cells, _, homes = self._table
        cell = (key * _MIX & _MASK) % homes * self._width
        while (held := cells[cell]) != key and held:
            cell += self._width
        return cell

    def _rows(self) -> np.ndarray:
        """A copy of the rows in use, whatever their order."""
        rows = np.frombuffer(self._table[0], np.uint64).reshape(-1, self._width)
        return rows[rows[:, 0] >= _FIRST]

    def _spread(self, rows: np.ndarray, entries: int) -> None:
        """Begin a table for so many entries, with these rows in it: each in its home, or after the one before it."""
        homes = int(entries / _EMPTIEST) | 1
        home = (rows[:, 0] * np.uint64(_MIX) % np.uint64(homes)).astype(np.int64)
        order = np.argsort(home)
        rank = np.arange(len(rows))
        places = np.maximum.accumulate(home[order] - rank) + rank
        length = max(homes, *places[-1:] + 1, 0) + _TAIL
        cells = array("Q", [0]) * (int(length) * self._width)
        np.frombuffer(cells, np.uint64).reshape(-1, self._width)[places] = rows[order]
        self._table = cells, memoryview(cells).cast("B").cast("d"), homes
        self._used, self._graves = len(rows), 0


def _packable(key: Any) -> int:
    """`key`, if it is an integer of 64 bits or, as 2.0, equal to one; 0 if it is not, or too small."""
    if type(key) is not int:
        try:
            number = int(key)
        except (TypeError, ValueError, OverflowError):
            return 0
        if number != key:
            return 0
        key = number
    return key if _FIRST <= key < 1 << 64 else 0


def _numbers(value: Any) -> tuple[float, float | None, int | None] | None:
    """Fitness, cost and count, where the value has nothing else."""
    cost = count = None
    if type(value) is tuple and len(value) == 2 and type(value[1]) is int and 0 <= value[1] < 1 << 64:
        value, count = value
    if type(value) is Evaluation:
        value, cost, objectives, early, stopped, tasks, refined = value
        if (
            type(objectives) is not tuple
            or objectives
            or early is not None
            or stopped is not False
            or tasks is not None
            or refined is not None
        ):
            return None
        if type(cost) is not float:
            return None
    return (value, cost, count) if type(value) is float else None
