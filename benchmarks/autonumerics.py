"""How many digits of 2^x do few operations give, and how soon? The setup against pyoperon at equal time.

    python benchmarks/autonumerics.py speed
    python benchmarks/autonumerics.py search [--seconds S] [--seeds N] [--alone]

`speed`: processor time of a mutation, a key and an evaluation of programs with ten operations, and of 100,000 proposals
with FEC under NSGA-II. `search`: the most digits at most so many operations after so many processor seconds, for each
seed; where pyoperon is installed (C++, Levenberg–Marquardt on coefficients, NSGA-II), the same for it with the same
four operators, one thread, its programs counted, refitted and measured by our functions. It weighs the length of trees,
without sharing, against the mean squared error, and puts a scale and an offset around each, so that its programs are
longer by our count than they had to be.
"""

from __future__ import annotations

import argparse
import contextlib
import time

import numpy as np

from setups.autonumerics import AutoNumerics
from setups.autonumerics.functions import end_points
from setups.autonumerics.program import Program
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search.nsga2 import Nsga2
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys

OPERATIONS = range(2, 11)
TEN = "u = x + 5783.5/x; (501.1/(-250.6 + (15142.0/u + u)) + 1.0)^8"
Front = dict[int, float]  # operations -> the most digits at that many or fewer


class _OutOfTime(Exception):
    """The processor time is used up."""


def run_ours(setup: AutoNumerics, seed: int, *, seconds: float, candidates: int, technique: str = "fec") -> list:
    """The individuals of the archive after a search from the empty program."""
    streams = Streams.of(seed, 0)
    start = time.process_time()

    def observe(trial: Trial) -> None:
        if trial.result.candidates % 100 == 0 and time.process_time() - start > seconds:
            raise _OutOfTime

    trial = Trial(
        setup, Nsga2(population_size=100, unique_keys=True), make_technique(technique, rng=streams.cache),
        key=functional_keys(setup, FunctionalHash(mantissa_bits=40)), key_cost=setup.hash_cost, streams=streams,
        budget=Budget(candidates=candidates), observe=observe,
    )  # fmt: skip
    with contextlib.suppress(_OutOfTime):
        trial.run()
    assert trial.archive is not None
    return [individual for _, individual in trial.archive]


def front_of(setup: AutoNumerics, programs: list[Program]) -> Front:
    """The most digits, measured anew with 40 digits, at each number of operations."""
    digits = [(program.operations, setup.digits(program)) for program in programs]
    return {count: max((d for operations, d in digits if operations <= count), default=0.0) for count in OPERATIONS}


def run_operon(seed: int, seconds: float) -> list[str]:
    """The formulas of pyoperon's Pareto front after so many seconds on one thread."""
    from pyoperon.sklearn import SymbolicRegressor

    points = end_points(AutoNumerics().function, 256)
    model = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,constant,variable", objectives=["mse", "length"], optimizer_iterations=20,
        generations=10**7, max_evaluations=10**9, max_length=30, n_threads=1, max_time=int(seconds),
        random_state=seed, local_search_probability=1.0, lamarckian_probability=1.0,
    )  # fmt: skip
    model.fit(points[:, None], np.exp2(points))
    return [model.get_model_string(one["tree"], 17).replace("X1", "x") for one in model.pareto_front_]


def best_refit(setup: AutoNumerics, programs: list[Program]) -> list[Program]:
    """The programs as they are and with our fit, so that only the forms are compared."""
    return [p for one in programs for p in (one, setup.fitted(one, Rng.from_word(0)))]


def print_front(name: str, front: Front) -> None:
    """One row."""
    print(f"{name:<24}" + "".join(f"{front[count]:>7.2f}" for count in OPERATIONS), flush=True)


def search(seconds: float, seeds: int, alone: bool) -> None:
    """Digits by operations; `alone`: without pyoperon."""
    setup = AutoNumerics(objectives=2)
    run_ours(setup, 0, seconds=1.0, candidates=500)  # compiles
    print(f"{f'digits, {seconds:g} s':<24}" + "".join(f"{f'{count} op':>7}" for count in OPERATIONS))
    for seed in range(seeds):
        found = run_ours(setup, seed, seconds=seconds, candidates=10**9)
        print_front(f"ours, seed {seed}", front_of(setup, [individual.candidate for individual in found]))
        if alone:
            continue
        try:
            theirs = [setup.parse(text) for text in run_operon(seed, seconds)]
        except ImportError:
            continue
        print_front(f"pyoperon, seed {seed}", front_of(setup, theirs))
        print_front("  with our fit", front_of(setup, best_refit(setup, theirs)))


def speed() -> None:
    """Processor time a call."""
    setup, rng = AutoNumerics(objectives=2), Rng.from_seed(1)
    start = setup.parse(TEN)
    programs = [start]
    while len(programs) < 500:
        child = setup.mutate(start, rng)
        if child.operations == 10:
            programs.append(child)
    for name, call in (
        ("mutation", lambda i: setup.mutate(programs[i], rng)),
        ("key", lambda i: setup.hashable_outputs(programs[i])),
        ("evaluation", lambda i: setup.evaluate(programs[i], Rng.from_word(i))),
    ):
        call(0)
        began = time.process_time()
        for i in range(len(programs)):
            call(i)
        print(f"{name:<24}{(time.process_time() - began) / len(programs) * 1e6:>10.1f} us")
    for technique in ("none", "fec"):  # with "none" keys are computed too, since only one of a key shall survive
        began = time.process_time()
        run_ours(setup, 1, seconds=1e9, candidates=100_000, technique=technique)
        print(f"{f'100,000 with {technique}':<24}{time.process_time() - began:>10.1f} s")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "search"))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="without pyoperon")
    asked = parser.parse_args()
    speed() if asked.what == "speed" else search(asked.seconds, asked.seeds, asked.alone)


if __name__ == "__main__":
    main()
