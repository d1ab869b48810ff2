"""An agent that learns in an environment by minimising a candidate's loss (Co-Reyes et al. 2021, the inner loop).

It is the DQN agent of Mnih et al. (2015) with the loss left open: ε-greedy behaviour, uniform replay, and a target
network that is a copy of the Q network made every so many gradient steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from setups.autorl.engine import Engine
from setups.autorl.environments import Environment, EnvironmentSpec
from setups.autorl.replay import Replay
from ufh_cli.core.names import nearest
from ufh_cli.core.rng import Rng

_BLOCK = 1024  # environment steps whose exploration is drawn at once
GREEDY = -1
SCORES = ("all", "last50")


class TrainingSettings(NamedTuple):
    """The numbers of the inner loop; the defaults are the paper's for CartPole.

    Attributes
    ----------
    episodes, steps : int
        Training ends after so many episodes or environment steps, whichever comes first; 0 is no limit.
    batch : int
        Transitions a gradient step.
    replay : int
        Transitions kept.
    replay_start : int
        Environment steps before the first gradient step.
    update_every : int
        Environment steps a gradient step.
    target_every : int
        Gradient steps a copy of the Q network to the target network.
    discount : float
        γ; the loss sees it as its input `discount`, and 0 where the episode has terminated.
    epsilon_start, epsilon_end : float
        Probability of a random action, at the first step and from step `epsilon_steps` on; linear between them. The
        authors' code ends at 0.02, their paper says 0.05.
    epsilon_steps : int
        Environment steps.
    """

    episodes: int = 400
    steps: int = 0
    batch: int = 32
    replay: int = 1_000_000
    replay_start: int = 1_000
    update_every: int = 1
    target_every: int = 100
    discount: float = 0.99
    epsilon_start: float = 1.0
    epsilon_end: float = 0.02
    epsilon_steps: int = 1_000

    def step_limit(self, environment: Environment) -> int:
        """The most environment steps that training in `environment` can take.

        Raises
        ------
        ValueError
            When a number is out of its range, or nothing limits the training.
        """
        for name in ("batch", "replay", "update_every", "target_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("episodes", "steps", "replay_start", "epsilon_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("discount", "epsilon_start", "epsilon_end"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not self.episodes and not self.steps:
            raise ValueError("training needs a limit: episodes or steps")
        if not self.steps and not environment.max_episode_steps:
            raise ValueError(f"{environment.spec.id}: its episodes have no time limit, so that training needs steps")
        by_episodes = self.episodes * environment.max_episode_steps or self.steps
        return min(by_episodes, self.steps or by_episodes)


class Training(NamedTuple):
    """What became of an agent.

    Attributes
    ----------
    returns : tuple of float
        The undiscounted return of each finished episode, in order: the learning curve.
    steps, updates : int
        Environment steps and gradient steps taken.
    diverged : bool
        The loss or a parameter was not finite; training ended there.
    """

    returns: tuple[float, ...]
    steps: int
    updates: int
    diverged: bool


def train(engine: Engine, environment: Environment, settings: TrainingSettings, word: int) -> Training:
    """Train the agent of `engine` and report the return of each episode.

    Parameters
    ----------
    engine : Engine
        Holds the networks and the loss; it is changed.
    environment : Environment
    settings : TrainingSettings
    word : int
        64 random bits. The environment, exploration, replay and the loss's random constants have a stream each that
        follows from it, and none depends on the engine: engines that agree follow the same trajectory.

    Raises
    ------
    ValueError
        When `settings` do not fit together or the environment.

    Notes
    -----
    An episode that a time limit cuts off keeps its discount; rewards that are NaN count as 0, as in the original. An
    episode that the limit `steps` interrupts is not among the returns.
    """
    limit = settings.step_limit(environment)
    rng = Rng.from_word(word)
    seed: int | None = rng.word() >> 33
    exploration = _exploration(settings, environment.actions, rng.generator())
    replay = Replay(min(settings.replay, limit), environment.state_size, settings.batch, rng.generator())
    constants = Rng.from_seed(rng.word())
    action_of, step, add = engine.action, environment.step, replay.add
    discount, update_every, replay_start = settings.discount, settings.update_every, settings.replay_start
    returns: list[float] = []
    steps = updates = 0
    diverged = False
    while not diverged and steps < limit and (not settings.episodes or len(returns) < settings.episodes):
        state, seed = environment.reset(seed), None
        total, over = 0.0, False
        while not over and steps < limit:
            action = next(exploration)
            if action == GREEDY:
                action = action_of(state)
            next_state, reward, terminated, truncated = step(action)
            if math.isnan(reward):
                reward = 0.0
            add(state, action, reward, 0.0 if terminated else discount, next_state)
            state = next_state
            total += reward
            steps += 1
            over = terminated or truncated
            if steps >= replay_start and steps % update_every == 0:
                diverged = not math.isfinite(engine.update(replay.sample(), constants.word()))
                updates += 1
                if updates % settings.target_every == 0:
                    engine.copy_target()
                if diverged:
                    break
        if over and not diverged:
            returns.append(total)
    return Training(tuple(returns), steps, updates, diverged)


def normalised(returns: Sequence[float], spec: EnvironmentSpec, *, score: str = "all") -> float:
    """How good a training was: the mean of (R − low) / (high − low), R being returns and low, high those of `spec`.

    Parameters
    ----------
    returns : sequence of float
        Those of the episodes in order.
    spec : EnvironmentSpec
    score : {"all", "last50"}
        "all": over all episodes, not clipped (Co-Reyes et al. 2021). "last50": over the last 50 and then clipped to
        [0, 1] (the default of the authors' code).

    Returns
    -------
    float
        0 when there is no return.
    """
    if score not in SCORES:
        raise ValueError(f"unknown score {score!r}: {nearest(score, SCORES)}")
    counted = returns if score == "all" else returns[-50:]
    if not counted:
        return 0.0
    value = (math.fsum(counted) / len(counted) - spec.return_low) / (spec.return_high - spec.return_low)
    return value if score == "all" else min(max(value, 0.0), 1.0)


def exploration_block(
    settings: TrainingSettings, actions: int, generator: np.random.Generator, start: int
) -> np.ndarray:
    """What to do at the environment steps from `start` on: random actions and `GREEDY`, int64 (1024,)."""
    fallen = np.minimum(np.arange(start, start + _BLOCK) / max(settings.epsilon_steps, 1), 1.0)
    epsilon = settings.epsilon_start + (settings.epsilon_end - settings.epsilon_start) * fallen
    explore = generator.random(_BLOCK) < epsilon
    return np.where(explore, generator.integers(actions, size=_BLOCK), GREEDY)


def _exploration(settings: TrainingSettings, actions: int, generator: np.random.Generator) -> Iterator[int]:
    """The same, block after block, one at a time."""
    start = 0
    while True:
        yield from exploration_block(settings, actions, generator, start).tolist()
        start += _BLOCK
