"""SIMD lanes as values of compiled code, and memory that is made of them.

A value of lanes holds the same number of one candidate for several tasks, one task a lane, in the processor's vector
registers. Arithmetic on it is elementwise and rounds as scalar arithmetic does; nothing is reassociated or fused, so
that a lane's bits depend neither on the processor nor on the number of lanes.

The number of lanes belongs to the type. Where it is no power of two, as 10, a value is made of several vectors (8 and 2
lanes), and memory of a plane for each, so that every vector lies on a boundary of its own size.

`Vectors` and `Elements` stand for such values and memory while LLVM's instructions are being written, here and in
`runs`; the functions below are for code that numba compiles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models, register_model, type_callable

# Compiled code calls an intrinsic without its first parameter, which a type checker cannot know.
intrinsic: Any = numba_intrinsic

WIDTHS = (4, 8, 10, 16)  # numbers of lanes; a mask of lanes has to fit in an int64 with room to spare

DOUBLE = ir.DoubleType()
INT64 = ir.IntType(64)


def vectors_of(width: int) -> list[int]:
    """The lanes of each of the vectors that make up `width` lanes."""
    return [power for power in (16, 8, 4, 2) if width & power]


class _OfLanes(types.Type):
    """A numba type of `width` lanes in vectors of `parts` lanes."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.parts = vectors_of(width)
        super().__init__(name=f"{type(self).__name__}({width})")


class LanesType(_OfLanes):
    """The numba type of `width` float64 lanes."""


class MemoryType(_OfLanes):
    """The numba type of memory whose elements are `width` float64 lanes."""


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, lanes):
        super().__init__(data_model_manager, lanes, ir.LiteralStructType([_vector(n) for n in lanes.parts]))


@register_model(MemoryType)
class _MemoryModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, memory):
        super().__init__(data_model_manager, memory, ir.LiteralStructType([DOUBLE.as_pointer() for _ in memory.parts]))


def _vector(lanes, element=DOUBLE):
    return ir.VectorType(element, lanes)


def _struct(builder, values):
    """The value of a type of lanes, or of memory, whose parts are `values`."""
    whole = ir.Constant(ir.LiteralStructType([value.type for value in values]), ir.Undefined)
    for place, value in enumerate(values):
        whole = builder.insert_value(whole, value, place)
    return whole


def _parts(builder, value):
    return [builder.extract_value(value, place) for place in range(len(value.type.elements))]


class Vectors:
    """A value of lanes, by its parts; what is done with it is written as instructions of `builder`."""

    def __init__(self, builder: Any, parts: list[Any]) -> None:
        self.builder, self.parts = builder, parts

    def by_parts(self, function: Callable[..., Any], *others: Vectors) -> Vectors:
        """`function` of each part of this and the `others`."""
        parts = zip(self.parts, *(other.parts for other in others), strict=True)
        return Vectors(self.builder, [function(*part) for part in parts])

    def __add__(self, other: Vectors) -> Vectors:
        return self.by_parts(self.builder.fadd, other)

    def __sub__(self, other: Vectors) -> Vectors:
        return self.by_parts(self.builder.fsub, other)

    def __mul__(self, other: Vectors) -> Vectors:
        return self.by_parts(self.builder.fmul, other)

    def __truediv__(self, other: Vectors) -> Vectors:
        return self.by_parts(self.builder.fdiv, other)

    def like(self, number: float) -> Vectors:
        """A constant in all lanes."""
        return self.by_parts(lambda x: ir.Constant(x.type, [number] * x.type.count))

    def select(self, comparison: str, other: Vectors, if_true: Vectors, if_false: Vectors) -> Vectors:
        """Lanewise `if_true` where the comparison with `other` holds, which it never does with a NaN."""

        def choose(x, y, yes, no):
            return self.builder.select(self.builder.fcmp_ordered(comparison, x, y), yes, no)

        return self.by_parts(choose, other, if_true, if_false)

    def repeated(self, count: int) -> Vectors:
        """The lanes of so many elements that are all equal to this one."""
        return self._shuffled(lambda lanes: [*range(lanes)] * count)

    def beside(self, other: Vectors) -> Vectors:
        """This and the `other` element or elements, side by side."""
        return self._shuffled(lambda lanes: range(2 * lanes), other)

    def halves(self) -> tuple[Vectors, Vectors]:
        """Each of two elements."""
        first = self._shuffled(lambda lanes: range(lanes // 2))
        return first, self._shuffled(lambda lanes: range(lanes // 2, lanes))

    def _shuffled(self, chosen: Callable[[int], Iterable[int]], other: Vectors | None = None) -> Vectors:
        def shuffle(x, y):
            indices = [*chosen(x.type.count)]
            return self.builder.shuffle_vector(x, y, ir.Constant(_vector(len(indices), ir.IntType(32)), indices))

        return self.by_parts(shuffle, other or self)

    def call(self, llvm_name: str) -> Vectors:
        """LLVM's function of that name, such as ``llvm.sqrt``."""

        def apply(x):
            module, name = self.builder.module, f"{llvm_name}.v{x.type.count}f64"
            function = module.globals.get(name) or ir.Function(module, ir.FunctionType(x.type, [x.type]), name)
            return self.builder.call(function, [x])

        return self.by_parts(apply)

    def value(self) -> Any:
        """The value of numba's type."""
        return _struct(self.builder, self.parts)


def joined(elements: list[Vectors]) -> Vectors:
    """Several elements, a power of two, side by side."""
    while len(elements) > 1:
        elements = [a.beside(b) for a, b in zip(elements[::2], elements[1::2], strict=True)]
    return elements[0]


class Elements:
    """Lane memory from some element on; bounds are not checked."""

    def __init__(self, builder: Any, planes: Any, parts: list[int]) -> None:
        self.builder, self.parts = builder, parts
        self._planes = planes if isinstance(planes, list) else _parts(builder, planes)

    def moved(self, elements: Any) -> Elements:
        """The memory from `elements` further on."""
        planes = []
        for plane, part in zip(self._planes, self.parts, strict=True):
            distance = INT64(elements * part) if isinstance(elements, int) else self.builder.mul(elements, INT64(part))
            planes.append(self.builder.gep(plane, [distance]))
        return Elements(self.builder, planes, self.parts)

    def value(self) -> Any:
        """The value of numba's type."""
        return _struct(self.builder, self._planes)

    def get(self, count: int) -> Vectors:
        """The first `count` elements, side by side in as many vectors as one has."""
        parts = []
        for plane, part in zip(self._planes, self.parts, strict=True):
            pointer = self.builder.bitcast(plane, _vector(part * count).as_pointer())
            parts.append(self.builder.load(pointer, align=8))
        return Vectors(self.builder, parts)

    def put(self, value: Vectors) -> None:
        """Write `value`, of one element or several, from the first element on."""
        for plane, part in zip(self._planes, value.parts, strict=True):
            self.builder.store(part, self.builder.bitcast(plane, part.type.as_pointer()), align=8)

    def lane(self, index: Any, lane: Any) -> Any:
        """A pointer to one lane of element `index`."""
        builder, address, before = self.builder, None, 0
        for plane, part in zip(self.moved(index)._planes, self.parts, strict=True):
            here = builder.gep(plane, [builder.sub(lane, INT64(before))])
            inside = builder.icmp_signed(">=", lane, INT64(before))
            address = here if address is None else builder.select(inside, here, address)
            before += part
        return address


@intrinsic(prefer_literal=True)
def lane_memory(typing_context, array, elements, width):
    """Memory of so many `elements` of `width` lanes, a compile-time constant, in a contiguous float64 array.

    Nothing counts references to the array: something else has to keep it.
    """
    if not isinstance(width, types.IntegerLiteral):
        return None
    memory = MemoryType(width.literal_value)

    def generate(context, builder, signature, arguments):
        pointer = context.make_array(array)(context, builder, arguments[0]).data
        planes = []
        for part in memory.parts:
            planes.append(pointer)
            pointer = builder.gep(pointer, [builder.mul(arguments[1], INT64(part))])
        return _struct(builder, planes)

    return memory(array, types.int64, width), generate


@intrinsic
def pointer_to(typing_context, array):
    """The bare pointer to the first element of a contiguous array, which is indexed like one of one dimension.

    Nothing counts references to it: of an array every inlined call counts one up and one down, which not always
    cancel out and cost as much as a short instruction. Something else has to keep the array.
    """

    def generate(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic(prefer_literal=True)
def words_on_stack(typing_context, count):
    """The bare pointer to so many uint64, a compile-time constant, on the stack and on a boundary of 64 bytes.

    The stack is then aligned to this as a whole, so that no vector that lies there straddles two cache lines.
    """
    if not isinstance(count, types.IntegerLiteral):
        return None

    def generate(context, builder, signature, arguments):
        place = cgutils.alloca_once(builder, INT64, count.literal_value)
        place.align = 64
        return place

    return types.CPointer(types.uint64)(count), generate


@intrinsic
def width_of(typing_context, like):
    """The number of lanes of a value or of memory, a constant to the optimiser."""
    return types.int64(like), lambda context, builder, signature, arguments: INT64(like.width)


@intrinsic
def filled(typing_context, like, value):
    """`value` in as many lanes as `like`, a value or memory, has."""

    def generate(context, builder, signature, arguments):
        def broadcast(part):
            undefined = ir.Constant(_vector(part), ir.Undefined)
            one = builder.insert_element(undefined, arguments[1], ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(one, undefined, ir.Constant(_vector(part, ir.IntType(32)), [0] * part))

        return _struct(builder, [broadcast(part) for part in like.parts])

    return LanesType(like.width)(like, types.float64), generate


@intrinsic
def load(typing_context, memory, index):
    """The lanes of element `index`."""

    def generate(context, builder, signature, arguments):
        return Elements(builder, arguments[0], memory.parts).moved(arguments[1]).get(1).value()

    return LanesType(memory.width)(memory, types.int64), generate


@intrinsic
def store(typing_context, memory, index, value):
    """Write `value` to the lanes of element `index`."""

    def generate(context, builder, signature, arguments):
        element = Elements(builder, arguments[0], memory.parts).moved(arguments[1])
        element.put(Vectors(builder, _parts(builder, arguments[2])))
        return context.get_dummy_value()

    return types.void(memory, types.int64, value), generate


@intrinsic
def get_lane(typing_context, memory, index, lane):
    """The number in one lane of element `index`."""

    def generate(context, builder, signature, arguments):
        return builder.load(Elements(builder, arguments[0], memory.parts).lane(*arguments[1:]))

    return types.float64(memory, types.int64, types.int64), generate


@intrinsic
def set_lane(typing_context, memory, index, lane, value):
    """Write `value` to one lane of element `index`."""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[3], Elements(builder, arguments[0], memory.parts).lane(*arguments[1:3]))
        return context.get_dummy_value()

    return types.void(memory, types.int64, types.int64, types.float64), generate


def _on_vectors(function: Callable[..., Vectors]) -> Callable[..., Any]:
    """How numba writes the instructions of a function of lanes."""

    def generate(context, builder, signature, arguments):
        return function(*(Vectors(builder, _parts(builder, argument)) for argument in arguments)).value()

    return generate


def _operator(symbol: Callable[[Any, Any], Any]) -> None:
    """Let `symbol` work on lanes in compiled code."""

    @type_callable(symbol)
    def typed(context):
        return lambda a, b: a if isinstance(a, LanesType) and a == b else None

    lower_builtin(symbol, LanesType, LanesType)(_on_vectors(symbol))


for _symbol in (operator.add, operator.sub, operator.mul, operator.truediv):
    _operator(_symbol)


def _unary(llvm_name: str) -> Any:
    @intrinsic
    def apply(typing_context, a):
        return a(a), _on_vectors(lambda x: x.call(llvm_name))

    return apply


def _select(comparison: str) -> Any:
    @intrinsic
    def apply(typing_context, a, b, if_true, if_false):
        return a(a, b, if_true, if_false), _on_vectors(lambda x, *others: x.select(comparison, *others))

    return apply


square_root = _unary("llvm.sqrt")
absolute = _unary("llvm.fabs")
select_less = _select("<")  # lanewise: if_true where a < b (false for NaN), else if_false
select_greater = _select(">")


@intrinsic
def mask_less_equal(typing_context, a, b):
    """An int64 with bit `l` set where ``a <= b`` in lane `l`; a NaN clears it."""

    def generate(context, builder, signature, arguments):
        mask, before = INT64(0), 0
        for x, y in zip(*(_parts(builder, argument) for argument in arguments), strict=True):
            bits = builder.bitcast(builder.fcmp_ordered("<=", x, y), ir.IntType(x.type.count))
            mask = builder.or_(mask, builder.shl(builder.zext(bits, INT64), INT64(before)))
            before += x.type.count
        return mask

    return types.int64(a, b), generate


@intrinsic
def power_of_two(typing_context, shifted):
    """2**n for integers n in [-1022, 1023], given as ``n + 1.5 * 2**52``, whose low mantissa bits hold n."""

    def generate(context, builder, signature, arguments):
        def of_part(x):
            integers = _vector(x.type.count, INT64)
            biased = builder.add(builder.bitcast(x, integers), ir.Constant(integers, [1023] * x.type.count))
            return builder.bitcast(builder.shl(biased, ir.Constant(integers, [52] * x.type.count)), x.type)

        return Vectors(builder, _parts(builder, arguments[0])).by_parts(of_part).value()

    return shifted(shifted), generate
