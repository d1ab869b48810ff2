"""The arrays of a graph, as compiled code takes them."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from ufh_cli.core.graph import Graph
from ufh_cli.core.setup import Setup

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@nb.njit("int64(int64[::1], int64[:, ::1], int64)", cache=True)
def _wrong(nodes, edges, operations):
    """0, or what is wrong, for `_refusal`."""
    n = nodes.size
    if n == 0:
        return 1
    for node in range(n):
        if nodes[node] < 0 or nodes[node] >= operations:
            return 2
    for e in range(len(edges)):
        if min(edges[e, 0], edges[e, 1]) < 0 or max(edges[e, 0], edges[e, 1]) >= n:
            return 3
    return 0


class GraphArrays:
    """Asks a setup for the graphs of its candidates, and checks them."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._values: int | None = None  # how many a node

    def of(self, candidate: Any) -> Arrays:
        """Operations, int64, shape (nodes,); edges, int64, (edges, 2); values, float64, (nodes, values).

        Raises
        ------
        ValueError
            With one clear line for what is no graph.
        """
        graph = self._setup.graph(candidate)
        if graph is None:
            raise ValueError(
                "the setup told the graphs of some candidates and has none of another: "
                "let Setup.graph tell one of each, or set guided.features to outputs"
            )
        if not isinstance(graph, Graph):
            raise ValueError(f"Setup.graph must return ufh.Graph(operations, edges), not {type(graph).__name__}")
        nodes = _numbered("operations, one a node", graph.operations, ())
        edges = _numbered("edges, (giver, taker) each", graph.edges, (2,))
        try:
            values = np.ascontiguousarray(graph.values, np.float64)
        except (TypeError, ValueError):
            raise ValueError("a graph's values must be numbers, a row a node") from None
        if not values.size:
            values = values.reshape(nodes.size, 0)
        if values.ndim != 2 or len(values) != nodes.size or self._values not in (None, values.shape[1]):
            raise ValueError("a graph's values must be a row a node, equally many for all candidates")
        self._values = values.shape[1]
        if wrong := _wrong(nodes, edges, len(self._setup.operations)):
            raise ValueError(_refusal(wrong, nodes.size, len(self._setup.operations)))
        return nodes, edges, values


def _numbered(what: str, numbers: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers as int64, any number of this `shape` each."""
    try:
        found = np.asarray(numbers)
    except (TypeError, ValueError):  # ragged
        found = np.empty(1, object)
    if not found.size:
        return np.empty((0, *shape), np.int64)
    if found.dtype.kind not in "iu" or found.shape[1:] != shape:
        raise ValueError(f"a graph's {what}, must be whole numbers")
    return np.ascontiguousarray(found, np.int64)


@nb.njit("float64(float64)", cache=True, inline="always")
def log_scaled(value):
    """A value on a scale that no magnitude overflows; NaN is 0."""
    return 0.0 if np.isnan(value) else np.sign(value) * np.log1p(min(abs(value), 1e300))


def _refusal(wrong: int, nodes: int, operations: int) -> str:
    return (
        "a graph needs at least one node",
        f"a graph's operations must be from 0 to {operations - 1}, the last that Setup.operations names",
        f"a graph's edges must join its nodes, which are 0 to {nodes - 1}",
    )[wrong - 1]
