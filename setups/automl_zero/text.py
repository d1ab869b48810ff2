"""Programs as text that people read and write, like the paper's Figure 2.

    def InitializePass():
      s2 = 0.01
      v2[F * 0.25] = -0.5
    def ForwardPass():
      s1 = dot(v1, v0)
    def BackwardPass():
      s3 = s0 - s1

What follows a ``#`` is a comment. An index of a constant is a fraction of F, printed so that it reads back
equal; where F is known, a plain index such as ``v2[1]`` is read too. Numbers are printed with as many digits
as it takes to read them back.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from setups.automl_zero.operations import MATRIX_CONSTANT, OPERATIONS, SCALAR_CONSTANT, VECTOR_CONSTANT
from setups.automl_zero.program import FUNCTIONS, Instruction, Memory, Program, instruction_error, pack, unpack
from setups.data import check_length
from ufh_cli.core.names import nearest

LEGEND = "# sX, vX, mX: scalar, vector, matrix at address X; s0 = label, s1 = prediction, v0 = features"

# The AutoML-Zero paper's names of the component functions.
_FUNCTION_NAMES = {name: i for i, name in enumerate(FUNCTIONS)} | {"Setup": 0, "Predict": 1, "Learn": 2}

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)"
_ADDRESS = re.compile(r"\b([svm])(\d+)\b")
# The original prints heaviside(x, 1.0) for every kind of x.
_HEAVISIDE = re.compile(r"(heaviside\(\w+),1(?:\.0*)?\)")
_RECIPROCAL = re.compile(r"^1\.0*/")  # the only number in a form without constants
_CONSTANT = re.compile(rf"(?<![\w=.])(?>{_NUMBER})(?!/)")
_INDEX = re.compile(rf"(?:F\*)?({_NUMBER})")
# Around punctuation blanks mean nothing. A run of them is looked at once, from its start: else the time is quadratic.
_BLANKS = re.compile(r"(?:(?<!\s)\s++)?+([^\w.\s])\s*+")
_LINE = re.compile(r"([svm])(\d+)(?:\[(.*)\])?$")


def _shape(text: str) -> str:
    """A right-hand side with its addresses and constants replaced by their kinds, without blanks."""
    text = _RECIPROCAL.sub("1/", _HEAVISIDE.sub(r"\1)", text))
    return _CONSTANT.sub("#", _ADDRESS.sub(r"\1", text))


def _form_shape(number: int) -> tuple[str, str]:
    operation = OPERATIONS[number]
    form = operation.form.format(a=f"{operation.in1}9", b=f"{operation.in2}9", x="0.5", y="0.5")
    return operation.out, _shape(form.replace(" ", ""))


# (kind written, shape of the right-hand side) -> operation. Constants of one element of a vector or matrix
# have an index besides.
_OPERATION_OF = {_form_shape(op.number): op.number for op in OPERATIONS}


def format_program(program: Program, remarks: Callable[[int], str] | None = None) -> str:
    """The text of `program`; `remarks`, if given, says what to remark on the i-th instruction ("" for nothing)."""
    lines = [LEGEND]
    i = 0
    for name, function in zip(FUNCTIONS, unpack(program), strict=True):
        lines.append(f"def {name}():")
        for instruction in function:
            remark = remarks(i) if remarks else ""
            lines.append(f"  {format_instruction(instruction)}" + (f"  # {remark}" if remark else ""))
            i += 1
    return "\n".join(lines) + "\n"


def format_instruction(instruction: Instruction) -> str:
    """One instruction as text, for instance ``v1 = v1 + v2``."""
    operation = OPERATIONS[instruction.op]
    if instruction.op == SCALAR_CONSTANT:
        numbers = [repr(instruction.constants[0])]
    else:
        numbers = [str(np.float32(value)) for value in instruction.constants]
    index = ""
    if instruction.op in (VECTOR_CONSTANT, MATRIX_CONSTANT):
        index = "[" + ", ".join(f"F * {number}" for number in numbers[:-1]) + "]"
        numbers = numbers[-1:]
    fields = dict(zip("xy", numbers, strict=False))
    right = operation.form.format(
        a=f"{operation.in1}{instruction.in1}", b=f"{operation.in2}{instruction.in2}", **fields
    )
    return f"{operation.out}{instruction.out}{index} = {right}" if operation.out else right


def parse_program(text: str, memory: Memory, features: int | None = None) -> Program:
    """The program that `text` describes.

    Parameters
    ----------
    text : str
    memory : Memory
        Addresses are checked against it.
    features : int, optional
        F; allows plain indices in ``v2[1] = 0.5``.

    Raises
    ------
    ValueError
        One line with the number of the line in `text`: a missing or repeated function, an unknown
        instruction, an address out of range or one that cannot be written.
    """
    check_length(text)
    functions: dict[int, list[Instruction]] = {}
    current: list[Instruction] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("#", 1)[0].strip()
        if not code:
            continue
        try:
            if code.startswith("def ") or code.endswith(":"):
                place = _function(code)
                if place in functions:
                    raise ValueError(f"{FUNCTIONS[place]} is defined twice")
                current = functions[place] = []
            elif current is None:
                raise ValueError(f"an instruction before the first function: {code!r}")
            else:
                current.append(parse_instruction(code, memory, features))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    missing = [name for i, name in enumerate(FUNCTIONS) if i not in functions]
    if missing:
        raise ValueError(
            f"the program has no function {' and no '.join(missing)}; a program defines {', '.join(FUNCTIONS)}"
        )
    return pack([functions[i] for i in range(3)])


def _function(code: str) -> int:
    match = re.fullmatch(r"def\s+(\w+)\s*\(\s*\)\s*:", code)
    if match is None:
        raise ValueError(f"expected a line like 'def {FUNCTIONS[1]}():', got {code!r}")
    if match[1] not in _FUNCTION_NAMES:
        raise ValueError(f"unknown function {match[1]!r}; {nearest(match[1], _FUNCTION_NAMES)}")
    return _FUNCTION_NAMES[match[1]]


def parse_instruction(code: str, memory: Memory, features: int | None = None) -> Instruction:
    """The instruction that a line without comment describes; `ValueError` with one clear line when it does not."""
    if code in ("noop", "noop()"):
        return Instruction(0)
    left, equals, right = (_BLANKS.sub(r"\1", part).strip() for part in code.partition("="))
    target = _LINE.match(left)
    if not equals or target is None:
        raise ValueError(f"expected an instruction like 's1 = dot(v1, v0)', got {code!r}")
    kind, out, index = target[1], int(target[2]), target[3]
    op = _operation(kind, index, right, code)
    inputs = [int(address) for _, address in _ADDRESS.findall(right)]
    constants = _indices(index, features) if index is not None else []
    if op >= SCALAR_CONSTANT:
        constants += [float(number) for number in _CONSTANT.findall(right)]
    in1, in2 = [*inputs, 0, 0][:2]
    if max(in1, in2, out) > 255:
        raise ValueError(f"an address above 255 in {code!r}")
    if op != SCALAR_CONSTANT:
        with np.errstate(over="ignore"):
            constants = [float(np.float32(value)) for value in constants]
    instruction = Instruction(op, in1, in2, out, tuple(constants))
    error = instruction_error(instruction, memory)
    if error:
        raise ValueError(f"{error} (in {code!r})")
    return instruction


def _operation(kind: str, index: str | None, right: str, code: str) -> int:
    shape = _shape(right)
    op = _OPERATION_OF.get((kind, shape))
    element = op in (VECTOR_CONSTANT, MATRIX_CONSTANT)
    if op is None:
        names = {form.split("(")[0] for _, form in _OPERATION_OF if "(" in form}
        name, call, _ = right.partition("(")
        hint = f"; {nearest(name, names)}" if call and name not in names else ""
        raise ValueError(f"unknown instruction {code!r}: nothing gives {_kind_name(kind)} from {shape!r}{hint}")
    if element and (index is None or index.count(",") != (op == MATRIX_CONSTANT)):
        example = "v2[F * 0.5] = 1.0" if op == VECTOR_CONSTANT else "m1[F * 0.5, F * 0.25] = 1.0"
        raise ValueError(f"a constant sets one element, as in {example!r}; got {code!r}")
    if index is not None and not element:
        raise ValueError(f"only constants can be assigned to one element, got {code!r}")
    return op


def _kind_name(kind: str) -> str:
    return {"s": "a scalar", "v": "a vector", "m": "a matrix"}[kind]


def _indices(index: str, features: int | None) -> list[float]:
    """Fractions of F; a plain index i means the middle of its interval, (i + 1/2) / F."""
    fractions = []
    for part in index.split(","):
        match = _INDEX.fullmatch(part)
        if match is None:
            raise ValueError(f"an index is a fraction of F, as in [F * 0.5], or a whole number, got {part!r}")
        if part.startswith("F*"):
            fractions.append(float(match[1]))
        elif features is None or not match[1].isdigit() or int(match[1]) >= features:
            raise ValueError(f"index {part!r} is no whole number below F{'' if features is None else f' = {features}'}")
        else:
            fractions.append((int(match[1]) + 0.5) / features)
    return fractions
