"""Candidates: a list of assignments, packed in bytes.

A statement takes 20 bytes: function, target and three arguments (uint8 each), 3 zero bytes, and three float32. An
argument is the number of a variable, or `LITERAL` where the float32 in its place is meant. What a statement does not
use is 0, so that equal programs are equal bytes. Variables 0 to 4 are the inputs w, g, m, v and lr; 5 is the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import numpy as np

from setups.optimizers.functions import CONSTANT, FUNCTIONS, LAST_SCALAR, NEVER, REDUCTION

Program: TypeAlias = bytes

W, G, M, V, LR, UPDATE, FIRST_OWN = range(7)
INPUTS = ("w", "g", "m", "v", "lr")
LITERAL = 255
UNSET, SCALAR, ARRAY = range(3)  # types
TYPE_NAMES = ("unset", "scalar", "array")
_WANTED = {
    NEVER: "whole numbers, which no value is",
    LAST_SCALAR: "a scalar as its last argument",
    REDUCTION: "arguments of one type",
}

STATEMENT_BYTES = 20
MAX_STATEMENTS = 64  # which of them a value needs is kept in one word
MAX_VARIABLES = FIRST_OWN + MAX_STATEMENTS + 1  # the last name is never used

_LAYOUT = np.dtype(
    {
        "names": ["function", "target", "arguments", "literals"],
        "formats": ["u1", "u1", ("u1", 3), ("<f4", 3)],
        "offsets": [0, 1, 2, 8],
        "itemsize": STATEMENT_BYTES,
    }
)


class Statement(NamedTuple):
    """One assignment, unpacked.

    Attributes
    ----------
    function : int
        Its number.
    target : int
        The variable that is assigned.
    arguments : tuple of int or float
        A variable's number (int) or a constant (float, of float32's precision).
    """

    function: int
    target: int
    arguments: tuple[int | float, ...]


def pack(statements: Iterable[Statement]) -> Program:
    """The packed program; see `check` for what it must fulfil."""
    statements = list(statements)
    rows = np.zeros(len(statements), dtype=_LAYOUT)
    for row, statement in zip(rows, statements, strict=True):
        row["function"], row["target"] = statement.function, statement.target
        for place, argument in enumerate(statement.arguments):
            if isinstance(argument, float):
                row["arguments"][place] = LITERAL
                with np.errstate(over="ignore"):  # beyond float32 is an infinity
                    row["literals"][place] = argument
            else:
                row["arguments"][place] = argument
    return rows.tobytes()


def unpack(program: Program) -> list[Statement]:
    """The statements; the inverse of `pack`."""
    statements = []
    for row in np.frombuffer(program, dtype=_LAYOUT):
        function = int(row["function"])
        pairs = zip(row["arguments"].tolist(), row["literals"].tolist(), strict=True)
        arguments = tuple(float(literal) if which == LITERAL else which for which, literal in pairs)
        statements.append(Statement(function, int(row["target"]), arguments[: FUNCTIONS[function].arity]))
    return statements


def size(program: Program) -> int:
    """The number of statements."""
    return len(program) // STATEMENT_BYTES


def variable_name(number: int) -> str:
    """What a variable is called in text."""
    return INPUTS[number] if number < UPDATE else "update" if number == UPDATE else f"x{number - FIRST_OWN + 1}"


def result_type(function: int, types: list[int]) -> int:
    """The type of a result, given those of the arguments; UNSET where they do not fit."""
    kind = FUNCTIONS[function].kind
    if kind == NEVER or UNSET in types:
        return UNSET
    if (kind == LAST_SCALAR and types[-1] != SCALAR) or (kind == REDUCTION and len(set(types)) > 1):
        return UNSET
    return SCALAR if kind in (CONSTANT, REDUCTION) else max(types)


class Types:
    """The types of variables along a program; `assign` takes one statement after another."""

    def __init__(self) -> None:
        self._types = [ARRAY, ARRAY, ARRAY, ARRAY, SCALAR] + [UNSET] * (MAX_VARIABLES - UPDATE)

    def assign(self, statement: Statement, called: Callable[[int], str] = variable_name) -> str:
        """Take in a statement; returns what is wrong with it, or "". `called` gives the names of variables."""
        name = FUNCTIONS[statement.function].name
        types = [SCALAR if isinstance(one, float) else self._types[one] for one in statement.arguments]
        for argument, kind in zip(statement.arguments, types, strict=True):
            if kind == UNSET:
                return f"{called(int(argument))} is used before it is set"
        found = result_type(statement.function, types)
        if found == UNSET:
            got = " and ".join(TYPE_NAMES[one] for one in types)
            return f"{name} takes {_WANTED[FUNCTIONS[statement.function].kind]}, got {got}"
        before = self._types[statement.target]
        if before not in (UNSET, found):
            target = called(statement.target)
            return f"{target} holds values of type {TYPE_NAMES[before]}, it cannot be set to one of {TYPE_NAMES[found]}"
        if statement.target == UPDATE and found != ARRAY:
            return "update must be an array like the weights, this is a scalar"
        self._types[statement.target] = found
        return ""

    @property
    def complete(self) -> bool:
        """Whether there is an update."""
        return self._types[UPDATE] == ARRAY


def check(program: Program, max_statements: int = MAX_STATEMENTS) -> None:
    """Raise `ValueError`, in one line, unless `program` is well formed, typed and returns an update."""
    if len(program) % STATEMENT_BYTES or size(program) > max_statements:
        raise ValueError(f"a program has up to {max_statements} statements, this one {size(program)}")
    types = Types()
    for place, statement in enumerate(unpack(program), start=1):
        error = types.assign(statement)
        if error:
            raise ValueError(f"statement {place}: {error}")
    if not types.complete:
        raise ValueError("the program returns nothing: it never sets update")
