"""Graph features of NAS-Bench-101 cells, and a 64-bit hash of their isomorphism class.

Cells are given by their codes (see `enumeration`). Everything here depends on the isomorphism class only, not on the
representative.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from setups.nasbench.enumeration import LABELS_MASK, LABELS_SHIFT, MAX_VERTICES, VERTICES_SHIFT, is_code, prune
from ufh_cli.core.compiled import splitmix64

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")

# Channels of a vertex are C/d for an output fed by d interior vertices; in units of C/60 they are integers.
CHANNEL_UNIT = 60

_PAIRS = [f"{a}>{b}" for a in OPERATIONS for b in OPERATIONS]

FEATURE_NAMES: tuple[str, ...] = (
    "vertices",
    "edges",
    "longest_path",
    "shortest_path",
    "paths",
    "input_to_output",
    "input_out_degree",
    "output_in_degree",
    "vertices_with_several_inputs",
    "levels_widest",
    *(f"count_{op}" for op in OPERATIONS),
    *(f"most_on_path_{op}" for op in OPERATIONS),
    *(f"fewest_on_path_{op}" for op in OPERATIONS),
    *(f"sum_over_paths_{op}" for op in OPERATIONS),
    *(f"after_input_{op}" for op in OPERATIONS),
    *(f"before_output_{op}" for op in OPERATIONS),
    *(f"inputs_of_{op}" for op in OPERATIONS),
    *(f"pair_{pair}" for pair in _PAIRS),
    *(f"channels_{op}" for op in OPERATIONS),
    *(f"squared_channels_{op}" for op in OPERATIONS),
    "most_convolutions_on_path",
    "fewest_convolutions_on_path",
    "paths_without_convolution",
    "receptive_field",
    "sum_of_path_lengths",
    "residual_triangles",
    "channels_projected",
    "channels_added",
)
"""Names of the columns of `cell_features`, in order."""

COST_NAMES: tuple[str, ...] = (
    "squared_channels_conv3x3",
    "channels_conv3x3",
    "squared_channels_conv1x1",
    "channels_projected",
    "channels_added",
    "channels_maxpool3x3",
    "input_to_output",
    "vertices",
)
"""Names of the columns of `cell_costs`; channels in units of C/60, their squares in units of C²/3600."""


def validated_cells(cells: np.ndarray) -> np.ndarray:
    """`cells` as a contiguous uint32 array of well-formed cell codes.

    Raises
    ------
    ValueError
        If the array is not one-dimensional uint32, or an entry is no pruned cell: 2 to 7 vertices, no bit outside its
        labels and edges, and every vertex on a path from the input to the output.
    """
    cells = np.asarray(cells)
    if cells.ndim != 1 or cells.dtype != np.uint32:
        raise ValueError(f"cells must be a uint32 array of one dimension, got {cells.dtype} of shape {cells.shape}")
    cells = np.array(cells)  # a copy: the compiled functions do not take read-only arrays
    bad = _first_malformed(cells)
    if bad >= 0:
        raise ValueError(f"cells[{bad}] = {int(cells[bad])} is no pruned cell of 2 to {MAX_VERTICES} vertices")
    return cells


def isomorphism_hashes(cells: np.ndarray) -> np.ndarray:
    """64-bit hashes, shape (N,), equal for isomorphic cells; all 423,624 classes of the space differ.

    Weisfeiler-Lehman refinement, as the benchmark's own graph hash (Ying et al. 2019), with SplitMix64 as the mixer.
    """
    return _hashes(validated_cells(cells))


def cell_features(cells: np.ndarray) -> np.ndarray:
    """Features as small integers, shape (N, len(FEATURE_NAMES)), uint8, saturating at 255."""
    return _features(validated_cells(cells))


def cell_costs(cells: np.ndarray) -> np.ndarray:
    """What the training time is linear in, shape (N, len(COST_NAMES)), int64."""
    return _costs(validated_cells(cells))


@nb.njit(nb.int64(nb.uint32, nb.int8[:, ::1], nb.int8[::1]), cache=True)
def _decode(cell, edge, op):
    """Fill ``edge[x, y]`` and ``op`` (-1 at input and output) and return the number of vertices."""
    n = nb.int64(cell >> nb.uint32(VERTICES_SHIFT))
    labels = nb.int64(cell >> nb.uint32(LABELS_SHIFT)) & LABELS_MASK
    op[0] = -1
    op[n - 1] = -1
    for v in range(1, n - 1):
        op[v] = labels % 3
        labels //= 3
    bit = 0
    for y in range(n):
        edge[y, y] = 0
        for x in range(y):
            edge[x, y] = (cell >> nb.uint32(bit)) & nb.uint32(1)
            edge[y, x] = 0
            bit += 1
    return n


@nb.njit(nb.int64(nb.uint32[::1]), cache=True)
def _first_malformed(cells):
    for i in range(len(cells)):
        code = nb.int64(cells[i])
        if not is_code(code) or prune(code) != code:
            return i
    return -1


@nb.njit(nb.uint64(nb.uint64, nb.uint64), cache=True)
def mixed(a, b):
    """A 64-bit word that depends on both words and their order."""
    return splitmix64(splitmix64(a)[1] ^ b)[1]


@nb.njit(nb.uint64[::1](nb.uint32[::1]), cache=True, nogil=True)
def _hashes(cells):
    edge = np.zeros((MAX_VERTICES, MAX_VERTICES), np.int8)
    op = np.zeros(MAX_VERTICES, np.int8)
    result = np.empty(len(cells), np.uint64)
    now = np.empty(MAX_VERTICES, np.uint64)
    after = np.empty(MAX_VERTICES, np.uint64)
    for i in range(len(cells)):
        n = _decode(cells[i], edge, op)
        for v in range(n):
            now[v] = mixed(nb.uint64(op[v] + 2), nb.uint64(v == 0))
        for _ in range(n):
            for v in range(n):
                before, behind = nb.uint64(0), nb.uint64(0)
                for u in range(v):
                    if edge[u, v]:
                        before += mixed(now[u], nb.uint64(1))
                for u in range(v + 1, n):
                    if edge[v, u]:
                        behind += mixed(now[u], nb.uint64(2))
                after[v] = mixed(mixed(now[v], before), behind)
            now, after = after, now
        total = nb.uint64(0)
        for v in range(n):
            total += mixed(now[v], nb.uint64(3))
        result[i] = mixed(total, nb.uint64(n))
    return result


@nb.njit(nb.int64(nb.int64, nb.int8[:, ::1], nb.int64[::1]), cache=True)
def _channels(n, edge, channels):
    """Channels of the interior vertices in units of C/60; returns how many of them feed the output.

    The official rule (Ying et al. 2019, `compute_vertex_channels`) without its rounding, which depends on the order of
    the vertices: the feeders of the output share C, every other vertex has as many as its widest successor.
    """
    feeders = 0
    for v in range(1, n - 1):
        feeders += edge[v, n - 1]
    for v in range(n - 2, 0, -1):
        if edge[v, n - 1]:
            channels[v] = CHANNEL_UNIT // feeders
        else:
            channels[v] = 0
            for u in range(v + 1, n - 1):
                if edge[v, u] and channels[u] > channels[v]:
                    channels[v] = channels[u]
    return feeders


@nb.njit(nb.int64[:, ::1](nb.uint32[::1]), cache=True, nogil=True)
def _costs(cells):
    edge = np.zeros((MAX_VERTICES, MAX_VERTICES), np.int8)
    op = np.zeros(MAX_VERTICES, np.int8)
    channels = np.zeros(MAX_VERTICES, np.int64)
    result = np.zeros((len(cells), 8), np.int64)
    for i in range(len(cells)):
        n = _decode(cells[i], edge, op)
        _channels(n, edge, channels)
        row = result[i]
        for v in range(1, n - 1):
            width = channels[v]
            if op[v] == 0:
                row[0] += width * width
                row[1] += width
            elif op[v] == 1:
                row[2] += width * width
            else:
                row[5] += width
            inputs = 0
            for u in range(v):
                inputs += edge[u, v]
            row[4] += (inputs - 1) * width
            if edge[0, v]:
                row[3] += width
        if n > 2 and edge[0, n - 1]:
            row[4] += CHANNEL_UNIT
        row[6] = edge[0, n - 1]
        row[7] = n
    return result


@nb.njit(nb.void(nb.int64, nb.int8[:, ::1], nb.int8[::1], nb.int64[::1]), cache=True)
def _path_features(n, edge, op, row):
    """What is known from the paths into each vertex, in topological order: fill columns 2-4, 9, 13-21 and 46-50."""
    paths = np.zeros(MAX_VERTICES, np.int64)
    longest = np.zeros(MAX_VERTICES, np.int64)
    shortest = np.zeros(MAX_VERTICES, np.int64)
    most = np.zeros((MAX_VERTICES, 5), np.int64)  # per operation, any convolution, growth of the receptive field
    fewest = np.zeros((MAX_VERTICES, 5), np.int64)
    total = np.zeros((MAX_VERTICES, 4), np.int64)  # over all paths: per operation, edges
    without = np.zeros(MAX_VERTICES, np.int64)
    level = np.zeros(MAX_VERTICES, np.int64)
    paths[0] = 1
    without[0] = 1
    for v in range(1, n):
        shortest[v] = 99
        fewest[v, :] = 99
        for u in range(v):
            if edge[u, v]:
                paths[v] += paths[u]
                longest[v] = max(longest[v], longest[u] + 1)
                shortest[v] = min(shortest[v], shortest[u] + 1)
                for k in range(5):
                    most[v, k] = max(most[v, k], most[u, k])
                    fewest[v, k] = min(fewest[v, k], fewest[u, k])
                for k in range(4):
                    total[v, k] += total[u, k]
                without[v] += without[u]
        total[v, 3] += paths[v]
        level[longest[v]] += 1
        if v < n - 1:
            kind = op[v]
            for table in (most, fewest):
                table[v, kind] += 1
                table[v, 3] += kind < 2
                table[v, 4] += kind != 1
            total[v, kind] += paths[v]
            if kind < 2:
                without[v] = 0
    end = n - 1
    row[2], row[3], row[4] = longest[end], shortest[end], paths[end]
    row[9] = level.max()
    for k in range(3):
        row[13 + k], row[16 + k], row[19 + k] = most[end, k], fewest[end, k], total[end, k]
    row[46], row[47], row[48] = most[end, 3], fewest[end, 3], without[end]
    row[49], row[50] = most[end, 4], total[end, 3]


@nb.njit(nb.void(nb.int64, nb.int8[:, ::1], nb.int8[::1], nb.int64[::1], nb.int64[::1]), cache=True)
def _local_features(n, edge, op, channels, row):
    """What is known from single vertices, edges and triangles."""
    end = n - 1
    row[0] = n
    row[5] = edge[0, end]
    row[7] = _channels(n, edge, channels)
    for y in range(1, n):
        inputs = 0
        for x in range(y):
            if not edge[x, y]:
                continue
            inputs += 1
            if x == 0:
                row[6] += 1
            elif y < end:
                row[31 + 3 * op[x] + op[y]] += 1
            for z in range(x + 1, y):
                row[51] += edge[x, z] & edge[z, y]
        row[1] += inputs
        row[8] += inputs > 1
        if y == end:
            row[53] += (CHANNEL_UNIT if edge[0, end] and n > 2 else 0) // 4
            continue
        kind = op[y]
        row[10 + kind] += 1
        row[22 + kind] += edge[0, y]
        row[25 + kind] += edge[y, end]
        row[28 + kind] += inputs
        row[40 + kind] += channels[y] // 2
        row[43 + kind] += channels[y] * channels[y] // 80
        row[52] += channels[y] // 2 if edge[0, y] else 0
        row[53] += (inputs - 1) * channels[y] // 4


@nb.njit(nb.uint8[:, ::1](nb.uint32[::1]), cache=True, nogil=True)
def _features(cells):
    edge = np.zeros((MAX_VERTICES, MAX_VERTICES), np.int8)
    op = np.zeros(MAX_VERTICES, np.int8)
    channels = np.zeros(MAX_VERTICES, np.int64)
    row = np.zeros(54, np.int64)
    result = np.empty((len(cells), 54), np.uint8)
    for i in range(len(cells)):
        n = _decode(cells[i], edge, op)
        row[:] = 0
        _local_features(n, edge, op, channels, row)
        _path_features(n, edge, op, row)
        for k in range(54):
            result[i, k] = min(row[k], 255)
    return result
