"""Architectures as text that people read and write, a block a line, and as tables.

    block 1: separable kernel=3 expansion=1 se=0.0 skip=none filters=1.0 layers=0
    block 2: mbconv kernel=5 expansion=6 se=0.25 skip=identity filters=0.75 layers=+1

All choices are written, those without function too, so that nothing is lost; what follows a ``#`` is a comment.
"""

from __future__ import annotations

import reprlib
from typing import Any, NamedTuple

from setups.data import check_length
from setups.mnas.cost_model import Cost, block_costs, total
from setups.mnas.layers import block_layers, without_function
from setups.mnas.space import OPS, Architecture, Block, Space, block_choices
from ufh_cli.core.names import nearest

_FIELDS = Block._fields[1:]  # written as name=value, after the op


def format_architecture(space: Space, architecture: Architecture) -> str:
    """The text of `architecture`; comments tell which choices have no function."""
    lines = []
    for index, block in enumerate(architecture):
        fields = " ".join(f"{name}={_written(name, value)}" for name, value in zip(_FIELDS, block[1:], strict=True))
        silent = without_function(space, architecture, index)
        remark = f"  # without function: {', '.join(silent)}" if silent else ""
        lines.append(f"block {index + 1}: {block.op} {fields}{remark}")
    return "\n".join(lines) + "\n"


def parse_architecture(space: Space, text: str) -> Architecture:
    """The architecture that `text` describes in the form of `format_architecture`.

    Raises
    ------
    ValueError
        In one line, with the number of the line in `text`: a block that is missing, repeated or too many, an unknown
        name, a field that is missing, or a value that it cannot have.
    """
    check_length(text)
    blocks: dict[int, Block] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("#", 1)[0].strip()
        if not code:
            continue
        try:
            index, block = _parse_line(space, code)
            if index in blocks:
                raise ValueError(f"block {index + 1} is described twice")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        blocks[index] = block
    missing = [str(index + 1) for index in range(len(space.strides)) if index not in blocks]
    if missing:
        raise ValueError(f"block {', '.join(missing)} missing; an architecture has {len(space.strides)} blocks")
    return tuple(blocks[index] for index in range(len(space.strides)))


def _parse_line(space: Space, code: str) -> tuple[int, Block]:
    head, colon, rest = code.partition(":")
    word, _, place = head.strip().partition(" ")
    if not colon or word != "block":
        raise ValueError(f"expected a block such as 'block 1: conv kernel=3 ...', got {reprlib.repr(code)}")
    place = place.strip()
    if not (place.isascii() and place.isdigit() and len(place) < 10 and 1 <= int(place) <= len(space.strides)):
        raise ValueError(f"blocks are numbered 1 to {len(space.strides)}, got {reprlib.repr(place)}")
    index = int(place) - 1
    op, *items = rest.split() or [""]
    if op not in OPS:
        raise ValueError(f"unknown op {reprlib.repr(op)}; {nearest(op, OPS)}")
    written: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not value:
            raise ValueError(f"expected a field such as kernel=3, got {reprlib.repr(item)}")
        if name not in _FIELDS:
            raise ValueError(f"unknown field {reprlib.repr(name)}; {nearest(name, _FIELDS)}")
        if name in written:
            raise ValueError(f"{name} is given twice")
        written[name] = value
    absent = [name for name in _FIELDS if name not in written]
    if absent:
        raise ValueError(f"{', '.join(absent)} missing; a block has {', '.join(_FIELDS)}")
    choices = dict(zip(Block._fields, block_choices(space, index), strict=True))
    return index, Block(op, *(_value(name, written[name], choices[name]) for name in _FIELDS))


def _value(name: str, text: str, values: tuple[Any, ...]) -> Any:
    """The one of `values` that `text` stands for; numbers may be written in any way."""
    if isinstance(values[0], str):
        if text not in values:
            raise ValueError(f"unknown {name} {reprlib.repr(text)}; {nearest(text, values)}")
        return text
    try:
        found = [value for value in values if value == float(text)]
    except ValueError:
        found = []
    if not found:
        known = ", ".join(_written(name, value) for value in values)
        raise ValueError(f"{name} must be one of {known}, got {reprlib.repr(text)}")
    return found[0]


def _written(name: str, value: Any) -> str:
    return f"{value:+d}" if name == "layers" and value else str(value)


class Row(NamedTuple):
    """One line of a table, each entry as a person reads it; ``Row._fields`` are the columns' names."""

    block: str
    op: str
    kernel: str
    channels: str
    layers: str
    parameters: str
    multiply_adds: str


def table(space: Space, architecture: Architecture) -> list[Row]:
    """The network of `architecture`: a row for the stem, each block, the head, and the sum.

    What has no function is not shown: a block that does nothing has "-" for its kernel and 0 layers.
    """
    stem, *costs, head = block_costs(space, architecture)
    channels = space.stem_filters
    rows = [_row("stem", "conv", "3x3" + _stride(space.stem_stride), channels, 1, stem)]
    count = 1
    for index, (found, cost) in enumerate(zip(block_layers(space, architecture), costs, strict=True)):
        name, op, kernel = f"block {index + 1}", "identity", "-"
        if found:
            first = found[0]
            channels = first.outputs
            kernel = f"{first.kernel}x{first.kernel}" + _stride(first.stride)
            op = first.op + (f" e{first.expansion}" if first.expansion > 1 else "")
            op += f" se {first.se:g}" if first.se else ""
            skips = {layer.skip for layer in found}
            op += ", residual" * ("identity" in skips) + ", pooled skip" * ("pool" in skips)
        rows.append(_row(name, op, kernel, channels, len(found), cost))
        count += len(found)
    head_layers = 2 if space.head_filters else 1
    op = "conv, average, dense" if space.head_filters else "average, dense"
    rows.append(_row("head", op, "1x1" if space.head_filters else "-", space.classes, head_layers, head))
    whole = total([stem, *costs, head])
    return [
        *rows,
        Row("sum", "", "", "", str(count + head_layers), f"{whole.parameters:,}", f"{whole.multiply_adds:,}"),
    ]


def _row(block: str, op: str, kernel: str, channels: int, number: int, cost: Cost) -> Row:
    return Row(block, op, kernel, str(channels), str(number), f"{cost.parameters:,}", f"{cost.multiply_adds:,}")


def _stride(stride: int) -> str:
    return f" /{stride}" if stride > 1 else ""
