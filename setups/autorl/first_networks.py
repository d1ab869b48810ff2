"""A fixed list of first networks, so that no loss is lucky in where its training starts.

In CartPole an untrained network may balance for half an episode by chance, twice as long as an agent needs to count as
good. Networks are therefore chosen that do what most untrained ones do: blind, in the order in which they are drawn,
among those whose score lies in the middle third.
"""

from __future__ import annotations

import numpy as np

from setups.autorl.agent import normalised
from setups.autorl.engine import EngineSettings, initial_parameters
from setups.autorl.environments import Environment
from setups.autorl.fast_engine import FastEngine
from setups.autorl.known import KNOWN
from ufh_cli.core.rng import Rng

CHOICES = ("random", "fixed")
_SEED = 0xF125
_EPISODES = 5  # that an untrained network's score is the mean of
_LEAST_DRAWN = 24
_DRAWN_FOR_ONE = 6
_MOST_STEPS = 500  # of an episode; a limit for environments without one


def first_networks(environment: Environment, settings: EngineSettings, count: int) -> list[list[np.ndarray]]:
    """The first `count` networks of the fixed list for this environment and these layers.

    Parameters
    ----------
    environment : Environment
        What it was doing is forgotten.
    settings : EngineSettings
        Of which the hidden layers count.
    count : int
        At least 1. The list for a smaller count may be another one, since more networks are drawn for more.

    Returns
    -------
    list of lists of float32 arrays
        As `engine.initial_parameters` has them. They depend on the environment, the layers and `count` alone.
    """
    words = Rng.from_word(_SEED)
    shape = (environment.state_size, environment.actions, settings.hidden)
    networks = [initial_parameters(*shape, words.word()) for _ in range(max(_LEAST_DRAWN, _DRAWN_FOR_ONE * count))]
    scores = np.array([untrained_score(environment, network, settings) for network in networks])
    order = np.argsort(scores, kind="stable")  # equal scores: in the order drawn
    third = len(order) // 3
    middle = sorted(order[third : len(order) - third].tolist())
    return [networks[k] for k in middle[:count]]


def untrained_score(environment: Environment, network: list[np.ndarray], settings: EngineSettings) -> float:
    """The mean normalised return of greedy episodes with a network that learns nothing; always the same episodes."""
    agent = FastEngine(KNOWN["dqn"], network, settings)
    returns = []
    seed: int | None = _SEED
    for _ in range(_EPISODES):
        state, seed = environment.reset(seed), None
        total = 0.0
        for _ in range(environment.max_episode_steps or _MOST_STEPS):
            state, reward, terminated, truncated = environment.step(agent.action(state))
            total += reward
            if terminated or truncated:
                break
        returns.append(total)
    return normalised(returns, environment.spec)
