"""Fitting coefficients to the least maximum error, compiled.

Levenberg–Marquardt (Marquardt 1963) with the exact derivatives finds the weighted least squares; Lawson's reweighting
(Lawson 1961), each weight times its point's error, leads from there towards the minimax fit. The weighted root mean
square bounds the least possible maximum error of fits nearby from below, which tells when it is enough.
"""

from __future__ import annotations

import numpy as np

from setups.autonumerics.compiled import cached_jit
from setups.autonumerics.draws import fresh_value
from setups.autonumerics.run_kernel import derivatives, run
from ufh_cli.core.compiled import put

_CLOSE = 1.02  # maximum error over its lower bound: two hundredths of ten to the minus digits are no matter
_LEAST_DAMPING = 1e-24
_MOST_DAMPING = 1e9
# Numbers of numpy: of a Python number in a call the compiler makes a version of what is called for that alone.
_NO_LAWSON = np.int64(0)
_LAWSON_STEPS = np.int64(2)


@cached_jit
def _residuals(code, values, points, targets, scale, slots, errors):
    """Fill `errors` with scaled errors; returns the largest absolute one, infinite unless all are finite."""
    last = run(code, values, points, slots)
    worst = 0.0
    finite = True
    for p in range(len(points)):
        error = (slots[last, p] - targets[p]) * scale[p]
        errors[p] = error
        finite = finite and np.isfinite(error)
        worst = max(worst, abs(error))
    return worst if finite else np.inf


@cached_jit
def _product(a, b):
    """The inner product, in four sums side by side."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = len(a) // 4 * 4
    for p in range(0, whole, 4):
        first += a[p] * b[p]
        second += a[p + 1] * b[p + 1]
        third += a[p + 2] * b[p + 2]
        fourth += a[p + 3] * b[p + 3]
    for p in range(whole, len(a)):
        first += a[p] * b[p]
    return (first + second) + (third + fourth)


@cached_jit
def _weighted(errors, weights):
    total = 0.0
    for p in range(len(errors)):
        total += weights[p] * errors[p] * errors[p]
    return total


@cached_jit
def _factored(columns, errors, roots, rows, right, triangle, shadow, norms):
    """QR of the Jacobian `columns` (k, p), weighted with `roots` squared, each column scaled to norm one.

    By the modified Gram–Schmidt process, the errors as one more column (Björck 1967): the normal equations would lose
    twice the digits, and fits of ten digits need them. Fills `triangle` (k, k), `shadow` (k,), the errors' part in the
    columns' span, and `norms`; False where something is not finite.
    """
    k, size = columns.shape
    for p in range(size):
        right[p] = roots[p] * errors[p]
    for i in range(k):
        row = rows[i]
        for p in range(size):
            row[p] = roots[p] * columns[i, p]
        norms[i] = np.sqrt(_product(row, row))
        if not np.isfinite(norms[i]):
            return False
        if norms[i] == 0.0:
            norms[i] = 1.0
        for p in range(size):
            row[p] /= norms[i]
    for i in range(k):
        row = rows[i]
        length = np.sqrt(_product(row, row))
        triangle[i, i] = length
        if length > 0.0:
            for p in range(size):
                row[p] /= length
        for j in range(i + 1, k):
            along = _product(row, rows[j])
            triangle[i, j] = along
            for p in range(size):
                rows[j, p] -= along * row[p]
        shadow[i] = _product(row, right)
        for p in range(size):
            right[p] -= shadow[i] * row[p]
    return True


@cached_jit
def _solved(triangle, shadow, damping, upper, low, step):
    """The `step` (k,) of the damped least squares, by Givens rotations; False where there is none.

    It makes the squared norm of (triangle step + shadow), plus `damping` times its own, the least.
    `upper` (k, k) and `low` (k,) are to work in.
    """
    k = len(shadow)
    for i in range(k):
        step[i] = -shadow[i]
        for j in range(i, k):
            upper[i, j] = triangle[i, j]
    for i in range(k):  # a row of the root of the damping, in place i, rotated into the rows from i on
        for j in range(k):
            low[j] = 0.0
        low[i], rest = np.sqrt(damping), 0.0
        for j in range(i, k):
            if low[j] == 0.0:
                continue
            length = np.hypot(upper[j, j], low[j])
            cosine, sine = upper[j, j] / length, low[j] / length
            for m in range(j, k):
                high = upper[j, m]
                upper[j, m] = cosine * high + sine * low[m]
                low[m] = cosine * low[m] - sine * high
            high = step[j]
            step[j] = cosine * high + sine * rest
            rest = cosine * rest - sine * high
    for i in range(k - 1, -1, -1):
        total = step[i]
        for m in range(i + 1, k):
            total -= upper[i, m] * step[m]
        if upper[i, i] == 0.0:
            return False
        step[i] = total / upper[i, i]
    return True


@cached_jit
def _descend(code, values, points, targets, scale, weights, slots, adjoints, errors, damping, steps):
    """Up to `steps` accepted steps of Levenberg–Marquardt, `values` and `errors` in place.

    Returns (maximum error, damping, passes over the points).
    """
    k, size = len(values), len(points)
    rows, right, roots = np.empty((k, size)), np.empty(size), np.sqrt(weights)
    triangle, upper = np.zeros((k, k)), np.zeros((k, k))
    shadow, low, step, norms, tried = np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k)
    worst = _residuals(code, values, points, targets, scale, slots, errors)
    passes = 1.0
    if not np.isfinite(worst):
        return worst, damping, passes
    loss = _weighted(errors, weights)
    trial = np.empty(size)
    small = 0
    for _ in range(steps):
        derivatives(code, k, slots, scale, adjoints)
        passes += 2.0
        if not _factored(adjoints[1 : k + 1], errors, roots, rows, right, triangle, shadow, norms):
            break
        improved = False
        while damping < _MOST_DAMPING:
            if _solved(triangle, shadow, damping, upper, low, step):
                for i in range(k):
                    tried[i] = values[i] + step[i] / norms[i]
                peak = _residuals(code, tried, points, targets, scale, slots, trial)
                passes += 1.0
                after = _weighted(trial, weights)
                if np.isfinite(peak) and after < loss:
                    improved = True
                    break
            damping *= 8.0
        if not improved:
            damping = 1.0
            break
        damping = max(damping * 0.1, _LEAST_DAMPING)
        put(tried, values)
        put(trial, errors)
        worst = peak
        # A valley may be flat for a step or two; three small gains in a row are the end.
        small = small + 1 if after > loss * (1.0 - 1e-3) else 0
        loss = after
        if small == 3:
            break
    return worst, damping, passes


@cached_jit
def _towards_minimax(code, values, points, targets, scale, slots, adjoints, errors, steps):
    """Lawson's iteration from a least-squares fit, `values` in place; returns (maximum error, passes)."""
    size = len(points)
    weights = np.full(size, 1.0 / size)
    best = _residuals(code, values, points, targets, scale, slots, errors)
    passes = 1.0
    current = values.copy()
    damping = 1e-6
    since = 0
    for _ in range(steps):
        total = 0.0
        for p in range(size):
            weights[p] *= abs(errors[p])
            total += weights[p]
        if not total > 0.0:
            break
        for p in range(size):
            weights[p] /= total
        worst, damping, more = _descend(
            code, current, points, targets, scale, weights, slots, adjoints, errors, damping, _LAWSON_STEPS
        )
        passes += more
        since += 1
        if worst < best:
            if worst < best * 0.999:
                since = 0
            best = worst
            put(current, values)
        if not np.isfinite(worst) or best <= _CLOSE * np.sqrt(_weighted(errors, weights)) or since > 8:
            break
    return best, passes


@cached_jit
def fit(code, values, points, targets, scale, steps, lawson, slots, adjoints):
    """Fit `values`, in place, and return (maximum error on `points`, passes over the points).

    Parameters
    ----------
    code : int8 (operations, 4)
    values : float64 (k,)
        Where to start.
    points, targets, scale : float64 (p,)
        Where, what the function is there, and what errors are multiplied by.
    steps, lawson : int
        At most so many steps of Levenberg–Marquardt, then so many of Lawson's.
    slots, adjoints : float64 (at least 1 + k + operations, p)
        To work in.
    """
    errors = np.empty(len(points))
    if len(values) == 0:
        return _residuals(code, values, points, targets, scale, slots, errors), 1.0
    weights = np.full(len(points), 1.0 / len(points))
    worst, _, passes = _descend(code, values, points, targets, scale, weights, slots, adjoints, errors, 1e-2, steps)
    if lawson > 0 and np.isfinite(worst) and worst > 0.0:
        worst, more = _towards_minimax(code, values, points, targets, scale, slots, adjoints, errors, lawson)
        passes += more
    return worst, passes


@cached_jit
def best_start(code, own, points, targets, scale, starts, word, spread, steps, slots, adjoints):
    """Short fits from `own` coefficients and from random ones; (coefficients, maximum error, passes) of the best.

    Parameters
    ----------
    starts, word, spread : int, int, float
        How many fits; what seeds the random ones, which are ±10^U(-spread, spread).
    code, own, points, targets, scale, steps, slots, adjoints
        As in `fit`.
    """
    stream = np.empty(1, dtype=np.uint64)
    stream[0] = word
    best, least, passes = own.copy(), np.inf, 0.0
    for start in range(starts):
        values = own.copy()
        if start > 0:
            for i in range(len(values)):
                values[i] = fresh_value(stream, spread)
        worst, more = fit(code, values, points, targets, scale, steps, _NO_LAWSON, slots, adjoints)
        passes += more
        if worst < least:
            best, least = values, worst
    return best, least, passes


@cached_jit
def largest_error(code, values, points, targets, scale, slots):
    """The maximum error on `points`; infinite unless the program is finite on all of them."""
    return _residuals(code, values, points, targets, scale, slots, np.empty(len(points)))
