"""The known programs against optimizers written out by hand, and against torch and lion-pytorch where installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from setups.optimizers import Optimizers
from setups.optimizers.execute import run
from setups.optimizers.known import OPTIMIZERS, known_program, recognised
from setups.optimizers.text import format_program, parse_program
from ufh_cli.core.rng import Rng

STEPS, SIZE = 40, 30


@pytest.fixture
def example():
    """Weights, gradients of three decades and a falling learning rate."""
    rng = np.random.default_rng(5)
    gradients = rng.standard_normal((STEPS, SIZE)) * 10.0 ** rng.uniform(-2, 1, SIZE)
    return rng.standard_normal(SIZE), gradients, np.cos(np.linspace(0.0, 1.5, STEPS))


def by_hand(example, update):
    """Weights after each step of ``update(t, w, g, m, v, lr) -> step, m, v``."""
    weights, gradients, rates = example
    w, m, v, found = weights.copy(), np.zeros(SIZE), np.zeros(SIZE), []
    for t, (g, lr) in enumerate(zip(gradients, rates, strict=True)):
        step, m, v = update(t, w, g, m, v, lr)
        w = w - step
        found.append(w)
    return np.array(found)


def float32(value):
    """Constants are float32."""
    return float(np.float32(value))


def adamw(t, w, g, m, v, lr):
    m = (1 - float32(0.9)) * g + float32(0.9) * m
    v = (1 - float32(0.999)) * g * g + float32(0.999) * v
    return (m / (np.sqrt(v) + 1e-8) + float32(0.01) * w) * lr * float32(0.001), m, v


def lion(beta1, beta2, decay, rate):
    def update(t, w, g, m, v, lr):
        c = (1 - beta1) * g + beta1 * m
        return lr * rate * (np.sign(c) + decay * w), (1 - beta2) * g + beta2 * m, v

    return update


def program4(t, w, g, m, v, lr):
    g = np.arcsin(g * min(1.0, lr / np.linalg.norm(g)))
    a, b = float32(0.8999999761581421), float32(1.109133005142212)
    m = (1 - a) * g + a * v
    v = (1 - b) * g + b * m
    step = (m / (np.sqrt(m * m) + 1e-8) + float32(0.4602) * w) * lr * float32(0.0002)
    return step, np.cosh(step), v


def test_adamw_without_bias_correction(example):
    np.testing.assert_allclose(run(known_program("adamw"), *example), by_hand(example, adamw), rtol=1e-12)


def test_lion(example):
    reference = lion(float32(0.9), float32(0.99), float32(0.1), float32(0.0003))
    np.testing.assert_allclose(run(known_program("lion"), *example), by_hand(example, reference), rtol=1e-12)


def test_program4_as_printed(example):
    np.testing.assert_allclose(run(known_program("program4"), *example), by_hand(example, program4), rtol=1e-12)


def test_program4_without_clip_and_arcsin_is_lion_whose_beta2_is_the_product_of_its_constants(example):
    """v_t = interp(g, interp(g, v, a), b) = interp(g, v, ab)."""
    lines = format_program(known_program("program4")).splitlines()
    folded = parse_program("\n".join(line for line in lines if "clip" not in line and "arcsin" not in line))
    a, b = float32(0.8999999761581421), float32(1.109133005142212)
    assert a * b == pytest.approx(0.99822, abs=1e-5)
    reference = by_hand(example, lion(a, a * b, float32(0.4602), float32(0.0002)))
    # x / (|x| + 1e-8) is the sign but for 1e-8 / |x|, which is below 1e-3 here.
    np.testing.assert_allclose(run(folded, *example), reference, rtol=0, atol=1e-6)


def test_momentum_signs_and_sgd(example):
    def momentum(t, w, g, m, v, lr):
        m = float32(0.9) * m + g
        return m * lr * float32(0.00001), m, v

    np.testing.assert_allclose(run(known_program("momentum"), *example), by_hand(example, momentum), rtol=1e-12)
    sgd = by_hand(example, lambda t, w, g, m, v, lr: (g * lr * float32(0.0002), m, v))
    np.testing.assert_allclose(run(known_program("sgd"), *example), sgd, rtol=1e-12)
    signs = by_hand(example, lambda t, w, g, m, v, lr: (np.sign(g) * lr * float32(0.0003), m, v))
    np.testing.assert_allclose(run(known_program("signsgd"), *example), signs, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_known_optimizers_are_recognised_whatever_their_constants(name):
    assert recognised(known_program(name)) == name
    changed = parse_program(format_program(known_program(name)).replace("0.9", "0.7"))
    assert recognised(changed) == name


def test_an_equal_program_in_other_words_is_recognised_and_another_is_not():
    text = "def train(w, g, m, v, lr):\n  update = lr * (0.2 * g)\n  return update, m, v"
    assert recognised(parse_program(text)) == "sgd"
    assert recognised(parse_program(text.replace("* g", "* tanh(g)"))) == ""


def test_tuned_adamw_is_torchs():
    """The reference of the fitness: with bias correction, and decay times the rate."""
    torch = pytest.importorskip("torch")
    from setups.optimizers.adamw import train_adamw
    from setups.optimizers.gradients import loss_and_gradient
    from setups.optimizers.kernel import draw_batch, schedule, start_weights
    from setups.optimizers.tasks import make_task

    task = make_task("quadratic")
    w, word = start_weights(task.offset, task.scale, np.uint64(4))
    weights = torch.nn.Parameter(torch.tensor(w))
    optimizer = torch.optim.AdamW([weights], betas=(0.9, 0.99), weight_decay=0.1)
    chosen, g = np.empty(task.batch, dtype=np.int64), np.empty_like(w)
    losses = np.empty(task.steps)
    train_adamw(*task.data(), task.steps, task.batch, 0.3, 0.99, 0.1, np.uint64(4), losses)
    for t in range(task.steps):
        word = draw_batch(chosen, len(task.x), np.uint64(word))
        now = weights.detach().numpy().copy()
        loss = loss_and_gradient(task.kind, task.sizes, task.x, task.y, chosen, now, g, True)
        assert losses[t] == pytest.approx(loss, rel=1e-9)
        weights.grad = torch.tensor(g)
        optimizer.param_groups[0]["lr"] = schedule(t, task.steps, 0.3)
        optimizer.step()


def test_lion_is_lion_pytorchs(example):
    torch, peer = pytest.importorskip("torch"), pytest.importorskip("lion_pytorch")
    weights, gradients, rates = example
    parameter = torch.nn.Parameter(torch.tensor(weights))
    optimizer = peer.Lion([parameter], lr=1.0, betas=(float32(0.9), float32(0.99)), weight_decay=float32(0.1))
    found = run(known_program("lion"), *example)
    for g, lr, w in zip(gradients, rates, found, strict=True):
        optimizer.param_groups[0]["lr"] = lr * float32(0.0003)
        parameter.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), w, rtol=1e-11)


def load(path):
    """The module in the file `path`."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EVERYTHING = """
def train(w, g, m, v, lr):
  x1 = clip_by_global_norm(g, lr)
  x2 = cbrt(x1) + log1p(square(g)) + exp10(tanh(g)) - cube(x1)
  m = interp(x2, m, 0.9)
  x3 = sqrt(cosine_sim(m, g)) + get_pi() * norm(w) + log(global_norm(g)) + arccos(0.25) + power(2.0, lr)
  v = maximum(abs(v), arcsinh(minimum(x2, 0.5))) + dot(m, m) * get_eps()
  update = negative(sign(m)) * (reciprocal(x3) / (get_e() + log2(lr) * log10(0.5))) + w * 0.01 + exp2(v) * 0.001
  return update, m, v
"""


@pytest.mark.parametrize("text", ["adamw", "lion", "program4", EVERYTHING], ids=lambda text: text[:8].strip())
def test_the_exported_torch_optimizer_takes_the_same_steps(text, example, tmp_path):
    torch = pytest.importorskip("torch")
    setup, (weights, gradients, rates) = Optimizers(tasks=("quadratic",)), example
    setup.export(setup.parse(text), tmp_path / "found.py", Rng.from_seed(0))
    parameters = [torch.nn.Parameter(torch.tensor(part)) for part in (weights[:12].reshape(3, 4), weights[12:])]
    optimizer = load(tmp_path / "found.py").FoundOptimizer(parameters, lr=1.0)
    for g, lr, w in zip(gradients, rates, run(setup.parse(text), *example), strict=True):
        parameters[0].grad, parameters[1].grad = torch.tensor(g[:12].reshape(3, 4)), torch.tensor(g[12:])
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        found = np.concatenate([one.detach().numpy().ravel() for one in parameters])
        np.testing.assert_allclose(found, w, rtol=1e-9)


@pytest.mark.parametrize("text", ["lion", EVERYTHING], ids=["lion", "everything"])
def test_the_exported_optax_transformation_takes_the_same_steps(text, example, tmp_path):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    setup, (weights, gradients, rates) = Optimizers(tasks=("quadratic",)), example
    setup.export(setup.parse(text), tmp_path / "found.py", Rng.from_seed(0))
    made = load(tmp_path / "found_optax.py").found_optimizer(lambda count: jax.numpy.asarray(rates)[count])
    params = {"a": jax.numpy.asarray(weights[:12].reshape(3, 4)), "b": jax.numpy.asarray(weights[12:])}
    state = made.init(params)
    for g, w in zip(gradients, run(setup.parse(text), *example), strict=True):
        given = {"a": jax.numpy.asarray(g[:12].reshape(3, 4)), "b": jax.numpy.asarray(g[12:])}
        change, state = made.update(given, state, params)
        params = optax.apply_updates(params, change)
        found = np.concatenate([np.asarray(params[name]).ravel() for name in "ab"])
        np.testing.assert_allclose(found, w, rtol=1e-3, atol=1e-4)  # float32


@pytest.mark.parametrize("text", [*OPTIMIZERS, EVERYTHING], ids=lambda text: text[:8].strip())
def test_exported_source_is_python(text, tmp_path):
    setup = Optimizers(tasks=("quadratic",))
    said = setup.export(setup.parse(text), tmp_path / "found.py", Rng.from_seed(0))
    for name in ("found.py", "found_optax.py"):
        source = (tmp_path / name).read_text(encoding="utf-8")
        compile(source, name, "exec")
        assert name in said
