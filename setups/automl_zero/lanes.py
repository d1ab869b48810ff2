"""SIMD lanes as values of compiled code.

A `Lanes` value holds the same number of one candidate for several tasks, one task a lane, in the processor's
vector registers. Arithmetic on it is elementwise and rounds as scalar arithmetic does; nothing is
reassociated or fused, so that a lane's bits depend neither on the processor nor on the number of lanes. The
number of lanes belongs to the type: `splat` makes the first value from a compile-time constant, and `load`
takes the type of another value.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, overload, register_model

# Compiled code calls an intrinsic without its first parameter, which a type checker cannot know.
intrinsic: Any = numba_intrinsic

_DOUBLE = ir.DoubleType()
_INT64 = ir.IntType(64)
MAX_LANES = 32  # a mask of lanes has to fit in an int64 with room to spare


class LanesType(types.Type):
    """The numba type of `width` float64 lanes."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, lanes_type):
        super().__init__(data_model_manager, lanes_type, ir.VectorType(_DOUBLE, lanes_type.width))


def _broadcast(builder, value, width):
    """The vector with `value` in each of `width` lanes."""
    undefined = ir.Constant(ir.VectorType(_DOUBLE, width), ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    indices = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(one, undefined, indices)


def _address(context, builder, memory_type, memory, index):
    """A pointer to element `index` of a contiguous float64 array or what `pointer_to` gives; bounds are not checked."""
    if isinstance(memory_type, types.Array):
        memory = context.make_array(memory_type)(context, builder, memory).data
    return builder.gep(memory, [index])


def _vector_address(context, builder, array_type, array, index, width):
    scalar = _address(context, builder, array_type, array, index)
    return builder.bitcast(scalar, ir.VectorType(_DOUBLE, width).as_pointer())


@intrinsic(prefer_literal=True)
def splat(typing_context, value, width):
    """`value` in each of `width` lanes; `width` must be a compile-time constant."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    lanes = LanesType(width.literal_value)

    def generate(context, builder, signature, arguments):
        return _broadcast(builder, arguments[0], lanes.width)

    return lanes(types.float64, width), generate


@intrinsic
def splat_like(typing_context, value, like):
    """`value` in as many lanes as `like` has."""
    if not isinstance(like, LanesType):
        return None

    def generate(context, builder, signature, arguments):
        return _broadcast(builder, arguments[0], like.width)

    return like(types.float64, like), generate


@intrinsic
def width_of(typing_context, like):
    """The number of lanes of `like`, a constant to the optimiser."""
    if not isinstance(like, LanesType):
        return None

    def generate(context, builder, signature, arguments):
        return ir.Constant(_INT64, like.width)

    return types.int64(like), generate


@intrinsic
def pointer_to(typing_context, array):
    """The bare pointer to the first element of a contiguous float64 array, which is indexed like the array.

    Nothing counts references to it: of an array every inlined call counts one up and one down, which not always
    cancel out and cost as much as a short instruction. Something else has to keep the array.
    """
    if not isinstance(array, types.Array) or array.dtype != types.float64:
        return None

    def generate(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(types.float64)(array), generate


@intrinsic
def load(typing_context, memory, index, like):
    """The lanes that start at ``memory[index]`` of an array or a pointer, as many as `like` has."""
    if not isinstance(like, LanesType):
        return None

    def generate(context, builder, signature, arguments):
        pointer = _vector_address(context, builder, memory, arguments[0], arguments[1], like.width)
        return builder.load(pointer, align=8)

    return like(memory, types.int64, like), generate


@intrinsic
def store(typing_context, memory, index, value):
    """Write `value` to the lanes that start at ``memory[index]``."""
    if not isinstance(value, LanesType):
        return None

    def generate(context, builder, signature, arguments):
        pointer = _vector_address(context, builder, memory, arguments[0], arguments[1], value.width)
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(memory, types.int64, value), generate


def _binary(instruction: str):
    @intrinsic
    def apply(typing_context, a, b):
        if not isinstance(a, LanesType) or a != b:
            return None

        def generate(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return a(a, b), generate

    return apply


def _unary(llvm_name: str):
    @intrinsic
    def apply(typing_context, a):
        if not isinstance(a, LanesType):
            return None

        def generate(context, builder, signature, arguments):
            vector = ir.VectorType(_DOUBLE, a.width)
            name = f"{llvm_name}.v{a.width}f64"
            function = builder.module.globals.get(name)
            if function is None:
                function = ir.Function(builder.module, ir.FunctionType(vector, [vector]), name)
            return builder.call(function, arguments)

        return a(a), generate

    return apply


def _select(comparison: str):
    @intrinsic
    def apply(typing_context, a, b, if_true, if_false):
        if not isinstance(a, LanesType):
            return None

        def generate(context, builder, signature, arguments):
            condition = builder.fcmp_ordered(comparison, arguments[0], arguments[1])
            return builder.select(condition, arguments[2], arguments[3])

        return a(a, b, if_true, if_false), generate

    return apply


_add, _subtract, _multiply, _divide = (_binary(name) for name in ("fadd", "fsub", "fmul", "fdiv"))
square_root = _unary("llvm.sqrt")
absolute = _unary("llvm.fabs")
select_less = _select("<")  # lanewise: if_true where a < b (false for NaN), else if_false
select_greater = _select(">")
select_greater_equal = _select(">=")


def _overload_operator(symbol, implementation):
    @overload(symbol, inline="always")
    def typed(a, b):
        if isinstance(a, LanesType) and isinstance(b, LanesType):
            return lambda a, b: implementation(a, b)
        return None


_overload_operator(operator.add, _add)
_overload_operator(operator.sub, _subtract)
_overload_operator(operator.mul, _multiply)
_overload_operator(operator.truediv, _divide)


@intrinsic
def mask_less_equal(typing_context, a, b):
    """An int64 with bit `l` set where ``a <= b`` in lane `l`; a NaN clears it."""
    if not isinstance(a, LanesType) or a != b or a.width > MAX_LANES:
        return None

    def generate(context, builder, signature, arguments):
        condition = builder.fcmp_ordered("<=", arguments[0], arguments[1])
        bits = builder.bitcast(condition, ir.IntType(a.width))
        return builder.zext(bits, _INT64)

    return types.int64(a, b), generate


@intrinsic
def power_of_two(typing_context, shifted):
    """2**n for integers n in [-1022, 1023], given as ``n + 1.5 * 2**52``, whose low mantissa bits hold n."""
    if not isinstance(shifted, LanesType):
        return None

    def generate(context, builder, signature, arguments):
        integers = ir.VectorType(_INT64, shifted.width)
        bits = builder.bitcast(arguments[0], integers)
        biased = builder.add(bits, ir.Constant(integers, [1023] * shifted.width))
        exponent = builder.shl(biased, ir.Constant(integers, [52] * shifted.width))
        return builder.bitcast(exponent, ir.VectorType(_DOUBLE, shifted.width))

    return shifted(shifted), generate
