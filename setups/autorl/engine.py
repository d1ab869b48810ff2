"""What an engine is: it holds a Q network and its target network and trains the first with a loss graph.

There are two: `fast_engine.FastEngine` (compiled) and `tensorflow_engine` (the peer it is tested against). They share
the batch, the settings, the first parameters and the values of the random constants, so that they differ in rounding
only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from setups.autorl.graph import Graph

_TRUNCATION = 2.0  # standard deviations beyond which Sonnet's truncated normal is drawn again


class Batch(NamedTuple):
    """N transitions of an environment whose observations have S numbers.

    Attributes
    ----------
    states : float32 (N, S)
        The graph's input ``s_tm1``.
    actions : int32 (N,)
        What was done in `states`.
    rewards : float32 (N,)
    discounts : float32 (N,)
        0 where the episode ended, else the discount.
    next_states : float32 (N, S)
        The graph's input ``s_t``.
    """

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    next_states: np.ndarray


class EngineSettings(NamedTuple):
    """The Q network and its optimiser; the defaults are those of Co-Reyes et al. 2021.

    Adam has the form of TensorFlow and Keras: with m and v the running means of the gradient and of its square, and
    α = learning_rate · √(1 − beta2ᵗ) / (1 − beta1ᵗ), step t subtracts α · m / (√v + epsilon).

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers (ReLU); none makes the network linear.
    learning_rate, beta1, beta2, epsilon : float
    """

    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


class Engine(Protocol):
    """Trains a Q network with one loss graph. Everything is float32.

    Both networks start as copies of `parameters`, which are laid out as `initial_parameters` has them.
    """

    def __init__(self, graph: Graph, parameters: list[np.ndarray], settings: EngineSettings) -> None: ...

    @property
    def parameters(self) -> list[np.ndarray]:
        """The Q network's parameters: w0 (in, out), b0 (out,), w1, …"""

    def action(self, state: np.ndarray) -> int:
        """The action of the largest Q value in `state` (S,): the first one on ties; a NaN never wins."""

    def update(self, batch: Batch, word: int) -> float:
        """One Adam step on the mean of the loss graph's output, the value of which before the step is returned.

        It is NaN or infinite when the loss is, and NaN when the step made a parameter infinite or NaN: then training
        has diverged. `word` seeds the random constants.
        """

    def loss_and_gradients(self, batch: Batch, word: int) -> tuple[float, list[np.ndarray]]:
        """That mean and its gradient with respect to each of `parameters`; nothing is changed."""

    def copy_target(self) -> None:
        """Make the target network equal to the Q network."""


def initial_parameters(state_size: int, actions: int, hidden: Sequence[int], word: int) -> list[np.ndarray]:
    """The parameters of a fresh Q network, which follow from `word` alone.

    Initialised as Sonnet's (and so the original's) multi-layer perceptrons are: biases 0, weights normal with standard
    deviation 1 / √fan-in, truncated at two standard deviations.

    Parameters
    ----------
    state_size, actions : int
        Numbers of an observation, and of discrete actions.
    hidden : sequence of int
        Widths of the hidden layers.
    word : int in [0, 2**64)

    Returns
    -------
    list of float32 arrays
        w0 (in, out), b0 (out,), w1, b1, …

    Raises
    ------
    ValueError
        When a size is not a positive whole number.
    """
    from scipy.special import ndtr, ndtri

    sizes = network_sizes(state_size, actions, hidden)
    words = np.random.PCG64(word)
    low = ndtr(-_TRUNCATION)
    parameters: list[np.ndarray] = []
    for fan_in, fan_out in pairwise(sizes):
        uniform = (words.random_raw((fan_in, fan_out)) >> np.uint64(11)) * 2.0**-53
        weights = ndtri(low + uniform * (1.0 - 2.0 * low)) / math.sqrt(fan_in)
        parameters += [weights.astype(np.float32), np.zeros(fan_out, np.float32)]
    return parameters


def network_sizes(state_size: int, actions: int, hidden: Sequence[int]) -> tuple[int, ...]:
    """Widths of all layers, the observation and the Q values included; `ValueError` when one is not positive."""
    sizes = (state_size, *hidden, actions)
    if not all(isinstance(size, int | np.integer) and size >= 1 for size in sizes):
        raise ValueError(f"the sizes of a network's layers must be positive whole numbers, got {sizes}")
    return tuple(int(size) for size in sizes)
