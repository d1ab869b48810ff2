"""Compiled mutation of programs; each call expands one random word.

The kinds are those of Real et al. (2023): insert a vertex on an edge, remove a vertex, give an edge another source.
What differs: a vertex may also be inserted behind another, for all that use it, which puts one function into another,
f(x) into f(g(x)); and an inserted operation may take a fresh coefficient, half the time one that changes nothing
at first (adds 0, multiplies by 1), so that a child starts from what its parent's fit found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from setups.autonumerics.canonical_kernel import canonical
from setups.autonumerics.compiled import cached_jit
from setups.autonumerics.draws import fresh_value
from setups.autonumerics.operations import (
    ADD,
    COEFFICIENT,
    FUSED,
    INPUTS,
    SUBTRACT,
    X,
)
from setups.autonumerics.program import Program, code_array, value_array
from ufh_cli.core.compiled import below, uniform

MUTATIONS = ("insert", "remove", "rewire", "behind")
_INPUTS = np.array(INPUTS)
_TRIES = 50


class Limits(NamedTuple):
    """What children may be.

    Attributes
    ----------
    operations, coefficients : int
        At most so many.
    kinds : int64 array
        What may be inserted: kinds of operations, and `COEFFICIENT`.
    weights : float64 (4,)
        Of `MUTATIONS`.
    again : float
        The probability of a further change after each, so that children may be several changes away.
    scale : float
        Fresh coefficients are ±10^U(-scale, scale).
    """

    operations: int
    coefficients: int
    kinds: np.ndarray
    weights: np.ndarray
    again: float
    scale: float


@cached_jit
def _reaches(kinds, inputs, start, goal, count):
    """Whether `goal` is `start` or one of those that `start` is computed from."""
    stack = np.empty(3 * count + 1, dtype=np.int64)
    seen = np.zeros(count, dtype=np.bool_)
    stack[0] = start
    depth = 1
    while depth > 0:
        depth -= 1
        vertex = stack[depth]
        if vertex == goal:
            return True
        if seen[vertex]:
            continue
        seen[vertex] = True
        for j in range(_INPUTS[kinds[vertex]]):
            stack[depth] = inputs[vertex, j]
            depth += 1
    return False


@cached_jit
def _random_edge(stream, kinds, inputs, count, output):
    """(vertex, place of the input) of a uniform edge; vertex -1 is the edge to the output, where `output` allows."""
    edges = 0
    for vertex in range(count):
        edges += _INPUTS[kinds[vertex]]
    pick = below(stream, edges + output)
    for vertex in range(count):
        if pick < _INPUTS[kinds[vertex]]:
            return vertex, pick
        pick -= _INPUTS[kinds[vertex]]
    return -1, 0


@cached_jit
def _source(stream, kinds, inputs, count, target):
    """A uniform vertex that does not need `target`."""
    while True:  # x never needs it
        vertex = below(stream, count)
        if target < 0 or not _reaches(kinds, inputs, vertex, target, count):
            return vertex


@cached_jit
def _replace(kinds, inputs, count, root, old, new):
    """Give all of the first `count` vertices that use `old` the vertex `new` instead; returns the root."""
    for vertex in range(count):
        for j in range(_INPUTS[kinds[vertex]]):
            if inputs[vertex, j] == old:
                inputs[vertex, j] = new
    return new if root == old else root


@cached_jit
def _inserted(stream, kinds, inputs, values, count, root, choices, scale, behind):
    """Insert a vertex on a random edge, or `behind` the vertex that the edge comes from; returns (count, root)."""
    target, edge = _random_edge(stream, kinds, inputs, count, 1)
    old = root if target < 0 else inputs[target, edge]
    kind = choices[below(stream, len(choices))]
    new = count
    kinds[new] = kind
    values[new] = fresh_value(stream, scale)
    free = new + 1
    if kind != COEFFICIENT:
        keep = below(stream, _INPUTS[kind])
        for j in range(_INPUTS[kind]):
            if j == keep:
                inputs[new, j] = old
                continue
            source = below(stream, count + 1)
            cycle = False
            if source < count and behind:
                cycle = source != old and _reaches(kinds, inputs, source, old, count)
            elif source < count:
                cycle = target >= 0 and _reaches(kinds, inputs, source, target, count)
            if source < count and not cycle:
                inputs[new, j] = source
            else:
                kinds[free] = COEFFICIENT
                neutral = 0.0 if kind in (ADD, SUBTRACT) or (kind == FUSED and j == 2) else 1.0
                values[free] = fresh_value(stream, scale) if below(stream, 2) == 0 else neutral
                inputs[new, j] = free
                free += 1
    if behind:
        return free, _replace(kinds, inputs, new, root, old, new)
    if target < 0:
        return free, new
    inputs[target, edge] = new
    return free, root


@cached_jit
def _removed(stream, kinds, inputs, count, root):
    if count < 2:
        return root
    victim = 1 + below(stream, count - 1)
    if kinds[victim] == COEFFICIENT:
        user = -1
        for vertex in range(count):
            for j in range(_INPUTS[kinds[vertex]]):
                if inputs[vertex, j] == victim:
                    user = vertex
        heir = _source(stream, kinds, inputs, count, user)
    else:
        heir = inputs[victim, below(stream, _INPUTS[kinds[victim]])]
    return _replace(kinds, inputs, count, root, victim, heir)


@cached_jit
def _unpacked(code, coefficients, kinds, inputs, values):
    k = len(coefficients)
    kinds[0] = X
    for i in range(k):
        kinds[1 + i] = COEFFICIENT
        values[1 + i] = coefficients[i]
    for i in range(len(code)):
        kinds[1 + k + i] = code[i, 0]
        for j in range(3):
            inputs[1 + k + i, j] = code[i, 1 + j]
    return 1 + k + len(code)


@cached_jit
def _changed_once(stream, code, coefficients, choices, weights, scale):
    size = len(code) + len(coefficients) + 6
    kinds, inputs, values = np.zeros(size, np.int64), np.zeros((size, 3), np.int64), np.zeros(size)
    count = _unpacked(code, coefficients, kinds, inputs, values)
    root = count - 1
    pick = uniform(stream) * weights.sum() - weights[0]
    behind = pick >= 0.0 and len(code) > 0
    if not behind or pick < weights[3]:
        count, root = _inserted(stream, kinds, inputs, values, count, root, choices, scale, behind)
    elif pick < weights[3] + weights[1]:
        root = _removed(stream, kinds, inputs, count, root)
    else:
        vertex, edge = _random_edge(stream, kinds, inputs, count, 0)
        inputs[vertex, edge] = _source(stream, kinds, inputs, count, vertex)
    return canonical(kinds[:count], inputs[:count], values[:count], root)


@cached_jit
def _mutated(code, coefficients, word, operations, most, choices, weights, again, scale):
    stream = np.empty(1, dtype=np.uint64)
    stream[0] = word
    code, coefficients = code.copy(), coefficients.copy()  # writable as a child's, else all is compiled for both
    for _ in range(_TRIES):
        child, numbers = _changed_once(stream, code, coefficients, choices, weights, scale)
        while uniform(stream) < again and len(child) <= operations and len(numbers) <= most:
            child, numbers = _changed_once(stream, child, numbers, choices, weights, scale)
        if len(child) <= operations and len(numbers) <= most:
            return child, numbers
    return code, coefficients


def mutated(program: Program, word: int, limits: Limits) -> Program:
    """A child of `program` within `limits`; `program` itself where none was found in some tries."""
    child, numbers = _mutated(
        code_array(program), value_array(program), np.uint64(word), limits.operations, limits.coefficients,
        limits.kinds, limits.weights, limits.again, limits.scale,
    )  # fmt: skip
    return Program(child.tobytes(), numbers.tobytes())
