"""A multi-layer perceptron with ReLU between its layers, forward and backward, on rows of one flat memory.

`layers` (L, 4) says of each layer how many inputs and outputs it has and where its weights (inputs, outputs) and biases
stand among the network's parameters, so that one compiled function serves networks of every size. The products are
BLAS calls (numba's ``np.dot``); BLAS is to run on one thread, which ``OPENBLAS_NUM_THREADS=1`` in the environment of a
process sees to.
"""

from __future__ import annotations

import numpy as np

from setups.autorl.compiled import cached, part

SMALL = 16  # widest layer of a network whose values have the same bits on every processor
ALIGNMENT = 16  # numbers; arrays start at multiples of it

# A gradient below this is taken for 0. Products of smaller ones would be denormal, which costs processors twenty times
# as much, and no step of an optimiser could tell the difference.
NEGLIGIBLE = 1e-30


@part
def aligned(size):
    """`size` rounded up to whole units of `ALIGNMENT`."""
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


@part
def _product(x, w, y):
    """y := x w. Small matrices are multiplied here: BLAS rounds differently on other processors, keys must not."""
    if w.shape[0] > SMALL or w.shape[1] > SMALL:
        np.dot(x, w, y)
        return
    y[:] = y.dtype.type(0.0)
    for i in range(x.shape[0]):
        for k in range(w.shape[0]):
            factor = x[i, k]
            for j in range(w.shape[1]):
                y[i, j] += factor * w[k, j]


@part
def network_forward(memory, parameters, layers, rows, source, hidden, out):
    """Q values (rows, actions), to `out`, of the states at `source`; the hidden layers' values go to `hidden`."""
    zero = memory.dtype.type(0.0)
    last = layers.shape[0] - 1
    for k in range(last + 1):
        inputs, outputs, weights, biases = layers[k]
        target = out if k == last else hidden
        y = memory[target : target + rows * outputs].reshape((rows, outputs))
        x = memory[source : source + rows * inputs].reshape((rows, inputs))
        _product(x, parameters[weights : weights + inputs * outputs].reshape((inputs, outputs)), y)
        bias = parameters[biases : biases + outputs]
        for i in range(rows):
            if k == last:
                for j in range(outputs):
                    y[i, j] += bias[j]
            else:
                for j in range(outputs):
                    total = y[i, j] + bias[j]
                    y[i, j] = zero if total < zero else total  # NaN stays
        source = hidden
        hidden += aligned(rows * outputs)


@part
def network_backward(memory, parameters, gradient, layers, rows, source, hidden, delta, scratch, into):
    """From the gradient with respect to the Q values, at `delta`, to those of the parameters and of the states.

    Parameters
    ----------
    gradient : array (parameters,) or of length 0
        Where the gradient with respect to the parameters is written; none is computed when it has length 0.
    source, hidden : int
        Where the states and, from the forward pass, the hidden layers' values are.
    scratch : tuple of two int
        Two places for the values of a whole layer.
    into : int
        Where the gradient with respect to the states is added; −1 when it is not wanted.
    """
    free, other = scratch
    last = layers.shape[0] - 1
    for k in range(last):
        hidden += aligned(rows * layers[k, 1])
    _flush(memory[delta : delta + rows * layers[last, 1]])
    for k in range(last, -1, -1):
        inputs, outputs, weights, biases = layers[k]
        if k > 0:
            hidden -= aligned(rows * inputs)
        below = hidden if k > 0 else source
        d = memory[delta : delta + rows * outputs].reshape((rows, outputs))
        x = memory[below : below + rows * inputs].reshape((rows, inputs))
        if gradient.size > 0:
            np.dot(x.T, d, gradient[weights : weights + inputs * outputs].reshape((inputs, outputs)))
            _column_sums(d, gradient[biases : biases + outputs])
        if k == 0 and into < 0:
            break
        e = memory[free : free + rows * inputs].reshape((rows, inputs))
        np.dot(d, parameters[weights : weights + inputs * outputs].reshape((inputs, outputs)).T, e)
        if k > 0:
            _through_relu(e, x)
        else:
            for i in range(rows * inputs):
                memory[into + i] += memory[free + i]
        delta, free, other = free, other, free


@cached
def greedy_action(layers, parameters, work):
    """The first of the actions with the largest Q value in the state at the start of `work`; a NaN never wins.

    One state is too little for BLAS to pay; and the rows of weights that belong to zeros, half of them after a ReLU,
    need not be read.
    """
    zero = work.dtype.type(0.0)
    source = 0
    last = layers.shape[0] - 1
    for k in range(last + 1):
        inputs, outputs, weights, biases = layers[k]
        target = source + aligned(inputs)
        y = work[target : target + outputs]
        bias, matrix = parameters[biases : biases + outputs], parameters[weights : weights + inputs * outputs]
        for j in range(outputs):
            y[j] = bias[j]
        for i in range(inputs):
            x = work[source + i]
            if x != zero:
                row = i * outputs  # not a slice, which would count references
                for j in range(outputs):
                    y[j] += x * matrix[row + j]
        if k < last:
            for j in range(outputs):
                y[j] = zero if y[j] < zero else y[j]
        source = target
    best = -1
    for j in range(layers[last, 1]):
        value = work[source + j]
        if value == value and (best < 0 or value > work[source + best]):  # not NaN
            best = j
    return max(best, 0)


@part
def _column_sums(d, sums):
    sums[:] = d.dtype.type(0.0)
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            sums[j] += d[i, j]


@part
def _flush(values):
    negligible, zero = values.dtype.type(NEGLIGIBLE), values.dtype.type(0.0)
    for i in range(values.size):
        values[i] = zero if abs(values[i]) < negligible else values[i]


@part
def _through_relu(e, x):
    """The gradient `e` of a layer's values `x` becomes that of what came before the ReLU."""
    negligible, zero = e.dtype.type(NEGLIGIBLE), e.dtype.type(0.0)
    for i in range(e.shape[0]):
        for j in range(e.shape[1]):
            e[i, j] = zero if x[i, j] <= zero or abs(e[i, j]) < negligible else e[i, j]
