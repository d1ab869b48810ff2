"""What makes an evaluation fair: fixed first networks, the hurdle between trainings, a hash that is charged."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from setups.autorl import AutoRL, setup
from setups.autorl.engine import Batch, EngineSettings, initial_parameters
from setups.autorl.environments import make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.first_networks import first_networks, untrained_score
from setups.autorl.hashing import Hasher
from setups.autorl.hashing_inputs import HIDDEN, make_probe
from setups.autorl.known import KNOWN
from setups.autorl.space import Space, configuration
from ufh_cli.core.rng import Rng

pytest.importorskip("gymnasium")

QUICK = {"episodes": 0, "steps": 300, "hidden": (16,), "replay_start": 40, "trainings": 3, "heldout_trainings": 2}


def flat(network):
    return b"".join(part.tobytes() for part in network)


@pytest.fixture
def started(monkeypatch):
    """The first networks of all trainings, in order."""
    networks, train = [], setup.train

    def recording(engine, *arguments):
        networks.append(flat(engine.parameters))
        return train(engine, *arguments)

    monkeypatch.setattr(setup, "train", recording)
    return networks


def test_every_candidate_starts_from_the_same_fixed_networks(started):
    fixed = AutoRL(**QUICK, first_networks="fixed")
    for word, name in ((1, "dqn"), (2, "ddqn"), (2, "cql")):
        fixed.evaluate(KNOWN[name], Rng.from_word(word))
    AutoRL(**QUICK, first_networks="fixed").evaluate(KNOWN["dqn"], Rng.from_word(7))
    assert started[:3] * 4 == started
    assert len(set(started[:3])) == 3


def test_reevaluation_takes_fresh_networks(started):
    fixed = AutoRL(**QUICK, first_networks="fixed")
    fixed.evaluate(KNOWN["dqn"], Rng.from_word(1))
    for word in (1, 2):
        fixed.reevaluate(KNOWN["dqn"], Rng.from_word(word))
        fixed.learning_curves(KNOWN["dqn"], Rng.from_word(word + 10))
    assert len(set(started)) == len(started) == 3 + 2 * 3


def test_all_but_the_first_networks_stays_random(started):
    fixed, random = (AutoRL(**QUICK, first_networks=choice) for choice in ("fixed", "random"))
    assert fixed.evaluate(KNOWN["dqn"], Rng.from_word(1)) != fixed.evaluate(KNOWN["dqn"], Rng.from_word(2))
    assert fixed.reevaluate(KNOWN["dqn"], Rng.from_word(1)) == random.reevaluate(KNOWN["dqn"], Rng.from_word(1))
    del started[:]
    random.evaluate(KNOWN["dqn"], Rng.from_word(1))
    random.evaluate(KNOWN["dqn"], Rng.from_word(2))
    assert len(set(started)) == 6


def test_fixed_networks_are_ordinary_untrained_ones():
    """Fresh ones reach high scores by luck; the fixed ones stand near the median and never at the ends."""
    environment, settings = make("CartPole-v0"), EngineSettings(hidden=(32, 32))
    drawn = [untrained_score(environment, initial_parameters(4, 2, (32, 32), word), settings) for word in range(60)]
    chosen = [untrained_score(environment, network, settings) for network in first_networks(environment, settings, 8)]
    low, high = np.quantile(drawn, [0.2, 0.8])
    assert all(low <= score <= high for score in chosen)
    assert max(drawn) > 2 * max(chosen)


def test_a_first_training_below_the_hurdle_is_the_fitness():
    one, three = AutoRL(**QUICK | {"trainings": 1}), AutoRL(**QUICK)
    stopped, passed = (AutoRL(**QUICK, training_hurdle=hurdle) for hurdle in (0.99, 0.001))
    for word in range(3):
        found = [each.evaluate(KNOWN["dqn"], Rng.from_word(word)) for each in (one, three, stopped, passed)]
        assert found[2] == found[0]
        assert found[3] == found[1]
        assert (found[2].cost, found[3].cost) == (300.0, 900.0)


def test_the_hurdle_between_trainings_ends_the_evaluation():
    several = AutoRL(environments=("CartPole-v0", "MountainCar-v0"), **QUICK, training_hurdle=0.99)
    assert several.evaluate(KNOWN["dqn"], Rng.from_word(1)).cost == 300.0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"first_networks": "fixd"}, "did you mean 'fixed'"), ({"training_hurdle": 1.0}, "training_hurdle must be in")],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AutoRL(**QUICK, **options)


def losses_alone(graph, probe):
    """By an engine of this graph alone; one number a batch on batches of 32."""
    found = []
    for networks in probe.networks:
        engine = FastEngine(graph, networks.q, EngineSettings(hidden=HIDDEN), target=networks.target)
        whole = [engine.losses(probe.batch, networks.word)]
        rows = len(probe.batch.rewards)
        if len(whole[0]) == 1 and rows > 32:
            batches = (Batch(*(part[i : i + 32] for part in probe.batch)) for i in range(0, rows - 31, 32))
            whole = [engine.losses(batch, networks.word) for batch in batches]
        found += whole
    return np.concatenate(found)


@pytest.mark.parametrize(("examples", "seeds"), [(256, 1), (70, 2), (20, 1)])
def test_outputs_with_what_is_shared_are_those_without(examples, seeds):
    """In whatever order losses come: what one leaves in the memory is nothing to the next."""
    space, rng = Space(configuration("pre_graph_7")), Rng.from_seed(1)
    graphs = [*KNOWN.values(), *(space.random_graph(rng) for _ in range(120))]
    probe = make_probe(examples=examples, seeds=seeds)
    hasher = Hasher(probe)
    for graph in [*graphs, *reversed(graphs)]:
        assert hasher.outputs(graph).tobytes() == losses_alone(graph, probe).tobytes()


def test_the_hash_costs_more_steps_of_smaller_networks():
    costs = [AutoRL(**QUICK | {"hidden": hidden}).hash_cost for hidden in ((16,), (32, 32), (256, 256))]
    assert costs[0] > costs[1] > costs[2] >= 1.0
    assert AutoRL(**QUICK, hash_seeds=2).hash_cost == pytest.approx(2 * costs[0], abs=1.0)


def test_the_lite_configuration_is_the_regime_of_the_claim():
    file = Path(__file__).parents[3] / "configs" / "autorl-lite.toml"
    lite = tomllib.loads(file.read_text(encoding="utf-8"))
    assert (lite["search"]["population_size"], lite["search"]["tournament_size"]) == (100, 10)
    assert (lite["search"]["fresh_probability"], lite["budget"]["cost"]) == (0.05, 8e6)
    wanted = {
        "trainings": 4, "steps": 4000, "episodes": 0, "learning_rate": 3e-3, "batch": 32, "replay": 50_000,
        "replay_start": 200, "update_every": 2, "target_every": 50, "heldout_trainings": 8, "training_hurdle": 0.12,
        "first_networks": "fixed", "space": "pre_graph_10", "score": "all",
    }  # fmt: skip
    assert {name: lite["options"][name] for name in wanted} == wanted
