"""The compiled environments are gymnasium's, and the compiled loop is the one in Python, to the last bit."""

import numpy as np
import pytest

from setups.autorl import agent, compiled_training
from setups.autorl.agent import TrainingSettings
from setups.autorl.compiled import cached
from setups.autorl.compiled_training import compiled_kind, first_states
from setups.autorl.control_kernel import control_step
from setups.autorl.engine import EngineSettings, initial_parameters
from setups.autorl.environments import EnvironmentSpec, make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.known import KNOWN
from setups.autorl.text import parse_graph

gymnasium = pytest.importorskip("gymnasium")

NETWORK = EngineSettings(hidden=(16, 16), learning_rate=3e-3)
SHORT = TrainingSettings(episodes=0, steps=1500, replay_start=100, update_every=2, target_every=20, epsilon_steps=500)
NOISY = parse_graph(
    "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\ng = ConstantGaussian(constant)\n"
    "u = ConstantUniform(constant)\ns = Add(g, u)\ny = Add(s, reward)\nloss = L2Distance(q, y)\n"
)
DIVERGING = parse_graph(
    "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\nsum = SumList(l)\nrest = Subtract(sum, q)\n"
    "a = Subtract(q, rest)\nb = Div(q, a)\nc = Exp(b)\nd = Exp(c)\ne = Exp(d)\nloss = DotProduct(e, q)\n"
)


@cached
def steps(kind, state, actions, observations, rewards, terminated, two):
    scratch = np.zeros((6, 4))
    for k in range(actions.size):
        rewards[k], terminated[k] = control_step(kind, state, actions[k], observations[k], scratch, two)


def episodes_of(name, seed, policy, count):
    """States, actions, observations, rewards and terminations of gymnasium's episodes under a policy."""
    environment = gymnasium.make(name, disable_env_checker=True)
    rng = np.random.default_rng(seed)
    for episode in range(count):
        observation = environment.reset(seed=seed if episode == 0 else None)[0]
        first, seen = environment.unwrapped.state.copy(), [observation]
        actions, rewards, terminations, over = [], [], [], False
        while not over:
            action = policy(observation, rng)
            observation, reward, terminated, truncated, _ = environment.step(action)
            actions.append(action)
            seen.append(observation)
            rewards.append(reward)
            terminations.append(terminated)
            over = terminated or truncated
        yield first, actions, seen, rewards, terminations, environment.unwrapped.state


def balancing(state, rng):
    return int(3.0 * state[2] + state[3] + 0.1 * state[1] > 0) if rng.random() < 0.9 else int(rng.integers(2))


def swinging(state, rng):
    return 2 * int(state[5] > 0) if rng.random() < 0.9 else int(rng.integers(3))


@pytest.mark.filterwarnings("ignore:.*is out of date")
@pytest.mark.parametrize(
    ("name", "policy", "count"),
    [
        ("CartPole-v0", balancing, 12),
        ("CartPole-v1", lambda state, rng: int(rng.integers(2)), 60),
        ("Acrobot-v1", swinging, 8),
        ("Acrobot-v1", lambda state, rng: int(rng.integers(3)), 4),
    ],
)
def test_every_bit_of_an_episode_is_gymnasiums(name, policy, count):
    environment = make(EnvironmentSpec(name, 0.0, 1.0, episodes=1))
    kind, seed = compiled_kind(environment), 11
    states, seen_first = first_states(kind, np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))), count)
    ended = 0
    for k, (first, actions, seen, rewards, terminations, last) in enumerate(episodes_of(name, seed, policy, count)):
        assert states[k].tobytes() == first.astype(np.float64).tobytes()
        assert seen_first[k].tobytes() == seen[0].tobytes()
        state, n = states[k].copy(), len(actions)
        found, given, over = np.empty((n, len(seen[0])), np.float32), np.empty(n), np.empty(n, np.bool_)
        steps(kind, state, np.array(actions), found, given, over, 2.0)
        assert found.tobytes() == np.array(seen[1:]).tobytes()
        assert given.tolist() == rewards
        assert over.tolist() == terminations
        assert state.tobytes() == last.tobytes()
        ended += terminations[-1]
    assert ended or policy is not swinging


def both(name, graph, settings, word=3):
    """What either loop makes of the same agent: the training and the bytes of its network."""
    found = []
    for train in (compiled_training.train, agent.train):
        environment = make(name)
        sizes = (environment.state_size, environment.actions, NETWORK.hidden)
        engine = FastEngine(graph, initial_parameters(*sizes, 5), NETWORK)
        training = train(engine, environment, settings, word)
        found.append((training, b"".join(part.tobytes() for part in engine.parameters)))
    return found


@pytest.mark.parametrize("name", ["CartPole-v0", "Acrobot-v1"])
@pytest.mark.parametrize(
    ("graph", "changes"),
    [
        (KNOWN["dqn"], {}),
        (KNOWN["dqn_clipped"], {"replay": 37, "batch": 7, "update_every": 1, "target_every": 1}),
        (NOISY, {"episodes": 9, "steps": 0, "update_every": 3}),
        (KNOWN["cql"], {"episodes": 5, "discount": 0.5, "replay_start": 0, "epsilon_end": 0.5}),
        (DIVERGING, {}),
    ],
    ids=["dqn", "small replay", "random constants", "both limits", "diverging"],
)
def test_the_compiled_loop_finds_what_the_slow_one_does(name, graph, changes):
    settings = SHORT._replace(**changes)
    compiled, slow = both(name, graph, settings)
    assert compiled == slow
    assert compiled[0].updates > 0
    assert compiled[0].diverged == (graph is DIVERGING)


def test_training_follows_from_the_word():
    again, first, other = (both("CartPole-v0", KNOWN["dqn"], SHORT, word)[0] for word in (3, 3, 4))
    assert again == first
    assert other[0] != first[0]


def test_only_what_is_as_gymnasium_makes_it_is_compiled():
    assert compiled_kind(make("CartPole-v0"))
    assert not compiled_kind(make("MountainCar-v0"))
    changed = make("CartPole-v0")
    changed.inner.kinematics_integrator = "semi-implicit"
    assert not compiled_kind(changed)

    class CartPoleEnv(type(make("CartPole-v0").inner)):
        """One of a user's."""

    gymnasium.register("UfhCartPole-v0", CartPoleEnv, max_episode_steps=50)
    assert not compiled_kind(make(EnvironmentSpec("UfhCartPole-v0", 0.0, 1.0, episodes=1)))


def test_settings_that_do_not_fit_are_refused_before_training():
    with pytest.raises(ValueError, match="batch must be at least 1"):
        both("CartPole-v0", KNOWN["dqn"], SHORT._replace(batch=0))
