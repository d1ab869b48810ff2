"""One interpreter of encoded loss graphs, forward and in reverse, and the compiled functions that engines call.

A program is integers (`encode`), so that a new graph, batch size or network costs no compilation. Its values lie in
one flat memory, those of a node with the rows one after another; the gradient of what is at offset k is at k + SHIFT.
Works for float32 and, for checking derivatives, float64 memory alike.
"""

from __future__ import annotations

import math

from setups.autorl import microcode as mc
from setups.autorl.adam import adam_step
from setups.autorl.compiled import cached, part
from setups.autorl.list_kernel import batch_backward, batch_forward, row_backward, row_forward
from setups.autorl.network_kernel import network_backward, network_forward
from setups.autorl.scalar_kernel import slope_of_one, slopes_of_two, value_of_one, value_of_two
from ufh_cli.core.compiled import splitmix64


@cached
def run(codes, weights, memory, optimizer, task):
    """Run a program on the batch in `memory`: only forward, or up to the gradients, or with an Adam step.

    Parameters
    ----------
    codes : int64 array
        The encoded program.
    weights : float array (5, P)
        Parameters of the Q network and of the target network, and for the first its gradient and Adam's two moments.
    memory : float array
        Values and gradients; the inputs' values have been set.
    optimizer : float64 (6,)
        As `adam.adam_step` has it.
    task : int
        ``FORWARD``, ``GRADIENTS`` or ``STEP`` of `microcode`.

    Returns
    -------
    float
        The mean of the loss; NaN when the step made a parameter infinite or NaN.
    """
    layers = codes[mc.HEADER : mc.HEADER + mc.LAYER * codes[mc.LAYERS]].reshape((codes[mc.LAYERS], mc.LAYER))
    start, count = mc.HEADER + mc.LAYER * codes[mc.LAYERS], codes[mc.INSTRUCTIONS]
    program = codes[start : start + count * mc.FIELDS].reshape((count, mc.FIELDS))
    for k in range(count):
        _forward(program[k], weights, memory, layers)
    loss, rows = codes[mc.LOSS], codes[mc.LOSS_ROWS]
    total = 0.0
    for i in range(loss, loss + rows):
        total += memory[i]
    if task == mc.FORWARD:
        return total / rows
    if codes[mc.TRAINS]:
        shift = codes[mc.SHIFT]
        memory[shift : shift + codes[mc.VALUES]] = memory.dtype.type(0.0)
        memory[shift + loss : shift + loss + rows] = memory.dtype.type(1.0 / rows)
        scratch = (codes[mc.DELTAS], codes[mc.SPARE], codes[mc.ASIDE])
        for k in range(count - 1, -1, -1):
            _backward(program[k], weights, memory, layers, shift, scratch)
    else:
        weights[mc.GRADIENT] = weights.dtype.type(0.0)
    if task == mc.STEP and not adam_step(
        weights[mc.Q], weights[mc.GRADIENT], weights[mc.FIRST_MOMENT], weights[mc.SECOND_MOMENT], optimizer
    ):
        return math.nan
    return total / rows


@cached
def draw_constants(word, memory, random):
    """Write what the random constants of a graph are worth at one execution, rounded to float32, into `memory`.

    Parameters
    ----------
    word : uint64
        The execution's seed.
    memory : float array
    random : int64 (R, 2)
        `encode.Program.random`: the k-th one takes the k-th three words that follow from the seed, and is standard
        normal (by Box and Muller) or uniform in [0, 1).
    """
    for k in range(random.shape[0]):
        word, first = splitmix64(word)
        word, second = splitmix64(word)
        word, third = splitmix64(word)
        if random[k, 1]:
            memory[random[k, 0]] = float(third >> 40) * 2.0**-24
        else:
            radius = math.sqrt(-2.0 * math.log(1.0 - float(first >> 11) * 2.0**-53))
            memory[random[k, 0]] = radius * math.cos(2.0 * math.pi * (float(second >> 11) * 2.0**-53))


@part
def _forward(f, weights, memory, layers):
    code = f[mc.CODE]
    if code == mc.NETWORK:
        network_forward(memory, weights[f[mc.NET]], layers, f[mc.HEIGHT], f[mc.X], f[mc.HIDDEN], f[mc.OUT])
    elif code < mc.MEAN:
        _map(f, memory)
    elif code == mc.LARGEST:
        _largest_of_rows(f, memory)
    elif code < mc.BATCH_MEAN:
        columns = f[mc.COLUMNS]
        width = columns if code == mc.SOFTMAX else 1
        for i in range(f[mc.HEIGHT]):
            x, out = f[mc.X] + i * f[mc.X_ROW], f[mc.OUT] + i * width
            row_forward(code, memory[x : x + columns], memory[out : out + width])
    else:
        batch_forward(f, memory)


@part
def _backward(f, weights, memory, layers, shift, scratch):
    code = f[mc.CODE]
    if code == mc.NETWORK:
        _network_backward(f, weights, memory, layers, shift, scratch)
    elif not f[mc.WANTED]:
        return
    elif code < mc.MEAN:
        _map_backward(f, memory, shift)
    elif code < mc.BATCH_MEAN:
        columns = f[mc.COLUMNS]
        width = columns if code == mc.SOFTMAX else 1
        for i in range(f[mc.HEIGHT]):
            x, out = f[mc.X] + i * f[mc.X_ROW], f[mc.OUT] + i * width
            row_backward(
                code,
                memory[x : x + columns],
                memory[out : out + width],
                memory[shift + out : shift + out + width],
                memory[shift + x : shift + x + columns],
            )
    else:
        batch_backward(f, memory, shift)


@part
def _network_backward(f, weights, memory, layers, shift, scratch):
    tuned, into = f[mc.TUNED], -1
    if f[mc.WANTED]:
        into = shift + f[mc.X]
    if tuned == mc.NOT_TUNED and into < 0:
        return
    delta, spare, aside = scratch
    gradient = weights[mc.GRADIENT]
    if tuned == mc.NOT_TUNED:
        gradient = gradient[:0]
    elif tuned == mc.ACCUMULATED:
        gradient = memory[aside : aside + gradient.size]
    parameters = weights[f[mc.NET]]
    network_backward(
        memory,
        parameters,
        gradient,
        layers,
        f[mc.HEIGHT],
        f[mc.X],
        f[mc.HIDDEN],
        shift + f[mc.OUT],
        (delta, spare),
        into,
    )
    if tuned == mc.ACCUMULATED:
        total = weights[mc.GRADIENT]
        for i in range(total.size):
            total[i] += gradient[i]


@part
def _largest_of_rows(f, memory):
    """The largest entry of each row, NaN when there is one; a slice a row would take thrice the time."""
    columns = f[mc.COLUMNS]
    for i in range(f[mc.HEIGHT]):
        x = f[mc.X] + i * f[mc.X_ROW]
        top = memory[x]
        for j in range(1, columns):
            value = memory[x + j]
            top = top if top >= value or top != top else value
        memory[f[mc.OUT] + i] = top


@part
def _map(f, memory):
    """The elementwise instructions, of which the summed ones add up each row."""
    code, columns, out = f[mc.CODE], f[mc.COLUMNS], f[mc.OUT]
    for i in range(f[mc.HEIGHT]):
        x, y = f[mc.X] + i * f[mc.X_ROW], f[mc.Y] + i * f[mc.Y_ROW]
        total = memory.dtype.type(0.0)
        for j in range(columns):
            if code < mc.SAME:
                value = value_of_two(code, memory[x + j * f[mc.X_COLUMN]], memory[y + j * f[mc.Y_COLUMN]], j)
            else:
                value = value_of_one(code, memory[x + j * f[mc.X_COLUMN]])
            if f[mc.SUMMED]:
                total += value
            else:
                memory[out + j] = value
        if f[mc.SUMMED]:
            memory[out] = total
            out += 1
        else:
            out += columns


@part
def _map_backward(f, memory, shift):
    code, columns = f[mc.CODE], f[mc.COLUMNS]
    of_x, of_y = f[mc.WANTED] & 1, f[mc.WANTED] & 2
    for i in range(f[mc.HEIGHT]):
        for j in range(columns):
            gradient = memory[shift + f[mc.OUT] + (i if f[mc.SUMMED] else i * columns + j)]
            x = f[mc.X] + i * f[mc.X_ROW] + j * f[mc.X_COLUMN]
            if code >= mc.SAME:
                memory[shift + x] += slope_of_one(code, gradient, memory[x])
                continue
            y = f[mc.Y] + i * f[mc.Y_ROW] + j * f[mc.Y_COLUMN]
            slope_x, slope_y = slopes_of_two(code, gradient, memory[x], memory[y], j)
            if of_x:
                memory[shift + x] += slope_x
            if of_y:
                memory[shift + y] += slope_y
