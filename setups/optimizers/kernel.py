"""The compiled training loop: a program trains the weights of one task (Method 2)."""

from __future__ import annotations

import math

import numpy as np

from setups.optimizers.compiled import cached_jit
from setups.optimizers.execute import decode, fill_constants, step
from setups.optimizers.gradients import loss_and_gradient
from setups.optimizers.program import G, W
from ufh_cli.core.compiled import put, splitmix64, word_below

_UNIT = 2.0**-53
_TWO_PI = 2.0 * math.pi
# numpy's: of Python's True and False the compiler makes a version of all the tasks each.
_LEARN, _MEASURE = np.True_, np.False_


@cached_jit
def start_weights(offset, scale, word):
    """Weights from N(offset, scale²), drawn from a random word, and the word for what follows."""
    weights = np.empty(scale.size)
    for i in range(0, scale.size, 2):
        word, first = splitmix64(word)
        word, second = splitmix64(word)
        radius = np.sqrt(-2.0 * np.log((np.float64(first >> np.uint64(11)) + 0.5) * _UNIT))
        angle = _TWO_PI * np.float64(second >> np.uint64(11)) * _UNIT
        weights[i] = offset[i] + scale[i] * radius * np.cos(angle)
        if i + 1 < scale.size:
            weights[i + 1] = offset[i + 1] + scale[i + 1] * radius * np.sin(angle)
    return weights, word


@cached_jit
def schedule(t, steps, peak):
    """The learning rate of step `t`: it rises over the first tenth and falls along a cosine, never quite to 0."""
    warm_up = steps // 10
    if t < warm_up:
        return peak * (t + 1) / (warm_up + 1)
    return peak * 0.5 * (1.0 + np.cos(np.pi * (t - warm_up) / (steps - warm_up)))


@cached_jit
def draw_batch(chosen, examples, word):
    """Fill `chosen` with examples, each uniform among all; returns the word for what follows."""
    for k in range(chosen.size):
        word, drawn = splitmix64(word)
        chosen[k] = np.int64(word_below(drawn, np.uint64(examples)))
    return word


@cached_jit
def train(program, kind, sizes, x, y, valid_x, valid_y, offset, scale, steps, batch, peak, word, losses):
    """Train with `program`.

    Parameters
    ----------
    program : bytes
    kind, sizes, x, y, valid_x, valid_y, offset, scale
        The task; see `tasks.Task`.
    steps, batch : int
    peak : float
        Of the learning rate's schedule.
    word : uint64
        What the start and the batches are drawn from.
    losses : float64 array (steps,) or (0,)
        Receives the training loss of each step, infinite after the end, where it has room.

    Returns
    -------
    loss : float
        Of validation; infinite where a weight was no finite number.
    steps : int
        Those that were taken.
    """
    code, constants, outputs = decode(program)
    weights, word = start_weights(offset, scale, word)
    memory = np.empty((outputs[3], scale.size))
    fill_constants(memory, constants)
    put(weights, memory[W])
    chosen = np.empty(batch, dtype=np.int64)
    losses[:] = np.inf
    for t in range(steps):
        word = draw_batch(chosen, x.shape[0], word)
        loss = loss_and_gradient(kind, sizes, x, y, chosen, memory[W], memory[G], _LEARN)
        if losses.size:
            losses[t] = loss
        step(code, outputs, memory, schedule(t, steps, peak))
        total = 0.0
        for value in memory[W]:
            total += abs(value)
        if not total < 1e30:  # its square would soon be infinite
            return np.inf, t + 1
    every = np.arange(valid_x.shape[0])
    loss = loss_and_gradient(kind, sizes, valid_x, valid_y, every, memory[W], memory[G], _MEASURE)
    return (loss if np.isfinite(loss) else np.inf), steps
