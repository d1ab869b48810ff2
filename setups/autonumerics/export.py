"""A program as a function in Python or C, with its coefficients and what is known of its error."""

from __future__ import annotations

from pathlib import Path

from setups.autonumerics.operations import ADD, COEFFICIENT, DIVIDE, FUSED, MULTIPLY, SQUARE_ROOT, SUBTRACT, X
from setups.autonumerics.program import Program, to_vertices
from ufh_cli.files import write_text

_SIGNS = {ADD: "+", SUBTRACT: "-", MULTIPLY: "*", DIVIDE: "/"}


def _lines(program: Program, root: str, fused: str, suffix: str) -> tuple[list[tuple[str, str]], str]:
    """Each operation as (name, expression), in order, and the name of the output."""
    names: list[str] = []
    lines: list[tuple[str, str]] = []
    for vertex in to_vertices(program):
        if vertex.kind == X:
            names.append("x")
            continue
        if vertex.kind == COEFFICIENT:
            text = f"{vertex.value!r}{suffix}"
            names.append(f"({text})" if text.startswith("-") else text)
            continue
        taken = [names[i] for i in vertex.inputs]
        if vertex.kind == SQUARE_ROOT:
            expression = f"{root}({taken[0]})"
        elif vertex.kind == FUSED:
            expression = fused.format(*taken)
        else:
            expression = f"{taken[0]} {_SIGNS[vertex.kind]} {taken[1]}"
        name = f"v{len(lines) + 1}"
        lines.append((name, expression))
        names.append(name)
    return lines, names[-1]


def python_source(program: Program, name: str, comment: str) -> str:
    """The source of a module with one function, which takes floats, or numpy arrays where it has no square root."""
    lines, output = _lines(program, "math.sqrt", "{0} * {1} + {2}", "")
    body = [f"    {left} = {right}" for left, right in lines]
    needs = "import math\n\n\n" if any("math." in right for _, right in lines) else ""
    return "\n".join([f'{needs}def {name}(x):\n    """{comment}"""', *body, f"    return {output}", ""])


def c_source(program: Program, name: str, comment: str, *, single: bool = False) -> str:
    """The source of one C function, of double or of float."""
    kind, root, fused = ("float", "sqrtf", "fmaf") if single else ("double", "sqrt", "fma")
    lines, output = _lines(program, root, fused + "({0}, {1}, {2})", "f" if single else "")
    body = [f"    const {kind} {left} = {right};" for left, right in lines]
    head = [f"/* {comment} */", "#include <math.h>", "", f"{kind} {name}({kind} x) {{"]
    return "\n".join([*head, *body, f"    return {output};", "}", ""])


def write_function(program: Program, path: Path, name: str, comment: str, *, single: bool = False) -> None:
    """Write `program` to `path`, whose ending says the language; `ValueError` with one clear line when it cannot be."""
    if path.suffix not in (".py", ".c"):
        raise ValueError(f"a program is written to a file that ends in .py or .c, got {path.name}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} to")
    try:
        write_text(
            path,
            c_source(program, name, comment, single=single)
            if path.suffix == ".c"
            else python_source(program, name, comment),
        )
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None
