"""The environments that agents learn in: gymnasium's and MiniGrid's own, with what a return in them is worth.

Ranges of returns and lengths of training are those of Co-Reyes et al. (2021) and of its published configurations.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ufh_cli.core.names import nearest

INSTALL = "pip install 'gymnasium[box2d]' minigrid"


class EnvironmentSpec(NamedTuple):
    """An environment, what its returns are worth and how long an agent trains in it.

    Attributes
    ----------
    id : str
        What gymnasium calls it.
    return_low, return_high : float
        Returns that count as 0 and as 1.
    episodes, steps : int
        Length of training in episodes or in environment steps; 0 where the other one says it.
    epsilon_steps : int
        Environment steps over which exploration falls to its last value.
    notice : str
        What a user should know, in a sentence.
    """

    id: str
    return_low: float
    return_high: float
    episodes: int = 0
    steps: int = 0
    epsilon_steps: int = 10_000
    notice: str = ""


ENVIRONMENTS: dict[str, EnvironmentSpec] = {
    spec.id: spec
    for spec in (
        EnvironmentSpec("CartPole-v0", 0.0, 200.0, episodes=400, epsilon_steps=1_000),
        EnvironmentSpec("Acrobot-v1", -500.0, -50.0, episodes=400, epsilon_steps=1_000),
        EnvironmentSpec("MountainCar-v0", -200.0, -110.0, episodes=500),
        EnvironmentSpec("LunarLander-v3", -500.0, 250.0, steps=600_000),
        EnvironmentSpec("MiniGrid-Dynamic-Obstacles-6x6-v0", -1.0, 1.0, steps=500_000, epsilon_steps=100_000),
        EnvironmentSpec("MiniGrid-DoorKey-5x5-v0", 0.0, 1.0, steps=500_000, epsilon_steps=100_000),
    )
}
SUCCESSORS = {"LunarLander-v2": "LunarLander-v3"}  # the paper's version -> the one that gymnasium still has


def environment_spec(
    environment: str, *, returns: tuple[float, float] | None = None, episodes: int = 0, steps: int = 0
) -> EnvironmentSpec:
    """What is known of the environment with this id.

    Parameters
    ----------
    environment : str
        An id of `ENVIRONMENTS` or, when `returns` is given, any id that gymnasium knows.
    returns : (low, high), optional
        The range of returns, low < high; replaces that of the table.
    episodes, steps : int
        Length of training, at most one of them not 0; replaces that of the table.

    Raises
    ------
    ValueError
        When the id is not in the table and `returns` or the length is missing, or when they are not as above.
    """
    if min(episodes, steps) < 0 or (episodes and steps):
        raise ValueError(
            f"{environment}: training takes episodes or steps, got {episodes} and {steps}; set one of them to 0"
        )
    current = SUCCESSORS.get(environment, environment)
    spec = ENVIRONMENTS.get(current)
    if spec is None and returns is None:
        raise ValueError(
            f"unknown environment {environment!r}: {nearest(environment, (*ENVIRONMENTS, *SUCCESSORS))} "
            "(any other one of gymnasium needs its range of returns)"
        )
    if spec is None and not (episodes or steps):
        raise ValueError(f"{environment}: the length of training is missing, in episodes or steps")
    if spec is None:
        spec = EnvironmentSpec(environment, 0.0, 1.0)
    if current != environment:
        spec = spec._replace(notice=f"gymnasium no longer has {environment}; {current} takes its place")
    if returns is not None:
        low, high = returns
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{environment}: the range of returns must be finite with low < high, got {low}, {high}")
        spec = spec._replace(return_low=float(low), return_high=float(high))
    if episodes or steps:
        spec = spec._replace(episodes=episodes, steps=steps)
    return spec


class Environment:
    """A running environment with discrete actions and flat float32 states.

    Parameters
    ----------
    spec : EnvironmentSpec
    environment : gymnasium.Env
        With a Box as observation space, of any shape, and Discrete actions.

    Attributes
    ----------
    state_size, actions : int
    max_episode_steps : int
        When the time limit cuts an episode off; 0 when it has none.
    """

    def __init__(self, spec: EnvironmentSpec, environment: Any) -> None:
        self.spec = spec
        self.state_size = int(np.prod(environment.observation_space.shape))
        self.actions = int(environment.action_space.n)
        limit = environment.spec.max_episode_steps or getattr(environment.unwrapped, "max_steps", None)
        self.max_episode_steps = int(limit or 0)
        self._first_action = int(environment.action_space.start)
        self._environment = environment
        self._flat = environment.observation_space.dtype == np.float32 and len(environment.observation_space.shape) == 1

    @property
    def inner(self) -> Any:
        """gymnasium's environment without its wrappers."""
        return self._environment.unwrapped

    def reset(self, seed: int | None = None) -> np.ndarray:
        """Begin an episode and return its first state, (state_size,) float32; `seed` starts its randomness anew."""
        return self._state(self._environment.reset(seed=seed)[0])

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool]:
        """(state, reward, terminated, truncated) after `action`, 0 ≤ action < actions."""
        observation, reward, terminated, truncated, _ = self._environment.step(action + self._first_action)
        return self._state(observation), float(reward), terminated, truncated

    def _state(self, observation: np.ndarray) -> np.ndarray:
        return observation if self._flat else np.asarray(observation, np.float32).ravel()


def make(environment: str | EnvironmentSpec) -> Environment:
    """The environment, ready for `reset`.

    MiniGrid's are seen in full: of each cell the object / (objects − 1), the colour / (colours − 1) and the state / 3
    (of the agent's cell its direction), flattened.

    Raises
    ------
    ValueError
        When it is unknown, when its package is not installed, or when its actions or states do not fit.
    """
    spec = environment_spec(environment) if isinstance(environment, str) else environment
    try:
        import gymnasium
    except ImportError:
        raise ValueError(f"environment {spec.id!r} needs gymnasium: {INSTALL}") from None
    grid = spec.id.startswith("MiniGrid-")
    if grid:
        _import_minigrid(spec.id)
    if ":" not in spec.id and spec.id not in gymnasium.registry:
        raise ValueError(f"unknown environment {spec.id!r}: {nearest(spec.id, gymnasium.registry)}")
    try:
        with _without_version_warning():
            made: Any = gymnasium.make(spec.id, disable_env_checker=True)
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        if isinstance(error, gymnasium.error.DependencyNotInstalled) and spec.id in ENVIRONMENTS:
            raise ValueError(f"environment {spec.id!r} needs a package that is not installed: {INSTALL}") from None
        raise ValueError(f"environment {spec.id!r} cannot be made: {error}") from None
    if grid:
        made = _whole_grid(made)
    spaces = gymnasium.spaces
    if not isinstance(made.action_space, spaces.Discrete):
        raise ValueError(f"environment {spec.id!r} has no discrete actions but {made.action_space}")
    if not isinstance(made.observation_space, spaces.Box):
        raise ValueError(f"environment {spec.id!r} has no array as its state but {made.observation_space}")
    return Environment(spec, made)


@contextmanager
def _without_version_warning() -> Iterator[None]:
    """Silence gymnasium's remark that an environment is out of date: the paper's version is wanted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*The environment .* is out of date", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r"builtin type (Swig|swig)\w+ has no __module__")  # box2d's bindings
        yield


def _import_minigrid(environment: str) -> None:
    """MiniGrid's environments exist for gymnasium only after its import."""
    try:
        import minigrid  # noqa: F401
    except ImportError:
        raise ValueError(f"environment {environment!r} needs minigrid: {INSTALL}") from None


def _whole_grid(environment: Any) -> Any:
    """A MiniGrid environment whose observation is its whole grid as one Box, each channel scaled to [0, 1]."""
    from gymnasium import ObservationWrapper, spaces
    from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX
    from minigrid.wrappers import FullyObsWrapper

    scale = np.float32(1.0) / np.array([len(OBJECT_TO_IDX) - 1, len(COLOR_TO_IDX) - 1, 3], np.float32)

    class WholeGrid(ObservationWrapper):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner)
            shape = inner.observation_space["image"].shape
            self.observation_space = spaces.Box(0.0, 1.0, (math.prod(shape),), np.float32)

        def observation(self, observation: dict[str, Any]) -> np.ndarray:
            return (observation["image"] * scale).ravel()

    return WholeGrid(FullyObsWrapper(environment))
