"""Environments are gymnasium's own, seen as flat float32 states, with the paper's ranges of returns."""

import sys
import warnings

import numpy as np
import pytest

from setups.autorl.environments import ENVIRONMENTS, EnvironmentSpec, environment_spec, make

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("minigrid")

SIZES = {
    "CartPole-v0": (4, 2),
    "Acrobot-v1": (6, 3),
    "MountainCar-v0": (2, 3),
    "LunarLander-v3": (8, 4),
    "MiniGrid-Dynamic-Obstacles-6x6-v0": (6 * 6 * 3, 3),
    "MiniGrid-DoorKey-5x5-v0": (5 * 5 * 3, 7),
}


def trajectory(environment, seed, steps=40):
    """States and rewards under a fixed sequence of actions."""
    seen = [environment.reset(seed)]
    for step in range(steps):
        state, reward, terminated, truncated = environment.step(step * step % environment.actions)
        seen += [state, [reward]]
        if terminated or truncated:
            seen.append(environment.reset())
    return np.concatenate(seen)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_states_are_flat_float32_and_follow_from_the_seed(name):
    first, second = make(name), make(name)
    assert (first.state_size, first.actions) == SIZES[name]
    state = first.reset(3)
    assert state.shape == (first.state_size,)
    assert state.dtype == np.float32
    for action in range(first.actions):
        state, reward, _, _ = first.step(action)
        assert (state.shape, state.dtype) == ((first.state_size,), np.float32)
        assert isinstance(reward, float)
    one, again, other = trajectory(first, 3), trajectory(second, 3), trajectory(second, 4)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.array_equal(one, trajectory(second, 3)), "what happened before the seed is forgotten"


def test_cartpole_is_cut_off_after_200_steps():
    environment = make("CartPole-v0")
    state = environment.reset(0)
    for step in range(1, 201):
        state, reward, terminated, truncated = environment.step(int(3.0 * state[2] + state[3] + 0.1 * state[1] > 0))
        assert reward == 1.0
        assert not terminated
        assert truncated == (step == 200)
    assert environment.max_episode_steps == 200


def test_a_grid_is_seen_in_full_and_scaled():
    environment = make("MiniGrid-DoorKey-5x5-v0")
    cells = environment.reset(1).reshape(5, 5, 3)
    inner = environment._environment.unwrapped
    for x in range(5):
        for y in range(5):
            thing = inner.grid.get(x, y)
            code = thing.encode() if thing else (1, 0, 0)
            if (x, y) == tuple(inner.agent_pos):
                code = (10, 0, inner.agent_dir)
            assert cells[x, y] == pytest.approx(np.array(code) / [10, 5, 3])
    turned = environment.step(0)[0].reshape(5, 5, 3)
    x, y = inner.agent_pos
    assert turned[x, y, 2] == pytest.approx(inner.agent_dir / 3)
    assert (turned != cells).sum() == 1


def test_only_the_remark_on_versions_is_silenced():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("CartPole-v0")

    class Warns(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def __init__(self):
            warnings.warn("something else", DeprecationWarning, stacklevel=1)

    gymnasium.register("UfhWarning-v0", Warns, max_episode_steps=3)
    with pytest.warns(DeprecationWarning, match="something else"):
        make(EnvironmentSpec("UfhWarning-v0", 0.0, 1.0, episodes=1))


def test_ranges_and_lengths_are_the_papers():
    table = {name: (s.return_low, s.return_high, s.episodes, s.steps) for name, s in ENVIRONMENTS.items()}
    assert table == {
        "CartPole-v0": (0, 200, 400, 0),
        "Acrobot-v1": (-500, -50, 400, 0),
        "MountainCar-v0": (-200, -110, 500, 0),
        "LunarLander-v3": (-500, 250, 0, 600_000),
        "MiniGrid-Dynamic-Obstacles-6x6-v0": (-1, 1, 0, 500_000),
        "MiniGrid-DoorKey-5x5-v0": (0, 1, 0, 500_000),
    }


def test_the_lander_of_the_paper_is_replaced_and_that_is_said():
    spec = environment_spec("LunarLander-v2")
    assert spec._replace(notice="") == ENVIRONMENTS["LunarLander-v3"]
    assert "LunarLander-v2" in spec.notice
    assert "LunarLander-v3" in spec.notice
    assert make("LunarLander-v2").max_episode_steps == 1000


def test_any_other_environment_needs_its_range_and_length():
    spec = environment_spec("CartPole-v1", returns=(0, 500), episodes=3)
    assert spec[:5] == ("CartPole-v1", 0.0, 500.0, 3, 0)
    assert make(spec).max_episode_steps == 500
    assert environment_spec("Acrobot-v1", steps=7)[3:5] == (0, 7)
    assert environment_spec("Acrobot-v1", returns=(-9, -1))[1:4] == (-9.0, -1.0, 400)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environment": "CartPole-v2"}, "unknown environment 'CartPole-v2': did you mean 'CartPole-v0'"),
        ({"environment": "LunarLander"}, "did you mean 'LunarLander-v"),
        ({"environment": "CartPole-v1"}, "needs its range of returns"),
        ({"environment": "CartPole-v1", "returns": (0, 1)}, "the length of training is missing"),
        ({"environment": "CartPole-v0", "episodes": 1, "steps": 1}, "episodes or steps"),
        ({"environment": "CartPole-v0", "steps": -1}, "episodes or steps"),
        ({"environment": "CartPole-v0", "returns": (1, 1)}, "low < high"),
        ({"environment": "CartPole-v0", "returns": (0, float("nan"))}, "finite"),
    ],
)
def test_specifications_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        environment_spec(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPole-v7", "unknown environment 'CartPole-v7': did you mean 'CartPole-v"),
        ("MiniGrid-DoorKey-5x6-v0", "did you mean 'MiniGrid-DoorKey-"),
        ("no_such_module:Some-v0", "cannot be made"),
        ("Pendulum-v1", "no discrete actions"),
        ("FrozenLake-v1", "no array as its state"),
    ],
)
def test_environments_that_cannot_be_used(name, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        make(EnvironmentSpec(name, 0.0, 1.0, episodes=1))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name"),
    [("gymnasium", "CartPole-v0"), ("minigrid", "MiniGrid-DoorKey-5x5-v0"), ("Box2D", "LunarLander-v3")],
)
def test_a_missing_package_names_what_to_install(monkeypatch, module, name):
    for loaded in [m for m in sys.modules if m.startswith("gymnasium.envs.box2d")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=r"^[^\n]+pip install 'gymnasium\[box2d\]' minigrid$") as caught:
        make(name)
    assert name in str(caught.value)
