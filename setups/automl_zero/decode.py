"""From a packed program to machine instructions with offsets, leaving out what cannot have an effect.

An instruction is dead if what it writes is never read before it is overwritten or the run ends, on any path
through set-up, training and validation, where the prediction s1 is read after every ForwardPass. Dead
instructions change nothing that the outside sees, so they are not executed. They do not draw random numbers
either: a program hashes like its live part.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from setups.automl_zero.compiled import cached_jit
from setups.automl_zero.microcode import AS_IT_IS, DEVIATION, FUSABLE, FUSED, MEAN, MICROCODE, SQUARES, STRIDED
from setups.automl_zero.operations import MATRIX_CONSTANT, NOOP, SCALAR_CONSTANT, SIGNATURES, VECTOR_CONSTANT

# Columns of decoded code: a machine instruction; elements of its operands a, b and c and of what it writes, o; how it
# goes through them, in the order of `microcode.Micro`.
OP, A, B, C, OUT, LENGTH, ROWS, COLUMNS, A_ROW, B_ROW, A_STEP, B_STEP = range(12)
CODE_SIZE = 12  # columns

_ONE = np.uint64(1)
_NOT_SET_OUTSIDE = np.uint64(0xFFFFFFFFFFFFFFFE)  # s0 and v0 are set from outside before each function
_PREDICTION = np.uint64(2)  # s1


@nb.njit(forceinline=True)
def _backwards(instructions, start, stop, live, needed, spent):
    """Mark which instructions in [start, stop) are live, given the addresses `live` afterwards, and update those.

    What such an instruction reads and nothing later does is `spent`.
    """
    for i in range(stop - 1, start - 1, -1):
        op = instructions[i, 0]
        if op == NOOP:
            continue
        kind = SIGNATURES[op, 0]
        bit = _ONE << np.uint64(instructions[i, 3])
        if live[kind] & bit == np.uint64(0):
            continue
        needed[i] = True
        for part in range(1, 3):
            spent[i, part - 1] = live[SIGNATURES[op, part]] & (_ONE << np.uint64(instructions[i, part])) == np.uint64(0)
        if op != VECTOR_CONSTANT and op != MATRIX_CONSTANT:  # these write one element only
            live[kind] &= ~bit
        if SIGNATURES[op, 1] != 0:
            live[SIGNATURES[op, 1]] |= _ONE << np.uint64(instructions[i, 1])
        if SIGNATURES[op, 2] != 0:
            live[SIGNATURES[op, 2]] |= _ONE << np.uint64(instructions[i, 2])


@nb.njit(forceinline=True)
def _liveness(instructions, ends, needed, spent):
    """Mark the live instructions: go backwards around the loop of the passes to the fixed point."""
    before_predict = np.zeros(4, dtype=np.uint64)  # index 1, 2, 3: live scalars, vectors, matrices
    live = np.zeros(4, dtype=np.uint64)
    changed = True
    while changed:
        for kind in range(1, 4):
            live[kind] = before_predict[kind]
        _backwards(instructions, ends[1], ends[2], live, needed, spent)
        live[1] = (live[1] & _NOT_SET_OUTSIDE) | before_predict[1] | _PREDICTION
        live[2] = (live[2] & _NOT_SET_OUTSIDE) | before_predict[2]
        live[3] |= before_predict[3]
        _backwards(instructions, ends[0], ends[1], live, needed, spent)
        live[1] &= _NOT_SET_OUTSIDE
        live[2] &= _NOT_SET_OUTSIDE
        changed = False
        for kind in range(1, 4):
            if live[kind] | before_predict[kind] != before_predict[kind]:
                before_predict[kind] |= live[kind]
                changed = True
    _backwards(instructions, 0, ends[0], before_predict, needed, spent)


@cached_jit
def live_instructions(program):
    """Read a packed program.

    Returns
    -------
    instructions : uint8 array (instructions, 16)
    ends : int64 array (3,)
        Where each component function ends.
    needed : bool array (instructions,)
        Which instructions are live.
    spent : bool array (instructions, 2)
        Whether a live instruction is the last to read its in1, and in2, before they are overwritten or the run ends.
    """
    header = np.frombuffer(program, np.uint32)
    ends = np.empty(3, dtype=np.int64)
    ends[0] = header[0]
    ends[1] = ends[0] + header[1]
    ends[2] = ends[1] + header[2]
    instructions = np.frombuffer(program, np.uint8)[16:].reshape((ends[2], 16))
    needed = np.zeros(ends[2], dtype=np.bool_)
    spent = np.zeros((ends[2], 2), dtype=np.bool_)
    _liveness(instructions, ends, needed, spent)
    return instructions, ends, needed, spent


@nb.njit(forceinline=True)
def _place(instructions, needed, n):
    """Give each address that live instructions use, and s0 and s1, a place in a compact memory.

    Returns the first elements by kind and address, and the number of elements. v0 has a negative place if not used.
    """
    used = np.zeros(4, dtype=np.uint64)
    used[1] = 3
    for i in range(needed.size):
        if needed[i]:
            signature = SIGNATURES[instructions[i, 0]]
            for part, column in ((0, 3), (1, 1), (2, 2)):
                used[signature[part]] |= _ONE << np.uint64(instructions[i, column])
    places = np.empty((4, 64), dtype=np.int64)
    places[2, 0] = -1
    size = 0
    length = 1
    for kind in range(1, 4):
        rest = used[kind]
        address = 0
        while rest != 0:
            if rest & _ONE:
                places[kind, address] = size
                size += length
            rest >>= _ONE
            address += 1
        length *= n
        size += -size % 4  # so that blocks of elements lie on boundaries of their size
    return places, size


@nb.njit(forceinline=True)
def _write_constants(constants, count, program, i, op, n):
    """Copy the constants of instruction `i`; returns how many elements from its address on it writes."""
    numbers32, numbers64 = np.frombuffer(program, np.float32), np.frombuffer(program, np.float64)
    x, y, z = numbers32[4 * i + 5], numbers32[4 * i + 6], numbers32[4 * i + 7]
    constants[count, 0], constants[count, 1] = x, y
    if op == SCALAR_CONSTANT:
        constants[count, 0] = numbers64[2 * i + 3]
    elif op == VECTOR_CONSTANT:
        constants[count, 0] = y
        return np.int64(np.float32(n) * x)
    elif op == MATRIX_CONSTANT:
        constants[count, 0] = z
        return np.int64(np.float32(n) * x) * n + np.int64(np.float32(n) * y)
    return 0


@nb.njit(forceinline=True)
def _fused(code, this, spent, i):
    """Whether the machine instruction before `this` could take it in, and then it has: see `microcode`.

    What it has made must be an operand, once, and not be needed any more.
    """
    before = this - 1
    if not FUSABLE[code[before, OP]]:
        return False
    made, out = code[before, OUT], code[this, OUT]
    for part in range(2):
        finish, other = FUSED[code[this, OP], part], code[this, B - part]
        if finish != AS_IT_IS and code[this, A + part] == made != other and (spent[i, part] or out == made):
            code[before, OP] += finish
            code[before, C], code[before, OUT] = other, out
            return True
    return False


@cached_jit
def decode(program, n):
    """Machine instructions of the live part of a program.

    Parameters
    ----------
    program : bytes
    n : int
        F.

    Returns
    -------
    code : int64 array (instructions, 12)
    constants : float64 array (instructions, 2)
    ends : int64 array (3,)
        Where each component function ends in `code`.
    features, one : int
        The elements of v0, negative if it is not read, and of the constant 1.0; s0 and s1 are the first two elements,
        and 1.0 is the last one before the scratch of `execute`, after which there are F more elements.
    """
    instructions, ends, needed, spent = live_instructions(program)
    places, one = _place(instructions, needed, n)
    means = one + 1 + (n + 1) * (n + 1)
    counts, sources = np.array([0, 1, n, n * n]), np.array([0, 0, one])
    code = np.zeros((2 * ends[2], CODE_SIZE), dtype=np.int64)
    constants = np.empty((2 * ends[2], 2), dtype=np.float64)
    count = 0
    start = 0
    for function in range(3):
        first = count
        for i in range(start, ends[function]):
            if not needed[i]:
                continue
            op = instructions[i, 0]
            for part in range(2):
                sources[part] = places[SIGNATURES[op, part + 1], instructions[i, part + 1]]
            code[count, OP] = MICROCODE[op, OP]
            code[count, A], code[count, B] = sources[MICROCODE[op, A]], sources[MICROCODE[op, B]]
            for column in range(LENGTH, CODE_SIZE):
                code[count, column] = counts[MICROCODE[op, column]]
            code[count, OUT] = places[SIGNATURES[op, 0], instructions[i, 3]]
            if op >= SCALAR_CONSTANT:
                code[count, OUT] += _write_constants(constants, count, program, i, op, n)
            if code[count, OP] == SQUARES + DEVIATION:  # it needs the means first
                for column in range(CODE_SIZE):
                    code[count + 1, column] = code[count, column]
                code[count, OP], code[count, OUT], code[count, B] = STRIDED + MEAN, means, one
                code[count, B_STEP] = 0
                count += 1
                code[count, C] = means
            if count == first or not _fused(code, count, spent, i):
                count += 1
        start = ends[function]
        ends[function] = count
    return code, constants, ends, places[2, 0], one
