"""Programs as text: ``v1 = x + 25.6/x; 17.7/(v1 + 1.0) - 8.85``.

What is used more than once has a name and a place of its own before the formula; semicolons or new lines divide. `+`,
`-`, `*`, `/`, `sqrt(a)`, `fma(a, b, c)` and whole powers (`^` or `**`) are read; names that are `c` and digits are
coefficients whose value is left open (they start at 1).
"""

from __future__ import annotations

import ast
import re

from setups.autonumerics.operations import (
    ADD,
    COEFFICIENT,
    DIVIDE,
    FUSED,
    MULTIPLY,
    SQUARE_ROOT,
    SUBTRACT,
    X,
)
from setups.autonumerics.program import Program, Vertex, from_vertices, to_vertices

_SIGNS = {ast.Add: ADD, ast.Sub: SUBTRACT, ast.Mult: MULTIPLY, ast.Div: DIVIDE}
_CALLS = {"sqrt": (SQUARE_ROOT, 1), "fma": (FUSED, 3)}
_OPEN = re.compile(r"c\d*")
_LONGEST = 20_000
_MOST_VERTICES = 2_000
_HIGHEST_POWER = 1024

_SUM, _PRODUCT, _ATOM = range(3)


def format_program(program: Program, *, open_coefficients: bool = False) -> str:
    """`program` as one line that `parse_program` reads back, coefficients to the last bit or left open, as c."""
    vertices = to_vertices(program)
    uses = [0] * len(vertices)
    for vertex in vertices:
        for source in vertex.inputs:
            uses[source] += 1
    terms: list[tuple[str, int]] = []
    named: list[str] = []
    for place, vertex in enumerate(vertices):
        if open_coefficients and vertex.kind == COEFFICIENT:
            terms.append(("c", _ATOM))
            continue
        text, level = _term(vertex, [terms[i] for i in vertex.inputs], vertices)
        if uses[place] > 1 and vertex.inputs:
            name = f"v{len(named) + 1}"
            named.append(f"{name} = {text}")
            text, level = name, _ATOM
        terms.append((text, level))
    return "; ".join([*named, terms[-1][0]])


def _term(vertex: Vertex, operands: list[tuple[str, int]], vertices: list[Vertex]) -> tuple[str, int]:
    if vertex.kind == X:
        return "x", _ATOM
    if vertex.kind == COEFFICIENT:
        return repr(vertex.value), _ATOM if vertex.value >= 0 else _SUM
    if vertex.kind in (SQUARE_ROOT, FUSED):
        name = "sqrt" if vertex.kind == SQUARE_ROOT else "fma"
        return f"{name}({', '.join(text for text, _ in operands)})", _ATOM
    if vertex.kind == ADD:
        first = vertices[vertex.inputs[0]]
        if first.kind == COEFFICIENT:  # a + c reads better than c + a, and a - 2.5 than a + (-2.5)
            sign, size = ("-", operands[0][0][1:]) if operands[0][0].startswith("-") else ("+", operands[0][0])
            return f"{operands[1][0]} {sign} {size}", _SUM
        return f"{operands[0][0]} + {_at(operands[1], _PRODUCT)}", _SUM
    if vertex.kind == SUBTRACT:
        return f"{operands[0][0]} - {_at(operands[1], _PRODUCT)}", _SUM
    left = operands[0][0] if vertices[vertex.inputs[0]].kind == COEFFICIENT else _at(operands[0], _PRODUCT)
    return f"{left}{'*' if vertex.kind == MULTIPLY else '/'}{_at(operands[1], _ATOM)}", _PRODUCT


def _at(term: tuple[str, int], level: int) -> str:
    return term[0] if term[1] >= level else f"({term[0]})"


def parse_program(text: str) -> Program:
    """The canonical program that `text` describes; `ValueError` with one clear line when it does not."""
    if len(text) > _LONGEST:
        raise ValueError(f"a formula has at most {_LONGEST} characters, got {len(text)}")
    try:
        module = ast.parse("\n".join(line.strip() for line in text.splitlines()).replace("^", "**"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot read the formula {_shown(text)}") from None
    reader = _Reader()
    if not module.body:
        raise ValueError("the formula is empty")
    try:
        for statement in module.body[:-1]:
            reader.name(statement)
        last = module.body[-1]
        if not isinstance(last, ast.Expr):
            raise ValueError(f"the last part of {_shown(text)} must be a formula, not the naming of one")
        root = reader.read(last.value)
    except RecursionError:
        raise ValueError(f"the formula {_shown(text)} is nested too deeply") from None
    return from_vertices(reader.vertices, root)


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")


class _Reader:
    """Collects the vertices of what it reads."""

    def __init__(self) -> None:
        self.vertices = [Vertex(X)]
        self._names = {"x": 0}

    def name(self, statement: ast.stmt) -> None:
        """Take in ``name = formula``."""
        if not (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            raise ValueError(f"expected name = formula, got {_shown(ast.unparse(statement))}")
        name = statement.targets[0].id
        if name in self._names or name in _CALLS or _OPEN.fullmatch(name):
            raise ValueError(f"{name!r} is taken already and cannot name a part of the formula")
        self._names[name] = self.read(statement.value)

    def read(self, node: ast.expr) -> int:
        """The place of the vertex that `node` is."""
        if isinstance(node, ast.Constant):
            return self._number(node.value)
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            if isinstance(node.op, ast.UAdd):
                return self.read(node.operand)
            if isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float):
                return self._number(-node.operand.value)
            return self._add(SUBTRACT, self._number(0.0), self.read(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
            return self._add(_SIGNS[type(node.op)], self.read(node.left), self.read(node.right))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(self.read(node.left), node.right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args)
        raise ValueError(f"a formula has no {_shown(ast.unparse(node))}; it has +, -, *, /, sqrt, fma and numbers")

    def _number(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise ValueError(f"{_shown(repr(value))} is no number that a coefficient can have")
        return self._add(COEFFICIENT, value=float(value))

    def _named(self, name: str) -> int:
        if name in self._names:
            return self._names[name]
        if _OPEN.fullmatch(name):
            return self._number(1.0)
        raise ValueError(f"unknown name {name!r} in the formula; known are {', '.join(sorted(self._names))}")

    def _power(self, base: int, exponent: ast.expr) -> int:
        power = exponent.value if isinstance(exponent, ast.Constant) else None
        if isinstance(power, bool) or not isinstance(power, int) or not 1 <= power <= _HIGHEST_POWER:
            raise ValueError(f"a power must be a whole number from 1 to {_HIGHEST_POWER}")
        result = -1
        while power:
            if power & 1:
                result = base if result < 0 else self._add(MULTIPLY, result, base)
            power >>= 1
            if power:
                base = self._add(MULTIPLY, base, base)
        return result

    def _call(self, name: str, arguments: list[ast.expr]) -> int:
        if name not in _CALLS:
            raise ValueError(f"unknown function {name!r} in the formula; known are {', '.join(_CALLS)}")
        kind, count = _CALLS[name]
        if len(arguments) != count:
            raise ValueError(f"{name} takes {count} input{'s' if count > 1 else ''}, got {len(arguments)}")
        return self._add(kind, *(self.read(argument) for argument in arguments))

    def _add(self, kind: int, *inputs: int, value: float = 0.0) -> int:
        if len(self.vertices) >= _MOST_VERTICES:
            raise ValueError(f"a formula has at most {_MOST_VERTICES} parts")
        self.vertices.append(Vertex(kind, inputs, value))
        return len(self.vertices) - 1
