"""AutoRL as the core and the command line see it: conformance, fitness, cost, keys and bad input."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest

from setups.autorl import AutoRL
from setups.autorl.known import KNOWN
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.testing import CHECKS

QUICK = {"episodes": 12, "hidden": (16,), "replay_start": 40, "heldout_trainings": 1}


def make(**changes) -> AutoRL:
    return AutoRL(**(QUICK | changes))


@pytest.fixture(scope="module")
def setup() -> AutoRL:
    return make()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"environments": ("CartPole-v0", "MountainCar-v0"), "episodes": 0, "steps": 300, "hurdle": 0.05,
         "score": "last50"},
        {"space": "pre_graph_11_scratch", "hash_seeds": 2, "hash_examples": 50, "heldout_environments": ("Acrobot-v1",),
         "episodes": 0, "steps": 150},
    ],
    ids=["lite", "two environments", "from scratch"],
)  # fmt: skip
def test_conformance(check, options):
    check(lambda: make(**options))


def test_dqn_is_worth_more_than_a_loss_that_learns_nothing():
    """min(Q, r) − Q + … : bounded by the reward, so that it pulls Q anywhere but to the return."""
    setup = AutoRL(episodes=400)
    nothing = setup.parse(
        """n0 = QValueList(q_param, s_tm1)
        n1 = SelectList(n0, action)
        n2 = Min(n1, reward)
        n3 = Subtract(n2, n1)
        n4 = Max(n3, reward)"""
    )
    learnt = [setup.evaluate(KNOWN["dqn"], Rng.from_word(seed)).fitness for seed in range(3)]
    idle = [setup.evaluate(nothing, Rng.from_word(seed)).fitness for seed in range(3)]
    assert sorted(learnt)[1] > 2 * max(idle)


def test_the_cost_is_the_number_of_environment_steps(setup):
    """CartPole pays 1 for each step, so the returns sum up to the steps."""
    fitness, cost = setup.evaluate(KNOWN["dqn"], Rng.from_word(5))[:2]
    assert cost == pytest.approx(fitness * 200 * 12)


def test_a_loss_that_is_not_finite_ends_the_evaluation_with_the_lowest_fitness(setup):
    """exp(exp(reward + …)) is clipped, its gradient is not a number."""
    diverging = setup.parse(
        "n0 = QValueList(q_param, s_tm1)\nn1 = SelectList(n0, action)\nn2 = Subtract(n1, reward)\n"
        "n3 = Add(n1, reward)\nn4 = Subtract(n3, n1)\nn5 = Subtract(n4, reward)\nn6 = Div(n1, n5)\nn7 = Div(n6, n5)\n"
        "n8 = DotProduct(n7, n6)\nn9 = DotProduct(n8, n7)\nn10 = DotProduct(n9, n8)"
    )
    fitness, cost = setup.evaluate(diverging, Rng.from_word(1))[:2]
    assert fitness == 0.0
    assert cost < setup.evaluate(KNOWN["dqn"], Rng.from_word(1)).cost


def test_the_hurdle_keeps_an_agent_out_of_the_other_environments():
    both = make(environments=("CartPole-v0", "MountainCar-v0"), episodes=3)
    hurdle = make(environments=("CartPole-v0", "MountainCar-v0"), episodes=3, hurdle=0.99)
    one = make(episodes=3)
    candidate = KNOWN["dqn"]
    stopped = hurdle.evaluate(candidate, Rng.from_word(3))
    assert stopped == one.evaluate(candidate, Rng.from_word(3))
    assert both.evaluate(candidate, Rng.from_word(3)).cost == stopped.cost + 3 * 200


def test_several_trainings_count_by_their_mean(setup):
    """One after the other from the same stream, so that the first is that of a single training."""
    rng = Rng.from_word(8)
    one, two = (setup.evaluate(KNOWN["dqn"], rng) for _ in range(2))
    both = make(trainings=2).evaluate(KNOWN["dqn"], Rng.from_word(8))
    assert both.fitness == pytest.approx((one.fitness + two.fitness) / 2)
    assert both.cost == one.cost + two.cost


def test_both_engines_start_alike():
    """They agree to rounding, so a short training takes the same steps."""
    pytest.importorskip("tensorflow")
    short = {"episodes": 4, "replay_start": 10}
    fast, slow = make(**short), make(**short, engine="tensorflow")
    assert fast.evaluate(KNOWN["dqn"], Rng.from_word(2)).cost == slow.evaluate(KNOWN["dqn"], Rng.from_word(2)).cost


def test_reevaluation_has_other_seeds_and_other_environments(setup):
    elsewhere = make(heldout_environments=("MountainCar-v0",), episodes=2)
    assert elsewhere.reevaluate(KNOWN["dqn"], Rng.from_word(1)) != elsewhere.reevaluate(KNOWN["dqn"], Rng.from_word(2))
    curves = elsewhere.learning_curves(KNOWN["dqn"], Rng.from_word(1))
    assert {name: len(values) for name, values in curves.values.items()} == {"CartPole-v0": 2, "MountainCar-v0": 2}


def test_known_losses_have_different_keys_and_are_read_by_name(setup):
    functional_hash = FunctionalHash(mantissa_bits=8)
    keys = {functional_hash(setup.hashable_outputs(setup.parse(name))) for name in KNOWN}
    assert len(keys) == len(KNOWN)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"environments": ("CartPol-v0",)}, ["CartPol-v0", "CartPole-v0"]),
        ({"environments": ()}, ["environments"]),
        ({"environments": ("CartPole-v0", "CartPole-v0")}, ["twice"]),
        (
            {"environments": ("Pendulum-v1",), "lowest_returns": (0.0,), "highest_returns": (1.0,)},
            ["Pendulum-v1", "discrete actions"],
        ),
        ({"lowest_returns": (200.0,), "highest_returns": (0.0,)}, ["low < high"]),
        ({"lowest_returns": (0.0,)}, ["lowest_returns and highest_returns", "got 1 and 0"]),
        ({"lowest_returns": (0.0, 0.0), "highest_returns": (1.0, 1.0)}, ["each of the 1", "got 2 and 2"]),
        ({"hidden": ()}, ["hidden", "64, 64"]),
        ({"hidden": (64, 0)}, ["hidden", "[64, 0]"]),
        ({"engine": "tensorflw"}, ["engine", "tensorflow"]),
        ({"space": "pre_graph_12"}, ["pre_graph_1"]),
        ({"hurdle": 1.5}, ["hurdle"]),
        ({"environments": ("LunarLander-v2", "LunarLander-v3")}, ["LunarLander-v3", "twice"]),
        ({"heldout_environments": ("CartPole-v0",)}, ["CartPole-v0", "twice"]),
        ({"replay_start": 10_000}, ["replay_start", "2,400"]),
        ({"batch": 0}, ["batch"]),
        ({"trainings": 0}, ["trainings"]),
        ({"trainings": 10**9}, ["trainings", "10,000"]),
        ({"heldout_trainings": 10**9}, ["heldout_trainings", "10,000"]),
        ({"hash_seeds": 10**9}, ["one seed", "1,000,000"]),
        ({"hash_examples": 10**9}, ["one example", "1,000,000"]),
        ({"episodes": 5, "steps": 5}, ["episodes or steps"]),
        ({"learning_rate": 0.0}, ["learning_rate"]),
    ],
)
def test_bad_options_are_refused_in_one_line(options, words):
    with pytest.raises(ValueError, match=r".") as caught:
        make(**options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_classic_configuration_is_the_paper_s_but_for_its_environments():
    """What the short file does not say must be the defaults of the long one, which are the paper's."""
    configs = Path(__file__).parents[3] / "configs"
    paper, classic = (
        tomllib.loads((configs / name).read_text(encoding="utf-8")) for name in ("autorl.toml", "autorl-classic.toml")
    )
    assert paper["search"] == classic["search"]
    defaults = {name: one.default for name, one in inspect.signature(AutoRL.__init__).parameters.items()}
    for name, value in paper["options"].items():
        if name not in ("environments", "heldout_environments"):
            short = classic["options"].get(name, defaults[name])
            assert (list(short) if isinstance(short, tuple) else short) == value, name


def test_an_unknown_loss_names_the_nearest(setup):
    with pytest.raises(ValueError, match="dqn_reg"):
        setup.parse("dqn_regg")
