"""A graph as a row of numbers for a model: what it counts, how it hangs together, what its neighbourhoods look like.

The neighbourhoods are the labels of Weisfeiler and Lehman: a node's operation, then (twice) mixed with those of the
nodes around it, and counted in buckets. All columns are the same for isomorphic graphs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from threading import Lock
from typing import Any

import numba as nb
import numpy as np

from ufh_cli.core.guided.arrays import GraphArrays, log_scaled
from ufh_cli.core.setup import Setup

_WHOLE = 10  # columns of the graph as a whole
_PAIRS = 64  # buckets of pairs of operations, where there are more
_LABELS = 32  # buckets of the labels of a round
_ROUNDS = 2
_MOST = 255.0
_FIRST_ROWS = 1024
_MOST_ROWS = 2**17  # that are remembered: some 60 MB


@nb.njit("uint64(uint64)", cache=True, inline="always")
def _mixed(z):
    z = (z ^ (z >> nb.uint64(30))) * nb.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> nb.uint64(27))) * nb.uint64(0x94D049BB133111EB)
    return z ^ (z >> nb.uint64(31))


@nb.njit("void(int64[::1], int64[:, ::1], float32[::1])", cache=True)
def _count_whole(nodes, edges, row):
    """Fill the columns of the whole: sizes, degrees, paths."""
    n = nodes.size
    into, out = np.zeros(n, np.int64), np.zeros(n, np.int64)
    back = 0
    for e in range(len(edges)):
        source, target = edges[e, 0], edges[e, 1]
        into[target] += 1
        out[source] += 1
        back += source >= target
    # Of the paths that end at a node: the longest, the shortest that begins at node 0, and how many begin there.
    longest, shortest, paths = np.zeros(n), np.full(n, _MOST), np.zeros(n)
    shortest[0], paths[0] = 0.0, 1.0
    for node in range(n):
        for e in range(len(edges)):
            source = edges[e, 0]
            if edges[e, 1] == node and source < node:
                longest[node] = max(longest[node], longest[source] + 1.0)
                shortest[node] = min(shortest[node], shortest[source] + 1.0)
                paths[node] += paths[source]
    row[0], row[1], row[2] = n, len(edges), back
    row[3], row[4], row[5] = longest.max(), shortest[n - 1], min(paths[n - 1], _MOST)
    row[6], row[7] = into.max(), out.max()
    row[8], row[9] = (into == 0).sum(), (out == 0).sum()


@nb.njit("void(int64[::1], int64[:, ::1], int64, float32[::1])", cache=True)
def _count_operations(nodes, edges, operations, row):
    """Fill the columns of operations: how many, their degrees, how many in a line, and pairs along edges."""
    n, pairs = nodes.size, row.size - 4 * operations
    for node in range(n):
        row[nodes[node]] += 1
    for e in range(len(edges)):
        source, target = nodes[edges[e, 0]], nodes[edges[e, 1]]
        row[operations + target] += 1
        row[2 * operations + source] += 1
        pair = source * operations + target
        if pairs < operations * operations:
            pair = np.int64(_mixed(np.uint64(pair + 1)) % np.uint64(pairs))
        row[4 * operations + pair] += 1
    in_line = np.zeros((n, operations))  # on the path to a node that has most of an operation
    for node in range(n):
        for e in range(len(edges)):
            source = edges[e, 0]
            if edges[e, 1] == node and source < node:
                for operation in range(operations):
                    in_line[node, operation] = max(in_line[node, operation], in_line[source, operation])
        in_line[node, nodes[node]] += 1
        for operation in range(operations):
            row[3 * operations + operation] = max(row[3 * operations + operation], in_line[node, operation])


@nb.njit("void(int64[::1], int64[:, ::1], float32[::1])", cache=True)
def _count_labels(nodes, edges, row):
    """Fill the buckets of two rounds of labels."""
    n = nodes.size
    labels = np.empty(n, np.uint64)
    for node in range(n):
        labels[node] = _mixed(np.uint64(nodes[node] + 1))
    for turn in range(_ROUNDS):
        around = np.zeros(n, np.uint64)
        for e in range(len(edges)):
            source, target = edges[e, 0], edges[e, 1]
            around[target] += _mixed(labels[source])
            around[source] += _mixed(labels[target] + np.uint64(1))
        for node in range(n):
            labels[node] = _mixed(labels[node] * np.uint64(3) + around[node])
            row[turn * _LABELS + np.int64(labels[node] % np.uint64(_LABELS))] += 1


@nb.njit("void(float64[:, ::1], float32[::1])", cache=True)
def _summarise_values(values, row):
    """Fill least, mean and most of each value over the nodes, on a logarithmic scale."""
    for k in range(values.shape[1]):
        least, most, total = np.inf, -np.inf, 0.0
        for node in range(len(values)):
            value = log_scaled(values[node, k])
            least, most, total = min(least, value), max(most, value), total + value
        row[3 * k], row[3 * k + 1], row[3 * k + 2] = least, total / len(values), most


@nb.njit("void(int64[::1], int64[:, ::1], float64[:, ::1], int64, int64, float32[::1])", cache=True)
def _fill(nodes, edges, values, operations, pairs, row):
    """Fill a row of zeros."""
    counted = _WHOLE + 4 * operations + pairs
    labelled = counted + _ROUNDS * _LABELS
    _count_whole(nodes, edges, row[:_WHOLE])
    _count_operations(nodes, edges, operations, row[_WHOLE:counted])
    _count_labels(nodes, edges, row[counted:labelled])
    _summarise_values(values, row[labelled:])


class GraphColumns:
    """The columns of a setup's candidates.

    Where a setup says that its structural keys are few, the columns of each structure are derived once.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._arrays = GraphArrays(setup)
        self._known: dict[Hashable, int] = {}
        self._table = np.empty((0, 0), np.float32)
        self._lock = Lock()

    def of(self, candidates: Sequence[Any]) -> np.ndarray:
        """Shape (candidates, columns), float32."""
        if self._setup.few_structures:
            known, structures = self._known, [*map(self._setup.structural_key, candidates)]
            new = {place: one for place, one in zip(structures, candidates, strict=True) if place not in known}
            if not new or self._remember(new):
                return self._table.take([known[place] for place in structures], 0)
        return np.stack([self._derive(candidate) for candidate in candidates])

    def _remember(self, new: Mapping[Hashable, Any]) -> bool:
        """Derive the rows of new structures; False where there is no room for them."""
        with self._lock:
            for place, candidate in new.items():
                if place in self._known:  # by another thread
                    continue
                number = len(self._known)
                if number == _MOST_ROWS:
                    return False
                row = self._derive(candidate)
                if number == len(self._table):
                    grown = np.empty((max(2 * number, _FIRST_ROWS), row.size), np.float32)
                    if number:
                        grown[:number] = self._table
                    self._table = grown
                self._table[number] = row
                self._known[place] = number
        return True

    def _derive(self, candidate: Any) -> np.ndarray:
        nodes, edges, values = self._arrays.of(candidate)
        operations = len(self._setup.operations)
        pairs = min(operations**2, _PAIRS)
        row = np.zeros(_WHOLE + 4 * operations + pairs + _ROUNDS * _LABELS + 3 * values.shape[1], np.float32)
        _fill(nodes, edges, values, operations, pairs, row)
        return row


_SHARED: dict[int, GraphColumns] = {}  # by the identity of their setups, which they keep alive
_MOST_SHARED = 4


def columns_of(setup: Setup) -> GraphColumns:
    """The columns of this very setup: what one trial derived serves the next."""
    found = _SHARED.get(id(setup))
    if found is None:
        while len(_SHARED) >= _MOST_SHARED:
            _SHARED.pop(next(iter(_SHARED)), None)
        found = _SHARED[id(setup)] = GraphColumns(setup)
    return found
