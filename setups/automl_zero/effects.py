"""Which instructions of a program have an effect, and the program without the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from setups.automl_zero.decode import live_instructions
from setups.automl_zero.program import Instruction, Program, pack, unpack

Outputs = Callable[[Program], np.ndarray]  # a program's errors on the examples for hashing


def live(program: Program) -> np.ndarray:
    """For each instruction, whether what it writes can reach a prediction (a static property, true for all data)."""
    return live_instructions(program)[2]


def effective(program: Program, outputs: Outputs) -> np.ndarray:
    """For each instruction, whether replacing it alone by a noop changes what `outputs` says of the program.

    This finds more than `live`, such as adding a zero, but it is relative to the examples; and of two
    instructions that stand in for each other, both count as without effect. An instruction before one that
    draws random numbers counts as effective if it draws some itself.
    """
    functions = unpack(program)
    whole = outputs(program)
    result = live(program).copy()
    for i in np.flatnonzero(result):
        without = outputs(pack(_replaced(functions, int(i))))
        result[i] = not np.array_equal(whole, without, equal_nan=True)
    return result


def pruned(program: Program, outputs: Outputs) -> Program:
    """`program` without the instructions that have no effect; `outputs` says the same of both.

    Dead instructions go first, then one after another whatever can go while the outputs stay as they are.
    """
    whole = outputs(program)
    alive = iter(live(program))
    functions = [[instruction for instruction in function if next(alive)] for function in unpack(program)]
    for function in reversed(functions):
        for place in reversed(range(len(function))):
            instruction = function.pop(place)
            if not np.array_equal(whole, outputs(pack(functions)), equal_nan=True):
                function.insert(place, instruction)
    return pack(functions)


def _replaced(functions: tuple[list[Instruction], ...], i: int) -> list[list[Instruction]]:
    copies = [list(function) for function in functions]
    for function in copies:
        if i < len(function):
            function[i] = Instruction(0)
            break
        i -= len(function)
    return copies
