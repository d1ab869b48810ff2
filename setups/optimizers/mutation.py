"""Compiled mutation of packed programs; each call expands one random word.

As in the original (Chen et al. 2023, Section 2, and its public code): insert, delete or modify one statement. A child
must pass abstract execution, else another mutation is tried. Modify changes one argument of a statement: a variable
becomes another of its type, a constant is multiplied by 2 to the power of N(0, 1), within ±1e10; a function never
changes. New constants are drawn from N(0, 1) (the paper) or are 1 (the code).
"""

from __future__ import annotations

import math

import numpy as np

from setups.optimizers.abstract import as_rows, start_types, type_of, valid
from setups.optimizers.compiled import cached_jit
from setups.optimizers.functions import ARITY
from setups.optimizers.program import (
    ARRAY,
    FIRST_OWN,
    LITERAL,
    MAX_VARIABLES,
    STATEMENT_BYTES,
    UNSET,
    UPDATE,
    Program,
)
from ufh_cli.core.compiled import below, put, uniform

MUTATIONS = ("insert", "delete", "modify", "constant")
INSERT, DELETE, MODIFY, CONSTANT = range(4)

_LARGEST = 1e10
_TRIES = 1000  # of an insertion whose arguments do not fit; and of mutations that cannot act


@cached_jit
def _uniform(stream):
    """In (0, 1), never 0."""
    return uniform(stream) + 2.0**-54


@cached_jit
def _gaussian(stream):
    radius = math.sqrt(-2.0 * math.log(_uniform(stream)))
    return radius * math.cos(2.0 * math.pi * _uniform(stream))


@cached_jit
def _types_before(rows, place, types):
    start_types(types)
    for i in range(place):
        types[rows[i, 1]] = type_of(rows, i, types)


@cached_jit
def _pick_variable(types, kind, without, stream):
    """A variable that is set, of type `kind` (UNSET: of any) and not `without`; -1 where there is none."""
    count = 0
    for variable in range(MAX_VARIABLES):
        if types[variable] != UNSET and (kind == UNSET or types[variable] == kind) and variable != without:
            count += 1
    if count == 0:
        return -1
    nth = below(stream, count)
    for variable in range(MAX_VARIABLES):
        if types[variable] != UNSET and (kind == UNSET or types[variable] == kind) and variable != without:
            if nth == 0:
                return variable
            nth -= 1
    return -1


@cached_jit
def _variables_set(types):
    count = 0
    for variable in range(MAX_VARIABLES):
        count += types[variable] != UNSET
    return count


@cached_jit
def _draw_arguments(row, types, stream, unit_constants):
    """Draw the arguments of ``row[0]`` uniformly among the variables that are set and a new constant."""
    numbers = row.view(np.float32)
    options = _variables_set(types) + 1
    for k in range(3):
        row[2 + k] = 0
        numbers[2 + k] = 0.0
    for k in range(ARITY[row[0]]):
        if below(stream, options) == 0:
            row[2 + k] = LITERAL
            numbers[2 + k] = 1.0 if unit_constants else np.float32(_gaussian(stream))
        else:
            row[2 + k] = _pick_variable(types, UNSET, -1, stream)


@cached_jit
def _result(row, types):
    """The type of what ``row`` computes, whatever its target; UNSET where the arguments do not fit."""
    one = row.reshape((1, STATEMENT_BYTES))
    target = row[1]
    row[1] = MAX_VARIABLES - 1  # not assigned yet: the last name is kept free
    found = type_of(one, 0, types)
    row[1] = target
    return found


@cached_jit
def _new_variable(rows, count):
    """The first name that no statement sets."""
    for variable in range(FIRST_OWN, MAX_VARIABLES - 1):
        free = True
        for i in range(count):
            if rows[i, 1] == variable:
                free = False
                break
        if free:
            return variable
    return FIRST_OWN


@cached_jit
def _insert(rows, count, place, stream, functions, unit_constants, target):
    """Put a random statement at `place` of `rows`, which has room; False where none was found that fits.

    `target`: the variable that it sets, -1 for a new one or any of the same type.
    """
    types = np.empty(MAX_VARIABLES, dtype=np.int64)
    _types_before(rows, place, types)
    row = np.zeros(STATEMENT_BYTES, dtype=np.uint8)
    for _ in range(_TRIES):
        row[0] = functions[below(stream, functions.size)]
        _draw_arguments(row, types, stream, unit_constants)
        found = _result(row, types)
        if found == UNSET or (target == UPDATE and found != ARRAY):
            continue
        row[1] = target if target >= 0 else _draw_target(rows, count, types, found, stream)
        for i in range(count, place, -1):
            put(rows[i - 1], rows[i])
        put(row, rows[place])
        return True
    return False


@cached_jit
def _draw_target(rows, count, types, found, stream):
    """A new name, or any variable of the type `found`, the update among the arrays, each equally likely."""
    kept = types[UPDATE]
    if found == ARRAY:
        types[UPDATE] = ARRAY
    options = 1
    for variable in range(MAX_VARIABLES):
        options += types[variable] == found
    fresh = below(stream, options) == 0
    target = _new_variable(rows, count) if fresh else _pick_variable(types, found, -1, stream)
    types[UPDATE] = kept
    return target


@cached_jit
def _delete(rows, count, stream):
    """Remove a random statement without which the rest is valid; returns how many there are then."""
    order = np.arange(count)
    kept = np.empty((count, STATEMENT_BYTES), dtype=np.uint8)
    for k in range(count):
        j = k + below(stream, count - k)
        order[k], order[j] = order[j], order[k]
        size = 0
        for i in range(count):
            if i != order[k]:
                put(rows[i], kept[size])
                size += 1
        if valid(kept, size):
            for i in range(size):
                put(kept[i], rows[i])
            return size
    return count


@cached_jit
def _scale_constant(row, k, stream):
    numbers = row.view(np.float32)
    value = np.float64(numbers[2 + k]) * 2.0 ** _gaussian(stream)
    numbers[2 + k] = np.float32(min(max(value, -_LARGEST), _LARGEST))


@cached_jit
def _modify(rows, count, stream):
    """Change one argument of a random statement; False where it has none that can change."""
    place = below(stream, count)
    row = rows[place]
    arity = ARITY[row[0]]
    if arity == 0:
        return False
    types = np.empty(MAX_VARIABLES, dtype=np.int64)
    _types_before(rows, place, types)
    order = np.arange(arity)
    for k in range(arity):
        j = k + below(stream, arity - k)
        order[k], order[j] = order[j], order[k]
        argument = np.int64(row[2 + order[k]])
        if argument == LITERAL:
            _scale_constant(row, order[k], stream)
            return True
        other = _pick_variable(types, types[argument], argument, stream)
        if other >= 0:
            row[2 + order[k]] = other
            return True
    return False


@cached_jit
def _constant(rows, count, stream):
    """Scale one constant, uniform among all; False where there is none."""
    total = 0
    for i in range(count):
        for k in range(ARITY[rows[i, 0]]):
            total += rows[i, 2 + k] == LITERAL
    if total == 0:
        return False
    nth = below(stream, total)
    for i in range(count):
        for k in range(ARITY[rows[i, 0]]):
            if rows[i, 2 + k] == LITERAL:
                if nth == 0:
                    _scale_constant(rows[i], k, stream)
                    return True
                nth -= 1
    return False


@cached_jit
def _mutated(parent, word, cumulative, functions, unit_constants, longest):
    stream = np.array([word], dtype=np.uint64)
    source = as_rows(parent)
    count = source.shape[0]
    rows = np.zeros((count + 1, STATEMENT_BYTES), dtype=np.uint8)
    for _ in range(_TRIES):
        for i in range(count):
            put(source[i], rows[i])
        choice = _uniform(stream)
        kind = 0
        while choice >= cumulative[kind]:
            kind += 1
        size = count
        if kind == INSERT:
            if count < longest:
                place = below(stream, count + 1)
                size += _insert(rows, count, place, stream, functions, unit_constants, -1)
            changed = size > count
        elif kind == DELETE:
            size = _delete(rows, count, stream)
            changed = size < count
        elif kind == MODIFY:
            changed = _modify(rows, count, stream)
        else:
            changed = _constant(rows, count, stream)
        if changed and valid(rows, size):
            return rows[:size].copy()
    return source.copy()


@cached_jit
def _random_program(word, length, functions, unit_constants):
    stream = np.array([word], dtype=np.uint64)
    rows = np.zeros((length, STATEMENT_BYTES), dtype=np.uint8)
    for i in range(length):
        _insert(rows, i, i, stream, functions, unit_constants, UPDATE if i == length - 1 else -1)
    return rows


def mutated(
    parent: Program, word: int, cumulative: np.ndarray, functions: np.ndarray, unit_constants: bool, longest: int
) -> Program:
    """A child of `parent`, one valid mutation away; a copy where none is possible.

    Parameters
    ----------
    word : int
        The random word that decides everything.
    cumulative : float64 array (4,)
        Cumulative probabilities of `MUTATIONS`.
    functions : int64 array
        Numbers of the functions that are inserted.
    unit_constants : bool
        New constants are 1 rather than drawn from N(0, 1).
    longest : int
        The most statements a child has.
    """
    return _mutated(parent, np.uint64(word), cumulative, functions, unit_constants, longest).tobytes()


def random_program(word: int, length: int, functions: np.ndarray, unit_constants: bool) -> Program:
    """A valid program of `length` random statements, of which the last sets the update."""
    return _random_program(np.uint64(word), length, functions, unit_constants).tobytes()
