"""The inner loop: what it feeds to an engine and when, and that agents learn by it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.autorl.agent import TrainingSettings, normalised, train
from setups.autorl.engine import EngineSettings, initial_parameters
from setups.autorl.environments import ENVIRONMENTS, EnvironmentSpec, make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.known import KNOWN
from setups.autorl.replay import Replay
from setups.autorl.text import parse_graph

gymnasium = pytest.importorskip("gymnasium")

SPEC = EnvironmentSpec("UfhCounting-v0", 0.0, 10.0, episodes=3)
FAST = TrainingSettings(episodes=20, replay_start=10, epsilon_steps=50)


class Counting(gymnasium.Env):
    """State (episode, step, last action); rewards are NaN at every third step; even episodes terminate at step 4.

    Its time limit is 7, so that odd episodes are cut off.
    """

    observation_space = gymnasium.spaces.Box(-1e6, 1e6, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.episode, self.count = -1, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.count = self.episode + 1, 0
        return np.array([self.episode, 0, -1], np.float32), {}

    def step(self, action):
        self.count += 1
        reward = math.nan if self.count % 3 == 0 else float(self.count)
        over = self.episode % 2 == 0 and self.count == 4
        return np.array([self.episode, self.count, action], np.float32), reward, over, False, {}


gymnasium.register(SPEC.id, Counting, max_episode_steps=7)


class Recording:
    """Prefers action 1 always and keeps what it is given; the loss becomes NaN at update number `diverges`."""

    def __init__(self, diverges=0):
        self.asked, self.batches, self.words, self.copies = [], [], [], []
        self.diverges = diverges

    def action(self, state):
        self.asked.append(state.copy())
        return 1

    def update(self, batch, word):
        self.batches.append(type(batch)(*(array.copy() for array in batch)))
        self.words.append(word)
        return math.nan if len(self.batches) == self.diverges else 1.0

    def copy_target(self):
        self.copies.append(len(self.batches))


def recorded(changed, word=1, **engine):
    recording = Recording(**engine)
    return recording, train(recording, make(SPEC), changed, word)


def test_transitions_are_those_of_the_environment():
    recording, training = recorded(FAST)
    states, actions, rewards, discounts, next_states = (
        np.concatenate([batch[part] for batch in recording.batches]) for part in range(5)
    )
    episode, count = next_states[:, 0], next_states[:, 1]
    assert np.array_equal(states[:, :2] + [0, 1], next_states[:, :2])
    assert np.array_equal(next_states[:, 2], actions)
    assert np.array_equal(rewards, np.where(count % 3 == 0, 0.0, count))
    terminated = (episode % 2 == 0) & (count == 4)
    assert np.array_equal(discounts, np.where(terminated, np.float32(0.0), np.float32(0.99)))
    assert {4.0, 7.0} <= set(count)
    assert training.returns[:4] == (7.0, 19.0, 7.0, 19.0)  # 1 + 2 + 0 + 4 and 1 + 2 + 0 + 4 + 5 + 0 + 7
    assert [batch.actions.dtype for batch in recording.batches[:1]] == [np.int32]
    assert {a.dtype for i, a in enumerate(recording.batches[0]) if i != 1} == {np.dtype(np.float32)}
    assert all(array.flags.c_contiguous for array in recording.batches[0])


@pytest.mark.parametrize(("start", "every", "target"), [(10, 1, 4), (10, 3, 2), (1, 1, 1), (500, 1, 1), (0, 2, 7)])
def test_updates_and_copies_are_on_time(start, every, target):
    recording, training = recorded(FAST._replace(replay_start=start, update_every=every, target_every=target))
    due = [step for step in range(1, training.steps + 1) if step >= start and step % every == 0]
    assert training.updates == len(recording.batches) == len(due)
    assert recording.copies == list(range(target, training.updates + 1, target))
    assert len(set(recording.words)) == len(recording.words)


def test_training_ends_after_its_episodes_or_steps():
    assert recorded(FAST._replace(episodes=3))[1][:2] == ((7.0, 19.0, 7.0), 4 + 7 + 4)
    assert recorded(FAST._replace(episodes=0, steps=13))[1][:2] == ((7.0, 19.0), 13)
    assert recorded(FAST._replace(episodes=0, steps=11))[1][:2] == ((7.0, 19.0), 11)
    assert recorded(FAST._replace(episodes=2, steps=13))[1][:2] == ((7.0, 19.0), 11)
    assert recorded(FAST._replace(episodes=9, steps=13))[1][:2] == ((7.0, 19.0), 13)


@pytest.mark.parametrize("diverges", [1, 5])
def test_divergence_ends_training_at_once(diverges):
    recording, training = recorded(FAST, diverges=diverges)
    assert training.diverged
    assert training.updates == len(recording.batches) == diverges
    assert training.steps == 10 + diverges - 1
    assert not recorded(FAST)[1].diverged


def test_everything_follows_from_the_word_and_nothing_from_the_losses():
    first, training = recorded(FAST)
    second, again = recorded(FAST, diverges=len(first.batches))
    assert training._replace(diverged=True) == again._replace(returns=training.returns)
    assert first.words == second.words
    for one, other in zip(first.batches, second.batches, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    third, _ = recorded(FAST, word=2)
    assert first.words != third.words
    assert not np.array_equal(first.batches[5].states, third.batches[5].states)


def test_exploration_falls_linearly():
    """With a greedy action of 1, the share of action 0 is half of ε."""
    recording, training = recorded(
        TrainingSettings(episodes=0, steps=40_000, epsilon_start=0.9, epsilon_end=0.1, epsilon_steps=20_000)
    )
    greedy = len(recording.asked) / training.steps
    assert greedy == pytest.approx(1.0 - (0.5 + 0.1) / 2, abs=0.01)
    last = np.concatenate([batch.actions for batch in recording.batches[-10:]])
    whole = 0.5 * (0.5 + 0.1) / 2
    assert (last == 0).mean() == pytest.approx(whole, abs=0.05)
    early, training = recorded(
        TrainingSettings(episodes=0, steps=5_000, epsilon_start=0.9, epsilon_end=0.1, epsilon_steps=20_000)
    )
    assert len(early.asked) / training.steps == pytest.approx(1.0 - (0.9 + 0.7) / 2, abs=0.02)
    none, training = recorded(FAST._replace(epsilon_start=0.0, epsilon_end=0.0))
    assert len(none.asked) == training.steps
    always, _ = recorded(FAST._replace(epsilon_start=1.0, epsilon_end=1.0))
    assert not always.asked
    sudden, training = recorded(FAST._replace(epsilon_start=1.0, epsilon_end=0.0, epsilon_steps=10))
    assert len(sudden.asked) >= training.steps - 10


def test_the_engine_is_asked_in_the_state_of_the_environment():
    recording, _ = recorded(FAST._replace(epsilon_start=0.0, epsilon_end=0.0, episodes=2))
    asked = np.array(recording.asked)
    expected = [[0, k, -1 if k == 0 else 1] for k in range(4)] + [[1, k, -1 if k == 0 else 1] for k in range(7)]
    assert np.array_equal(asked, np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"update_every": 0}, "update_every must be at least 1"),
        ({"replay": 0}, "replay must be at least 1"),
        ({"replay_start": -1}, "replay_start must not be negative"),
        ({"discount": 1.5}, r"discount must lie in \[0, 1\], got 1.5"),
        ({"epsilon_end": math.nan}, "epsilon_end must lie in"),
        ({"episodes": 0}, "episodes or steps"),
    ],
)
def test_settings_that_do_not_fit(wrong, message):
    with pytest.raises(ValueError, match=message):
        recorded(FAST._replace(**wrong))


def test_endless_episodes_need_a_limit_of_steps():
    gymnasium.register("UfhEndless-v0", Counting)
    environment = make(SPEC._replace(id="UfhEndless-v0"))
    with pytest.raises(ValueError, match="UfhEndless-v0: its episodes have no time limit"):
        train(Recording(), environment, FAST, 1)
    assert train(Recording(), environment, FAST._replace(steps=30), 1).steps == 30


@settings(max_examples=40, deadline=None)
@given(capacity=st.integers(1, 12), added=st.integers(1, 40), batch=st.integers(1, 9), seed=st.integers(0, 99))
def test_replay_holds_the_last_transitions(capacity, added, batch, seed):
    replay = Replay(capacity, 2, batch, np.random.default_rng(seed))
    for k in range(added):
        replay.add(np.full(2, k, np.float32), k % 5, k / 8, k / 64, np.full(2, -k, np.float32))
    assert replay.size == min(added, capacity)
    seen = set()
    for _ in range(300):
        states, actions, rewards, discounts, next_states = replay.sample()
        k = states[:, 0].astype(int)
        seen |= set(k)
        assert np.array_equal(states, np.stack([k, k], 1))
        assert np.array_equal(next_states, -states)
        assert np.array_equal(actions, k % 5)
        assert np.array_equal(rewards, (k / 8).astype(np.float32))
        assert np.array_equal(discounts, (k / 64).astype(np.float32))
    assert seen <= set(range(max(0, added - capacity), added))
    if batch >= 3:  # 900 draws of at most 12: one is missed with probability 1e-33
        assert len(seen) == replay.size


def test_replay_draws_uniformly():
    replay = Replay(64, 1, 32, np.random.default_rng(0))
    for k in range(50):
        replay.add(np.full(1, k, np.float32), 0, 0.0, 0.0, np.zeros(1, np.float32))
    draws = np.concatenate([replay.sample().states[:, 0].copy() for _ in range(2000)])
    counts = np.bincount(draws.astype(int), minlength=50)
    expected = draws.size / 50
    assert ((counts - expected) ** 2 / expected).sum() < 100.0  # χ² with 49 degrees of freedom: p below 3e-5


def test_replay_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="no transition"):
        Replay(4, 1, 2, np.random.default_rng(0)).sample()
    with pytest.raises(ValueError, match="at least 1"):
        Replay(0, 1, 2, np.random.default_rng(0))


def test_normalised_returns():
    cartpole, lander = ENVIRONMENTS["CartPole-v0"], ENVIRONMENTS["LunarLander-v3"]
    assert normalised([0.0, 100.0, 200.0], cartpole) == 0.5
    assert normalised([10.0] * 100 + [200.0] * 50, cartpole, score="last50") == 1.0
    assert normalised([10.0] * 100 + [200.0] * 50, cartpole) == pytest.approx((100 * 10 + 50 * 200) / 150 / 200)
    assert normalised([-1250.0], lander) == -1.0
    assert normalised([-1250.0], lander, score="last50") == 0.0
    assert normalised([500.0], lander, score="last50") == 1.0
    assert normalised([], cartpole) == 0.0
    with pytest.raises(ValueError, match="did you mean 'last50'"):
        normalised([1.0], cartpole, score="last5")


WITHOUT_REWARD = parse_graph("q_list = QValueList(q_param, s_tm1)\nq = SelectList(q_list, action)\nloss = L2Norm(q)\n")


@pytest.mark.parametrize("name", ["dqn", "dqn_clipped"])
def test_agents_learn_to_balance_by_a_loss_that_knows_of_rewards(name):
    environment, network = make("CartPole-v0"), EngineSettings(hidden=(32, 32), learning_rate=2e-3)

    def last_returns(graph):
        engine = FastEngine(graph, initial_parameters(4, 2, network.hidden, 7), network)
        training = train(engine, environment, TrainingSettings(episodes=160, replay_start=500), 5)
        assert not training.diverged
        assert max(training.returns) <= 200.0
        return np.mean(training.returns[-50:])

    assert last_returns(KNOWN[name]) > 100.0
    assert last_returns(WITHOUT_REWARD) < 50.0
