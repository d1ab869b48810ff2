"""Experience replay: a ring of transitions from which batches are drawn uniformly, with replacement."""

from __future__ import annotations

import numba as nb
import numpy as np

from setups.autorl.engine import Batch

_BLOCK = 256  # batches whose random numbers are drawn at once


class Replay:
    """The last `capacity` transitions.

    Memory is taken as transitions arrive: pages of the one array that were never written to cost nothing.

    Parameters
    ----------
    capacity : int
        Transitions kept, at least 1.
    state_size : int
    batch : int
        Transitions drawn at once, at least 1.
    generator : numpy.random.Generator
        Draws the indices. It is used by nothing else.

    Attributes
    ----------
    size : int
        Transitions held.
    """

    def __init__(self, capacity: int, state_size: int, batch: int, generator: np.random.Generator) -> None:
        if min(capacity, state_size, batch) < 1:
            raise ValueError(f"capacity, state size and batch must be at least 1: {capacity}, {state_size}, {batch}")
        self.size = 0
        self._capacity = capacity
        self._next = 0
        self._rows = np.empty((capacity, 2 * state_size + 3), np.float32)
        self._generator = generator
        self._uniform = np.empty((_BLOCK, batch))
        self._drawn = _BLOCK
        self._batch = Batch(
            np.empty((batch, state_size), np.float32),
            np.empty(batch, np.int32),
            np.empty(batch, np.float32),
            np.empty(batch, np.float32),
            np.empty((batch, state_size), np.float32),
        )

    def add(self, state: np.ndarray, action: int, reward: float, discount: float, next_state: np.ndarray) -> None:
        """Keep a transition, in place of the oldest one when full. States are (state_size,) float32."""
        place = self._next
        _write_transition(self._rows, place, state, next_state, float(action), reward, discount)
        place += 1
        self._next = 0 if place == self._capacity else place
        if self.size < self._capacity:
            self.size += 1

    def sample(self) -> Batch:
        """A batch, every transition held being equally likely in each place of it.

        The arrays are the same ones at each call: what they hold is valid until the next one.

        Raises
        ------
        ValueError
            When there is no transition yet.
        """
        if not self.size:
            raise ValueError("there is no transition to sample yet")
        if self._drawn == _BLOCK:
            self._generator.random(out=self._uniform)
            self._drawn = 0
        states, actions, rewards, discounts, next_states = self._batch
        _read_transitions(
            self._rows, self._uniform[self._drawn], self.size, states, actions, rewards, discounts, next_states
        )
        self._drawn += 1
        return self._batch


@nb.njit(cache=True, nogil=True)
def _write_transition(rows, place, state, next_state, action, reward, discount):
    """A row is the two states, the action (exact in float32 below 2**24), the reward and the discount."""
    row = rows[place]
    size = state.size
    for k in range(size):
        row[k] = state[k]
        row[size + k] = next_state[k]
    row[2 * size] = action
    row[2 * size + 1] = reward
    row[2 * size + 2] = discount


@nb.njit(cache=True, nogil=True)
def _read_transitions(rows, uniform, count, states, actions, rewards, discounts, next_states):
    """Rows number ⌊u · count⌋ for each u of `uniform`, all in [0, 1)."""
    size = states.shape[1]
    for b in range(uniform.size):
        row = rows[int(uniform[b] * count)]
        for k in range(size):
            states[b, k] = row[k]
            next_states[b, k] = row[size + k]
        actions[b] = int(row[2 * size])
        rewards[b] = row[2 * size + 1]
        discounts[b] = row[2 * size + 2]
