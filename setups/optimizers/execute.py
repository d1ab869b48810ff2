"""The compiled interpreter: one step of a program on arrays.

A program is decoded once into machine instructions, without its redundant statements. Every value has a row of its
own, so that results never overlap with arguments and the loops are vectorized. A scalar is the first number of its
row; where an array function takes it, it is spread over the row.
"""

from __future__ import annotations

import numpy as np

from setups.optimizers import functions as f
from setups.optimizers.abstract import as_rows, needs, start_types, type_of
from setups.optimizers.compiled import cached_jit
from setups.optimizers.functions import ARITY, EPSILON, KIND, REDUCTION
from setups.optimizers.program import ARRAY, LITERAL, LR, MAX_VARIABLES, SCALAR, UPDATE, G, M, V, W
from ufh_cli.core.compiled import put

_ONE = np.uint64(1)
INPUT_ROWS = 5

# Columns of a machine instruction.
FUNCTION, FIRST, SECOND, THIRD, RESULT, IS_ARRAY, SPREAD = range(7)


@cached_jit
def decode(program):
    """Machine instructions of what the update, now and in later steps, needs.

    Returns
    -------
    code : int64 array (instructions, 7)
        Function, rows of three arguments and of the result, whether arguments are arrays, whether to spread the result.
    constants : float64 array (constants,)
        They fill the rows from `INPUT_ROWS` on.
    outputs : int64 array (4,)
        Rows of the update and of the new m and v, -1 where these do not matter; number of rows.
    """
    rows = as_rows(program)
    literals = np.frombuffer(program, np.float32)
    wanted, states = needs(rows, True)
    count = rows.shape[0]
    constants = np.empty(3 * count, dtype=np.float64)
    constant_count = 0
    for i in range(count):
        if wanted >> np.uint64(i) & _ONE:
            for k in range(ARITY[rows[i, 0]]):
                if rows[i, 2 + k] == LITERAL:
                    constants[constant_count] = literals[5 * i + 2 + k]
                    constant_count += 1
    code = np.zeros((count, 7), dtype=np.int64)
    types = np.empty(MAX_VARIABLES, dtype=np.int64)
    start_types(types)
    places = np.zeros(MAX_VARIABLES, dtype=np.int64)
    for variable in range(INPUT_ROWS):
        places[variable] = variable
    maker = np.full(INPUT_ROWS + 4 * count, -1)  # which instruction fills a row
    instructions, literal, row = 0, INPUT_ROWS, INPUT_ROWS + constant_count
    for i in range(count):
        found = type_of(rows, i, types)
        types[rows[i, 1]] = found
        if not wanted >> np.uint64(i) & _ONE:
            continue
        one = code[instructions]
        one[FUNCTION] = rows[i, 0]
        for k in range(ARITY[rows[i, 0]]):
            if rows[i, 2 + k] == LITERAL:
                one[FIRST + k] = literal
                literal += 1
            else:
                one[FIRST + k] = places[rows[i, 2 + k]]
        _arrays(one, code, maker, found)
        one[RESULT] = row
        maker[row] = instructions if found == SCALAR else -2
        places[rows[i, 1]] = row
        row += 1
        instructions += 1
    outputs = np.array([places[UPDATE], places[M] if states & 1 else -1, places[V] if states & 2 else -1, row])
    return code[:instructions], constants[:constant_count], outputs


@cached_jit
def _arrays(one, code, maker, found):
    """Note whether `one` works on arrays; if so, scalars that it takes from other instructions are spread."""
    array = found == ARRAY
    if KIND[one[FUNCTION]] == REDUCTION:
        first = one[FIRST]
        array = first < LR or maker[first] == -2
    one[IS_ARRAY] = array
    if array:
        for k in range(ARITY[one[FUNCTION]]):
            made = maker[one[FIRST + k]]
            if made >= 0:
                code[made, SPREAD] = 1


@cached_jit
def _dot(a, b):
    """The sum of the products, in four parts that are added at the end."""
    n = a.size
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
    for i in range(whole, n):
        s0 += a[i] * b[i]
    return (s0 + s1) + (s2 + s3)


@cached_jit
def _algebraic(op, a, b, c, out):
    """Functions that the processor has instructions for; False if `op` is another."""
    n = out.size
    if op == f.ADD:
        for i in range(n):
            out[i] = a[i] + b[i]
    elif op == f.SUBTRACT:
        for i in range(n):
            out[i] = a[i] - b[i]
    elif op == f.MULTIPLY:
        for i in range(n):
            out[i] = a[i] * b[i]
    elif op == f.DIVIDE:
        for i in range(n):
            out[i] = a[i] / (b[i] + EPSILON)
    elif op == f.INTERP:
        for i in range(n):
            out[i] = (1.0 - c[i]) * a[i] + c[i] * b[i]
    elif op == f.MAXIMUM:
        for i in range(n):
            out[i] = a[i] if a[i] > b[i] or a[i] != a[i] else b[i]
    elif op == f.MINIMUM:
        for i in range(n):
            out[i] = a[i] if a[i] < b[i] or a[i] != a[i] else b[i]
    elif op == f.ABS:
        for i in range(n):
            out[i] = abs(a[i])
    elif op == f.NEGATIVE:
        for i in range(n):
            out[i] = -a[i]
    elif op == f.SQUARE:
        for i in range(n):
            out[i] = a[i] * a[i]
    elif op == f.CUBE:
        for i in range(n):
            out[i] = a[i] * a[i] * a[i]
    elif op == f.SQRT:
        for i in range(n):
            out[i] = np.sqrt(abs(a[i]))
    elif op == f.RECIPROCAL:
        for i in range(n):
            out[i] = 1.0 / a[i]
    elif op == f.SIGN:
        for i in range(n):
            out[i] = 1.0 if a[i] > 0.0 else (-1.0 if a[i] < 0.0 else a[i])
    else:
        return False
    return True


@cached_jit
def _over_all(op, a, b, out):
    """Functions that look at all elements; False if `op` is another."""
    if op == f.NORM or op == f.GLOBAL_NORM:
        out[0] = np.sqrt(_dot(a, a))
    elif op == f.DOT:
        out[0] = _dot(a, b)
    elif op == f.COSINE_SIM:
        out[0] = _dot(a, b) / (np.sqrt(_dot(a, a)) * np.sqrt(_dot(b, b)))
    elif op == f.CLIP_BY_GLOBAL_NORM:
        ratio = b[0] / np.sqrt(_dot(a, a))
        factor = ratio if ratio < 1.0 or ratio != ratio else 1.0
        for i in range(out.size):
            out[i] = factor * a[i]
    elif op == f.GET_PI:
        out[0] = np.pi
    elif op == f.GET_E:
        out[0] = np.e
    elif op == f.GET_EPS:
        out[0] = EPSILON
    else:
        return False
    return True


@cached_jit
def _circular(op, a, out):
    """Circular and hyperbolic functions; False if `op` is another."""
    n = out.size
    if op == f.COS:
        for i in range(n):
            out[i] = np.cos(a[i])
    elif op == f.SIN:
        for i in range(n):
            out[i] = np.sin(a[i])
    elif op == f.TAN:
        for i in range(n):
            out[i] = np.tan(a[i])
    elif op == f.ARCSIN:
        for i in range(n):
            out[i] = np.arcsin(a[i])
    elif op == f.ARCCOS:
        for i in range(n):
            out[i] = np.arccos(a[i])
    elif op == f.ARCTAN:
        for i in range(n):
            out[i] = np.arctan(a[i])
    elif op == f.SINH:
        for i in range(n):
            out[i] = np.sinh(a[i])
    elif op == f.COSH:
        for i in range(n):
            out[i] = np.cosh(a[i])
    elif op == f.TANH:
        for i in range(n):
            out[i] = np.tanh(a[i])
    elif op == f.ARCSINH:
        for i in range(n):
            out[i] = np.arcsinh(a[i])
    elif op == f.ARCCOSH:
        for i in range(n):
            out[i] = np.arccosh(a[i])
    elif op == f.ARCTANH:
        for i in range(n):
            out[i] = np.arctanh(a[i])
    else:
        return False
    return True


@cached_jit
def _exponential(op, a, b, out):
    """Exponentials, logarithms and powers."""
    n = out.size
    if op == f.EXP:
        for i in range(n):
            out[i] = np.exp(a[i])
    elif op == f.EXP2:
        for i in range(n):
            out[i] = np.exp2(a[i])
    elif op == f.EXP10:
        for i in range(n):
            out[i] = 10.0 ** a[i]
    elif op == f.EXPM1:
        for i in range(n):
            out[i] = np.expm1(a[i])
    elif op == f.LOG:
        for i in range(n):
            out[i] = np.log(abs(a[i]))
    elif op == f.LOG10:
        for i in range(n):
            out[i] = np.log10(abs(a[i]))
    elif op == f.LOG2:
        for i in range(n):
            out[i] = np.log2(abs(a[i]))
    elif op == f.LOG1P:
        for i in range(n):
            out[i] = np.log(abs(1.0 + a[i]))
    elif op == f.CBRT:
        for i in range(n):
            out[i] = np.cbrt(a[i])
    elif op == f.POWER:
        for i in range(n):
            out[i] = a[i] ** b[i]


@cached_jit
def execute(code, memory):
    """One step: run all instructions on `memory`, float64 (rows, weights)."""
    for k in range(code.shape[0]):
        one = code[k]
        op = one[FUNCTION]
        n = memory.shape[1] if one[IS_ARRAY] else 1
        a, b, c = memory[one[FIRST], :n], memory[one[SECOND], :n], memory[one[THIRD], :n]
        out = memory[one[RESULT], :n]
        if not _algebraic(op, a, b, c, out) and not _over_all(op, a, b, out) and not _circular(op, a, out):
            _exponential(op, a, b, out)
        if one[SPREAD]:
            memory[one[RESULT], :] = memory[one[RESULT], 0]


@cached_jit
def fill_constants(memory, constants):
    """Write the constants to their rows, all else is 0."""
    memory[:] = 0.0
    for k in range(constants.size):
        memory[INPUT_ROWS + k] = constants[k]


@cached_jit
def step(code, outputs, memory, rate):
    """Run a program on the w, g, m and v in `memory` with the learning rate `rate`, and update w, m and v."""
    memory[LR, :] = rate
    execute(code, memory)
    weights, update = memory[W], memory[outputs[0]]
    for i in range(weights.size):
        weights[i] -= update[i]
    for which, variable in ((1, M), (2, V)):
        if outputs[which] >= 0 and outputs[which] != variable:
            put(memory[outputs[which]], memory[variable])


@cached_jit
def run(program, weights, gradients, rates):
    """The weights after each step on given gradients.

    Parameters
    ----------
    program : bytes
    weights : float64 array (weights,)
        At the start.
    gradients : float64 array (steps, weights)
    rates : float64 array (steps,)

    Returns
    -------
    float64 array (steps, weights)
    """
    code, constants, outputs = decode(program)
    memory = np.empty((outputs[3], weights.size))
    fill_constants(memory, constants)
    put(weights, memory[W])
    result = np.empty_like(gradients)
    for t in range(rates.size):
        put(gradients[t], memory[G])
        step(code, outputs, memory, rates[t])
        put(memory[W], result[t])
    return result
