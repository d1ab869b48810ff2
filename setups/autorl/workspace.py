"""The arrays that compiled programs run on, and the numpy views through which they are filled and read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from setups.autorl import microcode as mc
from setups.autorl.encode import Program, Value, layer_table, parameter_count
from setups.autorl.engine import Batch
from setups.autorl.graph import INPUTS
from setups.autorl.graph_kernel import draw_constants
from setups.autorl.network_kernel import ALIGNMENT

_MATRICES = ("s_tm1", "s_t")
_FIELDS = ("s_tm1", "action", "reward", "discount", "s_t")  # what the fields of a Batch are to a graph


class Workspace:
    """The memory of one program.

    Parameters
    ----------
    program : Program
    dtype : float32 or float64

    Attributes
    ----------
    random : int64 (R, 2)
        `Program.random`.
    """

    def __init__(self, program: Program, dtype: type[np.floating] = np.float32) -> None:
        self.codes = program.codes
        self.memory = aligned_zeros(program.memory, dtype)
        self._program = program
        self.random = np.array(program.random, np.int64).reshape(-1, 2)
        self._inputs = [self._input(name) for name in _FIELDS]
        for offset, value in program.constants:
            self.memory[offset] = value

    def load(self, batch: Batch, word: int) -> None:
        """Set the inputs, whose shapes have been checked, and draw the random constants with seed `word`."""
        own_states, own_actions, own_rewards, own_discounts, own_next_states = self._inputs
        states, actions, rewards, discounts, next_states = batch
        own_states[...] = states
        own_actions[...] = actions
        own_rewards[...] = rewards
        own_discounts[...] = discounts
        own_next_states[...] = next_states
        if len(self.random):
            draw_constants(np.uint64(word), self.memory, self.random)

    @property
    def places(self) -> np.ndarray:
        """Where in the memory the fields of a `Batch` stand, int64 (5,)."""
        return np.array([self._program.inputs[INPUTS.index(name)].offset for name in _FIELDS])

    def losses(self) -> np.ndarray:
        """A copy of the last node's value, (N, 1) or (1, 1)."""
        return self._view(self._program.loss).copy()

    def _input(self, name: str) -> np.ndarray:
        view = self._view(self._program.inputs[INPUTS.index(name)])
        return view if name in _MATRICES else view[:, 0]

    def _view(self, value: Value) -> np.ndarray:
        flat = self.memory[value.offset : value.offset + value.rows * value.columns]
        return flat.reshape(value.rows, value.columns)


def pack(q: Sequence[np.ndarray], target: Sequence[np.ndarray], sizes: tuple[int, ...], dtype: type) -> np.ndarray:
    """The weights' array of `graph_kernel.run`, (5, P), with the parameters of two networks of these sizes."""
    weights = aligned_zeros(5 * parameter_count(sizes), dtype).reshape(5, -1)
    for row, parameters in ((mc.Q, q), (mc.TARGET, target)):
        for view, values in zip(parameter_views(weights[row], sizes), parameters, strict=True):
            view[...] = values
    return weights


def parameter_views(row: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """w0 (in, out), b0 (out,), w1, … in a row of the weights' array."""
    views = []
    for inputs, outputs, weights, biases in layer_table(sizes).tolist():
        views += [row[weights : weights + inputs * outputs].reshape(inputs, outputs), row[biases : biases + outputs]]
    return views


def aligned_zeros(size: int, dtype: type) -> np.ndarray:
    """Zeros that start at a cache line, as what is in them does at offsets that are multiples of `ALIGNMENT`."""
    width = np.dtype(dtype).itemsize
    buffer = np.zeros(size * width + ALIGNMENT * width, np.uint8)
    start = -buffer.ctypes.data % (ALIGNMENT * width)
    return buffer[start : start + size * width].view(dtype)
