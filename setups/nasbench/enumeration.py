"""The cells of NAS-Bench-101: their 32-bit code, pruning, canonical form, and the enumeration of all 423,624.

A *code* is ``vertices << 29 | labels << 21 | edges`` of a directed acyclic graph whose vertices are numbered in
topological order, the input first and the output last. `labels` holds the operations of the interior vertices as base-3
digits, the first interior vertex least significant; a digit is an index into `OPS`. Edge x→y (x < y) is bit
``x + y(y − 1)/2`` of `edges`, so that the predecessors of vertex y are y adjacent bits and an edge has the same bit
whatever the number of vertices.

A *spec* is a code of 7 vertices, some of which may lie on no path from the input to the output. A *cell* is what is
left of a spec after pruning those: 2 to 7 vertices. A spec is *valid* when input and output are connected and its cell
has at most 9 edges. Of all the relabelings of a cell that keep a topological order, the *canonical cell* is the one of
smallest code. (Ying et al. 2019, "NAS-Bench-101: Towards Reproducible Neural Architecture Search", section 2.)
"""

from __future__ import annotations

from itertools import permutations

import numba as nb
import numpy as np

OPS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES = 7
MAX_EDGES = 9
N_CELLS = 423_624

VERTICES_SHIFT = 29
LABELS_SHIFT = 21
EDGES_MASK = (1 << LABELS_SHIFT) - 1
LABELS_MASK = (1 << (VERTICES_SHIFT - LABELS_SHIFT)) - 1

# The look-up table is one array, because each array handed to compiled code costs about 40 ns a call. Its parts are:
# 1. by edge set (2**21): 0 when invalid, else (start of the pruned graph's part of 3) << 5 | kept interior vertices;
# 2. by kept interior vertices, labels (32 x 243): the labels of the kept vertices alone;
# 3. by pruned graph, its labels: the row of the canonical cell;
# 4. the canonical cells in ascending order.
N_LABELINGS = 3 ** (MAX_VERTICES - 2)
N_LABELED_GRAPHS = 1_293_208
KEPT_MASK = (1 << (MAX_VERTICES - 2)) - 1
KEPT_BITS = MAX_VERTICES - 2
LABELS_PART = EDGES_MASK + 1
ROWS_PART = LABELS_PART + (KEPT_MASK + 1) * N_LABELINGS
CELLS_PART = ROWS_PART + N_LABELED_GRAPHS
TABLE_SIZE = CELLS_PART + N_CELLS

# In this order the first k! rows permute the first k places and leave the others.
_PERMUTATIONS = np.array(sorted(permutations(range(5)), key=lambda p: p[::-1], reverse=True), dtype=np.int64)
_FACTORIAL = (1, 1, 2, 6, 24, 120)
_POWERS = (1, 3, 9, 27, 81)


@nb.njit("boolean(int64)", cache=True)
def is_code(number: int) -> bool:
    """Whether `number` is the code of some graph of 2 to 7 vertices, connected or not, of however many edges."""
    vertices = number >> VERTICES_SHIFT
    if vertices < 2 or vertices > MAX_VERTICES:
        return False
    labels = (number >> LABELS_SHIFT) & LABELS_MASK
    return labels < 3 ** (vertices - 2) and (number & EDGES_MASK) >> (vertices * (vertices - 1) // 2) == 0


@nb.njit("int64(int64, int64)", cache=True)
def kept_vertices(vertices: int, edges: int) -> int:
    """Bit mask of the vertices on a path from the input to the output; 0 when there is no path."""
    reached = 1
    for y in range(1, vertices):
        if (edges >> (y * (y - 1) // 2)) & ((1 << y) - 1) & reached:
            reached |= 1 << y
    if not reached >> (vertices - 1):
        return 0
    reaching = 1 << (vertices - 1)
    for y in range(vertices - 1, 0, -1):
        if (reaching >> y) & 1:
            reaching |= (edges >> (y * (y - 1) // 2)) & ((1 << y) - 1)
    return reached & reaching


@nb.njit("int64(int64, int64)", cache=True)
def _keep_edges(edges, kept):
    """The edges among the vertices of the mask `kept`, these renumbered in order."""
    result, new_y = 0, 0
    for y in range(MAX_VERTICES):
        if not (kept >> y) & 1:
            continue
        new_x = 0
        for x in range(y):
            if (kept >> x) & 1:
                edge = (edges >> (x + y * (y - 1) // 2)) & 1
                result |= edge << (new_x + new_y * (new_y - 1) // 2)
                new_x += 1
        new_y += 1
    return result


@nb.njit("int64(int64, int64)", cache=True)
def _keep_labels(labels, kept_interior):
    """The base-3 digits of `labels` at the places of the mask `kept_interior`, moved together."""
    result, power = 0, 1
    while kept_interior:
        if kept_interior & 1:
            result += labels % 3 * power
            power *= 3
        labels //= 3
        kept_interior >>= 1
    return result


@nb.njit("int64(int64)", cache=True)
def _bit_count(mask):
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@nb.njit("int64(int64)", cache=True)
def prune(code: int) -> int:
    """The code without the vertices that lie on no path from the input to the output; 0 when there is no such path.

    The number of edges is not limited. Raises `ValueError` for a number that is no code.
    """
    if not is_code(code):
        raise ValueError("not the code of a graph of 2 to 7 vertices with 3 operations")
    vertices, edges = code >> VERTICES_SHIFT, code & EDGES_MASK
    kept = kept_vertices(vertices, edges)
    if kept == 0:
        return 0
    interior = (kept >> 1) & ~(1 << (vertices - 2))  # without the input and the output
    labels = _keep_labels((code >> LABELS_SHIFT) & LABELS_MASK, interior)
    return _bit_count(kept) << VERTICES_SHIFT | labels << LABELS_SHIFT | _keep_edges(edges, kept)


@nb.njit("Tuple((int64[::1], int64[:, ::1]))(int64)", cache=True)
def cell_graph(code: int) -> tuple[np.ndarray, np.ndarray]:
    """The vertices' operations, by their places in `OPS` and 3 at the input, 4 at the output, and the edges (x, y)."""
    vertices, labels = code >> VERTICES_SHIFT, (code >> LABELS_SHIFT) & LABELS_MASK
    operations = np.empty(vertices, np.int64)
    operations[0], operations[vertices - 1] = 3, 4
    for vertex in range(1, vertices - 1):
        operations[vertex] = labels % 3
        labels //= 3
    edges = np.empty((_bit_count(code & EDGES_MASK), 2), np.int64)
    place = 0
    for y in range(1, vertices):
        for x in range(y):
            if (code >> (x + y * (y - 1) // 2)) & 1:
                edges[place, 0], edges[place, 1] = x, y
                place += 1
    return operations, edges


@nb.njit("int64(int64)", cache=True)
def count_edges(code: int) -> int:
    """The number of edges of a code; of the pruned one where the benchmark's limit of 9 is meant."""
    return _bit_count(code & EDGES_MASK)


@nb.njit("boolean(int64)", cache=True)
def is_valid(number: int) -> bool:
    """Whether `number` is a code that prunes to a cell of the space: connected, at most 9 edges left."""
    if not is_code(number):
        return False
    cell = prune(number)
    return cell != 0 and count_edges(cell) <= MAX_EDGES


@nb.njit("int64[::1](int64, int64)", cache=True)
def _relabeled_edges(vertices, edges):
    """The edges under every permutation of the interior vertices; -1 where an edge would point down."""
    result = np.zeros(_FACTORIAL[vertices - 2], dtype=np.int64)
    for row in range(result.size):
        for y in range(1, vertices):
            new_y = y if y == vertices - 1 else _PERMUTATIONS[row, y - 1] + 1
            for x in range(y):
                if (edges >> (x + y * (y - 1) // 2)) & 1:
                    new_x = x if x == 0 else _PERMUTATIONS[row, x - 1] + 1
                    if new_x > new_y:
                        result[row] = -1
                        break
                    result[row] |= 1 << (new_x + new_y * (new_y - 1) // 2)
            if result[row] == -1:
                break
    return result


@nb.njit("int64(int64, int64, int64[::1])", cache=True)
def _smallest_code(vertices, labels, relabeled_edges):
    """The smallest code over the permutations whose edges `relabeled_edges` holds."""
    digits = np.empty(vertices - 2, dtype=np.int64)
    for v in range(digits.size):
        digits[v] = labels % 3
        labels //= 3
    smallest = np.int64(EDGES_MASK + 1) << LABELS_SHIFT
    for row in range(relabeled_edges.size):
        if relabeled_edges[row] == -1:
            continue
        new_labels = 0
        for v in range(digits.size):
            new_labels += digits[v] * _POWERS[_PERMUTATIONS[row, v]]
        smallest = min(smallest, new_labels << LABELS_SHIFT | relabeled_edges[row])
    return vertices << VERTICES_SHIFT | smallest


@nb.njit("int64(int64)", cache=True)
def canonical_cell(code: int) -> int:
    """The canonical cell of a code: pruned, then the smallest code of all relabelings in topological order.

    Two codes have the same canonical cell exactly when their pruned graphs are isomorphic, operations included.
    Gives 0 when input and output are not connected; raises `ValueError` for a number that is no code.
    """
    cell = prune(code)
    if cell == 0:
        return 0
    vertices = cell >> VERTICES_SHIFT
    labels = (cell >> LABELS_SHIFT) & LABELS_MASK
    return _smallest_code(vertices, labels, _relabeled_edges(vertices, cell & EDGES_MASK))


@nb.njit("void(uint32[::1], uint8[::1])", cache=True, nogil=True)
def _prune_edge_sets(graphs, kept_interior):
    """For every edge set of 7 vertices: the pruned graph without labels, 0 when invalid; the kept interior vertices."""
    for edges in range(EDGES_MASK + 1):
        code = MAX_VERTICES << VERTICES_SHIFT | edges
        if is_valid(code):
            graphs[edges] = prune(code)
            kept_interior[edges] = (kept_vertices(MAX_VERTICES, edges) >> 1) & KEPT_MASK
        else:
            graphs[edges] = 0
            kept_interior[edges] = 0


@nb.njit("void(uint32[::1], int64[::1], uint32[::1])", cache=True, nogil=True)
def _canonical_labelings(graphs, starts, canonical):
    """The canonical cells of every graph of `graphs` under every labeling, those of graph i from ``starts[i]`` on."""
    for i in range(graphs.size):
        vertices = np.int64(graphs[i]) >> VERTICES_SHIFT
        relabeled_edges = _relabeled_edges(vertices, np.int64(graphs[i]) & EDGES_MASK)
        for labels in range(3 ** (vertices - 2)):
            canonical[starts[i] + labels] = _smallest_code(vertices, labels, relabeled_edges)


def build_table() -> np.ndarray:
    """Enumerate the space.

    Returns
    -------
    ndarray of uint32, shape (TABLE_SIZE,)
        The look-up table whose parts are listed at the top of this file; the last `N_CELLS` entries are the canonical
        cells in ascending order.
    """
    graph_of_edges = np.empty(EDGES_MASK + 1, dtype=np.uint32)
    kept_interior = np.empty(EDGES_MASK + 1, dtype=np.uint8)
    _prune_edge_sets(graph_of_edges, kept_interior)
    valid = np.flatnonzero(graph_of_edges)
    graphs, graph_index = np.unique(graph_of_edges[valid], return_inverse=True)
    sizes = 3 ** ((graphs >> VERTICES_SHIFT).astype(np.int64) - 2)
    starts = np.cumsum(sizes) - sizes
    canonical = np.empty(sizes.sum(), dtype=np.uint32)
    _canonical_labelings(graphs, starts, canonical)
    cells, rows = np.unique(canonical, return_inverse=True)

    table = np.zeros(TABLE_SIZE, dtype=np.uint32)
    table[valid] = (ROWS_PART + starts[graph_index]) << KEPT_BITS | kept_interior[valid]
    table[LABELS_PART:ROWS_PART] = [
        _keep_labels(labels, kept) for kept in range(KEPT_MASK + 1) for labels in range(N_LABELINGS)
    ]
    table[ROWS_PART:CELLS_PART] = rows
    table[CELLS_PART:] = cells
    return table
