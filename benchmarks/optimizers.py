"""Speed of the optimizers setup, and what its two keys find along a search.

    python benchmarks/optimizers.py [--candidates N] [--no-search]

prints microseconds of processor time a proposal (mutation, structural key, functional key) on programs of a search,
milliseconds an evaluation, training against torch and optax with the exported program where they are installed, and a
search in which every candidate is evaluated: the hits of both keys, those that are wrong, and the redundant statements.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from setups.optimizers import Optimizers
from setups.optimizers.baselines import baseline
from setups.optimizers.export import optax_text, torch_text
from setups.optimizers.kernel import draw_batch, schedule, start_weights, train
from setups.optimizers.known import known_program
from setups.optimizers.program import Program, size
from setups.optimizers.tasks import make_task
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng

MANTISSA_BITS = 26


def _microseconds(call: Callable[[], object], repeats: int) -> float:
    """Processor time of `call`, the best of three."""
    best = np.inf
    for _ in range(3):
        started = time.process_time()
        for _ in range(repeats):
            call()
        best = min(best, (time.process_time() - started) / repeats)
    return 1e6 * best


def walk(setup: Optimizers, count: int, population: int = 200) -> list[Program]:
    """Programs as a search without selection makes them: each a child of one of the last `population`."""
    rng = Rng.from_seed(1)
    programs = [setup.random_candidate(rng)]
    while len(programs) < count:
        programs.append(setup.mutate(rng.choice(programs[-population:]), rng))
    return programs[-population:]


def speed_rows(setup: Optimizers) -> Iterator[str]:
    """Proposals and evaluations."""
    programs = walk(setup, 2000)
    rng, functional = Rng.from_seed(2), FunctionalHash(mantissa_bits=MANTISSA_BITS)
    parts: dict[str, Callable[[Program], object]] = {
        "mutation": lambda program: setup.mutate(program, rng),
        "structural key": setup.structural_key,
        "functional key": lambda program: functional(setup.hashable_outputs(program)),
    }
    total = 0.0
    yield f"programs of {np.mean([size(one) for one in programs]):.1f} statements; microseconds"
    for name, part in parts.items():
        spent = _microseconds(lambda part=part: [part(one) for one in programs], 5) / len(programs)
        total += spent
        yield f"  {name:<18}{spent:8.2f}"
    yield f"  {'a proposal':<18}{total:8.2f}"
    for name in ("adamw", "lion", "program4"):
        spent = _microseconds(lambda name=name: setup.evaluate(known_program(name), Rng.from_word(0)), 10)
        yield f"evaluation of {name:<10}{spent / 1000:8.2f} ms"


def peer_rows() -> Iterator[str]:
    """AdamW as given trains the same network from the same start on the same batches, in torch and in jax."""
    task, program = make_task("mlp"), known_program("adamw")
    peak, rates = baseline("mlp").peak, np.empty(task.steps)
    weights, word = start_weights(task.offset, task.scale, np.uint64(5))
    batches = np.empty((task.steps, task.batch), dtype=np.int64)
    for t, batch in enumerate(batches):
        rates[t] = schedule(t, task.steps, peak)
        word = draw_batch(batch, len(task.x), np.uint64(word))
    given = (task.x[batches], task.y[batches].astype(np.int64), rates)
    losses = np.empty(task.steps)

    def ours() -> np.ndarray:
        train(program, *task.data(), task.steps, task.batch, peak, np.uint64(5), losses)
        return losses

    took = _microseconds(ours, 10) / task.steps
    yield f"a step of training, {task.weights} weights, batches of {task.batch}: ours {took:.1f} microseconds"
    for name, text, prepare in (("torch", torch_text, torch_training), ("optax", optax_text, optax_training)):
        module = ModuleType("found")
        try:
            exec(text(program), module.__dict__)
            training = prepare(module, weights, given)
        except ImportError as error:
            yield f"  {name}: {error.name} is not installed"
            continue
        np.testing.assert_allclose(training(), ours(), rtol=1e-6)
        peer = _microseconds(training, 3) / task.steps
        yield f"  {name} {peer:.1f}, {peer / took:.0f} times ours"


def torch_training(module: ModuleType, weights: np.ndarray, given: tuple[np.ndarray, ...]) -> Callable[[], np.ndarray]:
    """Trains with the exported optimizer and autograd, on one thread; returns the losses."""
    import torch

    torch.set_num_threads(1)
    x, y, rates = torch.tensor(given[0]), torch.tensor(given[1]), given[2].tolist()

    def training() -> np.ndarray:
        shapes = ((64, 16), (16,), (16, 10), (10,))
        parts = torch.tensor(weights).split([math.prod(shape) for shape in shapes])
        a, b, c, d = (torch.nn.Parameter(part.reshape(s).clone()) for part, s in zip(parts, shapes, strict=True))
        optimizer = module.FoundOptimizer([a, b, c, d])
        losses = []
        for images, labels, rate in zip(x, y, rates, strict=True):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(torch.tanh(images @ a + b) @ c + d, labels)
            loss.backward()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            losses.append(loss.item())
        return np.array(losses)

    return training


def optax_training(module: ModuleType, weights: np.ndarray, given: tuple[np.ndarray, ...]) -> Callable[[], np.ndarray]:
    """Trains with the exported transformation, a compiled step at a time; returns the losses."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    x, y, rates = (jax.numpy.asarray(array) for array in given)
    transformation = module.found_optimizer(lambda count: rates[count])

    def loss_of(flat: Any, images: Any, labels: Any) -> Any:
        a, b, c, d = jax.numpy.split(flat, [1024, 1040, 1200])
        logits = jax.numpy.tanh(images @ a.reshape(64, 16) + b) @ c.reshape(16, 10) + d
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @jax.jit
    def step(flat: Any, state: Any, images: Any, labels: Any) -> Any:
        loss, gradient = jax.value_and_grad(loss_of)(flat, images, labels)
        change, state = transformation.update(gradient, state, flat)
        return optax.apply_updates(flat, change), state, loss

    def training() -> np.ndarray:
        flat = jax.numpy.asarray(weights)
        state, losses = transformation.init(flat), []
        for images, labels in zip(x, y, strict=True):
            flat, state, loss = step(flat, state, images, labels)
            losses.append(loss)
        return np.array(losses)

    return training


def search_rows(setup: Optimizers, candidates: int, population_size: int = 200) -> Iterator[str]:
    """Regularized evolution with tournaments of two; every candidate is evaluated, whatever the keys say."""
    rng, functional = Rng.from_seed(3), FunctionalHash(mantissa_bits=MANTISSA_BITS)
    seen: list[dict[int, float]] = [{}, {}]
    hits = np.zeros((2, candidates), dtype=bool)
    far = np.zeros((2, 3), dtype=int)  # wrong hits by more than 1e-6, 1e-3, 0.02 in fitness
    redundant = np.zeros(candidates)
    population: list[tuple[float, Program]] = []
    best = (0.0, known_program("adamw"))
    for number in range(candidates):
        if len(population) < population_size:
            child = setup.random_candidate(rng)
        else:
            child = setup.mutate(max(rng.choice(population), rng.choice(population))[1], rng)
            population.pop(0)
        fitness = setup.evaluate(child, Rng.from_word(0)).fitness
        keys = (setup.structural_key(child), functional(setup.hashable_outputs(child)))
        for which, (known, key) in enumerate(zip(seen, keys, strict=True)):
            hits[which, number] = key in known
            off = abs(known.setdefault(key, fitness) - fitness)
            far[which] += [off > limit for limit in (1e-6, 1e-3, 0.02)]
        redundant[number] = setup.redundancy(child)
        population.append((fitness, child))
        best = max(best, population[-1])
    quarter = slice(3 * candidates // 4, None)
    yield f"search of {candidates} candidates, all evaluated; the best fitness is {best[0]:.4f}"
    for name, row, wrong in zip(("structural", "functional"), hits, far, strict=True):
        yield (
            f"  {name} hits {row.mean():.1%}, last quarter {row[quarter].mean():.1%}; wrong by more than 1e-6, 1e-3, "
            f"0.02: {', '.join(f'{one} ({one / max(row.sum(), 1):.2%})' for one in wrong)}"
        )
    yield f"  evaluations saved beside the structural key: {1 - (~hits[1]).sum() / (~hits[0]).sum():.1%}"
    yield f"  redundant statements {redundant.mean():.1%}, last quarter {redundant[quarter].mean():.1%}"
    yield setup.describe(best[1])


def main() -> None:
    """Print all rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=10_000, help="of the search")
    parser.add_argument("--no-search", action="store_true", help="only speeds")
    parser.add_argument("--tasks", nargs="+", default=("softmax", "mlp", "attention", "quadratic", "rosenbrock"))
    arguments = parser.parse_args()
    setup = Optimizers(tasks=arguments.tasks)
    for row in (*speed_rows(setup), *peer_rows()):
        print(row, flush=True)
    if not arguments.no_search:
        for row in search_rows(setup, arguments.candidates):
            print(row, flush=True)


if __name__ == "__main__":
    main()
