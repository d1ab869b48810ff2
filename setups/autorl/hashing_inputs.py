"""The fixed inputs on which a loss is hashed (§4.3): the same for all candidates, in every process and version.

States and rewards are uniform in [−100, 100] and actions uniform, as the paper has them. It does not say what discounts
were; here they are uniform in [0, 1), outside which they never are in an environment. As in the original's check for
duplicates, a state has four numbers and there are three actions. The network is small, two hidden layers of sixteen,
with weights as a fresh agent's, but its biases are not 0: without them Q(c · s) would be c · Q(s), which no trained
network obeys. The target network has other parameters than the Q network, or the two could not be told apart. Networks
so small are computed without BLAS, so that (exponentials and logarithms apart, which are the C library's) the outputs
have the same bits on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from setups.autorl.engine import Batch, initial_parameters

STATE_SIZE = 4
ACTIONS = 3
HIDDEN = (16, 16)
SIZES = (STATE_SIZE, *HIDDEN, ACTIONS)
RANGE = 100.0  # of states and rewards
_BIASES = 10.0
_SEED = 0x5FEEDED
_MOST_EXAMPLES = 1_000_000


class Networks(NamedTuple):
    """What one seed of the hash fixes.

    Attributes
    ----------
    q, target : list of float32 arrays
        w0, b0, w1, …
    word : int
        Seeds the random constants.
    """

    q: list[np.ndarray]
    target: list[np.ndarray]
    word: int


class Probe(NamedTuple):
    """Inputs for hashing: N_E transitions, and N_S sets of networks to run them through."""

    batch: Batch
    networks: tuple[Networks, ...]


def make_probe(*, examples: int = 4096, seeds: int = 1) -> Probe:
    """The first `examples` inputs (N_E) and the first `seeds` sets of networks (N_S) of the fixed ones.

    Raises
    ------
    ValueError
        When one is less than 1, or they are more than there is room for.
    """
    if examples < 1 or seeds < 1 or examples * seeds > _MOST_EXAMPLES:
        raise ValueError(
            f"a hash wants at least one example and one seed, and up to {_MOST_EXAMPLES:,} examples over all seeds, "
            f"got {examples:,} and {seeds:,}"
        )
    states, actions, rewards, discounts, next_states = (_Stream(_SEED + k) for k in range(5))
    batch = Batch(
        states.uniform((examples, STATE_SIZE), -RANGE, RANGE),
        (actions.uniform((examples,), 0.0, 1.0).astype(np.float64) * ACTIONS).astype(np.int32),
        rewards.uniform((examples,), -RANGE, RANGE),
        discounts.uniform((examples,), 0.0, 1.0),
        next_states.uniform((examples, STATE_SIZE), -RANGE, RANGE),
    )
    return Probe(batch, tuple(_networks(_Stream(_SEED + 5 + k)) for k in range(seeds)))


def _networks(stream: _Stream) -> Networks:
    q, target = _parameters(stream), _parameters(stream)
    return Networks(q, target, stream.word())


def _parameters(stream: _Stream) -> list[np.ndarray]:
    parameters = initial_parameters(STATE_SIZE, ACTIONS, HIDDEN, stream.word())
    for k in range(1, len(parameters), 2):
        parameters[k] = stream.uniform(parameters[k].shape, -_BIASES, _BIASES)
    return parameters


class _Stream:
    """Words of PCG64, which numpy promises not to change, unlike what its generators make of them."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def word(self) -> int:
        return int(self._words.random_raw())

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
        """float32 in [low, high); 23 random bits, so that rounding cannot reach `high`."""
        units = (self._words.random_raw(shape) >> np.uint64(41)) * 2.0**-23
        return (low + (high - low) * units).astype(np.float32)
