"""The loops over runs of elements, in which programs spend their time, written as LLVM's instructions.

numba would make the same of loops in Python, but slower code in more time: it neither unrolls them nor keeps what goes
into several rows in registers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types

from setups.automl_zero import microcode as mc
from setups.automl_zero.lanes import INT64, Elements, Vectors, intrinsic, joined

_UNROLLED = 4  # elements

_OF_TWO: dict[int, Callable[[Vectors, Vectors], Vectors]] = {
    mc.ADD: operator.add,
    mc.SUBTRACT: operator.sub,
    mc.MULTIPLY: operator.mul,
    mc.DIVIDE: operator.truediv,
    mc.MINIMUM: lambda x, y: y.select("<", x, y, x),  # of a NaN and a number the first operand
    mc.MAXIMUM: lambda x, y: x.select("<", y, y, x),
}
_OF_ONE: dict[int, Callable[[Vectors], Vectors]] = {
    mc.ABSOLUTE: lambda x: x.call("llvm.fabs"),
    mc.RECIPROCAL: lambda x: x.like(1.0) / x,
    mc.STEP_FROM_ZERO: lambda x: x.select(">=", x.like(0.0), x.like(1.0), x.like(0.0)),
    mc.STEP_ABOVE_ZERO: lambda x: x.select(">", x.like(0.0), x.like(1.0), x.like(0.0)),
}
_FINISHED: dict[int, Callable[[Vectors, Vectors], Vectors]] = {
    mc.AS_IT_IS: lambda result, c: result,
    mc.PLUS: lambda result, c: c + result,
    mc.MINUS: lambda result, c: c - result,
    mc.LESS: lambda result, c: result - c,
}


@intrinsic
def through_runs(typing_context, memory, op, a, b, c, o, n, rows, a_row):
    """Execute a machine instruction up to `microcode.FILL`."""

    def generate(context, builder, signature, arguments):
        whole = Elements(builder, arguments[0], memory.parts)
        runs = {name: whole.moved(place) for name, place in zip("abco", arguments[2:6], strict=True)}
        after = builder.append_basic_block("after")
        switch = builder.switch(arguments[1], after)
        for number, write in _cases():
            block = builder.append_basic_block(f"op{number}")
            switch.add_case(ir.Constant(arguments[1].type, number), block)
            builder.position_at_end(block)
            write(builder, runs, *arguments[6:])
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(memory, *[types.int64] * 8), generate


@intrinsic(prefer_literal=True)
def sums_of_products(typing_context, memory, a, b, o, n, rows, a_row):
    """Of each row of `a` the sum of the products with `b`, or, where that is None, with itself.

    The number `n` of elements is a compile-time constant. See `execute` for the order of sums.
    """
    if not isinstance(n, types.IntegerLiteral):
        return None

    def generate(context, builder, signature, arguments):
        runs, out = (Elements(builder, arguments[0], memory.parts).moved(arguments[k]) for k in (1, 3))
        others = None if b == types.none else Elements(builder, arguments[0], memory.parts).moved(arguments[2])

        def block(first, count):
            sums = []
            for k in range(count):
                row = runs.moved(builder.mul(builder.add(first, INT64(k)), arguments[6]))
                sums.append(_pairwise_sum(_products(row, others or row, n.literal_value)))
            out.moved(first).put(joined(sums))

        _in_blocks(builder, arguments[5], block, _UNROLLED)
        return context.get_dummy_value()

    integer = types.int64
    return types.void(memory, integer, b, integer, n, integer, integer), generate


@intrinsic
def copy_run(typing_context, data, a, memory, o, n):
    """Copy `n` elements from `a` in one memory to `o` in another."""

    def generate(context, builder, signature, arguments):
        source, out = (Elements(builder, arguments[k], memory.parts).moved(arguments[k + 1]) for k in (0, 2))
        _in_blocks(builder, arguments[4], lambda at, count: out.moved(at).put(source.moved(at).get(count)), _UNROLLED)
        return context.get_dummy_value()

    return types.void(data, types.int64, memory, types.int64, types.int64), generate


def _products(row: Elements, other: Elements, n: int) -> list[Vectors]:
    """Those of the elements, two in one."""
    return [row.moved(k).get(2) * other.moved(k).get(2) for k in range(0, n, 2)]


def _pairwise_sum(pairs: list[Vectors]) -> Vectors:
    while len(pairs) > 1:
        pairs = [a + b for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    first, second = pairs[0].halves()
    return first + second


def _cases() -> Iterator[tuple[int, Callable[..., None]]]:
    """Machine instructions, and what writes the loops of each."""
    for op, of_two in _OF_TWO.items():
        yield op, _of_runs(of_two, "ab")
    for op, of_one in _OF_ONE.items():
        yield op, _of_runs(of_one, "a")
    for finish, finished in _FINISHED.items():
        yield mc.SCALE + finish, _scale(finished)
        yield mc.OUTER + finish, _outer(finished)
    yield mc.FILL, _fill


def _loop(builder: Any, count: Any, write: Callable[[Any], None]) -> None:
    """Write a loop for 0, …, count - 1."""
    before = builder.block
    head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(INT64)
    index.add_incoming(INT64(0), before)
    builder.cbranch(builder.icmp_signed("<", index, count), body, end)
    builder.position_at_end(body)
    write(index)
    index.add_incoming(builder.add(index, INT64(1)), builder.block)
    builder.branch(head)
    builder.position_at_end(end)


def _in_blocks(builder: Any, n: Any, write: Callable[[Any, int], None], size: int) -> None:
    """Write loops for `n` elements: `write` is told the first of a block and how many of them, `size` or 1."""
    blocks = builder.udiv(n, INT64(size))
    done = builder.mul(blocks, INT64(size))
    _loop(builder, blocks, lambda block: write(builder.mul(block, INT64(size)), size))
    _loop(builder, builder.sub(n, done), lambda k: write(builder.add(done, k), 1))


def _of_runs(function: Callable[..., Vectors], names: str) -> Callable[..., None]:
    """What writes a loop for `function` of the elements of one or two runs."""

    def write(builder, runs, n, rows, a_row):
        def block(first, count):
            operands = [runs[name].moved(first).get(count) for name in names]
            runs["o"].moved(first).put(function(*operands))

        _in_blocks(builder, n, block, _UNROLLED)

    return write


def _outer(finished: Callable[..., Vectors]) -> Callable[..., None]:
    """What writes the loops of `microcode.OUTER`."""
    row_of = _scale(finished)

    def write(builder, runs, n, rows, a_row):
        def row(number):
            place = builder.mul(number, n)
            moved = {"a": runs["a"].moved(builder.mul(number, a_row)), "b": runs["b"]}
            row_of(builder, moved | {name: runs[name].moved(place) for name in "co"}, n, rows, a_row)

        _loop(builder, rows, row)

    return write


def _scale(finished: Callable[..., Vectors]) -> Callable[..., None]:
    """What writes the loop of `microcode.SCALE`."""

    def write(builder, runs, n, rows, a_row):
        factor = runs["a"].get(1)

        def block(first, count):
            b, c = (runs[name].moved(first).get(count) for name in "bc")
            runs["o"].moved(first).put(finished(factor.repeated(count) * b, c))

        _in_blocks(builder, n, block, _UNROLLED)

    return write


def _fill(builder: Any, runs: dict[str, Elements], n: Any, rows: Any, a_row: Any) -> None:
    """Write the loops that fill each row of `o` with an element of `a`."""

    def row(number):
        x = runs["a"].moved(builder.mul(number, a_row)).get(1)
        target = runs["o"].moved(builder.mul(number, n))
        _loop(builder, n, lambda k: target.moved(k).put(x))

    _loop(builder, rows, row)
