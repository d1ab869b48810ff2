"""Compiled mutation of packed programs; each call expands one random word.

A mutation acts on one component function, uniform among those that have operations. Where it cannot act
(nothing to alter in an empty function, no room to insert, nothing to spare to remove) the child is a copy, as
in the original.
"""

from __future__ import annotations

import math

import numpy as np

from setups.automl_zero.compiled import cached_jit
from setups.automl_zero.execute import UNIT
from setups.automl_zero.operations import (
    FIRST_GAUSSIAN,
    FIRST_UNIFORM,
    MATRIX_CONSTANT,
    SCALAR_CONSTANT,
    SIGNATURES,
    VECTOR_CONSTANT,
)
from ufh_cli.core.compiled import below, splitmix64, uniform

# Layout of the int64 array `space`: [0:3] addresses of kinds s, v, m; [3:6] smallest and [6:9] largest sizes;
# [9:12] numbers of operations of the three functions; from 12 on the operations.
_SIZES_MIN, _SIZES_MAX, _COUNTS, _OPERATIONS = 3, 6, 9, 12
ALTER, RANDOMIZE_INSTRUCTION, RANDOMIZE_FUNCTION, INSERT, REMOVE, TRADE, RANDOMIZE_PROGRAM, IDENTITY = range(8)

_FLIP_PROBABILITY = 0.1  # of the sign of a constant


@cached_jit
def _uniform(stream, low, high):
    return low + (high - low) * uniform(stream)


@cached_jit
def _fraction(stream):
    """A float32 in [0, 1)."""
    stream[0], word = splitmix64(stream[0])
    return np.float32(np.float64(word >> np.uint64(40)) * 2.0**-24)


@cached_jit
def _gaussian(stream):
    radius = math.sqrt(-2.0 * math.log(_uniform(stream, UNIT, 1.0)))
    return radius * math.cos(2.0 * math.pi * _uniform(stream, 0.0, 1.0))


@cached_jit
def _random_output(stream, kind, space):
    """An address that programs may write: s0 and v0 are not."""
    first = 0 if kind == 3 else 1
    return first + below(stream, space[kind - 1] - first)


@cached_jit
def _randomize(instruction, stream, function, space):
    """Overwrite the 16 bytes of `instruction` by a random one that `function` may have."""
    first = _OPERATIONS
    for f in range(function):
        first += space[_COUNTS + f]
    op = space[first + below(stream, space[_COUNTS + function])]
    for k in range(16):
        instruction[k] = 0
    instruction[0] = op
    for part in range(1, 3):
        kind = SIGNATURES[op, part]
        if kind != 0:
            instruction[part] = below(stream, space[kind - 1])
    if SIGNATURES[op, 0] != 0:
        instruction[3] = _random_output(stream, SIGNATURES[op, 0], space)
    numbers = instruction.view(np.float32)
    if op == SCALAR_CONSTANT:
        instruction.view(np.float64)[1] = _uniform(stream, -1.0, 1.0)
    elif op in (VECTOR_CONSTANT, MATRIX_CONSTANT):
        for k in range(op - SCALAR_CONSTANT):
            numbers[1 + k] = _fraction(stream)
        numbers[1 + op - SCALAR_CONSTANT] = _uniform(stream, -1.0, 1.0)
    elif op >= FIRST_GAUSSIAN:
        numbers[1] = _uniform(stream, -1.0, 1.0)
        numbers[2] = _fraction(stream)
    elif op >= FIRST_UNIFORM:
        numbers[1] = _uniform(stream, -1.0, 1.0)
        numbers[2] = _uniform(stream, -1.0, 1.0)


@cached_jit
def _changed(stream, value, may_flip, paper_constants):
    """A constant after a mutation.

    The original program: in 10 % of cases the sign flips, else the value is multiplied by exp(N(0, 1)). The
    paper: it is multiplied by U[0.5, 2], and besides the sign flips in 10 % of cases.
    """
    flip = may_flip and _uniform(stream, 0.0, 1.0) < _FLIP_PROBABILITY
    if paper_constants:
        value = value * _uniform(stream, 0.5, 2.0)
        return -value if flip else value
    if flip:
        return -value
    return value * math.exp(_gaussian(stream))


@cached_jit
def _alter_constants(instruction, stream, op, paper_constants):
    numbers = instruction.view(np.float32)
    if op == SCALAR_CONSTANT:
        wide = instruction.view(np.float64)
        wide[1] = _changed(stream, wide[1], True, paper_constants)
    elif op in (VECTOR_CONSTANT, MATRIX_CONSTANT):
        indices = op - SCALAR_CONSTANT
        which = below(stream, indices + 1)
        if which < indices:
            numbers[1 + which] = _fraction(stream)
        else:
            numbers[1 + which] = _changed(stream, np.float64(numbers[1 + which]), True, paper_constants)
    elif op >= FIRST_GAUSSIAN:
        which = below(stream, 2)
        numbers[1 + which] = _changed(stream, np.float64(numbers[1 + which]), which == 0, paper_constants)
    else:
        which = 1 + below(stream, 2)
        numbers[which] = _changed(stream, np.float64(numbers[which]), True, paper_constants)
        if numbers[2] < numbers[1]:
            numbers[1], numbers[2] = numbers[2], numbers[1]


@cached_jit
def _alter(instruction, stream, space, paper_constants):
    """Redraw one address or change one constant, each part of the instruction equally likely."""
    op = np.int64(instruction[0])
    inputs = np.int64(SIGNATURES[op, 1] != 0) + np.int64(SIGNATURES[op, 2] != 0)
    parts = inputs + np.int64(SIGNATURES[op, 0] != 0) + np.int64(op >= SCALAR_CONSTANT)
    if parts == 0:
        return
    part = below(stream, parts)
    if part < inputs:
        instruction[1 + part] = below(stream, space[SIGNATURES[op, 1 + part] - 1])
    elif part == inputs:
        instruction[3] = _random_output(stream, SIGNATURES[op, 0], space)
    else:
        _alter_constants(instruction, stream, op, paper_constants)


@cached_jit
def _bounds(program, function):
    """First instruction of a component function and the one after its last, counted from the header."""
    header = program[:16].view(np.uint32)
    start = 0
    for f in range(function):
        start += int(header[f])
    return start, start + int(header[function])


@cached_jit
def _instruction(program, i):
    return program[16 * (i + 1) : 16 * (i + 2)]


@cached_jit
def _copy(source, source_start, target, target_start, count):
    """As slices would, but those take numba seconds longer to compile."""
    for k in range(count):
        target[target_start + k] = source[source_start + k]


@cached_jit
def _insert(program, stream, function, space):
    start, stop = _bounds(program, function)
    if stop - start >= space[_SIZES_MAX + function]:
        return program
    place = 16 * (1 + start + below(stream, stop - start + 1))
    child = np.empty(program.size + 16, dtype=np.uint8)
    _copy(program, 0, child, 0, place)
    _copy(program, place, child, place + 16, program.size - place)
    child[:16].view(np.uint32)[function] += np.uint32(1)
    _randomize(child[place : place + 16], stream, function, space)
    return child


@cached_jit
def _remove(program, stream, function, space):
    start, stop = _bounds(program, function)
    if stop - start <= space[_SIZES_MIN + function]:
        return program
    place = 16 * (1 + start + below(stream, stop - start))
    child = np.empty(program.size - 16, dtype=np.uint8)
    _copy(program, 0, child, 0, place)
    _copy(program, place + 16, child, place, child.size - place)
    child[:16].view(np.uint32)[function] -= np.uint32(1)
    return child


@cached_jit
def random_function(program, stream, function, space):
    """Randomize every instruction of a component function, in place."""
    start, stop = _bounds(program, function)
    for i in range(start, stop):
        _randomize(_instruction(program, i), stream, function, space)


@cached_jit
def _random_program(sizes, word, space):
    """A program of the given sizes, every instruction random."""
    stream = np.array([word], dtype=np.uint64)
    program = np.zeros(16 * (1 + sizes.sum()), dtype=np.uint8)
    for function in range(3):
        program[:16].view(np.uint32)[function] = sizes[function]
    for function in range(3):
        random_function(program, stream, function, space)
    return program


@cached_jit
def _mutated(parent, word, space, cumulative, probability, paper_constants):
    stream = np.array([word], dtype=np.uint64)
    child = np.frombuffer(parent, np.uint8).copy()
    choice = _uniform(stream, 0.0, 1.0)
    if _uniform(stream, 0.0, 1.0) >= probability:
        return child
    kind = 0
    while choice >= cumulative[kind]:
        kind += 1
    functions = 0
    for f in range(3):
        functions += space[_COUNTS + f] > 0
    if functions == 0:
        return child
    nth = below(stream, functions)
    function = 0
    while space[_COUNTS + function] == 0 or nth > 0:
        nth -= space[_COUNTS + function] > 0
        function += 1
    start, stop = _bounds(child, function)
    if kind == ALTER and stop > start:
        _alter(_instruction(child, start + below(stream, stop - start)), stream, space, paper_constants)
    elif kind == RANDOMIZE_INSTRUCTION and stop > start:
        _randomize(_instruction(child, start + below(stream, stop - start)), stream, function, space)
    elif kind == RANDOMIZE_FUNCTION:
        random_function(child, stream, function, space)
    elif kind == INSERT:
        return _insert(child, stream, function, space)
    elif kind == REMOVE:
        return _remove(child, stream, function, space)
    elif kind == TRADE:
        return _remove(_insert(child, stream, function, space), stream, function, space)
    elif kind == RANDOMIZE_PROGRAM:
        for f in range(3):
            random_function(child, stream, f, space)
    return child


def random_program(sizes: np.ndarray, word: int, space: np.ndarray) -> bytes:
    """A random program with `sizes` (int64, 3) instructions, drawn from the random `word`."""
    return _random_program(sizes, np.uint64(word), space).tobytes()


def mutated(
    parent: bytes, word: int, space: np.ndarray, cumulative: np.ndarray, probability: float, paper_constants: bool
) -> bytes:
    """A child of `parent`: with `probability` one mutation, else a copy.

    Parameters
    ----------
    word : int
        The random word that decides everything.
    space : int64 array
        `Space.encoded`.
    cumulative : float64 array (8,)
        Cumulative probabilities of `space.MUTATIONS`.
    probability : float
    paper_constants : bool
        How constants change; see `_changed`.
    """
    return _mutated(parent, np.uint64(word), space, cumulative, probability, paper_constants).tobytes()
