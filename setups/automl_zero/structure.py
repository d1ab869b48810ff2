"""What structure a program has, seen without running it: its live instructions, whatever addresses are called.

Two programs of one structure do the same on all data. The converse does not hold: adding a zero, or the order of two
instructions that do not touch each other's addresses, is structure. Of sums and products the order of the operands is
none, unless both are read for the first time; of a minimum it is, for with NaN it matters.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from setups.automl_zero.compiled import cached_jit
from setups.automl_zero.decode import live_instructions
from setups.automl_zero.operations import MATRIX_CONSTANT, OPERATIONS, SIGNATURES, VECTOR_CONSTANT
from setups.automl_zero.program import MAX_ADDRESSES, Program

_COMMUTES = np.array(
    [
        op.in1 == op.in2 and (op.form in ("{a} + {b}", "{a} * {b}") or (op.out, op.in1) == ("s", "v"))
        for op in OPERATIONS
    ]
)
_UNNAMED = MAX_ADDRESSES  # above all names


@nb.njit(forceinline=True)
def _renamed(names, counts, kind, address):
    """The name of an address: how many of its kind were met before it."""
    if kind == 0:
        return np.uint8(0)
    if names[kind, address] == _UNNAMED:
        names[kind, address] = counts[kind]
        counts[kind] += 1
    return np.uint8(names[kind, address])


@cached_jit
def _structure(program, n):
    instructions, ends, needed, _ = live_instructions(program)
    names = np.full((4, MAX_ADDRESSES), _UNNAMED)
    names[1, 0], names[1, 1], names[2, 0] = 0, 1, 0  # label, prediction and features are where they are
    counts = np.array([0, 2, 1, 0])
    rows = np.zeros((ends[2], 16), dtype=np.uint8)
    sizes = np.zeros(3, dtype=np.int64)
    numbers = rows.view(np.float32)
    count = start = 0
    for function in range(3):
        for i in range(start, ends[function]):
            if not needed[i]:
                continue
            rows[count] = instructions[i]
            op = instructions[i, 0]
            kind, first, second = SIGNATURES[op, 1], instructions[i, 1], instructions[i, 2]
            if _COMMUTES[op] and names[kind, second] < names[kind, first]:
                first, second = second, first
            rows[count, 1] = _renamed(names, counts, kind, first)
            rows[count, 2] = _renamed(names, counts, SIGNATURES[op, 2], second)
            rows[count, 3] = _renamed(names, counts, SIGNATURES[op, 0], instructions[i, 3])
            if op in (VECTOR_CONSTANT, MATRIX_CONSTANT):  # what counts is the element that the fractions mean
                for j in range(1, 2 if op == VECTOR_CONSTANT else 3):
                    numbers[count, j] = np.float32(np.int64(np.float32(n) * numbers[count, j]))
            count += 1
            sizes[function] += 1
        start = ends[function]
    return rows[:count], sizes


def structure(program: Program, features: int) -> bytes:
    """The live instructions with their addresses renamed in the order of use, for programs of `features` features."""
    rows, sizes = _structure(program, features)
    return sizes.tobytes() + rows.tobytes()
