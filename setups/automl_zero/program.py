"""Candidates: a program of three component functions, packed in bytes.

Bytes are immutable, hashable and picklable, cost nothing to compare, and compiled code reads them as they
are. The layout is a header of four uint32 (the number of instructions of InitializePass, ForwardPass and
BackwardPass, and 0) and 16 bytes an instruction: operation, in1, in2, out (uint8 each), then either three
float32 or, for the scalar constant, 4 zero bytes and a float64. What an operation does not use is 0, so that
equal programs are equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from setups.automl_zero.operations import (
    KINDS,
    MATRIX_CONSTANT,
    OPERATIONS,
    SCALAR_CONSTANT,
    VECTOR_CONSTANT,
)

Program: TypeAlias = bytes

HEADER_BYTES = 16
INSTRUCTION_BYTES = 16
FUNCTIONS = ("InitializePass", "ForwardPass", "BackwardPass")  # Setup, Predict and Learn in the AutoML-Zero paper
MAX_ADDRESSES = 64  # of a kind: the liveness analysis keeps a kind's addresses in one word
MAX_FUNCTION_SIZE = 1000

_LAYOUT = np.dtype(
    {
        "names": ["op", "in1", "in2", "out", "x", "y", "z", "constant"],
        "formats": ["u1", "u1", "u1", "u1", "<f4", "<f4", "<f4", "<f8"],
        "offsets": [0, 1, 2, 3, 4, 8, 12, 8],
        "itemsize": INSTRUCTION_BYTES,
    }
)


class Memory(NamedTuple):
    """How many scalar, vector and matrix addresses programs have."""

    scalars: int
    vectors: int
    matrices: int


class Instruction(NamedTuple):
    """One instruction, unpacked.

    Attributes
    ----------
    op : int
        Number of the operation, 0 to 64.
    in1, in2, out : int
        Addresses; 0 where the operation has none.
    constants : tuple of float
        Scalar constant: (value,), float64. Otherwise float32 numbers: vector constant (index / F, value),
        matrix constant (row / F, column / F, value), uniform (low, high), Gaussian (mean, standard
        deviation).
    """

    op: int
    in1: int = 0
    in2: int = 0
    out: int = 0
    constants: tuple[float, ...] = ()


def constant_count(op: int) -> int:
    """How many constants operation `op` has."""
    if op < SCALAR_CONSTANT:
        return 0
    return {SCALAR_CONSTANT: 1, MATRIX_CONSTANT: 3}.get(op, 2)


def pack(functions: Sequence[Sequence[Instruction]]) -> Program:
    """The program with the instructions of InitializePass, ForwardPass and BackwardPass; addresses are not checked."""
    sizes = [len(function) for function in functions]
    rows = np.zeros(sum(sizes), dtype=_LAYOUT)
    for row, instruction in zip(rows, (i for function in functions for i in function), strict=True):
        row["op"], row["in1"], row["in2"], row["out"] = instruction[:4]
        if instruction.op == SCALAR_CONSTANT:
            row["constant"] = instruction.constants[0]
        else:
            with np.errstate(over="ignore"):  # beyond float32 is an infinity, as in the original
                for name, value in zip("xyz", instruction.constants, strict=False):
                    row[name] = value
    return np.array([*sizes, 0], dtype="<u4").tobytes() + rows.tobytes()


def unpack(program: Program) -> tuple[list[Instruction], list[Instruction], list[Instruction]]:
    """The instructions of InitializePass, ForwardPass and BackwardPass; the inverse of `pack`."""
    functions = []
    rows = np.frombuffer(program, dtype=_LAYOUT, offset=HEADER_BYTES)
    start = 0
    for size in function_sizes(program):
        functions.append([_unpack_row(row) for row in rows[start : start + size]])
        start += size
    return functions[0], functions[1], functions[2]


def _unpack_row(row: np.void) -> Instruction:
    op = int(row["op"])
    if op == SCALAR_CONSTANT:
        constants: tuple[float, ...] = (float(row["constant"]),)
    else:
        constants = tuple(float(row[name]) for name in "xyz"[: constant_count(op)])
    return Instruction(op, int(row["in1"]), int(row["in2"]), int(row["out"]), constants)


def function_sizes(program: Program) -> tuple[int, int, int]:
    """Numbers of instructions of InitializePass, ForwardPass and BackwardPass."""
    setup, predict, learn, _ = np.frombuffer(program, dtype="<u4", count=4).tolist()
    return setup, predict, learn


def operation_numbers(program: Program) -> bytes:
    """The operations of all instructions, a byte each."""
    return program[HEADER_BYTES::INSTRUCTION_BYTES]


def check(program: Program, memory: Memory) -> None:
    """Raise `ValueError` unless `program` is well formed and stays within `memory`."""
    sizes = np.frombuffer(program[:HEADER_BYTES], dtype="<u4") if len(program) >= HEADER_BYTES else np.zeros(1)
    if sizes.size != 4 or len(program) != HEADER_BYTES + INSTRUCTION_BYTES * int(sizes.sum()):
        raise ValueError(f"a packed program of {len(program)} bytes does not have the length that its header says")
    for name, function in zip(FUNCTIONS, unpack(program), strict=True):
        for place, instruction in enumerate(function, start=1):
            error = instruction_error(instruction, memory)
            if error:
                raise ValueError(f"{name}, instruction {place}: {error}")


def instruction_error(instruction: Instruction, memory: Memory) -> str:
    """What is wrong with `instruction` in a memory of that size, or ""."""
    if instruction.op >= len(OPERATIONS):
        return f"there is no operation {instruction.op}; they are numbered 0 to {len(OPERATIONS) - 1}"
    operation = OPERATIONS[instruction.op]
    limits = dict(zip(KINDS, memory, strict=True))
    for kind, address in ((operation.in1, instruction.in1), (operation.in2, instruction.in2)):
        if kind and address >= limits[kind]:
            return f"address {kind}{address} is out of range: {addresses(kind, 0, limits[kind])}"
    kind, address = operation.out, instruction.out
    first = first_writable(kind)
    if kind and not first <= address < limits[kind]:
        reserved = {"s": " (s0 is the label)", "v": " (v0 holds the features)"}.get(kind, "") if address < first else ""
        return f"address {kind}{address} cannot be written{reserved}: {addresses(kind, first, limits[kind])}"
    if instruction.op in (VECTOR_CONSTANT, MATRIX_CONSTANT):
        for fraction in instruction.constants[:-1]:
            if not 0.0 <= fraction < 1.0:
                return f"an index of a constant is a fraction of F in [0, 1), got {fraction}"
    return ""


def first_writable(kind: str) -> int:
    """The first address of a kind that programs may write: s0 is the label, v0 the features."""
    return 0 if kind == "m" else 1


def addresses(kind: str, first: int, limit: int) -> str:
    """The addresses of a kind in words, for messages."""
    if limit <= first:
        return f"this memory has no {kind} addresses for that"
    return f"this memory has {kind}{first} to {kind}{limit - 1}"
