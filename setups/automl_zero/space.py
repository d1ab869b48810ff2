"""The search space: which operations, addresses and sizes a program may have, and the named sets of
operations.

``demo`` and ``baseline`` are those of the scripts published with the original program, ``paper`` that of
Section 4.2 of the AutoML-Zero paper, which Setup B uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from setups.automl_zero.operations import OPERATIONS, SIGNATURES
from setups.automl_zero.program import FUNCTIONS, MAX_ADDRESSES, MAX_FUNCTION_SIZE, Memory, first_writable
from ufh_cli.core.names import nearest

# Operations of InitializePass, ForwardPass and BackwardPass.
OPERATION_SETS = {
    "demo": ("2,3,18,23,27,56", "2,3,18,23,27,56", "2,3,18,23,27,56"),
    "baseline": ("56,57,59-64", "1,23,27,31,48", "1-3,16,18,23,25,28,39"),
    "paper": ("56-64", "0-55,60,61", "0-55,60,61"),
    "all": ("0-64", "0-64", "0-64"),
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
    min_sizes: tuple[int, int, int]
    max_sizes: tuple[int, int, int]
    operations: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def __post_init__(self) -> None:
        scalars, vectors, matrices = self.memory
        if not (2 <= scalars <= MAX_ADDRESSES and 1 <= vectors <= MAX_ADDRESSES and 0 <= matrices <= MAX_ADDRESSES):
            raise ValueError(
                f"memory must have 2 to {MAX_ADDRESSES} scalars, 1 to {MAX_ADDRESSES} vectors "
                f"and up to {MAX_ADDRESSES} matrices, got {scalars}/{vectors}/{matrices}"
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


def parse_triple(option: str, text: str) -> tuple[int, int, int]:
    """Three numbers such as "10/2/8"."""
    match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
    if match is None:
        raise ValueError(f'{option} must be three numbers like "10/2/8", got {text!r}')
    return int(match[1]), int(match[2]), int(match[3])


def parse_operations(text: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A named set, or the operations of the three functions such as "56-64 / 1-4,27 / 1-3,18"."""
    parts = OPERATION_SETS.get(text.strip())
    if parts is None:
        given = text.split("/")
        if len(given) != 3:
            raise ValueError(
                f"operations must be a named set, or three lists like 56-64/1-4,27/1-3; got {text!r}; "
                f"{nearest(text, OPERATION_SETS)}"
            )
        parts = (given[0], given[1], given[2])
    return _numbers(parts[0]), _numbers(parts[1]), _numbers(parts[2])


def _numbers(text: str) -> tuple[int, ...]:
    chosen: list[int] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", item)
        if match is None or int(match[2] or match[1]) >= len(SIGNATURES) or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"operations: {item!r} is no number or range within 0-{len(SIGNATURES) - 1}")
        chosen.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"operations: {text!r} names an operation twice")
    return tuple(chosen)


def parse_mutations(text: str) -> np.ndarray:
    """Cumulative probabilities, in the order of `MUTATIONS`, of "alter, insert, remove:2" (names and weights)."""
    weights = np.zeros(len(MUTATIONS))
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = (part.strip() for part in item.partition(":"))
        if name not in MUTATIONS:
            raise ValueError(f"unknown mutation {name!r}; {nearest(name, MUTATIONS)}")
        if re.fullmatch(r"\d*\.?\d+", weight or "1") is None:
            raise ValueError(f"the weight of mutation {name!r} must be a positive number, got {weight!r}")
        weights[MUTATIONS.index(name)] = float(weight or 1)
    if weights.sum() <= 0:
        raise ValueError(f"mutations must name at least one with a positive weight, got {text!r}")
    cumulative = np.cumsum(weights) / weights.sum()
    cumulative[np.nonzero(weights)[0][-1] :] = 1.0
    return cumulative
