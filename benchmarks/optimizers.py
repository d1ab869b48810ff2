"""Speed of the optimizers setup, and what its two keys find along a search.

    python benchmarks/optimizers.py [--candidates N] [--no-search]

prints microseconds of processor time a proposal (mutation, structural key, functional key) on programs of a search,
milliseconds an evaluation, the interpreter's step against torch's and optax' own AdamW where they are installed, and a
search in which every candidate is evaluated: the hits of both keys, those that are wrong, and the redundant statements.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from setups.optimizers import Optimizers
from setups.optimizers.execute import run
from setups.optimizers.known import known_program
from setups.optimizers.program import Program, size
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng

MANTISSA_BITS = 26
WEIGHTS, STEPS = 1210, 200  # of the comparison with torch and optax


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
    """The same program, AdamW on the same gradients, in torch and optax."""
    rng = np.random.default_rng(0)
    weights, gradients = rng.standard_normal(WEIGHTS), rng.standard_normal((STEPS, WEIGHTS))
    rates = np.ones(STEPS)
    program = known_program("adamw")
    ours = _microseconds(lambda: run(program, weights, gradients, rates), 20) / STEPS
    yield f"a step of AdamW on {WEIGHTS} weights: ours {ours:.2f} microseconds"
    try:
        import torch
    except ImportError:
        yield "  torch is not installed"
    else:
        torch.set_num_threads(1)
        w, g = torch.nn.Parameter(torch.tensor(weights)), torch.tensor(gradients)
        adamw = torch.optim.AdamW([w], lr=1e-3)

        def steps() -> None:
            for one in g:
                w.grad = one
                adamw.step()

        peer = _microseconds(steps, 3) / STEPS
        yield f"  torch.optim.AdamW {peer:.1f}, {peer / ours:.0f} times ours"
    try:
        import jax
        import optax
    except ImportError:
        yield "  optax is not installed"
    else:
        transformation = optax.adamw(1e-3)
        update = jax.jit(transformation.update)
        start = jax.numpy.asarray(weights)
        given = [jax.numpy.asarray(one) for one in gradients]

        def optax_steps() -> None:
            params, state = start, transformation.init(start)
            for one in given:
                change, state = update(one, state, params)
                params = params + change
            params.block_until_ready()

        peer = _microseconds(optax_steps, 3) / STEPS
        yield f"  optax.adamw, compiled, {peer:.1f}, {peer / ours:.0f} times ours"


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
