"""Executing decoded instructions on memory whose innermost axis is the tasks (SIMD lanes).

Memory is one flat float64 array, [address][element][lane]; `a`, `b` and `o` are offsets into it of what is
read and written. Every instruction may write where it reads.

The order of a sum is fixed, so that its bits depend on nothing but the numbers: pairwise, each quad (a, b, c, d)
becoming the pair (a + c, b + d), again and again, until fewer than 4 elements are left; those that fill no quad are
kept for the next time. This is the order of the original (Eigen with pairs of doubles) where it unrolls a sum; its
larger sums, such as products of matrices at F = 16, run in another one.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb

from setups.automl_zero import microcode as mc
from setups.automl_zero.lanes import (
    absolute,
    load,
    select_greater,
    select_greater_equal,
    select_less,
    splat_like,
    square_root,
    store,
    width_of,
)
from ufh_cli.core.compiled import splitmix64

_inline = nb.njit(forceinline=True, error_model="numpy")

UNIT = 2.0**-53  # from 53 random bits to [0, 1)


@_inline
def _two_runs(memory, op, a, b, o, n, like):
    w = width_of(like)
    if op == mc.ADD:
        for k in range(n):
            store(memory, o + k * w, load(memory, a + k * w, like) + load(memory, b + k * w, like))
    elif op == mc.SUBTRACT:
        for k in range(n):
            store(memory, o + k * w, load(memory, a + k * w, like) - load(memory, b + k * w, like))
    elif op == mc.MULTIPLY:
        for k in range(n):
            store(memory, o + k * w, load(memory, a + k * w, like) * load(memory, b + k * w, like))
    elif op == mc.DIVIDE:
        for k in range(n):
            store(memory, o + k * w, load(memory, a + k * w, like) / load(memory, b + k * w, like))
    elif op == mc.MINIMUM:  # of a NaN and a number the first operand, as the original has it
        for k in range(n):
            x, y = load(memory, a + k * w, like), load(memory, b + k * w, like)
            store(memory, o + k * w, select_less(y, x, y, x))
    elif op == mc.MAXIMUM:
        for k in range(n):
            x, y = load(memory, a + k * w, like), load(memory, b + k * w, like)
            store(memory, o + k * w, select_less(x, y, y, x))
    elif op == mc.MATRIX_MINIMUM:  # for matrices the second operand
        for k in range(n):
            x, y = load(memory, a + k * w, like), load(memory, b + k * w, like)
            store(memory, o + k * w, select_less(x, y, x, y))
    else:
        for k in range(n):
            x, y = load(memory, a + k * w, like), load(memory, b + k * w, like)
            store(memory, o + k * w, select_greater(x, y, x, y))


@_inline
def _one_run(memory, op, a, o, n, like):
    w = width_of(like)
    zero, one = splat_like(0.0, like), splat_like(1.0, like)
    if op == mc.ABSOLUTE:
        for k in range(n):
            store(memory, o + k * w, absolute(load(memory, a + k * w, like)))
    elif op == mc.RECIPROCAL:
        for k in range(n):
            store(memory, o + k * w, one / load(memory, a + k * w, like))
    elif op == mc.STEP_FROM_ZERO:
        for k in range(n):
            store(memory, o + k * w, select_greater_equal(load(memory, a + k * w, like), zero, one, zero))
    else:
        for k in range(n):
            store(memory, o + k * w, select_greater(load(memory, a + k * w, like), zero, one, zero))


@_inline
def _product(memory, a, step_a, b, step_b, k, like):
    return load(memory, a + k * step_a, like) * load(memory, b + k * step_b, like)


@_inline
def _element(memory, a, step_a, b, step_b, k, like):
    return load(memory, a + k * step_a, like)


def _pairwise(term: Any) -> Any:
    """A function that sums ``term(.., k, ..)`` over `n` elements pairwise, in the order that `execute` describes."""

    @_inline
    def half_of_eight(memory, a, step_a, b, step_b, k, like):
        first = term(memory, a, step_a, b, step_b, k, like) + term(memory, a, step_a, b, step_b, k + 2, like)
        return first + (
            term(memory, a, step_a, b, step_b, k + 4, like) + term(memory, a, step_a, b, step_b, k + 6, like)
        )

    @_inline
    def total(memory, a, step_a, b, step_b, n, scratch, like):
        w = width_of(like)
        if n == 4:
            even = term(memory, a, step_a, b, step_b, 0, like) + term(memory, a, step_a, b, step_b, 2, like)
            odd = term(memory, a, step_a, b, step_b, 1, like) + term(memory, a, step_a, b, step_b, 3, like)
            return even + odd
        if n == 8 or n == 16:
            even = half_of_eight(memory, a, step_a, b, step_b, 0, like)
            odd = half_of_eight(memory, a, step_a, b, step_b, 1, like)
            if n == 16:
                even = even + half_of_eight(memory, a, step_a, b, step_b, 8, like)
                odd = odd + half_of_eight(memory, a, step_a, b, step_b, 9, like)
            return even + odd
        for k in range(n):
            store(memory, scratch + k * w, term(memory, a, step_a, b, step_b, k, like))
        return _folded(memory, scratch, n, like)

    return total


@_inline
def _folded(memory, scratch, n, like):
    """The sum of the `n` elements at `scratch`, which are lost: quads become pairs until fewer than 4 are left."""
    w = width_of(like)
    while n >= 4:
        pairs = n // 4 * 2
        for k in range(pairs):
            at = scratch + (k // 2 * 4 + k % 2) * w
            store(memory, scratch + k * w, load(memory, at, like) + load(memory, at + 2 * w, like))
        for k in range(n % 4):
            store(memory, scratch + (pairs + k) * w, load(memory, scratch + (2 * pairs + k) * w, like))
        n = pairs + n % 4
    total = load(memory, scratch, like)
    for k in range(1, n):
        total = total + load(memory, scratch + k * w, like)
    return total


_dot = _pairwise(_product)
_sum = _pairwise(_element)


@_inline
def _mean(memory, a, n, scratch, like):
    w = width_of(like)
    return _sum(memory, a, w, a, w, n, scratch, like) / splat_like(float(n), like)


@_inline
def _deviation(memory, a, n, scratch, like):
    """The population standard deviation as the original computes it, sqrt(E[x^2] - mean^2).

    Of constants it is exactly 0 where their number is a power of two, since all partial sums are exact multiples
    then. Of others that differ by little, rounding can make the variance negative, and this NaN.
    """
    w = width_of(like)
    mean = _mean(memory, a, n, scratch, like)
    squares = _dot(memory, a, w, a, w, n, scratch, like) / splat_like(float(n), like)
    return square_root(squares - mean * mean)


@_inline
def _run_and_scalar(memory, op, a, b, o, n, value, scratch, like):
    w = width_of(like)
    if op == mc.SCALE:
        factor = load(memory, a, like)
        for k in range(n):
            store(memory, o + k * w, factor * load(memory, b + k * w, like))
    elif op == mc.BROADCAST:
        x = load(memory, a, like)
        for k in range(n):
            store(memory, o + k * w, x)
    elif op == mc.DOT:
        store(memory, o, _dot(memory, a, w, b, w, n, scratch, like))
    elif op == mc.NORM:
        store(memory, o, square_root(_dot(memory, a, w, a, w, n, scratch, like)))
    elif op == mc.MEAN:
        store(memory, o, _mean(memory, a, n, scratch, like))
    elif op == mc.DEVIATION:
        store(memory, o, _deviation(memory, a, n, scratch, like))
    else:
        store(memory, o, splat_like(value, like))


@_inline
def _copy(memory, source, target, n, like):
    w = width_of(like)
    for k in range(n):
        store(memory, target + k * w, load(memory, source + k * w, like))


@_inline
def _products(memory, op, a, b, o, n, scratch, like):
    """Products of matrices; a result that would overwrite an operand is made in `scratch`."""
    w = width_of(like)
    row = n * w
    target = scratch if o in (a, b) else o
    sums = scratch + n * row
    if op == mc.MATRIX_VECTOR:
        for i in range(n):
            store(memory, target + i * w, _dot(memory, a + i * row, w, b, w, n, sums, like))
        if target != o:
            _copy(memory, target, o, n, like)
    else:
        for i in range(n):
            for j in range(n):
                product = _dot(memory, a + i * row, w, b + j * w, row, n, sums, like)
                store(memory, target + i * row + j * w, product)
        if target != o:
            _copy(memory, target, o, n * n, like)


@_inline
def _to_matrix(memory, op, a, b, o, n, like):
    w = width_of(like)
    row = n * w
    if op == mc.OUTER:
        for i in range(0, row, w):
            x = load(memory, a + i, like)
            for j in range(0, row, w):
                store(memory, o + i * n + j, x * load(memory, b + j, like))
    elif op == mc.COLUMNS:
        for i in range(0, row, w):
            x = load(memory, a + i, like)
            for j in range(0, row, w):
                store(memory, o + i * n + j, x)
    elif op == mc.ROWS:
        for i in range(0, row, w):
            _copy(memory, a, o + i * n, n, like)
    else:
        for i in range(n):
            for j in range(i + 1):
                lower, upper = i * row + j * w, j * row + i * w
                x, y = load(memory, a + lower, like), load(memory, a + upper, like)
                store(memory, o + upper, x)
                store(memory, o + lower, y)


@_inline
def _over_axis(memory, op, a, o, n, scratch, like):
    w = width_of(like)
    row = n * w
    if op == mc.COLUMN_NORMS:
        for j in range(0, row, w):
            store(memory, o + j, square_root(_dot(memory, a + j, row, a + j, row, n, scratch, like)))
    elif op == mc.ROW_NORMS:
        for i in range(0, row, w):
            store(memory, o + i, square_root(_dot(memory, a + i * n, w, a + i * n, w, n, scratch, like)))
    elif op == mc.ROW_MEANS:
        for i in range(0, row, w):
            store(memory, o + i, _mean(memory, a + i * n, n, scratch, like))
    else:
        for i in range(0, row, w):
            store(memory, o + i, _deviation(memory, a + i * n, n, scratch, like))


@_inline
def _function_of_scalar(memory, op, a, o, like):
    """Elementary functions of the C library, a lane at a time."""
    for k in range(width_of(like)):
        x = memory[a + k]
        if op == mc.SINE:
            y = math.sin(x)
        elif op == mc.COSINE:
            y = math.cos(x)
        elif op == mc.TANGENT:
            y = math.tan(x)
        elif op == mc.ARCSINE:
            y = math.asin(x)
        elif op == mc.ARCCOSINE:
            y = math.acos(x)
        elif op == mc.ARCTANGENT:
            y = math.atan(x)
        elif op == mc.EXPONENTIAL:
            y = math.exp(x)
        else:
            y = math.log(x)
        memory[o + k] = y


@_inline
def _random_from_table(memory, op, o, n, x, y, table, state, like):
    """Random numbers of a fixed table, the same in every lane; ``state[0]`` is the place in the table."""
    w = width_of(like)
    size = table.shape[1]
    place = nb.int64(state[0])
    for k in range(n):
        draw = x + (y - x) * table[0, place] if op == mc.UNIFORM else x + y * table[1, place]
        store(memory, o + k * w, splat_like(draw, like))
        place += 1
        if place == size:
            place = 0
    state[0] = nb.uint64(place)


@_inline
def _random_from_streams(memory, op, o, n, x, y, state, like):
    """Random numbers of a stream a lane; Gaussians come in pairs (Box and Muller)."""
    w = width_of(like)
    for lane in range(w):
        stream = state[lane]
        if op == mc.UNIFORM:
            for k in range(n):
                stream, word = splitmix64(stream)
                memory[o + k * w + lane] = x + (y - x) * (float(word >> nb.uint64(11)) * UNIT)
        else:
            for k in range(0, n, 2):
                stream, word = splitmix64(stream)
                stream, other = splitmix64(stream)
                radius = y * math.sqrt(-2.0 * math.log((float(word >> nb.uint64(11)) + 1.0) * UNIT))
                angle = 2.0 * math.pi * (float(other >> nb.uint64(11)) * UNIT)
                memory[o + k * w + lane] = x + radius * math.cos(angle)
                if k + 1 < n:
                    memory[o + (k + 1) * w + lane] = x + radius * math.sin(angle)
        state[lane] = stream


@nb.njit(inline="always", error_model="numpy")
def execute(memory, code, constants, start, stop, n, scratch, table, state, like):
    """Run the decoded instructions `start` to `stop`.

    Parameters
    ----------
    memory : float64 array
        [address][element][lane]; changed in place.
    code : int64 array (instructions, 5)
        Machine instruction, offsets a, b, o, and length of the run; from `decode`.
    constants : float64 array (instructions, 2)
    n : int
        F, the length of vectors.
    scratch : int
        Offset of F * F + F free elements.
    table : float64 array (2, size)
        Fixed uniform and Gaussian numbers; of size 0 to draw from the streams in `state`.
    state : uint64 array (lanes,)
        Streams of random numbers, or the place in the table; advanced in place.
    like : Lanes
        Says how many lanes there are.
    """
    for i in range(start, stop):
        op, a, b, o, length = code[i, 0], code[i, 1], code[i, 2], code[i, 3], code[i, 4]
        if op <= mc.MATRIX_MAXIMUM:
            _two_runs(memory, op, a, b, o, length, like)
        elif op <= mc.STEP_ABOVE_ZERO:
            _one_run(memory, op, a, o, length, like)
        elif op <= mc.CONSTANT:
            _run_and_scalar(memory, op, a, b, o, length, constants[i, 0], scratch, like)
        elif op == mc.MATRIX_VECTOR or op == mc.MATRIX_MATRIX:
            _products(memory, op, a, b, o, n, scratch, like)
        elif op <= mc.ROWS or op == mc.TRANSPOSE:
            _to_matrix(memory, op, a, b, o, n, like)
        elif op <= mc.ROW_DEVIATIONS:
            _over_axis(memory, op, a, o, n, scratch, like)
        elif op <= mc.LOGARITHM:
            _function_of_scalar(memory, op, a, o, like)
        elif table.shape[1] > 0:
            _random_from_table(memory, op, o, length, constants[i, 0], constants[i, 1], table, state, like)
        else:
            _random_from_streams(memory, op, o, length, constants[i, 0], constants[i, 1], state, like)
