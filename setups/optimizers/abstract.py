"""Abstract execution: a program run on types, on hashes and on sets of statements instead of values.

So the original (Chen et al. 2023, Section 2) finds out whether a program is valid, whether two programs compute the
same from the same data flow, and which statements are redundant. Names, the order of statements that do not depend on
each other, and what is never used make no difference to the data flow; that a + b is b + a does.
"""

from __future__ import annotations

import numpy as np

from setups.optimizers.compiled import cached_jit, inlined_jit
from setups.optimizers.functions import ARITY, KIND, LAST_SCALAR, NEVER, REDUCTION
from setups.optimizers.functions import CONSTANT as CONSTANT_KIND
from setups.optimizers.program import ARRAY, FIRST_OWN, LITERAL, LR, MAX_VARIABLES, SCALAR, UNSET, UPDATE, M, V

_ONE = np.uint64(1)
_ROWS = MAX_VARIABLES


@inlined_jit
def _mixed(state, word):
    """A 64-bit hash of two words, in their order (the finalizer of SplitMix64)."""
    z = (state ^ word) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) + np.uint64(0xD1342543DE82EF95)


@cached_jit
def start_types(types):
    """Set the types of the variables at the beginning, in place."""
    types[:] = UNSET
    types[:LR] = ARRAY
    types[LR] = SCALAR


@cached_jit
def type_of(rows, i, types):
    """The type of the result of statement `i`, UNSET where its arguments do not fit or it may not be assigned."""
    function = rows[i, 0]
    kind = KIND[function]
    arity = ARITY[function]
    if kind == NEVER:
        return UNSET
    largest, smallest, last = 0, 9, 0
    for k in range(arity):
        argument = rows[i, 2 + k]
        last = SCALAR if argument == LITERAL else types[argument]
        largest, smallest = max(largest, last), min(smallest, last)
    if smallest == UNSET:
        return UNSET
    if kind == LAST_SCALAR and last != SCALAR:
        return UNSET
    if kind == REDUCTION and smallest != largest:
        return UNSET
    found = SCALAR if kind in (CONSTANT_KIND, REDUCTION) else largest
    target = rows[i, 1]
    if types[target] != UNSET and types[target] != found:
        return UNSET
    return UNSET if target == UPDATE and found != ARRAY else found


@cached_jit
def valid(rows, count):
    """Whether the first `count` statements fit together and set an update."""
    types = np.empty(_ROWS, dtype=np.int64)
    start_types(types)
    for i in range(count):
        found = type_of(rows, i, types)
        if found == UNSET:
            return False
        types[rows[i, 1]] = found
    return types[UPDATE] == ARRAY


@cached_jit
def as_rows(program):
    """The packed statements as a uint8 array (statements, 20)."""
    data = np.frombuffer(program, np.uint8)
    return data.reshape((data.size // 20, 20))


@cached_jit
def needs(rows, across_steps):
    """Which statements the outputs need.

    Returns
    -------
    statements : uint64
        A bit for each; the others are redundant.
    states : int64
        Bit 0: whether m, bit 1: whether v matters after the step. With `across_steps` they do only where an update,
        now or in a later step, depends on them; else always.
    """
    count = rows.shape[0]
    used = np.zeros(_ROWS, dtype=np.uint64)  # statements behind each variable
    inputs = np.zeros(_ROWS, dtype=np.uint64)  # and inputs, a bit each
    for k in range(FIRST_OWN - 1):
        inputs[k] = _ONE << np.uint64(k)
    for i in range(count):
        statements = _ONE << np.uint64(i)
        behind = np.uint64(0)
        for k in range(ARITY[rows[i, 0]]):
            argument = rows[i, 2 + k]
            if argument != LITERAL:
                statements |= used[argument]
                behind |= inputs[argument]
        used[rows[i, 1]] = statements
        inputs[rows[i, 1]] = behind
    wanted = inputs[UPDATE]
    result = used[UPDATE]
    states = 0
    for _ in range(2):  # m may need v, which needs m
        for bit, variable in ((1, M), (2, V)):
            if not across_steps or wanted & (_ONE << np.uint64(variable)):
                wanted |= inputs[variable]
                result |= used[variable]
                states |= bit
    return result, states


@cached_jit
def data_flow_key(program, across_steps):
    """The hash of what the update, and m and v where they matter, are computed from."""
    rows = as_rows(program)
    words = np.frombuffer(program, np.uint32)
    hashes = np.zeros(_ROWS, dtype=np.uint64)
    for k in range(FIRST_OWN):
        hashes[k] = _mixed(np.uint64(k + 1), np.uint64(7))
    for i in range(rows.shape[0]):
        function = rows[i, 0]
        value = _mixed(np.uint64(function), np.uint64(1001))
        for k in range(ARITY[function]):
            argument = rows[i, 2 + k]
            if argument == LITERAL:
                value = _mixed(value, np.uint64(words[5 * i + 2 + k]) + np.uint64(1 << 40))
            else:
                value = _mixed(value, hashes[argument])
        hashes[rows[i, 1]] = value
    states = needs(rows, across_steps)[1]
    key = _mixed(hashes[UPDATE], np.uint64(states))
    for bit, variable in ((1, M), (2, V)):
        if states & bit:
            key = _mixed(key, hashes[variable])
    return key


def structural_key(program: bytes, across_steps: bool = False) -> int:
    """The 64-bit hash of the data flow of `program`.

    With `across_steps` an m or v that no later update depends on does not count; the original counts it.
    """
    return int(data_flow_key(program, across_steps))


def needed(program: bytes, across_steps: bool = False) -> np.ndarray:
    """For each statement, whether what the program returns needs it; bool (statements,)."""
    statements = int(needs(as_rows(program), across_steps)[0])
    return np.array([statements >> i & 1 for i in range(len(program) // 20)], dtype=bool)


def simplified(program: bytes, across_steps: bool = False) -> bytes:
    """`program` without redundant statements; it behaves the same."""
    keep = needed(program, across_steps)
    return b"".join(program[20 * i : 20 * i + 20] for i in range(keep.size) if keep[i])
