"""The compiled inner loop: a program trained and validated on all its tasks at once (the paper's Method 2).

Tasks are SIMD lanes: each instruction is decoded once and executed for `width` tasks together. A lane whose
error is NaN or above the limit has stopped: what it computes afterwards is ignored; when all lanes have
stopped, so does the group.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba as nb
import numpy as np

from setups.automl_zero.compiled import cached_jit
from setups.automl_zero.decode import decode
from setups.automl_zero.execute import execute
from setups.automl_zero.lanes import (
    absolute,
    load,
    mask_less_equal,
    pointer_to,
    power_of_two,
    select_greater,
    select_less,
    splat,
    splat_like,
    store,
    width_of,
)
from ufh_cli.core.compiled import splitmix64, word_below

_inline = nb.njit(forceinline=True, error_model="numpy")

MAX_ERROR = 100.0  # the original's max_abs_error
STOPPED = np.inf  # in recorded errors: the run had stopped; a recorded training error is at most MAX_ERROR

# Indices into the array `layout` of int64.
FEATURES, TASKS, TRAIN_EXAMPLES, VALID_EXAMPLES, CLASSIFICATION = range(5)

_STREAM_STEP = np.uint64(0xD1342543DE82EF95)  # sets the tasks' streams of random numbers apart
_SHUFFLE_STREAM = np.uint64(0x5851F42D4C957F2D)  # and the stream of the shuffles

_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # its low 21 bits are 0, so that its products with |n| < 2**21 are exact
_LN2_LOW = 1.9082149292705877e-10
_FACTORIALS = np.cumprod(np.arange(1.0, 14.0))
(_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13) = (float(1.0 / f) for f in _FACTORIALS[1:])


@_inline
def _exponential(x):
    """exp(x) within 1 ulp for x in [-708, 709], by reduction with ln 2 and the Taylor series; more is infinite."""
    low, high = splat_like(-708.0, x), splat_like(709.0, x)
    one = splat_like(1.0, x)
    magic = splat_like(_ROUND, x)
    clamped = select_less(x, low, low, x)
    clamped = select_greater(clamped, high, high, clamped)
    shifted = clamped * splat_like(_LOG2_E, x) + magic
    n = shifted - magic
    r = (clamped - n * splat_like(_LN2_HIGH, x)) - n * splat_like(_LN2_LOW, x)
    r2 = r * r
    r4 = r2 * r2
    q23 = splat_like(_C2, x) + r * splat_like(_C3, x)
    q45 = splat_like(_C4, x) + r * splat_like(_C5, x)
    q67 = splat_like(_C6, x) + r * splat_like(_C7, x)
    q89 = splat_like(_C8, x) + r * splat_like(_C9, x)
    q1011 = splat_like(_C10, x) + r * splat_like(_C11, x)
    q1213 = splat_like(_C12, x) + r * splat_like(_C13, x)
    upper = (q67 + r2 * q89) + r4 * (q1011 + r2 * q1213)
    series = one + (r + r2 * ((q23 + r2 * q45) + r4 * upper))
    result = series * power_of_two(shifted)
    return select_greater(x, splat_like(709.78, x), splat_like(np.inf, x), result)


@_inline
def _sigmoid(x):
    """1 / (1 + exp(-x)); NaN for NaN."""
    one = splat_like(1.0, x)
    return one / (one + _exponential(splat_like(0.0, x) - x))


@_inline
def _load_example(memory, features, data, example, tasks, n, like):
    """Copy an example's features to v0 and set s0 to 0; returns its labels.

    The data have as many numbers an element as the group has tasks; spare lanes hold whatever comes next.
    """
    w = width_of(like)
    for k in range(n):
        store(memory, features + k * w, load(data, example + k * tasks, like))
    store(memory, 0, splat_like(0.0, like))
    return load(data, example + n * tasks, like)


@_inline
def _lane_mask(wanted):
    mask = 0
    for lane in range(wanted.size):
        mask |= int(wanted[lane]) << lane
    return mask


@_inline
def _count_lanes(mask):
    count = 0
    while mask != 0:
        mask &= mask - 1
        count += 1
    return count


@_inline
def _shuffle(order, stream):
    for i in range(order.size - 1, 0, -1):
        stream, word = splitmix64(stream)
        j = nb.int64(word_below(word, nb.uint64(i + 1)))
        order[i], order[j] = order[j], order[i]
    return stream


@_inline
def _record(errors, first_task, column, error, alive, memory, scratch):
    store(memory, scratch, error)
    for lane in range(width_of(error)):
        if (alive >> lane) & 1:
            errors[first_task + lane, column] = memory[scratch + lane]


@_inline
def _score(fitness, first_task, alive, loss, count, classification, memory, scratch):
    """Keep the best epoch's fitness (in [0, 1], as the original's) of the lanes still running."""
    store(memory, scratch, loss)
    for lane in range(width_of(loss)):
        if (alive >> lane) & 1 and fitness.shape[0] > 0:
            mean = memory[scratch + lane] / count
            value = 1.0 - mean if classification else 1.0 - (2.0 / np.pi) * np.arctan(np.sqrt(mean))
            fitness[first_task + lane, 0] = max(value, fitness[first_task + lane, 0])


@_inline
def _classification_error(memory, width, label, training, like):
    """(|label - probability|, 1.0 in the lanes where the class predicted is wrong).

    In training the probability takes the place of the prediction s1. A NaN counts as class 0.
    """
    zero, half, one = splat_like(0.0, like), splat_like(0.5, like), splat_like(1.0, like)
    probability = _sigmoid(load(memory, width, like))
    if training:
        store(memory, width, probability)
    wrong = absolute(select_greater(label, half, one, zero) - select_greater(probability, half, one, zero))
    return absolute(label - probability), wrong


@nb.njit(inline="always", error_model="numpy")
def _run_group(memory, features, scratch, code, constants, ends, data, order, layout, table, state, stream,
               valid, epochs, flags, group_tasks, alive, errors, fitness, first_task, like):  # fmt: skip
    """Train and validate the lanes of one group that are `alive`; write their `fitness`, or their `errors` if there
    are columns for them.

    The set-up, each ForwardPass and each BackwardPass are turns of one loop, so that the interpreter is
    compiled in once. Returns the number of examples processed, over lanes.
    """
    n, train, w = layout[FEATURES], order.size, width_of(like)
    limit = splat_like(MAX_ERROR, like)
    label, loss = splat_like(0.0, like), splat_like(0.0, like)
    running = _count_lanes(alive)
    examples, epoch, position, predicting = 0, 0, -1, False
    start, stop = 0, ends[0]
    while alive != 0:
        execute(memory, code, constants, start, stop, n, scratch, table, state, like)
        if predicting:
            examples += running
            training = position < train
            if layout[CLASSIFICATION]:
                error, wrong = _classification_error(memory, w, label, training, like)
                loss = loss + wrong
            else:
                error = absolute(label - load(memory, w, like))
                wrong = error
                loss = loss + error * error
            if training or not layout[CLASSIFICATION]:
                still = alive & mask_less_equal(error, limit)
                if still != alive:
                    alive = still
                    running = _count_lanes(alive)
            if errors.shape[1] > 0:
                _record(
                    errors, first_task, position, wrong if flags and not training else error, alive, memory, scratch
                )
            if training:
                store(memory, 0, label)
                start, stop, predicting = ends[1], ends[2], False
                continue
        position += 1
        if position == train + valid:
            _score(fitness, first_task, alive, loss, valid, layout[CLASSIFICATION], memory, scratch)
            epoch += 1
            if epoch == epochs:
                break
            stream = _shuffle(order, stream)
            position = 0
        if position == train:
            loss = splat_like(0.0, like)
        example = order[position] if position < train else layout[TRAIN_EXAMPLES] + position - train
        label = _load_example(memory, features, data, example * (n + 1) * group_tasks, group_tasks, n, like)
        start, stop, predicting = ends[0], ends[1], True
    return examples


@_inline
def _aligned(size):
    """An empty float64 array on a boundary of 64 bytes, so that no vector of lanes straddles two cache lines."""
    buffer = np.empty(size + 8, dtype=np.float64)
    return buffer[-(buffer.ctypes.data // 8) % 8 :][:size]


@cache
def make_kernel(width: int) -> Callable[..., Any]:
    """The compiled kernel for `width` tasks at once; compiled on first use and cached on disk.

    The kernel takes ``(program, layout, data, table, seed, train, valid, epochs, record, flags,
    wanted)``:

    program : bytes
    layout : int64 array (5,)
        F, tasks, training and validation examples a task in `data`,
        and 1 for classification or 0 for regression.
    data : float64 array
        [group of up to `width` tasks][training then validation example][F features then the label][task of the
        group], and `width` numbers more.
    table : float64 array (2, size)
        Uniform and Gaussian numbers for programs that draw random numbers; size 0: streams seeded by `seed`.
    seed : uint64
    train, valid, epochs : int
        How many of the examples to use, from the first on, and how often. Epochs after the first are
        shuffled.
    record : bool
        False: returns a float64 array (tasks + 1, 2) of fitness and examples processed, the last row in
        total: examples only. True: returns a float64 array (tasks, train + valid) of absolute errors,
        `STOPPED` after a run has stopped.
    flags : bool
        In classification, record validation errors as 1 for wrong and 0 for right rather than as the
        distance.
    wanted : bool array (tasks,)
        Tasks that are not wanted are not run: their fitness stays 0, and their examples are not counted.
    """

    def kernel(program, layout, data, table, seed, train, valid, epochs, record, flags, wanted):
        like = splat(0.0, width)
        n, tasks = layout[FEATURES], layout[TASKS]
        code, constants, ends, features, scratch = decode(program, n, width)
        memory = _aligned(scratch + (n + 1) * n * width)
        state = np.zeros(width, dtype=np.uint64)
        errors = np.full((tasks, train + valid if record else 0), STOPPED)
        fitness = np.zeros((0 if record else tasks + 1, 2))
        task_size = (layout[TRAIN_EXAMPLES] + layout[VALID_EXAMPLES]) * (n + 1)
        for first_task in range(0, tasks, width):
            memory[:scratch].fill(0.0)
            for lane in range(width):
                state[lane] = (
                    seed + nb.uint64(first_task + lane) * _STREAM_STEP if table.shape[1] == 0 else nb.uint64(0)
                )
            group_tasks = min(width, tasks - first_task)
            examples = _run_group(
                pointer_to(memory), features, scratch, code, constants, ends,
                pointer_to(data[first_task * task_size :]), np.arange(train), layout, table, state,
                seed ^ _SHUFFLE_STREAM, valid, epochs, flags,
                group_tasks, _lane_mask(wanted[first_task : first_task + group_tasks]), errors, fitness, first_task,
                like,
            )  # fmt: skip
            if not record:
                fitness[tasks, 1] += examples
        return errors if record else fitness

    # numba names compiled symbols by the qualified name, not by what a closure holds: without names of their
    # own, kernels of two widths that come from the cache on disk would be taken for one another.
    kernel.__qualname__ = kernel.__name__ = f"kernel_{width}"
    return cached_jit(kernel, nogil=True, error_model="numpy")
