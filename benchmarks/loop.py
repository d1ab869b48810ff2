"""What does the loop itself cost? A setup in Python whose evaluation is a look-up, against a loop written by hand.

    python benchmarks/loop.py

Regularized evolution (P = 100, T = 10) with the functional equivalence cache, and without. The loop by hand does the
same with a deque, `random.choices`, `max` and a dictionary, its key being that of masked bytes; it has no budget, no
cost, no curve and no check, and draws its tournaments with replacement. All take turns in one process; processor time.
Then large tournaments, against drawing and comparing with numpy. The last part is tabulist on NAS-Bench-101, whose
candidates take longer the longer the search is: what grows is how many mutations Method 7 asks for, which is told
beside it. To a million candidates it takes a minute.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from xxhash import xxh3_64_intdigest

from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, RegularizedEvolution
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys, run_trial
from ufh_cli.experiment.trials import make_trial

CANDIDATES, ROUNDS = 20_000, 25
BEHAVIOURS, GENOTYPES, STEPS = 1000, 10_000, 3
POPULATION, TOURNAMENT = 100, 10
MEMBERS, TOURNAMENTS = 100_000, (1_000, 10_000)
MARKS = (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_draw = np.random.default_rng(0)
OUTPUTS = list(_draw.normal(size=(BEHAVIOURS, 8)))
FITNESS = _draw.normal(size=BEHAVIOURS).tolist()


class Ring(Setup[int]):
    """Whole numbers; those that are a multiple of `BEHAVIOURS` apart behave alike."""

    simulated_cost = True

    def random_candidate(self, rng: Rng) -> int:
        return rng.integer(GENOTYPES)

    def mutate(self, candidate: int, rng: Rng) -> int:
        return (candidate + 1 + rng.integer(STEPS)) % GENOTYPES

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return OUTPUTS[candidate % BEHAVIOURS]

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        return Evaluation(FITNESS[candidate % BEHAVIOURS], 1.0)

    def reevaluate(self, candidate: int, rng: Rng) -> float:
        return 0.0

    def describe(self, candidate: int) -> str:
        return str(candidate)


def ours(technique: str) -> None:
    """One search through the project's own loop."""
    setup, streams = Ring(), Streams.of(0, 0)
    run_trial(
        setup,
        RegularizedEvolution(population_size=POPULATION, tournament_size=TOURNAMENT),
        make_technique(technique, rng=streams.cache),
        key=functional_keys(setup, FunctionalHash(mantissa_bits=24)),
        key_cost=setup.hash_cost,
        streams=streams,
        budget=Budget(candidates=CANDIDATES),
    )


def by_hand() -> None:
    """The same search, written down."""
    rng, mask = random.Random(0), np.uint64((1 << 64) - (1 << 28))
    known: dict[int, float] = {}
    population: deque[tuple[float, int]] = deque(maxlen=POPULATION)
    best = -np.inf
    for number in range(CANDIDATES):
        if number < POPULATION:
            candidate = rng.randrange(GENOTYPES)
        else:
            _, parent = max(rng.choices(population, k=TOURNAMENT))
            candidate = (parent + 1 + rng.randrange(STEPS)) % GENOTYPES
        key = xxh3_64_intdigest((OUTPUTS[candidate % BEHAVIOURS].view(np.uint64) & mask).tobytes())
        fitness = known.get(key)
        if fitness is None:
            fitness = known[key] = FITNESS[candidate % BEHAVIOURS]
        best = max(best, fitness)
        population.append((fitness, candidate))


def tournaments() -> None:
    """Choosing a parent among many, by ours and by numpy's."""
    generator, rng = np.random.default_rng(0), Rng.from_seed(0)
    fitness = generator.normal(size=MEMBERS)
    for size in TOURNAMENTS:
        search = RegularizedEvolution(population_size=MEMBERS, tournament_size=size)
        for one in fitness:
            search.ask(rng)
            search.tell(Individual(0, fitness=float(one)))
        kinds: dict[str, Callable[[], object]] = {
            "ufh": partial(search.ask, rng),
            "numpy": lambda size=size: fitness[generator.choice(MEMBERS, size, replace=False, shuffle=False)].argmax(),
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(100 * ROUNDS):
            for name, choose in kinds.items():
                start = time.process_time_ns()
                choose()
                times[name].append((time.process_time_ns() - start) / 1e3)
        told = ", ".join(f"{name} {statistics.median(each):.1f} us" for name, each in times.items())
        print(f"  tournament of {size:,d} among {MEMBERS:,d}: {told}")


def tabulist() -> None:
    """Time and mutations a candidate, between marks."""
    tables, source = read_config("nasbench", None)
    config = make_config(tables | {"technique": "fec+tabulist", "budget": {"candidates": MARKS[-1]}}, source)
    mutations, before = 0, (0, 0, time.process_time())

    def tell(trial: Trial) -> None:
        nonlocal before
        if trial.result.candidates in MARKS:
            now = (trial.result.candidates, mutations, time.process_time())
            count, tries, spent = (new - old for new, old in zip(now, before, strict=True))
            each = f"{spent / count * 1e6:6.1f} us and {tries / count:5.1f} mutations a candidate"
            print(f"  to {now[0]:9,d} candidates: {each}, {spent / tries * 1e6:4.1f} us a mutation", flush=True)
            before = now

    trial = make_trial(config, 0, observe=tell)
    mutate = trial.setup.mutate

    def counted(candidate: int, rng: Rng) -> int:
        nonlocal mutations
        mutations += 1
        return mutate(candidate, rng)

    trial.setup.mutate = counted  # type: ignore[method-assign]
    before = (0, 0, time.process_time())
    trial.run()


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    kinds: dict[str, Callable[[], None]] = {
        "by hand": by_hand,
        "fec": lambda: ours("fec"),
        "none": lambda: ours("none"),
    }
    for search in kinds.values():
        search()
    gc.collect()
    gc.freeze()  # else its passes over all that is loaded fall on one or the other by chance
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, search in kinds.items():
            start = time.process_time()
            search()
            times[name].append((time.process_time() - start) / CANDIDATES * 1e6)
    for name, each in times.items():
        ratios = [one / other for one, other in zip(each, times["by hand"], strict=True)]
        print(
            f"  {name:8s} {min(each):5.2f} us a candidate at best, {statistics.geometric_mean(ratios):.2f} of by hand"
        )
    tournaments()
    print("fec+tabulist on nasbench")
    tabulist()


if __name__ == "__main__":
    main()
