"""The canonical form of a graph, compiled; see `program` for what it is."""

from __future__ import annotations

import numpy as np

from setups.autonumerics.compiled import cached_jit
from setups.autonumerics.operations import (
    ADD,
    COEFFICIENT,
    DIVIDE,
    FUSED,
    INPUTS,
    MULTIPLY,
    SQUARE_ROOT,
    SUBTRACT,
    X,
)

_INPUTS = np.array(INPUTS)
_FREE = -1  # stands for a coefficient, in a place of its own


@cached_jit
def _post_order(kinds, inputs, root, order, state):
    """Fill `order` with the vertices that `root` needs, inputs first; returns how many."""
    stack = np.empty(3 * len(kinds) + 1, dtype=np.int64)
    stack[0] = root
    depth, count = 1, 0
    state[:] = 0
    while depth > 0:
        vertex = stack[depth - 1]
        if state[vertex] == 0:
            state[vertex] = 1
            for j in range(_INPUTS[kinds[vertex]] - 1, -1, -1):
                source = inputs[vertex, j]
                if source >= 0 and state[source] == 0:
                    stack[depth] = source
                    depth += 1
        else:
            depth -= 1
            if state[vertex] == 1:
                state[vertex] = 2
                order[count] = vertex
                count += 1
    return count


@cached_jit
def _mixed(a, b):
    z = (a ^ (b + np.uint64(0x9E3779B97F4A7C15) + (a << np.uint64(6)) + (a >> np.uint64(2)))) * np.uint64(
        0xBF58476D1CE4E5B9
    )
    return z ^ (z >> np.uint64(29))


@cached_jit
def _constant(kind, a, b, c):
    """What an operation on coefficients alone gives."""
    if kind == ADD:
        value = a + b
    elif kind == SUBTRACT:
        value = a - b
    elif kind == MULTIPLY:
        value = a * b
    elif kind == DIVIDE:
        value = a / b
    elif kind == SQUARE_ROOT:
        value = np.sqrt(a)
    else:
        value = a * b + c
    return value if np.isfinite(value) else 1.0


@cached_jit
def _merge(kind, value, below, lower):
    """value ∘ (lower ∘ a) as one operation: (kind, value); kind 0 where it is none.

    `kind` and `below` have their coefficient first.
    """
    additive, multiplicative = kind in (ADD, SUBTRACT), kind in (MULTIPLY, DIVIDE)
    if additive and below in (ADD, SUBTRACT):
        merged = ADD if kind == below else SUBTRACT
        value = value + lower if kind == ADD else value - lower
    elif multiplicative and below in (MULTIPLY, DIVIDE):
        merged = MULTIPLY if kind == below else DIVIDE
        value = value * lower if kind == MULTIPLY else value / lower
    else:
        return 0, value
    return merged, value if np.isfinite(value) else 1.0


@cached_jit
def _normalise(kind, ids, free):
    """Bring one operation, in place, to its normal form; returns its kind, 0 for "a coefficient", in ``free[0]``."""
    count = _INPUTS[kind]
    every = True
    for j in range(count):
        every = every and ids[j] == _FREE
    if every:
        free[0] = _constant(kind, free[0], free[1], free[2])
        return 0
    if kind in (SUBTRACT, DIVIDE) and ids[0] == ids[1]:
        free[0] = 0.0 if kind == SUBTRACT else 1.0
        return 0
    if kind == FUSED and ids[0] == _FREE and ids[1] == _FREE:
        kind = ADD
        free[0] = _constant(MULTIPLY, free[0], free[1], 0.0)
        ids[1], ids[2] = ids[2], 0
    elif kind == SUBTRACT and ids[1] == _FREE:
        kind = ADD
        free[1] = -free[1]
    elif kind == DIVIDE and ids[1] == _FREE:
        kind = MULTIPLY
        free[1] = _constant(DIVIDE, 1.0, free[1], 0.0)
    return kind


@cached_jit
def _build(kinds, inputs, values, order, count, new_kinds, new_ids, new_free):
    """Fold and share, inputs first; returns (number of new vertices, place of the output or -1, its value).

    Vertex 0 of the new ones is x.
    """
    place = np.empty(len(kinds), dtype=np.int64)
    constant = np.zeros(len(kinds))
    hashes = np.zeros(count + 1, dtype=np.uint64)
    hashes[0] = np.uint64(2)
    made = 1
    for i in range(count):
        vertex = order[i]
        kind = kinds[vertex]
        if kind == X:
            place[vertex] = 0
            continue
        if kind == COEFFICIENT:
            place[vertex], constant[vertex] = _FREE, values[vertex]
            continue
        ids, free = new_ids[made], new_free[made]
        for j in range(3):
            ids[j], free[j] = 0, 0.0
        for j in range(_INPUTS[kind]):
            ids[j], free[j] = place[inputs[vertex, j]], constant[inputs[vertex, j]]
        kind = _normalise(kind, ids, free)
        if kind == 0:
            place[vertex], constant[vertex] = _FREE, free[0]
            continue
        if kind in (ADD, MULTIPLY, FUSED) and ids[0] != _FREE:
            first, second = hashes[ids[0]], np.uint64(1) if ids[1] == _FREE else hashes[ids[1]]
            if ids[1] == _FREE or second < first:
                ids[0], ids[1] = ids[1], ids[0]
                free[0], free[1] = free[1], free[0]
        if kind not in (SQUARE_ROOT, FUSED) and ids[0] == _FREE and ids[1] > 0 and new_ids[ids[1], 0] == _FREE:
            below = ids[1]
            merged, value = _merge(kind, free[0], new_kinds[below], new_free[below, 0])
            if merged != 0:
                kind, free[0], ids[1] = merged, value, new_ids[below, 1]
        same = -1
        mix = np.uint64(kind)
        bare = True
        for j in range(_INPUTS[kind]):
            bare = bare and ids[j] != _FREE
            mix = _mixed(mix, np.uint64(1) if ids[j] == _FREE else hashes[ids[j]])
        if bare:
            for other in range(1, made):
                if new_kinds[other] == kind and hashes[other] == mix:
                    equal = True
                    for j in range(3):
                        equal = equal and new_ids[other, j] == ids[j]
                    if equal:
                        same = other
        if same >= 0:
            place[vertex] = same
            continue
        new_kinds[made], hashes[made] = kind, mix
        place[vertex] = made
        made += 1
    root = order[count - 1]
    return made, place[root], constant[root]


@cached_jit
def canonical(kinds, inputs, values, root):
    """The packed canonical form of a graph.

    Parameters
    ----------
    kinds : int64 (n,)
    inputs : int64 (n, 3)
        Places of the inputs; those beyond an operation's number of inputs are not looked at.
    values : float64 (n,)
        Of coefficients.
    root : int
        The place of the output.

    Returns
    -------
    code : int8 (operations, 4)
    coefficients : float64 (coefficients,)
    """
    size = len(kinds)
    order = np.empty(size, dtype=np.int64)
    state = np.empty(size + 1, dtype=np.int64)
    count = _post_order(kinds, inputs, root, order, state[:size])
    new_kinds = np.zeros(count + 2, dtype=np.int64)
    new_ids = np.zeros((count + 2, 3), dtype=np.int64)
    new_free = np.zeros((count + 2, 3))
    made, output, value = _build(kinds, inputs, values, order, count, new_kinds, new_ids, new_free)
    if output == _FREE:
        return np.empty((0, 4), dtype=np.int8), np.full(1, value)
    order = np.empty(made, dtype=np.int64)
    needed = _post_order(new_kinds[:made], new_ids[:made], output, order, np.empty(made, dtype=np.int64))
    coefficients = 0
    for i in range(needed):
        for j in range(_INPUTS[new_kinds[order[i]]]):
            coefficients += new_ids[order[i], j] == _FREE
    code = np.zeros((needed, 4), dtype=np.int8)
    numbers = np.empty(coefficients)
    number = np.zeros(made, dtype=np.int64)
    operations, met = 0, 0
    for i in range(needed):
        vertex = order[i]
        if vertex == 0:
            continue
        code[operations, 0] = new_kinds[vertex]
        for j in range(_INPUTS[new_kinds[vertex]]):
            source = new_ids[vertex, j]
            if source == _FREE:
                numbers[met] = new_free[vertex, j]
                met += 1
                code[operations, 1 + j] = met
            else:
                code[operations, 1 + j] = number[source]
        operations += 1
        number[vertex] = coefficients + operations
    return code[:operations].copy(), numbers
