"""Programs as text that people read and write, like Programs 1 to 8 of Chen et al. 2023.

    def train(w, g, m, v, lr):
      update = interp(g, m, 0.9)
      update = sign(update)
      m = interp(g, m, 0.99)
      x1 = lr * 0.0003
      update = update * x1
      return update, m, v

Read are also nested expressions, which become one assignment a call, other names of the inputs (by their places), and
``**`` for power. What follows a ``#`` is a comment. Constants are float32, printed with as many digits as it takes to
read them back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from setups.optimizers.functions import FUNCTIONS, NEGATIVE, NUMBERS
from setups.optimizers.program import (
    FIRST_OWN,
    INPUTS,
    MAX_STATEMENTS,
    UPDATE,
    Program,
    Statement,
    Types,
    pack,
    unpack,
    variable_name,
)
from ufh_cli.core.names import nearest

_OPERATORS = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}
# Other names: the paper's short ones, and those without "get_".
_ALIASES = {"clip": "clip_by_global_norm", "max": "maximum", "min": "minimum", "pi": "get_pi", "e": "get_e"}
_ALIASES |= {"eps": "get_eps", "interpolate": "interp", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_LONGEST = 100_000  # characters


def format_program(program: Program, remarks: Callable[[int], str] | None = None) -> str:
    """The text of `program`; `remarks`, if given, says what to remark on the i-th statement ("" for nothing)."""
    lines = [f"def train({', '.join(INPUTS)}):"]
    for i, statement in enumerate(unpack(program)):
        remark = remarks(i) if remarks else ""
        lines.append(f"  {format_statement(statement)}" + (f"  # {remark}" if remark else ""))
    lines.append("  return update, m, v")
    return "\n".join(lines) + "\n"


def format_statement(statement: Statement, name: Callable[[int], str] = variable_name) -> str:
    """One statement as text, for instance ``m = interp(g, m, 0.9)``."""
    function = FUNCTIONS[statement.function]
    arguments = [str(np.float32(one)) if isinstance(one, float) else name(one) for one in statement.arguments]
    right = f" {function.sign} ".join(arguments) if function.sign else f"{function.name}({', '.join(arguments)})"
    return f"{name(statement.target)} = {right}"


def parse_program(text: str, max_statements: int = MAX_STATEMENTS) -> Program:
    """The program that `text` describes.

    Raises
    ------
    ValueError
        One line with the number of the line in `text`: no function ``train`` of five inputs, an unknown function, a
        wrong number of arguments, a variable that is used before it is set, types that do not fit, nothing returned.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a program's text has up to {_LONGEST} characters, this one {len(text)}")
    try:
        tree = ast.parse(text.strip() + "\n")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise ValueError(f"{f'line {line}: ' if line else ''}not a program: {getattr(error, 'msg', error)}") from None
    return _Reader(max_statements).read(tree)


class _Reader:
    def __init__(self, max_statements: int) -> None:
        self._limit = max_statements
        self._statements: list[Statement] = []
        self._types = Types()
        self._variables: dict[str, int] = {}
        self._count = FIRST_OWN

    def read(self, tree: ast.Module) -> Program:
        if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
            raise ValueError("a program is one function, which begins with: def train(w, g, m, v, lr):")
        function = tree.body[0]
        inputs = [argument.arg for argument in function.args.args]
        if len(inputs) != len(INPUTS) or len(set(inputs)) != len(INPUTS):
            raise ValueError(f"line {function.lineno}: a program takes five inputs, {', '.join(INPUTS)}")
        self._variables = {name: place for place, name in enumerate(inputs)}
        *body, last = function.body
        outputs = self._outputs(last)
        if outputs[0] in inputs:
            raise ValueError(f"line {last.lineno}: the update that is returned must not be the input {outputs[0]}")
        if outputs[1:] != inputs[2:4]:
            raise ValueError(f"line {last.lineno}: a program ends with: return update, {inputs[2]}, {inputs[3]}")
        self._variables[outputs[0]] = UPDATE
        for node in body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
                raise ValueError(f"line {node.lineno}: not an assignment to one variable")
            self._assign(node, node.targets[0].id)
        if not self._types.complete:
            raise ValueError(f"line {last.lineno}: the program returns nothing: it never sets {outputs[0]}")
        return pack(self._statements)

    def _outputs(self, last: ast.stmt) -> list[str]:
        names = []
        if isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple):
            names = [one.id for one in last.value.elts if isinstance(one, ast.Name)]
        if len(names) != 3:
            raise ValueError(f"line {last.lineno}: the program returns nothing; it ends with: return update, m, v")
        return names

    def _assign(self, node: ast.Assign, name: str) -> None:
        value = node.value
        if isinstance(value, ast.Name) or _number(value) is not None:
            raise ValueError(f"line {node.lineno}: a statement calls a function, this one only copies to {name}")
        function, arguments = self._call(value)
        if name not in self._variables:
            self._variables[name] = self._new(node.lineno)
        self._add(node.lineno, Statement(function, self._variables[name], arguments))

    def _call(self, node: ast.expr) -> tuple[int, tuple[int | float, ...]]:
        """The function of an expression and its arguments, for which statements are added where they are calls."""
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return NUMBERS[_OPERATORS[type(node.op)]], (self._value(node.left), self._value(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return NEGATIVE, (self._value(node.operand),)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.keywords:
            raise ValueError(f"line {node.lineno}: {ast.unparse(node)!r} is not a call of a function")
        name = _ALIASES.get(node.func.id, node.func.id)
        if name not in NUMBERS:
            raise ValueError(f"line {node.lineno}: unknown function {name!r}; {nearest(name, NUMBERS)}")
        number = NUMBERS[name]
        arity = FUNCTIONS[number].arity
        if len(node.args) != arity:
            raise ValueError(
                f"line {node.lineno}: {name} takes {arity} argument{'s' * (arity != 1)}, got {len(node.args)}"
            )
        return number, tuple(self._value(argument) for argument in node.args)

    def _value(self, node: ast.expr) -> int | float:
        number = _number(node)
        if number is not None:
            return number
        if isinstance(node, ast.Name):
            if node.id not in self._variables:
                raise ValueError(f"line {node.lineno}: {node.id} is used before it is set")
            return self._variables[node.id]
        function, arguments = self._call(node)
        target = self._new(node.lineno)
        self._add(node.lineno, Statement(function, target, arguments))
        return target

    def _new(self, line: int) -> int:
        self._check_room(line, self._count - FIRST_OWN)
        self._count += 1
        return self._count - 1

    def _add(self, line: int, statement: Statement) -> None:
        self._check_room(line, len(self._statements))
        names = {number: name for name, number in self._variables.items()}
        error = self._types.assign(statement, lambda number: names.get(number, variable_name(number)))
        if error:
            raise ValueError(f"line {line}: {error}")
        self._statements.append(statement)

    def _check_room(self, line: int, used: int) -> None:
        if used >= self._limit:
            raise ValueError(f"line {line}: a program has up to {self._limit} statements, a call each")


def _number(node: ast.expr) -> float | None:
    """The constant that `node` is, of float32's precision; None if it is none."""
    sign = 1.0
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign, node = sign * (-1.0 if isinstance(node.op, ast.USub) else 1.0), node.operand
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return sign * float(node.id)
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return None
    with np.errstate(over="ignore"):
        return sign * float(np.float32(min(node.value, 10**39)))
