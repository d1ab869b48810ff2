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
    filled,
    get_lane,
    lane_memory,
    load,
    mask_less_equal,
    pointer_to,
    power_of_two,
    select_greater,
    select_less,
    store,
    width_of,
    words_on_stack,
)
from setups.automl_zero.runs import copy_run
from ufh_cli.core.compiled import splitmix64, word_below

_inline = nb.njit(forceinline=True, error_model="numpy")

MAX_ERROR = 100.0  # the original's max_abs_error
STOPPED = np.inf  # in recorded errors: the run had stopped; a recorded training error is at most MAX_ERROR

# Indices into the array `work` of int64.
FEATURES, TASKS, TRAIN_EXAMPLES, VALID_EXAMPLES, CLASSIFICATION, TRAIN, VALID, EPOCHS, RECORD, FLAGS = range(10)

STREAM_STEP = np.uint64(0xD1342543DE82EF95)  # sets the tasks' streams of random numbers apart
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
    low, high = filled(x, -708.0), filled(x, 709.0)
    one = filled(x, 1.0)
    magic = filled(x, _ROUND)
    clamped = select_less(x, low, low, x)
    clamped = select_greater(clamped, high, high, clamped)
    shifted = clamped * filled(x, _LOG2_E) + magic
    n = shifted - magic
    r = (clamped - n * filled(x, _LN2_HIGH)) - n * filled(x, _LN2_LOW)
    r2 = r * r
    r4 = r2 * r2
    q23 = filled(x, _C2) + r * filled(x, _C3)
    q45 = filled(x, _C4) + r * filled(x, _C5)
    q67 = filled(x, _C6) + r * filled(x, _C7)
    q89 = filled(x, _C8) + r * filled(x, _C9)
    q1011 = filled(x, _C10) + r * filled(x, _C11)
    q1213 = filled(x, _C12) + r * filled(x, _C13)
    upper = (q67 + r2 * q89) + r4 * (q1011 + r2 * q1213)
    series = one + (r + r2 * ((q23 + r2 * q45) + r4 * upper))
    result = series * power_of_two(shifted)
    return select_greater(x, filled(x, 709.78), filled(x, np.inf), result)


@_inline
def _sigmoid(x):
    """1 / (1 + exp(-x)); NaN for NaN."""
    one = filled(x, 1.0)
    return one / (one + _exponential(filled(x, 0.0) - x))


@_inline
def _load_example(memory, features, data, example, examples, n):
    """Copy an example's features to v0, if there is one, and set s0 to 0; returns its labels."""
    if features >= 0:
        copy_run(data, example * n, memory, features, n)
    store(memory, 0, filled(memory, 0.0))
    return load(data, examples * n + example)


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
    for lane in range(width_of(memory)):
        if (alive >> lane) & 1:
            errors[first_task + lane, column] = get_lane(memory, scratch, lane)


@_inline
def _score(fitness, first_task, alive, loss, count, classification, memory, scratch):
    """Keep the best epoch's fitness (in [0, 1], as the original's) of the lanes still running."""
    store(memory, scratch, loss)
    for lane in range(width_of(memory)):
        if (alive >> lane) & 1:
            mean = get_lane(memory, scratch, lane) / count
            value = 1.0 - mean if classification else 1.0 - (2.0 / np.pi) * np.arctan(np.sqrt(mean))
            fitness[first_task + lane, 0] = max(value, fitness[first_task + lane, 0])


@_inline
def _classification_error(memory, label, training):
    """(|label - probability|, 1.0 in the lanes where the class predicted is wrong).

    In training the probability takes the place of the prediction s1. A NaN counts as class 0.
    """
    zero, half, one = filled(memory, 0.0), filled(memory, 0.5), filled(memory, 1.0)
    probability = _sigmoid(load(memory, 1))
    if training:
        store(memory, 1, probability)
    wrong = absolute(select_greater(label, half, one, zero) - select_greater(probability, half, one, zero))
    return absolute(label - probability), wrong


@nb.njit(inline="always", error_model="numpy")
def _run_group(memory, features, scratch, code, constants, ends, data, order, work, table, table_size, state,
               stream, group_tasks, alive, out, first_task):  # fmt: skip
    """Train and validate the lanes of one group that are `alive`; write their errors or fitness to `out`.

    The set-up, each ForwardPass and each BackwardPass are turns of one loop, so that the interpreter is
    compiled in once. Returns the number of examples processed, over lanes.
    """
    n, train, valid, classification, record = (
        work[FEATURES], order.size, work[VALID], work[CLASSIFICATION], work[RECORD],
    )  # fmt: skip
    limit = filled(memory, MAX_ERROR)
    label, loss = filled(memory, 0.0), filled(memory, 0.0)
    running = _count_lanes(alive)
    examples, epoch, position, predicting = 0, 0, -1, False
    start, stop = 0, ends[0]
    while alive != 0:
        execute(memory, code, constants, start, stop, scratch, table, table_size, state, group_tasks)
        if predicting:
            examples += running
            training = position < train
            if classification:
                error, wrong = _classification_error(memory, label, training)
                loss = loss + wrong
            else:
                error = absolute(label - load(memory, 1))
                wrong = error
                loss = loss + error * error
            if training or not classification:
                still = alive & mask_less_equal(error, limit)
                if still != alive:
                    alive = still
                    running = _count_lanes(alive)
            if record:
                told = wrong if work[FLAGS] and not training else error
                _record(out, first_task, position, told, alive, memory, scratch)
            if training:
                store(memory, 0, label)
                start, stop, predicting = ends[1], ends[2], False
                continue
        position += 1
        if position == train + valid:
            if not record:
                _score(out, first_task, alive, loss, valid, classification, memory, scratch)
            epoch += 1
            if epoch == work[EPOCHS]:
                break
            stream = _shuffle(order, stream)
            position = 0
        if position == train:
            loss = filled(memory, 0.0)
        example = order[position] if position < train else work[TRAIN_EXAMPLES] + position - train
        label = _load_example(memory, features, data, example, work[TRAIN_EXAMPLES] + work[VALID_EXAMPLES], n)
        start, stop, predicting = ends[0], ends[1], True
    return examples


def aligned(size):
    """An empty float64 array on a boundary of 64 bytes, so that no vector of lanes straddles two cache lines."""
    buffer = np.empty(size + 8, dtype=np.float64)
    return buffer[-(buffer.ctypes.data // 8) % 8 :][:size]


def size_of_group(examples, n):
    """Elements of the data of a group, so many that the planes of every group begin on a boundary of 64 bytes."""
    return -(-examples * (n + 1) // 4) * 4


_aligned, _size_of_group = _inline(aligned), _inline(size_of_group)


@cache
def make_kernel(width: int) -> Callable[..., Any]:
    """The compiled kernel for `width` tasks at once; compiled on first use and cached on disk.

    The kernel takes ``(program, data, table, work, wanted, seed, out)``:

    program : bytes
    data : float64 array
        Of each group of `width` tasks lane memory of `size_of_group` elements: the features of all examples, training
        then validation, and then their labels.
    table : float64 array (2, size)
        Uniform and Gaussian numbers for programs that draw random numbers; size 0: streams seeded by `seed`.
    work : int64 array (10,)
        F; tasks, training and validation examples a task in `data`; 1 for classification or 0 for regression; how many
        of the training and validation examples to use, from the first on, and how often: epochs after the first are
        shuffled; 1 to record errors, 0 for fitnesses; and 1 to record, in classification, validation errors as 1 for
        wrong and 0 for right rather than as the distance.
    wanted : bool array (tasks,)
        Tasks that are not wanted are not run: their fitness is 0, and their examples are not counted.
    seed : uint64
    out : float64 array
        (tasks, 1), for fitnesses; or (tasks, training + validation examples to use), for absolute errors, `STOPPED`
        after a run has stopped.

    It returns the mean of the fitnesses, summed in their order, and the number of examples processed.
    """

    def kernel(program, data, table, work, wanted, seed, out):
        n, tasks = work[FEATURES], work[TASKS]
        code, constants, ends, features, one = decode(program, n)
        elements = one + (n + 2) * (n + 2)
        buffer = _aligned(elements * width)
        state = words_on_stack(width)
        out[:] = STOPPED if work[RECORD] else 0.0
        group_size = _size_of_group(work[TRAIN_EXAMPLES] + work[VALID_EXAMPLES], n)
        examples = 0
        for first_task in range(0, tasks, width):
            memory = lane_memory(buffer, elements, width)  # here, so that the array is kept for the next group
            for k in range(one):
                store(memory, k, filled(memory, 0.0))
            store(memory, one, filled(memory, 1.0))
            group_tasks = min(width, tasks - first_task)
            for lane in range(width):
                state[lane] = seed + nb.uint64(first_task + lane) * STREAM_STEP if table.shape[1] == 0 else nb.uint64(0)
            examples += _run_group(
                memory, features, one + 1, pointer_to(code), pointer_to(constants), ends,
                lane_memory(data[first_task * group_size :], group_size, width), np.arange(work[TRAIN]), work,
                pointer_to(table), table.shape[1], state, seed ^ _SHUFFLE_STREAM, group_tasks,
                _lane_mask(wanted[first_task : first_task + group_tasks]), out, first_task,
            )  # fmt: skip
        total = 0.0
        for task in range(tasks):
            total += out[task, 0]
        return total / tasks, float(examples)

    # numba names compiled symbols by the qualified name, not by what a closure holds: without names of their
    # own, kernels of two widths that come from the cache on disk would be taken for one another.
    kernel.__qualname__ = kernel.__name__ = f"kernel_{width}"
    return cached_jit(kernel, nogil=True, error_model="numpy")
