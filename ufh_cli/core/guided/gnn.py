"""A small graph neural network on pairs, after the paper's idea: a discriminator that reads the graphs themselves.

Each node begins as a row of numbers, learnt for its operation, and takes three times in turn what the nodes that give
to it and those that take from it have become. The sum over the nodes goes through one more layer and ends as a score.
The difference of two scores is the log-odds that one candidate is better than the other; it is trained by binary
cross-entropy on pairs, those of random batches out of the latest evaluations. It goes on from refit to refit.

Every parameter is a row as wide as a node: of the operations, of the values, of the layers, of the last layer. Written
out in loops: a library's product of matrices sums in an order that differs between machines, and a resumed search must
be the same to the bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np

from ufh_cli.core.compiled import splitmix64, word_below
from ufh_cli.core.guided.arrays import Arrays, GraphArrays, log_scaled
from ufh_cli.core.guided.order import beats
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup

WIDTH = 16
LAYERS = 3
_HEARD = 3 * WIDTH  # by a node in a layer: itself, the sum of its givers, the sum of its takers
_LAYER = _HEARD + 1  # rows; the last is the bias
_HEAD = WIDTH + 2  # rows of the last layer, its bias, and the weights of the score
_STEPS, _BATCH, _RATE, _DECAY = 50, 32, 0.003, 0.01

_GRAPHS = "int64[::1], int64[:, ::1], float64[:, ::1], int64[::1], int64[::1]"  # see `packed`
_HOW = "int64, int64, float64, float64"


def rows_of(operations: int, values: int) -> int:
    """How many rows of parameters there are, each of `WIDTH`."""
    return operations + values + LAYERS * _LAYER + _HEAD


def packed(graphs: Sequence[Arrays]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Many graphs as one: nodes, edges and values in a row, and where those of each graph begin and the last ends."""
    nodes, edges, values = zip(*graphs, strict=True)
    first_node, first_edge = (np.cumsum([0, *map(len, part)]) for part in (nodes, edges))
    return np.concatenate(nodes), np.concatenate(edges), np.concatenate(values), first_node, first_edge


@nb.njit(cache=True)
def _through(heard, weights, out):
    """A layer: ``out = max(0, heard · weights + bias)``; the bias is the last row."""
    for j in range(WIDTH):
        out[j] = weights[-1, j]
    for i in range(heard.size):
        if heard[i] != 0.0:
            for j in range(WIDTH):
                out[j] += heard[i] * weights[i, j]
    for j in range(WIDTH):
        out[j] = max(out[j], 0.0)


@nb.njit(cache=True)
def _back(heard, weights, out, slope, gradient, below):
    """The same backwards: from the loss's slope by `out`, which is cut, add that by the weights and set `below`."""
    for j in range(WIDTH):
        if out[j] <= 0.0:
            slope[j] = 0.0
        gradient[-1, j] += slope[j]
    for i in range(heard.size):
        if heard[i] != 0.0:
            for j in range(WIDTH):
                gradient[i, j] += heard[i] * slope[j]
        total = 0.0
        for j in range(WIDTH):
            total += weights[i, j] * slope[j]
        below[i] = total


@nb.njit(cache=True)
def _forward(theta, nodes, edges, values, heard, last):
    """The score of a graph; fills `heard`, shape (LAYERS + 1, at least nodes, 3 · WIDTH), and `last`, (2, WIDTH).

    The first third of ``heard[layer, node]`` is what the node has become before that layer; `last` is their sum at the
    end, and what its layer makes of it.
    """
    n, at = nodes.size, theta.shape[0] - LAYERS * _LAYER - _HEAD
    heard[:, :n], last[:] = 0.0, 0.0
    for v in range(n):
        for j in range(WIDTH):
            heard[0, v, j] = theta[nodes[v], j]
        for k in range(values.shape[1]):
            for j in range(WIDTH):
                heard[0, v, j] += log_scaled(values[v, k]) * theta[at - values.shape[1] + k, j]
    for layer in range(LAYERS):
        for e in range(len(edges)):
            giver, taker = heard[layer, edges[e, 0]], heard[layer, edges[e, 1]]
            for j in range(WIDTH):
                taker[WIDTH + j] += giver[j]
                giver[2 * WIDTH + j] += taker[j]
        for v in range(n):
            _through(heard[layer, v], theta[at : at + _LAYER], heard[layer + 1, v])
        at += _LAYER
    for v in range(n):
        for j in range(WIDTH):
            last[0, j] += heard[LAYERS, v, j]
    _through(last[0], theta[at : at + WIDTH + 1], last[1])
    score = 0.0
    for j in range(WIDTH):
        score += last[1, j] * theta[at + WIDTH + 1, j]
    return score


@nb.njit(cache=True)
def _backward(theta, nodes, edges, values, heard, last, slope, gradient):
    """Add to `gradient` the slope of the loss by each parameter, given that by the score of a graph."""
    n, at = nodes.size, theta.shape[0] - _HEAD
    state, below = np.empty((n, WIDTH)), np.empty((n, _HEARD))
    upper, lower = np.empty(WIDTH), np.empty(WIDTH)
    for j in range(WIDTH):
        gradient[at + WIDTH + 1, j] += slope * last[1, j]
        upper[j] = slope * theta[at + WIDTH + 1, j]
    _back(last[0], theta[at : at + WIDTH + 1], last[1], upper, gradient[at : at + WIDTH + 1], lower)
    for v in range(n):
        state[v] = lower
    for layer in range(LAYERS - 1, -1, -1):
        at -= _LAYER
        for v in range(n):
            _back(
                heard[layer, v], theta[at : at + _LAYER], heard[layer + 1, v],
                state[v], gradient[at : at + _LAYER], below[v],
            )  # fmt: skip
        for v in range(n):
            for j in range(WIDTH):
                state[v, j] = below[v, j]
        for e in range(len(edges)):
            giver, taker = edges[e, 0], edges[e, 1]
            for j in range(WIDTH):
                state[giver, j] += below[taker, WIDTH + j]
                state[taker, j] += below[giver, 2 * WIDTH + j]
    for v in range(n):
        for j in range(WIDTH):
            gradient[nodes[v], j] += state[v, j]
        for k in range(values.shape[1]):
            for j in range(WIDTH):
                gradient[at - values.shape[1] + k, j] += log_scaled(values[v, k]) * state[v, j]


@nb.njit(f"float64[::1](float64[:, ::1], {_GRAPHS})", cache=True)
def score(theta, nodes, edges, values, first_node, first_edge):
    """The score of each of some packed graphs; differences are log-odds."""
    graphs = first_node.size - 1
    scores, last = np.empty(graphs), np.empty((2, WIDTH))
    heard = np.empty((LAYERS + 1, np.diff(first_node).max(), _HEARD))
    for g in range(graphs):
        a, b = first_node[g], first_node[g + 1]
        inner = edges[first_edge[g] : first_edge[g + 1]]
        scores[g] = _forward(theta, nodes[a:b], inner, values[a:b], heard, last)
    return scores


@nb.njit(f"float64(float64[:, ::1], {_GRAPHS}, float64[:, ::1], int64[::1], float64[:, ::1])", cache=True)
def loss(theta, nodes, edges, values, first_node, first_edge, points, batch, gradient):
    """The mean binary cross-entropy of all pairs of a batch of which one is better; adds its slopes to `gradient`.

    Parameters
    ----------
    theta, gradient : array of float64, shape (rows_of(…), WIDTH)
        The parameters, and the slope by each of them.
    nodes, edges, values, first_node, first_edge
        Graphs, as `packed` has them.
    points : array of float64, shape (graphs, objectives)
        How good each is; see `order.beats`.
    batch : array of int64
        The places of some of them.
    """
    size = batch.size
    most = np.diff(first_node).max()
    heard, last = np.empty((size, LAYERS + 1, most, _HEARD)), np.empty((size, 2, WIDTH))
    scores, slopes = np.empty(size), np.zeros(size)
    for k in range(size):
        g = batch[k]
        a, b = first_node[g], first_node[g + 1]
        inner = edges[first_edge[g] : first_edge[g + 1]]
        scores[k] = _forward(theta, nodes[a:b], inner, values[a:b], heard[k], last[k])
    total, pairs = 0.0, 0
    for k in range(size):
        for other in range(size):
            if beats(points[batch[k]], points[batch[other]]):
                odds = scores[k] - scores[other]
                total += np.log1p(np.exp(-abs(odds))) + max(-odds, 0.0)
                slope = 1.0 / (1.0 + np.exp(min(odds, 500.0)))
                slopes[k] -= slope
                slopes[other] += slope
                pairs += 1
    if pairs == 0:
        return 0.0
    for k in range(size):
        g = batch[k]
        a, b = first_node[g], first_node[g + 1]
        inner = edges[first_edge[g] : first_edge[g + 1]]
        _backward(theta, nodes[a:b], inner, values[a:b], heard[k], last[k], slopes[k] / pairs, gradient)
    return total / pairs


@nb.njit(
    f"void(float64[:, ::1], float64[:, :, ::1], int64, {_GRAPHS}, float64[:, ::1], {_HOW}, uint64)",
    cache=True,
)
def train(theta, moments, before, nodes, edges, values, first_node, first_edge, points, steps, size, rate, decay, word):
    """Go on with AdamW's steps on random batches; `theta` and `moments`, shape (2, rows, WIDTH), are changed.

    Parameters
    ----------
    before : int
        How many steps were taken already.
    steps, size : int
        How many now, on batches of how many graphs.
    rate, decay : float
        The step size, and the share of a parameter that a step of size 1 would take away.
    word : int
        The random word that draws the batches.
    """
    n = first_node.size - 1
    batch, gradient, state = np.empty(size, np.int64), np.empty_like(theta), word
    for step in range(before + 1, before + steps + 1):
        for k in range(size):
            state, draw = splitmix64(state)
            batch[k] = word_below(draw, nb.uint64(n))
        gradient[:] = 0.0
        loss(theta, nodes, edges, values, first_node, first_edge, points, batch, gradient)
        unbias, unbias_squares = 1.0 / (1.0 - 0.9**step), 1.0 / (1.0 - 0.999**step)
        for i in range(theta.shape[0]):
            for j in range(WIDTH):
                slope = gradient[i, j]
                moments[0, i, j] += 0.1 * (slope - moments[0, i, j])
                moments[1, i, j] += 0.001 * (slope * slope - moments[1, i, j])
                ahead = unbias * moments[0, i, j] / (np.sqrt(unbias_squares * moments[1, i, j]) + 1e-8)
                theta[i, j] -= rate * (ahead + decay * theta[i, j])


class GraphNetwork:
    """The network of one trial: learns from the latest evaluations and scores candidates by their graphs."""

    def __init__(self, settings: Guidance, setup: Setup, rng: Rng) -> None:
        self._graphs = GraphArrays(setup)
        self._operations = len(setup.operations)
        self._rng = rng
        self._latest: deque[tuple[Arrays, tuple[float, ...]]] = deque(maxlen=settings.window)  # the replay buffer
        self._theta = self._moments = np.empty(0)
        self._steps = 0

    def learn(self, candidate: Any, point: tuple[float, ...]) -> None:
        """Keep what an evaluation found."""
        self._latest.append((self._graphs.of(candidate), point))

    def refit(self) -> None:
        """Train on what is kept."""
        graphs, points = zip(*self._latest, strict=True)
        if not self._steps:
            shape = (rows_of(self._operations, graphs[0][2].shape[1]), WIDTH)
            draws = [self._rng.uniform(-1.0, 1.0) for _ in range(shape[0] * WIDTH)]
            self._theta, self._moments = np.reshape(draws, shape) / WIDTH**0.5, np.zeros((2, *shape))
        train(
            self._theta, self._moments, self._steps, *packed(graphs), np.array(points, float),
            _STEPS, _BATCH, _RATE, _DECAY, np.uint64(self._rng.word()),
        )  # fmt: skip
        self._steps += _STEPS

    def of(self, candidates: Sequence[Any]) -> np.ndarray:
        """The score of each; called after `refit` only."""
        return score(self._theta, *packed([self._graphs.of(candidate) for candidate in candidates]))
