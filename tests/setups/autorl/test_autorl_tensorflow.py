"""The fast engine against TensorFlow: the same loss, gradients, steps and trajectories, whatever the graph."""

import importlib
import importlib.util
import math
import sys

import numpy as np
import pytest

from setups.autorl.agent import TrainingSettings, train
from setups.autorl.engine import Batch, EngineSettings, initial_parameters
from setups.autorl.environments import make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.graph import Node, is_valid, types
from setups.autorl.known import KNOWN
from setups.autorl.operations import OPERATIONS
from setups.autorl.space import Space, configuration
from setups.autorl.text import parse_graph
from setups.autorl.types import Type
from ufh_cli.core.rng import Rng

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed", allow_module_level=True)

from setups.autorl.tensorflow_engine import TensorFlowEngine
from setups.tensorflow_runtime import load_tensorflow

STATE, ACTIONS, ROWS = 4, 3, 24
SMALL = EngineSettings(hidden=(16, 16), learning_rate=1e-3)
SPACES = ("pre_graph_3", "pre_graph_7", "pre_graph_8_scratch", "pre_graph_10")


def batch_of(seed, scale=1.0):
    """Transitions such as environments give, every fifth one terminal; `scale` stretches states and rewards."""
    rng = np.random.default_rng(seed)
    return Batch(
        rng.uniform(-scale, scale, (ROWS, STATE)).astype(np.float32),
        rng.integers(ACTIONS, size=ROWS, dtype=np.int32),
        rng.uniform(-scale, scale, ROWS).astype(np.float32),
        np.where(np.arange(ROWS) % 5 == 0, 0.0, 0.99).astype(np.float32),
        rng.uniform(-scale, scale, (ROWS, STATE)).astype(np.float32),
    )


def parameters_of(word):
    """With biases that are not zero, as after some training."""
    rng = np.random.default_rng(word)
    parameters = initial_parameters(STATE, ACTIONS, SMALL.hidden, word)
    return [p if p.ndim == 2 else rng.normal(0.0, 0.3, p.shape).astype(np.float32) for p in parameters]


def uniform_graph(rng, nodes=14):
    """Random nodes over every operation, each operation equally likely: rarer ones matter more than in the spaces."""
    while True:
        graph = list(configuration("pre_graph_8_scratch").bootstrap)
        while len(graph) < nodes or types(tuple(graph))[-1] is not Type.FLOAT:
            known = types(tuple(graph))
            operation = rng.choice(range(len(OPERATIONS)))
            # Later nodes are likelier inputs, so that long chains are live.
            picked = [len(known) - 1 - min(rng.integer(len(known)) for _ in range(2)) for _ in range(2)]
            node = Node(operation, tuple(picked[: OPERATIONS[operation].arity]))
            if len(set(node.inputs)) == len(node.inputs) and (
                tuple(known[i] for i in node.inputs) in OPERATIONS[operation].signatures
            ):
                graph.append(node)
        if is_valid(tuple(graph)):
            return tuple(graph)


def flat(gradients):
    return np.concatenate([gradient.ravel() for gradient in gradients]).astype(np.float64)


def distance(a, b):
    """Relative to `b`; 0 where both vanish."""
    size = np.linalg.norm(b)
    return float(np.linalg.norm(a - b) / size) if size else float(np.linalg.norm(a) > 0.0)


def sensitivity(graph, parameters, batch, word, loss, gradients):
    """How much TensorFlow's own results change when parameters and inputs move by one part in 10⁷ at random."""
    rng = np.random.default_rng(0)

    def moved(array):
        return (array * (1.0 + rng.choice([-1.2e-7, 1.2e-7], array.shape))).astype(array.dtype)

    near = Batch(*(array if array.dtype == np.int32 else moved(array) for array in batch))
    other, others = TensorFlowEngine(graph, [moved(p) for p in parameters], SMALL).loss_and_gradients(near, word)
    return distance(np.array([other]), np.array([loss])), distance(flat(others), gradients)


def compare(graph, seed, scale):
    """Assert that both engines agree; True when that was to 1e-5 of loss and gradient, None when not finite.

    A result that itself moves by more than 1e-6 when its inputs are rounded differently cannot be asked to agree to
    1e-5 between two orders of summation; of those it is asked to be within ten times that movement.
    """
    parameters, batch, word = parameters_of(seed), batch_of(seed, scale), seed * 7919
    loss, gradients = TensorFlowEngine(graph, parameters, SMALL).loss_and_gradients(batch, word)
    ours, our_gradients = FastEngine(graph, parameters, SMALL).loss_and_gradients(batch, word)
    expected, found = flat(gradients), flat(our_gradients)
    assert [g.shape for g in our_gradients] == [p.shape for p in parameters]
    if not (math.isfinite(loss) and np.isfinite(expected).all()):
        assert math.isfinite(loss) == math.isfinite(ours), (graph, loss, ours)
        assert np.isfinite(expected).all() == np.isfinite(found).all(), graph
        return None
    loss_apart, apart = distance(np.array([ours]), np.array([loss])), distance(found, expected)
    if loss_apart <= 1e-5 and apart <= 1e-5:
        return True
    moves, gradient_moves = sensitivity(graph, parameters, batch, word, loss, expected)
    assert loss_apart <= max(1e-5, 10.0 * moves), (graph, loss, ours, moves)
    assert apart <= max(1e-5, 10.0 * gradient_moves), (graph, apart, gradient_moves)
    return False


@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize("name", [*SPACES, "uniform"])
def test_loss_and_gradients_of_random_graphs(name, scale):
    rng = Rng.from_seed([len(name), int(scale)])
    space = None if name == "uniform" else Space(configuration(name))
    outcomes = []
    for seed in range(32):
        graph = uniform_graph(rng) if space is None else space.random_graph(rng)
        for _ in range(seed % 5 if space else 0):
            graph = space.mutate(graph, rng)
        outcomes.append(compare(graph, seed, scale))
    assert outcomes.count(True) >= 0.85 * len(outcomes)


@pytest.mark.parametrize("name", KNOWN)
def test_known_losses_agree(name):
    assert compare(KNOWN[name], 3, 1.0) is True


@pytest.mark.parametrize("name", KNOWN)
def test_adam_steps_agree(name):
    engines = [kind(KNOWN[name], parameters_of(5), SMALL) for kind in (FastEngine, TensorFlowEngine)]
    start = flat(parameters_of(5))
    for step in range(12):
        losses = [engine.update(batch_of(step), step) for engine in engines]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
        if step % 4 == 3:
            for engine in engines:
                engine.copy_target()
    ours, theirs = (flat(engine.parameters) for engine in engines)
    assert distance(ours - start, theirs - start) < 1e-4
    assert np.abs(ours - theirs).max() < 1e-6
    assert np.abs(theirs - start).max() > 0.005


RANDOM_CONSTANTS = parse_graph(
    "q_list = QValueList(q_param, s_tm1)\nq = SelectList(q_list, action)\ngauss = ConstantGaussian(constant)\n"
    "uniform = ConstantUniform(constant)\nsum = Add(gauss, uniform)\nloss = L2Distance(q, sum)\n"
)


def test_random_constants_follow_the_word():
    engines = [kind(RANDOM_CONSTANTS, parameters_of(1), SMALL) for kind in (FastEngine, TensorFlowEngine)]
    batch = batch_of(1)
    results = {(kind, word): engines[kind].loss_and_gradients(batch, word)[0] for kind in (0, 1) for word in range(20)}
    for word in range(20):
        assert results[0, word] == pytest.approx(results[1, word], rel=1e-5)
    assert len({round(results[1, word], 5) for word in range(20)}) > 15


def test_actions_agree_and_nan_never_wins():
    engines = [kind(KNOWN["dqn"], parameters_of(2), SMALL) for kind in (FastEngine, TensorFlowEngine)]
    states = np.random.default_rng(0).normal(0.0, 2.0, (150, STATE)).astype(np.float32)
    ours, theirs = ([engine.action(state) for state in states] for engine in engines)
    assert ours == theirs
    assert set(ours) == set(range(ACTIONS))
    zeros = [np.zeros_like(p) for p in parameters_of(2)]
    biases = {0: [0.0, 0.0, 0.0], 1: [math.nan, 2.0, 2.0], 2: [0.0, math.nan, 1.0]}
    for expected, bias in biases.items():
        network = [*zeros[:-1], np.array(bias, np.float32)]
        for kind in (FastEngine, TensorFlowEngine):
            assert kind(KNOWN["dqn"], network, SMALL).action(states[0]) == expected


OVERFLOW = parse_graph(
    "q_list = QValueList(q_param, s_tm1)\nq = SelectList(q_list, action)\nsquare = L2Norm(q_list)\n"
    "sum = SumList(square)\nhuge = Exp(sum)\nloss = Max(huge, reward)\n"
)


@pytest.mark.parametrize("kind", [FastEngine, TensorFlowEngine])
def test_divergence_is_reported(kind):
    batch = batch_of(0)
    wrong = batch._replace(rewards=np.full(ROWS, np.inf, np.float32))
    assert not math.isfinite(kind(KNOWN["dqn"], parameters_of(0), SMALL).update(wrong, 0))
    steep = [20.0 * p for p in parameters_of(0)]
    loss, gradients = kind(OVERFLOW, steep, SMALL).loss_and_gradients(batch, 0)
    assert math.isfinite(loss)  # the loss is clipped, but what leads to it is not
    assert not np.isfinite(flat(gradients)).all()
    assert math.isnan(kind(OVERFLOW, steep, SMALL).update(batch, 0))


def test_agents_follow_the_same_trajectory():
    pytest.importorskip("gymnasium")
    environment = make("CartPole-v0")
    changed = TrainingSettings(steps=700, replay_start=32, update_every=3, target_every=10, epsilon_steps=100)
    settings = EngineSettings(hidden=(16, 16), learning_rate=1e-3)
    trainings = []
    for kind in (FastEngine, TensorFlowEngine):
        parameters = initial_parameters(4, 2, settings.hidden, 1)
        trainings.append(train(kind(KNOWN["dqn"], parameters, settings), environment, changed, 1))
    assert trainings[0] == trainings[1]
    assert len(trainings[0].returns) > 10


def test_without_tensorflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "setups.autorl.tensorflow_engine")
    load_tensorflow.cache_clear()
    with pytest.raises(ValueError, match=r"^tensorflow is needed: pip install tensorflow"):
        importlib.import_module("setups.autorl.tensorflow_engine")
