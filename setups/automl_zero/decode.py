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
from setups.automl_zero.microcode import MICROCODE
from setups.automl_zero.operations import MATRIX_CONSTANT, NOOP, SCALAR_CONSTANT, SIGNATURES, VECTOR_CONSTANT

_ONE = np.uint64(1)
_NOT_SET_OUTSIDE = np.uint64(0xFFFFFFFFFFFFFFFE)  # s0 and v0 are set from outside before each function
_PREDICTION = np.uint64(2)  # s1


@nb.njit(forceinline=True)
def _backwards(instructions, start, stop, live, needed):
    """Mark which instructions in [start, stop) are live, given the addresses `live` afterwards, and update those."""
    for i in range(stop - 1, start - 1, -1):
        op = instructions[i, 0]
        if op == NOOP:
            continue
        kind = SIGNATURES[op, 0]
        bit = _ONE << np.uint64(instructions[i, 3])
        if live[kind] & bit == np.uint64(0):
            continue
        needed[i] = True
        if op != VECTOR_CONSTANT and op != MATRIX_CONSTANT:  # these write one element only
            live[kind] &= ~bit
        if SIGNATURES[op, 1] != 0:
            live[SIGNATURES[op, 1]] |= _ONE << np.uint64(instructions[i, 1])
        if SIGNATURES[op, 2] != 0:
            live[SIGNATURES[op, 2]] |= _ONE << np.uint64(instructions[i, 2])


@nb.njit(forceinline=True)
def _liveness(instructions, ends, needed):
    """Mark the live instructions: go backwards around the loop of the passes to the fixed point."""
    before_predict = np.zeros(4, dtype=np.uint64)  # index 1, 2, 3: live scalars, vectors, matrices
    live = np.zeros(4, dtype=np.uint64)
    changed = True
    while changed:
        for kind in range(1, 4):
            live[kind] = before_predict[kind]
        _backwards(instructions, ends[1], ends[2], live, needed)
        live[1] = (live[1] & _NOT_SET_OUTSIDE) | before_predict[1] | _PREDICTION
        live[2] = (live[2] & _NOT_SET_OUTSIDE) | before_predict[2]
        live[3] |= before_predict[3]
        _backwards(instructions, ends[0], ends[1], live, needed)
        live[1] &= _NOT_SET_OUTSIDE
        live[2] &= _NOT_SET_OUTSIDE
        changed = False
        for kind in range(1, 4):
            if live[kind] | before_predict[kind] != before_predict[kind]:
                before_predict[kind] |= live[kind]
                changed = True
    _backwards(instructions, 0, ends[0], before_predict, needed)


@nb.njit(forceinline=True)
def _place(instructions, needed, n, width):
    """Give each address that live instructions use, and s0, s1 and v0, a place in a compact memory.

    Returns the offsets by kind and address, the offset of v0 and the size of the memory, in float64 numbers.
    """
    used = np.zeros(4, dtype=np.uint64)
    used[1] = 3
    used[2] = 1
    for i in range(needed.size):
        if needed[i]:
            signature = SIGNATURES[instructions[i, 0]]
            for part, column in ((0, 3), (1, 1), (2, 2)):
                used[signature[part]] |= _ONE << np.uint64(instructions[i, column])
    offsets = np.empty((4, 64), dtype=np.int64)
    size = 0
    length = width
    for kind in range(1, 4):
        rest = used[kind]
        address = 0
        while rest != 0:
            if rest & _ONE:
                offsets[kind, address] = size
                size += length
            rest >>= _ONE
            address += 1
        length *= n
    return offsets, size


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
    """
    header = np.frombuffer(program, np.uint32)
    ends = np.empty(3, dtype=np.int64)
    ends[0] = header[0]
    ends[1] = ends[0] + header[1]
    ends[2] = ends[1] + header[2]
    instructions = np.frombuffer(program, np.uint8)[16:].reshape((ends[2], 16))
    needed = np.zeros(ends[2], dtype=np.bool_)
    _liveness(instructions, ends, needed)
    return instructions, ends, needed


@cached_jit
def decode(program, n, width):
    """Machine instructions of the live part of a program.

    Parameters
    ----------
    program : bytes
    n, width : int
        F and the number of lanes.

    Returns
    -------
    code : int64 array (instructions, 5)
        Machine instruction, offsets of in1, in2 and out (in float64 numbers), length of the run.
    constants : float64 array (instructions, 2)
    ends : int64 array (3,)
        Where each component function ends in `code`.
    features, size : int
        Offset of v0, and size of the memory (in float64 numbers); s0 and s1 are the first two addresses.
    """
    instructions, ends, needed = live_instructions(program)
    offsets, size = _place(instructions, needed, n, width)
    numbers32 = np.frombuffer(program, np.float32)[4:]
    numbers64 = np.frombuffer(program, np.float64)[2:]
    code = np.empty((ends[2], 5), dtype=np.int64)
    constants = np.empty((ends[2], 2), dtype=np.float64)
    count = 0
    start = 0
    for function in range(3):
        for i in range(start, ends[function]):
            if not needed[i]:
                continue
            op = instructions[i, 0]
            out = offsets[SIGNATURES[op, 0], instructions[i, 3]]
            if op >= SCALAR_CONSTANT:
                x, y, z = numbers32[4 * i + 1], numbers32[4 * i + 2], numbers32[4 * i + 3]
                constants[count, 0], constants[count, 1] = x, y
                if op == SCALAR_CONSTANT:
                    constants[count, 0] = numbers64[2 * i + 1]
                elif op == VECTOR_CONSTANT:
                    out += np.int64(np.float32(n) * x) * width
                    constants[count, 0] = y
                elif op == MATRIX_CONSTANT:
                    out += (np.int64(np.float32(n) * x) * n + np.int64(np.float32(n) * y)) * width
                    constants[count, 0] = z
            kind = MICROCODE[op, 1]
            code[count, 0] = MICROCODE[op, 0]
            code[count, 1] = offsets[SIGNATURES[op, 1], instructions[i, 1]]
            code[count, 2] = offsets[SIGNATURES[op, 2], instructions[i, 2]]
            code[count, 3] = out
            code[count, 4] = 1 if kind == 1 else (n if kind == 2 else n * n)
            count += 1
        start = ends[function]
        ends[function] = count
    return code, constants, ends, offsets[2, 0], size
