"""The search space: which operations, addresses and sizes a program may have, and the named sets of
operations.

``demo`` and ``baseline`` are those of the scripts published with the original program, ``paper`` that of
Section 4.2 of the AutoML-Zero paper, which Setup B uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from setups.automl_zero.operations import OPERATIONS, SIGNATURES
from setups.automl_zero.program import FUNCTIONS, MAX_ADDRESSES, MAX_FUNCTION_SIZE, Memory, first_writable
from ufh_cli.core.names import one_of

Triple = tuple[int, int, int]  # of InitializePass, ForwardPass and BackwardPass, or of scalars, vectors and matrices
Operations = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # of the three functions

_DEMO = (2, 3, 18, 23, 27, 56)
_NOT_RANDOM = (*range(56), 60, 61)
_ALL = tuple(range(len(SIGNATURES)))
OPERATION_SETS: dict[str, Operations] = {
    "demo": (_DEMO, _DEMO, _DEMO),
    "baseline": ((56, 57, *range(59, 65)), (1, 23, 27, 31, 48), (1, 2, 3, 16, 18, 23, 25, 28, 39)),
    "paper": (tuple(range(56, 65)), _NOT_RANDOM, _NOT_RANDOM),
    "all": (_ALL, _ALL, _ALL),
}

# The mutations in the order of their numbers in compiled code.
MUTATIONS = (
    "alter",  # one address or constant of one instruction
    "randomize_instruction",
    "randomize_function",  # every instruction of one component function
    "insert",
    "remove",
    "trade",  # insert, then remove
    "randomize_program",
    "identity",
)


@dataclass(frozen=True)
class Space:
    """A search space, checked.

    Attributes
    ----------
    memory : Memory
    min_sizes, max_sizes : tuple of three int
        Bounds, both inclusive, of the numbers of instructions of the component functions.
    operations : tuple of three tuples of int
        What random instructions of each component function draw from, uniformly.
    """

    memory: Memory
    min_sizes: Triple
    max_sizes: Triple
    operations: Operations

    def __post_init__(self) -> None:
        scalars, vectors, matrices = self.memory
        if not (2 <= scalars <= MAX_ADDRESSES and 1 <= vectors <= MAX_ADDRESSES and 0 <= matrices <= MAX_ADDRESSES):
            raise ValueError(
                f"memory must have 2 to {MAX_ADDRESSES} scalars, 1 to {MAX_ADDRESSES} vectors "
                f"and up to {MAX_ADDRESSES} matrices, got {list(self.memory)}"
            )
        for name, low, high, ops in zip(FUNCTIONS, self.min_sizes, self.max_sizes, self.operations, strict=True):
            if not 0 <= low <= high <= MAX_FUNCTION_SIZE:
                raise ValueError(
                    f"{name} cannot have {low} to {high} instructions; 0 <= min <= max <= {MAX_FUNCTION_SIZE}"
                )
            if high > 0 and not ops:
                raise ValueError(f"{name} may have {high} instructions, but there is no operation for it")
            for op in ops:
                self._check_addresses(name, op)

    def _check_addresses(self, name: str, op: int) -> None:
        available = dict(zip("svm", self.memory, strict=True))
        operation = OPERATIONS[op]
        for kind, first in ((operation.in1, 0), (operation.in2, 0), (operation.out, first_writable(operation.out))):
            if kind and available[kind] <= first:
                raise ValueError(
                    f"{name}: operation {op} needs more {kind} addresses than the memory's {available[kind]}"
                )

    def encoded(self) -> np.ndarray:
        """What compiled mutation needs, as one int64 array; see `mutation` for its layout."""
        parts = [*self.memory, *self.min_sizes, *self.max_sizes, *(len(ops) for ops in self.operations)]
        return np.array([*parts, *(op for ops in self.operations for op in ops)], dtype=np.int64)


def chosen_operations(given: str | Sequence[Sequence[int]]) -> Operations:
    """A named set, or the numbers of operations of the three functions.

    Raises
    ------
    ValueError
        With one line, where the name is unknown, a number is no operation's, or one is named twice.
    """
    if isinstance(given, str):
        return OPERATION_SETS[one_of("operations", given, tuple(OPERATION_SETS))]
    for numbers in given:
        for number in numbers:
            if not 0 <= number < len(SIGNATURES):
                raise ValueError(f"operations: {number} is not within 0 to {len(SIGNATURES) - 1}")
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"operations: {list(numbers)} names an operation twice")
    initialize, forward, backward = map(tuple, given)
    return initialize, forward, backward
