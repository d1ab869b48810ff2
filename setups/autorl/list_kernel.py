"""The instructions that take several entries together: those of a row (a list of Q values), or those of a batch."""

from __future__ import annotations

import math

from setups.autorl import microcode as mc
from setups.autorl.compiled import part


@part
def row_forward(code, x, out):
    """From a row `x` (columns,) to its result `out`, one number or for ``SOFTMAX`` as many as x has."""
    real = x.dtype.type
    if code == mc.MEAN:
        out[0] = _sum(x) / real(x.size)
    elif code == mc.DEVIATION:
        mean = _sum(x) / real(x.size)
        total = real(0.0)
        for j in range(x.size):
            total += (x[j] - mean) * (x[j] - mean)
        out[0] = math.sqrt(total / real(x.size))
    elif code == mc.ARG_LARGEST:
        out[0] = real(_arg_largest(x))
    elif code == mc.LOG_SUM_EXP:
        top = _finite_largest(x)
        total = real(0.0)
        for j in range(x.size):
            total += math.exp(x[j] - top)
        out[0] = math.log(total) + top
    else:
        _softmax(x, out)


@part
def row_backward(code, x, out, gradient, into):
    """Add to `into` (columns,) the gradient with respect to `x`, given `gradient` with respect to `out`."""
    real = x.dtype.type
    size = real(x.size)
    if code == mc.MEAN:
        for j in range(x.size):
            into[j] += gradient[0] / size
    elif code == mc.DEVIATION:
        mean = _sum(x) / size
        slope = of_root(gradient[0], out[0]) / size
        for j in range(x.size):
            into[j] += slope * (real(2.0) * (x[j] - mean))
    elif code == mc.LARGEST:  # equals share; 0 / 0 where the largest is NaN, as in TensorFlow
        ties = 0
        for j in range(x.size):
            ties += x[j] == out[0]
        for j in range(x.size):
            into[j] += real(x[j] == out[0]) / real(ties) * gradient[0]
    elif code == mc.LOG_SUM_EXP:
        top = _finite_largest(x)
        total = real(0.0)
        for j in range(x.size):
            total += math.exp(x[j] - top)
        for j in range(x.size):
            into[j] += gradient[0] / total * math.exp(x[j] - top)
    else:  # SOFTMAX
        mixed = real(0.0)
        for j in range(x.size):
            mixed += gradient[j] * out[j]
        for j in range(x.size):
            into[j] += (gradient[j] - mixed) * out[j]


@part
def of_root(gradient, root):
    """The gradient with respect to x of √x; 0 when `gradient` is 0, be `root` what it may, as in TensorFlow."""
    real = type(root)
    return real(0.0) if gradient == real(0.0) else gradient * real(0.5) / root


@part
def batch_forward(f, memory):
    """Mean or population standard deviation of each column over the batch.

    Summed in double precision, for a batch may have thousands of rows.
    """
    real = memory.dtype.type
    rows, columns = f[mc.HEIGHT], f[mc.COLUMNS]
    for j in range(columns):
        x = f[mc.X] + j
        mean = _batch_mean(memory, x, rows, columns)
        if f[mc.CODE] == mc.BATCH_MEAN:
            memory[f[mc.OUT] + j] = mean
            continue
        total = 0.0
        for i in range(rows):
            distance = memory[x + i * columns] - mean
            total += distance * distance
        memory[f[mc.OUT] + j] = math.sqrt(real(real(total) / real(rows)))


@part
def batch_backward(f, memory, shift):
    """Add to the gradients at x those that come back from the gradients of the one row at the output."""
    real = memory.dtype.type
    rows, columns = f[mc.HEIGHT], f[mc.COLUMNS]
    for j in range(columns):
        x, out = f[mc.X] + j, f[mc.OUT] + j
        gradient = memory[shift + out]
        if f[mc.CODE] == mc.BATCH_MEAN:
            for i in range(rows):
                memory[shift + x + i * columns] += gradient / real(rows)
            continue
        mean = _batch_mean(memory, x, rows, columns)
        slope = of_root(gradient, memory[out]) / real(rows)
        for i in range(rows):
            memory[shift + x + i * columns] += slope * (real(2.0) * (memory[x + i * columns] - mean))


@part
def _batch_mean(memory, x, rows, columns):
    real = memory.dtype.type
    total = 0.0
    for i in range(rows):
        total += memory[x + i * columns]
    return real(real(total) / real(rows))


@part
def _sum(x):
    total = x.dtype.type(0.0)
    for j in range(x.size):
        total += x[j]
    return total


@part
def _largest(x):
    """The largest entry; NaN when there is one."""
    top = x[0]
    for j in range(1, x.size):
        top = top if top >= x[j] or top != top else x[j]
    return top


@part
def _finite_largest(x):
    """What is subtracted before exponentials are summed: the largest entry, or 0 when that is not finite."""
    top = _largest(x)
    return top if abs(top) < x.dtype.type(math.inf) else x.dtype.type(0.0)


@part
def _arg_largest(x):
    """The first of the largest entries that are not NaN; 0 when all are."""
    best = -1
    for j in range(x.size):
        if x[j] == x[j] and (best < 0 or x[j] > x[best]):
            best = j
    return max(best, 0)


@part
def _softmax(x, out):
    top = _largest(x)
    total = x.dtype.type(0.0)
    for j in range(x.size):
        out[j] = math.exp(x[j] - top)
        total += out[j]
    for j in range(x.size):
        out[j] /= total
