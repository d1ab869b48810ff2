"""Executing decoded instructions on memory whose elements are lanes, one a task.

`a`, `b`, `c` and `o` are elements of what is read and written. Every instruction may write where it reads.

The order of a sum is fixed, so that its bits depend on nothing but the numbers: pairwise, each quad (a, b, c, d)
becoming the pair (a + c, b + d), again and again, until fewer than 4 elements are left; those that fill no quad are
kept for the next time. This is the order of the original (Eigen with pairs of doubles) where it unrolls a sum; its
larger sums, such as products of matrices at F = 16, run in another one.
"""

from __future__ import annotations

import math

import numba as nb

from setups.automl_zero import microcode as mc
from setups.automl_zero.decode import (
    A_ROW,
    A_STEP,
    B_ROW,
    B_STEP,
    CODE_SIZE,
    COLUMNS,
    LENGTH,
    OP,
    OUT,
    ROWS,
    A,
    B,
    C,
)
from setups.automl_zero.lanes import filled, get_lane, load, set_lane, square_root, store, width_of
from setups.automl_zero.runs import sums_of_products, through_runs
from ufh_cli.core.compiled import splitmix64

_inline = nb.njit(forceinline=True, error_model="numpy")

UNIT = 2.0**-53  # from 53 random bits to [0, 1)


@_inline
def _folded(memory, sums, n):
    """The sum of the `n` elements at `sums`, which are lost: quads become pairs until fewer than 4 are left."""
    while n >= 4:
        pairs = n // 4 * 2
        for k in range(pairs):
            at = sums + k // 2 * 4 + k % 2
            store(memory, sums + k, load(memory, at) + load(memory, at + 2))
        for k in range(n % 4):
            store(memory, sums + pairs + k, load(memory, sums + 2 * pairs + k))
        n = pairs + n % 4
    total = load(memory, sums)
    for k in range(1, n):
        total = total + load(memory, sums + k)
    return total


@_inline
def _finish(memory, finish, c, o, count, n):
    """Finish sums of `n` products as `microcode` says.

    The standard deviation is the population's as the original computes it. Of constants it is exactly 0 where their
    number is a power of two, since all partial sums are exact multiples then. Of others that differ by little, rounding
    can make the variance negative, and this NaN.
    """
    for k in range(count):
        result, other = load(memory, o + k), load(memory, c + k)
        if finish == mc.PLUS:
            result = other + result
        elif finish == mc.MINUS:
            result = other - result
        elif finish == mc.LESS:
            result = result - other
        elif finish == mc.ROOT:
            result = square_root(result)
        else:
            result = result / filled(memory, float(n))
            if finish == mc.DEVIATION:
                result = square_root(result - other * other)
        store(memory, o + k, result)


@_inline
def _dot(memory, a, a_row, b, b_row, o, rows, n, sums):
    if n == 4:
        sums_of_products(memory, a, b, o, 4, rows, a_row)
    elif n == 8:
        sums_of_products(memory, a, b, o, 8, rows, a_row)
    elif n == 16:
        sums_of_products(memory, a, b, o, 16, rows, a_row)
    else:
        for i in range(rows):
            for k in range(n):
                store(memory, sums + k, load(memory, a + k) * load(memory, b + k))
            store(memory, o + i, _folded(memory, sums, n))
            a += a_row
            b += b_row


@_inline
def _squares(memory, a, a_row, o, rows, n, sums):
    if n == 4:
        sums_of_products(memory, a, None, o, 4, rows, a_row)
    elif n == 8:
        sums_of_products(memory, a, None, o, 8, rows, a_row)
    elif n == 16:
        sums_of_products(memory, a, None, o, 16, rows, a_row)
    else:
        _dot(memory, a, a_row, a, a_row, o, rows, n, sums)


@_inline
def _strided(memory, code, i, o, sums):
    """Sums of products of elements that are `a_step` and `b_step` apart."""
    columns, a_step, b_step = code[i + COLUMNS], code[i + A_STEP], code[i + B_STEP]
    for place in range(code[i + ROWS] * columns):
        x = code[i + A] + place // columns * code[i + A_ROW]
        y = code[i + B] + place // columns * code[i + B_ROW] + place % columns
        for k in range(code[i + LENGTH]):
            store(memory, sums + k, load(memory, x + k * a_step) * load(memory, y + k * b_step))
        store(memory, o + place, _folded(memory, sums, code[i + LENGTH]))


@_inline
def _sum_products(memory, op, code, i, a, b, c, o, n, scratch):
    """`DOT`, `SQUARES` and `STRIDED`; what is still to be read is not overwritten before."""
    count = code[i + ROWS] * code[i + COLUMNS]
    target = scratch if o in (a, b, c) else o
    sums = scratch + count
    if op < mc.SQUARES:
        finish = op - mc.DOT
        _dot(memory, a, code[i + A_ROW], b, 0, target, count, n, sums)
    elif op < mc.STRIDED:
        finish = op - mc.SQUARES
        _squares(memory, a, code[i + A_ROW], target, count, n, sums)
    else:
        finish = op - mc.STRIDED
        _strided(memory, code, i, target, sums)
    if finish != mc.AS_IT_IS:
        _finish(memory, finish, c, target, count, n)
    if target != o:
        for k in range(count):
            store(memory, o + k, load(memory, target + k))


@_inline
def _transpose(memory, a, o, n):
    for i in range(n):
        for j in range(i + 1):
            lower, upper = i * n + j, j * n + i
            x, y = load(memory, a + lower), load(memory, a + upper)
            store(memory, o + upper, x)
            store(memory, o + lower, y)


@_inline
def _function_of_scalar(memory, op, a, o):
    """Elementary functions of the C library, a lane at a time."""
    for lane in range(width_of(memory)):
        x = get_lane(memory, a, lane)
        if op == mc.SINE:
            x = math.sin(x)
        elif op == mc.COSINE:
            x = math.cos(x)
        elif op == mc.TANGENT:
            x = math.tan(x)
        elif op == mc.ARCSINE:
            x = math.asin(x)
        elif op == mc.ARCCOSINE:
            x = math.acos(x)
        elif op == mc.ARCTANGENT:
            x = math.atan(x)
        elif op == mc.EXPONENTIAL:
            x = math.exp(x)
        else:
            x = math.log(x)
        set_lane(memory, o, lane, x)


@_inline
def _random_from_table(memory, op, o, n, x, y, table, size, state):
    """Random numbers of a fixed table, the same in every lane; ``state[0]`` is the place in the table."""
    place = nb.int64(state[0])
    for k in range(n):
        draw = x + (y - x) * table[place] if op == mc.UNIFORM else x + y * table[size + place]
        store(memory, o + k, filled(memory, draw))
        place += 1
        if place == size:
            place = 0
    state[0] = nb.uint64(place)


@_inline
def _random_from_streams(memory, op, o, n, x, y, state, lanes):
    """Random numbers of a stream a lane; Gaussians come in pairs (Box and Muller)."""
    for lane in range(lanes):
        stream = state[lane]
        if op == mc.UNIFORM:
            for k in range(n):
                stream, word = splitmix64(stream)
                set_lane(memory, o + k, lane, x + (y - x) * (float(word >> nb.uint64(11)) * UNIT))
        else:
            for k in range(0, n, 2):
                stream, word = splitmix64(stream)
                stream, other = splitmix64(stream)
                radius = y * math.sqrt(-2.0 * math.log((float(word >> nb.uint64(11)) + 1.0) * UNIT))
                angle = 2.0 * math.pi * (float(other >> nb.uint64(11)) * UNIT)
                set_lane(memory, o + k, lane, x + radius * math.cos(angle))
                if k + 1 < n:
                    set_lane(memory, o + k + 1, lane, x + radius * math.sin(angle))
        state[lane] = stream


@nb.njit(inline="always", error_model="numpy")
def execute(memory, code, constants, start, stop, scratch, table, table_size, state, lanes):
    """Run the decoded instructions `start` to `stop`.

    Parameters
    ----------
    memory : lane memory
        Changed in place.
    code, constants, table, state : pointers
        To the code and constants of `decode`; to two rows of `table_size` fixed uniform and Gaussian numbers, or none
        to draw from streams; and to those streams, or the place in the table, which are advanced.
    scratch : int
        The first of (F + 1)**2 free elements.
    lanes : int
        How many lanes are in use.
    """
    for number in range(start, stop):
        i = CODE_SIZE * number
        op, a, b, c, o, n = code[i + OP], code[i + A], code[i + B], code[i + C], code[i + OUT], code[i + LENGTH]
        x, y = constants[2 * number], constants[2 * number + 1]
        if op <= mc.FILL:
            through_runs(memory, op, a, b, c, o, n, code[i + ROWS], code[i + A_ROW])
        elif op == mc.CONSTANT:
            store(memory, o, filled(memory, x))
        elif op == mc.TRANSPOSE:
            _transpose(memory, a, o, n)
        elif op <= mc.LOGARITHM:
            _function_of_scalar(memory, op, a, o)
        elif op >= mc.DOT:
            _sum_products(memory, op, code, i, a, b, c, o, n, scratch)
        elif table_size > 0:
            _random_from_table(memory, op, o, n, x, y, table, table_size, state)
        else:
            _random_from_streams(memory, op, o, n, x, y, state, lanes)
