"""The fast engine: Adam, divergence, determinism, batches of all sizes, and what it must leave alone."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from setups.autorl.adam import adam_step
from setups.autorl.encode import encode
from setups.autorl.engine import Batch, EngineSettings, initial_parameters
from setups.autorl.fast_engine import FastEngine
from setups.autorl.graph_kernel import draw_constants
from setups.autorl.known import KNOWN
from setups.autorl.text import parse_graph

STATE, ACTIONS = 4, 2
SETTINGS = EngineSettings(hidden=(24, 16), learning_rate=1e-3)


def batch_of(seed, rows=32):
    rng = np.random.default_rng(seed)
    states, next_states = rng.normal(size=(2, rows, STATE)).astype(np.float32)
    rewards, discounts = rng.uniform(size=(2, rows)).astype(np.float32)
    return Batch(states, rng.integers(ACTIONS, size=rows, dtype=np.int32), rewards, discounts, next_states)


def engine_of(graph=KNOWN["dqn"], settings=SETTINGS, word=1):
    return FastEngine(graph, initial_parameters(STATE, ACTIONS, settings.hidden, word), settings)


def adam_reference(parameters, gradients, settings):
    """Adam in double precision, as the settings' docstring has it."""
    m = v = np.zeros_like(parameters)
    for t, g in enumerate(gradients, 1):
        m = settings.beta1 * m + (1.0 - settings.beta1) * g
        v = settings.beta2 * v + (1.0 - settings.beta2) * g * g
        rate = settings.learning_rate * math.sqrt(1.0 - settings.beta2**t) / (1.0 - settings.beta1**t)
        parameters = parameters - rate * m / (np.sqrt(v) + settings.epsilon)
    return parameters


@pytest.mark.parametrize("settings", [SETTINGS, EngineSettings(learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1e-3)])
def test_adam_against_a_plain_implementation(settings):
    rng = np.random.default_rng(0)
    start = rng.normal(size=48)
    gradients = rng.normal(size=(40, 48)) * 10.0 ** rng.uniform(-6, 3, 48)
    parameters, first, second = start.astype(np.float32), np.zeros(48, np.float32), np.zeros(48, np.float32)
    optimizer = np.array([settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon, 1.0, 1.0])
    for gradient in gradients:
        assert adam_step(parameters, gradient.astype(np.float32), first, second, optimizer)
    expected = adam_reference(start, gradients, settings)
    np.testing.assert_allclose(parameters, expected, rtol=1e-5, atol=1e-5 * settings.learning_rate * len(gradients))


def test_steps_follow_the_gradients_by_adam():
    engine, batches = engine_of(), [batch_of(k) for k in range(6)]
    start, gradients = engine.parameters, []
    for batch in batches:
        loss, gradient = engine.loss_and_gradients(batch, 0)
        assert engine.update(batch, 0) == loss
        gradients.append(gradient)
    for k, (found, first) in enumerate(zip(engine.parameters, start, strict=True)):
        expected = adam_reference(first.astype(np.float64), [g[k].astype(np.float64) for g in gradients], SETTINGS)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert not np.array_equal(found, first)


def test_moments_decay_to_zero_and_never_through_denormal_numbers():
    smallest = np.finfo(np.float32).tiny
    parameters, gradient, first, second = np.zeros((4, 16), np.float32)
    gradient[:] = np.logspace(-40, 10, 16)
    optimizer = np.array([1e-3, 0.5, 0.5, 1e-8, 1.0, 1.0])
    for _ in range(300):
        adam_step(parameters, gradient, first, second, optimizer)
        for moments in (first, second):
            assert not np.any((moments != 0.0) & (np.abs(moments) < smallest))
        gradient[:] = 0.0
    assert not first.any()
    assert not second.any()


def test_vanishing_gradients_are_zero_not_denormal():
    tenths = "".join(f"x{k + 1} = MultiplyTenth(x{k})\n" for k in range(40))
    text = f"l = QValueList(q_param, s_tm1)\nx0 = SelectList(l, action)\n{tenths}"
    for length, vanishes in ((20, False), (40, True)):
        graph = parse_graph("".join(text.splitlines(keepends=True)[: length + 2]))
        for gradient in engine_of(graph).loss_and_gradients(batch_of(0), 0)[1]:
            assert gradient.any() != vanishes
            assert not np.any((gradient != 0.0) & (np.abs(gradient) < np.finfo(np.float32).tiny))


def test_adam_reports_parameters_that_are_not_finite():
    for wrong in (math.nan, math.inf, -math.inf):
        parameters, gradient, first, second = np.zeros((4, 16), np.float32)
        gradient[7] = wrong
        assert not adam_step(parameters, gradient, first, second, np.array([1e-3, 0.9, 0.999, 1e-8, 1.0, 1.0]))


def test_learns_a_fixed_target():
    engine = engine_of()
    batch = batch_of(0)._replace(discounts=np.zeros(32, np.float32))
    losses = [engine.update(batch, 0) for _ in range(1500)]
    assert losses[-1] < 0.02 * losses[0]


def test_the_target_network_moves_only_when_it_is_copied():
    # The target network's value of s_t, to which 0 · Q is added to make it a loss.
    graph = parse_graph(
        "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\ntenth = MultiplyTenth(q)\n"
        "same = MultiplyTenth(q)\nzero = Subtract(tenth, same)\nt = QValueList(q_targ_param, s_t)\nm = MaxList(t)\n"
        "loss = Add(m, zero)\n"
    )
    first, second = (initial_parameters(STATE, ACTIONS, SETTINGS.hidden, word) for word in (1, 2))
    values = engine_of(graph).losses(batch_of(0), 0)
    engine = FastEngine(graph, second, SETTINGS, target=first)
    assert np.array_equal(engine.losses(batch_of(0), 0), values)
    learner = FastEngine(KNOWN["dqn"], second, SETTINGS, target=first)
    for k in range(5):
        loss = learner.update(batch_of(k), 0)
        trained = learner.parameters
        assert loss != learner.loss_and_gradients(batch_of(k), 0)[0]
    before = learner.loss_and_gradients(batch_of(9), 0)[0]
    assert before == FastEngine(KNOWN["dqn"], trained, SETTINGS, target=first).loss_and_gradients(batch_of(9), 0)[0]
    learner.copy_target()
    after = learner.loss_and_gradients(batch_of(9), 0)[0]
    assert after == FastEngine(KNOWN["dqn"], trained, SETTINGS).loss_and_gradients(batch_of(9), 0)[0]
    assert after != before


def test_a_loss_without_a_gradient_changes_nothing():
    graph = parse_graph(
        "l = QValueList(q_param, s_tm1)\na = ArgMaxList(l)\nt = QValueList(q_targ_param, s_t)\nq = SelectList(t, a)\n"
        "loss = Add(q, reward)\n"
    )
    engine = engine_of(graph)
    start = engine.parameters
    assert math.isfinite(engine.update(batch_of(0), 0))
    loss, gradients = engine.loss_and_gradients(batch_of(0), 0)
    assert math.isfinite(loss)
    assert not any(gradient.any() for gradient in gradients)
    assert all(np.array_equal(a, b) for a, b in zip(engine.parameters, start, strict=True))


def test_batches_of_every_size_are_means_of_single_transitions():
    engine = engine_of(KNOWN["dqn_clipped"])
    for rows in (1, 2, 33, 5):
        batch = batch_of(rows, rows)
        loss, gradients = engine.loss_and_gradients(batch, 0)
        singles = [engine.loss_and_gradients(Batch(*(field[i : i + 1] for field in batch)), 0) for i in range(rows)]
        assert loss == pytest.approx(np.mean([single[0] for single in singles]), rel=1e-5)
        for k, gradient in enumerate(gradients):
            np.testing.assert_allclose(gradient, np.mean([s[1][k] for s in singles], axis=0), rtol=1e-4, atol=1e-6)


def test_the_same_network_on_the_same_states_is_computed_once():
    twice = parse_graph(
        "l = QValueList(q_param, s_tm1)\nm = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\n"
        "a = MaxList(m)\nloss = L2Distance(q, a)\n"
    )
    once = parse_graph(
        "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\na = MaxList(l)\nloss = L2Distance(q, a)\n"
    )
    sizes = (STATE, 8, ACTIONS)
    assert np.array_equal(encode(twice, 32, sizes).codes, encode(once, 32, sizes).codes)
    results = [engine_of(graph).loss_and_gradients(batch_of(0), 0) for graph in (twice, once)]
    assert results[0][0] == results[1][0]


def test_actions_are_the_argmax_of_the_network():
    engine = engine_of()
    for _ in range(3):
        engine.update(batch_of(0), 0)
    *hidden, w, b = engine.parameters
    for state in np.random.default_rng(0).normal(size=(200, STATE)).astype(np.float32):
        x = state
        for k in range(0, len(hidden), 2):
            x = np.maximum(x @ hidden[k] + hidden[k + 1], 0.0)
        values = x @ w + b
        if abs(values[0] - values[1]) > 1e-5:
            assert engine.action(state) == int(np.argmax(values))


@pytest.mark.parametrize(
    ("biases", "expected"),
    [([1, 1, 0], 0), ([0, 2, 2], 1), ([math.nan, 1, 2], 2), ([math.nan, -math.inf, -math.inf], 1), ([math.nan] * 3, 0)],
)
def test_ties_and_nan_in_actions(biases, expected):
    parameters = [np.zeros((STATE, 3), np.float32), np.array(biases, np.float32)]
    engine = FastEngine(KNOWN["dqn"], parameters, EngineSettings(hidden=()))
    action = engine.action(np.ones(STATE))
    assert action == expected
    assert isinstance(action, int)


def test_divergence_is_told_by_the_loss():
    engine = engine_of()
    batch = batch_of(0)
    wrong = batch._replace(rewards=np.full(32, np.float32(3e38)))
    assert not math.isfinite(engine.update(wrong, 0))
    overflowing = parse_graph(
        "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\nscale = DotProduct(q, reward)\nloss = Exp(scale)\n"
    )
    engine = engine_of(overflowing)
    rewards = np.sign(engine.losses(batch._replace(rewards=np.ones(32, np.float32)), 0).ravel() - 1.0) * 1e6
    huge = batch._replace(rewards=rewards.astype(np.float32))
    assert math.isfinite(engine.loss_and_gradients(huge, 0)[0])  # clipped at 1e10, but its gradient is 0 · ∞
    assert math.isnan(engine.update(huge, 0))


def trained_bytes():
    """What training with every known loss and with random constants gives."""
    noisy = parse_graph(
        "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\ng = ConstantGaussian(constant)\n"
        "u = ConstantUniform(constant)\ns = Add(g, u)\nloss = L2Distance(q, s)\n"
    )
    parts = []
    for graph in (*KNOWN.values(), noisy):
        engine = engine_of(graph, EngineSettings(hidden=(64, 64), learning_rate=1e-3))
        for k in range(25):
            parts.append(np.float64(engine.update(batch_of(k), k)).tobytes())
            if k % 10 == 0:
                engine.copy_target()
        parts += [p.tobytes() for p in engine.parameters]
    return b"".join(parts)


def test_the_same_bytes_again_and_in_another_process():
    here = trained_bytes()
    assert trained_bytes() == here
    script = (
        f"import sys, runpy; sys.path.insert(0, {str(Path(__file__).parents[3])!r});"
        f"sys.stdout.buffer.write(runpy.run_path({__file__!r})['trained_bytes']())"
    )
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert there.stdout == here


def random_constants(word, count):
    """Of `count` normal ones, then what they would be were they uniform: (2, count)."""
    values = np.empty((2, count), np.float32)
    for kind in (0, 1):
        draw_constants(np.uint64(word), values[kind], np.array([(k, kind) for k in range(count)]))
    return values


def test_draws_follow_the_word_and_leave_numpys_own_state_alone():
    before = np.random.get_state()[1].copy()
    values = np.concatenate([random_constants(word, 3) for word in range(4000)], axis=1)
    assert np.array_equal(random_constants(7, 3), random_constants(7, 3))
    assert np.array_equal(random_constants(7, 2), random_constants(7, 3)[:, :2])
    initial_parameters(4, 2, (8,), 3)
    assert np.array_equal(np.random.get_state()[1], before)
    gaussian, uniform = values
    assert abs(gaussian.mean()) < 0.03
    assert gaussian.std() == pytest.approx(1.0, abs=0.03)
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert uniform.mean() == pytest.approx(0.5, abs=0.01)
    assert uniform.std() == pytest.approx(12**-0.5, abs=0.01)


def test_first_parameters_are_sonnets():
    w0, b0, w1, b1, w2, b2 = initial_parameters(9, 3, (300, 200), 5)
    assert [p.shape for p in (w0, b0, w1, b1, w2, b2)] == [(9, 300), (300,), (300, 200), (200,), (200, 3), (3,)]
    assert all(p.dtype == np.float32 for p in (w0, b0, w1))
    assert not b0.any()
    assert not b1.any()
    scaled = w1 * math.sqrt(300)
    assert np.abs(scaled).max() <= 2.0
    assert scaled.std() == pytest.approx(0.8796, abs=0.01)  # of a normal truncated at two standard deviations
    assert np.array_equal(w1, initial_parameters(9, 3, (300, 200), 5)[2])
    assert not np.array_equal(w1, initial_parameters(9, 3, (300, 200), 6)[2])


def test_parameters_are_copies():
    given = initial_parameters(STATE, ACTIONS, SETTINGS.hidden, 1)
    kept = [p.copy() for p in given]
    engine = FastEngine(KNOWN["dqn"], given, SETTINGS)
    engine.parameters[0][:] = 5.0
    assert np.array_equal(engine.parameters[0], kept[0])
    engine.update(batch_of(0), 0)
    assert all(np.array_equal(a, b) for a, b in zip(given, kept, strict=True))


def test_bad_input():
    parameters = initial_parameters(STATE, ACTIONS, SETTINGS.hidden, 1)
    with pytest.raises(ValueError, match="must be a FLOAT, got a LIST"):
        FastEngine(KNOWN["dqn"][:1], parameters, SETTINGS)
    with pytest.raises(ValueError, match="must be a FLOAT, got no node"):
        FastEngine((), parameters, SETTINGS)
    with pytest.raises(ValueError, match=r"hidden layers \(24,\) want 4 arrays"):
        FastEngine(KNOWN["dqn"], parameters, SETTINGS._replace(hidden=(24,)))
    with pytest.raises(ValueError, match="parameters of shapes"):
        FastEngine(KNOWN["dqn"], parameters, SETTINGS._replace(hidden=(24, 17)))
    with pytest.raises(ValueError, match="positive whole numbers"):
        initial_parameters(4, 2, (0,), 1)
    engine = FastEngine(KNOWN["dqn"], parameters, SETTINGS)
    with pytest.raises(ValueError, match=r"states and next states of shape \(N, 4\)"):
        engine.update(batch_of(0)._replace(states=np.zeros((32, 3), np.float32)), 0)
    with pytest.raises(ValueError, match="with N at least 1"):
        engine.update(batch_of(0, rows=0), 0)
