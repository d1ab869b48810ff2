"""Training in compiled code where environment and engine have a compiled form, with the result of `agent.train`.

What is random comes from the same streams in the same order, so that both find the same to the last bit:

- an episode's first state is drawn by numpy's PCG64 from the seed, as gymnasium draws it;
- exploration and the replay's indices are drawn by numpy in blocks, as `agent` and `replay` draw them;
- random constants of a loss are expanded from words of the same stream.

Nothing else of gymnasium's environments is random.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from setups.autorl import training_kernel as tk
from setups.autorl.agent import Training, TrainingSettings, exploration_block
from setups.autorl.agent import train as train_step_by_step
from setups.autorl.control_kernel import ACROBOT, CARTPOLE
from setups.autorl.engine import Engine
from setups.autorl.environments import Environment
from setups.autorl.fast_engine import FastEngine
from ufh_cli.core.rng import Rng

_KINDS = {"CartPoleEnv": CARTPOLE, "AcrobotEnv": ACROBOT}
_SPREAD = {CARTPOLE: 0.05, ACROBOT: 0.1}  # first states lie in ± this
_STARTS = 64  # episodes whose beginning is drawn at once
_BATCHES = 256


def train(engine: Engine, environment: Environment, settings: TrainingSettings, word: int) -> Training:
    """Train the agent of `engine`: `agent.train`, in compiled code where `engine` and `environment` have one.

    Raises
    ------
    ValueError
        When `settings` do not fit together or the environment.
    """
    kind = compiled_kind(environment)
    if not kind or not isinstance(engine, FastEngine):
        return train_step_by_step(engine, environment, settings, word)
    limit = settings.step_limit(environment)
    rules = np.array(
        [
            kind, environment.max_episode_steps, limit, settings.episodes, settings.replay_start,
            settings.update_every, settings.target_every,
        ]
    )  # fmt: skip
    numbers = np.array([settings.discount, 2.0])
    arrays = engine.arrays(settings.batch)
    counts, state = np.zeros(tk.COUNTS, np.int64), np.zeros((7, 4))
    rows = np.empty((min(settings.replay, limit), 2 * environment.state_size + 3), np.float32)
    returns = np.empty(min(limit, settings.episodes or limit))
    supplies = _Supplies(kind, environment.actions, settings, word, counts)
    while not tk.learn(*arrays, rules, numbers, counts, state, rows, supplies.filled(), returns):
        pass
    finished = tuple(returns[: counts[tk.EPISODES]].tolist())
    return Training(finished, int(counts[tk.STEPS]), int(counts[tk.UPDATES]), bool(counts[tk.DIVERGED]))


def compiled_kind(environment: Environment) -> int:
    """Which environment of `control_kernel` this is; 0 when it is none of them or not as gymnasium makes it."""
    inner = environment.inner
    kind = _KINDS.get(type(inner).__name__, 0)
    if not kind or not type(inner).__module__.startswith("gymnasium.envs.classic_control."):
        return 0
    changed: tuple[tuple[str, Any], ...] = (
        ("_sutton_barto_reward", False), ("kinematics_integrator", "euler"), ("book_or_nips", "book"),
        ("torque_noise_max", 0.0),
    )  # fmt: skip
    return kind if all(getattr(inner, name, usual) == usual for name, usual in changed) else 0


def first_states(kind: int, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """How the next `count` episodes begin: states (count, 4) float64, and what is seen of them, float32."""
    states = generator.uniform(-_SPREAD[kind], _SPREAD[kind], (count, 4))
    if kind == CARTPOLE:
        return states, states.astype(np.float32)
    rounded = states.astype(np.float32)  # as gymnasium's Acrobot keeps it; it takes sines and cosines of that
    first, second = rounded[:, 0], rounded[:, 1]
    seen = [np.cos(first), np.sin(first), np.cos(second), np.sin(second), rounded[:, 2], rounded[:, 3]]
    return rounded.astype(np.float64), np.stack(seen, axis=1)


class _Supplies:
    """The draws that `training_kernel.learn` uses up, from the streams of `agent.train`."""

    def __init__(self, kind: int, actions: int, settings: TrainingSettings, word: int, counts: np.ndarray) -> None:
        rng = Rng.from_word(word)
        seed = rng.word() >> 33
        self._kind, self._actions, self._settings, self._counts = kind, actions, settings, counts
        self._episodes = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        self._exploring, self._replaying = rng.generator(), rng.generator()
        self._constants = Rng.from_seed(rng.word())
        self._drawn = 0
        self._exploration = np.empty(0, np.int64)
        self._starts = (np.empty((0, 4)), np.empty((0, 4), np.float32))
        self._uniform = np.empty((0, settings.batch))
        self._words = np.empty(0, np.uint64)

    def filled(self) -> tuple[np.ndarray, ...]:
        """`draws` of `training_kernel.learn`: those that are used up are drawn anew."""
        counts = self._counts
        if counts[tk.EXPLORED] == len(self._exploration):
            self._exploration = exploration_block(self._settings, self._actions, self._exploring, self._drawn)
            self._drawn += len(self._exploration)
            counts[tk.EXPLORED] = 0
        if counts[tk.STARTED] == len(self._starts[0]):
            self._starts = first_states(self._kind, self._episodes, _STARTS)
            counts[tk.STARTED] = 0
        if counts[tk.SAMPLED] == len(self._uniform):
            self._uniform = self._replaying.random((_BATCHES, self._settings.batch))
            counts[tk.SAMPLED] = 0
        if counts[tk.WORDS] == len(self._words):
            self._words = np.array([self._constants.word() for _ in range(_BATCHES)], np.uint64)
            counts[tk.WORDS] = 0
        return self._exploration, *self._starts, self._uniform, self._words
