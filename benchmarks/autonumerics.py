"""How many digits of 2^x do few operations give, how soon, and how fast are they? Each against a peer in one run.

    python benchmarks/autonumerics.py speed
    python benchmarks/autonumerics.py search [--seconds S] [--seeds N] [--alone] [--table FILE]
    python benchmarks/autonumerics.py compiled [--formula TEXT]... [--table FILE]

`speed`: processor time of a mutation, a key and an evaluation of programs with ten operations, and of 100,000 proposals
with FEC under NSGA-II. `search`: the most digits at most so many operations for each seed, and where pyoperon is
installed (C++, Levenberg–Marquardt on coefficients, NSGA-II), the same for it, with the same four operators, the same
points, one thread and as many processor seconds as ours. pyoperon computes in float32 and puts weights on variables, a
scale and an offset around each tree; so that its forms are compared and not that, all trees of its last population are
fitted by our fit in float64, with and without scale and offset, and lose the operations that bring nothing. `compiled`:
the time of exported C, as a ratio to Horner's scheme of the minimax polynomial of degree 5.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from setups.autonumerics import AutoNumerics
from setups.autonumerics.classical import minimax_form
from setups.autonumerics.export import c_source
from setups.autonumerics.functions import end_points
from setups.autonumerics.operations import COEFFICIENT
from setups.autonumerics.program import Program, from_vertices, to_vertices
from setups.autonumerics.published import PUBLISHED
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

    search = Nsga2(population_size=100, unique_keys=technique != "none")
    trial = Trial(
        setup, search, make_technique(technique, rng=streams.cache),
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


def run_operon(seed: int, seconds: float) -> set[str]:
    """The trees of pyoperon's population after so many processor seconds on one thread, as formulas."""
    from pyoperon.sklearn import SymbolicRegressor

    points = end_points(AutoNumerics().function, 256)
    model = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,constant,variable", objectives=["mse", "length"], optimizer_iterations=20,
        generations=3, max_evaluations=10**9, max_length=30, n_threads=1, warm_start=True,
    )  # fmt: skip
    start, turn = time.process_time(), 0
    while time.process_time() - start < seconds:  # it can only be stopped by wall-clock time itself
        turn += 1
        model.set_params(random_state=seed * 100_000 + turn)
        model.fit(points[:, None], np.exp2(points))
    trees = [model.get_model_string(one.Genotype, 17) for one in model.individuals_]
    return {text.replace("X1", "x") for text in trees if "X1" in text}


def improved(setup: AutoNumerics, texts: Iterable[str]) -> Front:
    """The most digits that the forms of `texts` give, with scale and offset or without, fitted and pruned."""
    best: dict[int, tuple[float, Program]] = {}

    def offer(program: Program) -> None:
        evaluation = setup.evaluate(program, Rng.from_word(0))
        found = best.get(program.operations)
        if found is None or evaluation.fitness > found[0]:
            best[program.operations] = evaluation.fitness, evaluation.refined or program

    for text in texts:
        for form in (text, f"1.0*({text})", f"({text}) + 0.0", f"1.0*({text}) + 0.0"):
            with contextlib.suppress(ValueError):  # more operations than a program has
                offer(setup.parse(form))
    for operations in sorted(best, reverse=True):  # what is pruned is offered to those with fewer operations
        for shorter in pruned(best[operations][1]):
            offer(shorter)
    return front_of(setup, [program for _, program in best.values()])


def pruned(program: Program) -> Iterable[Program]:
    """The program without one of its operations on a coefficient."""
    vertices = to_vertices(program)
    for place, vertex in enumerate(vertices):
        kinds = [vertices[source].kind for source in vertex.inputs]
        if COEFFICIENT in kinds:
            heir = vertex.inputs[1 - kinds.index(COEFFICIENT)]
            changed = [
                one._replace(inputs=tuple(heir if source == place else source for source in one.inputs))
                for one in vertices
            ]
            yield from_vertices(changed, heir if place == len(vertices) - 1 else len(vertices) - 1)


class Table:
    """Prints rows as they come, and keeps them in a CSV file if one is named."""

    def __init__(self, headings: list[str], path: Path | None) -> None:
        self._path = path
        self._rows: list[list[str]] = []
        self.add(*headings)

    def add(self, *cells: str) -> None:
        """One row; the first cell is its name."""
        self._rows.append(list(cells))
        print(f"{cells[0][:58]:<60}" + "".join(f"{cell:>8}" for cell in cells[1:]), flush=True)
        if self._path is not None:
            with self._path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(self._rows)


def compare(seconds: float, seeds: int, alone: bool, path: Path | None) -> None:
    """Digits by operations; `alone`: without pyoperon."""
    setup = AutoNumerics(objectives=2)
    run_ours(setup, 0, seconds=1.0, candidates=500)  # compiles
    table = Table([f"digits after {seconds:g} s", *(f"{count} op" for count in OPERATIONS)], path)
    rows: dict[str, list[Front]] = {}

    def add(name: str, seed: int, front: Front) -> None:
        rows.setdefault(name, []).append(front)
        table.add(f"{name}, seed {seed}", *(f"{front[count]:.2f}" for count in OPERATIONS))

    for seed in range(seeds):
        if not alone:
            add("pyoperon", seed, improved(setup, run_operon(seed, seconds)))
        found = run_ours(setup, seed, seconds=seconds, candidates=10**9)
        add("ours", seed, front_of(setup, [individual.candidate for individual in found]))
    for name, fronts in rows.items():
        table.add(f"{name}, median", *(f"{np.median([one[count] for one in fronts]):.2f}" for count in OPERATIONS))


def compiled(formulas: list[str], path: Path | None) -> None:
    """Nested calls of exported C, the least time of many rounds in turn."""
    setup = AutoNumerics()
    programs = {f"polynomial of degree {n}": minimax_form(setup, n, 0) for n in (5, 3, 8, 10)}
    programs |= {name: setup.parse(text) for name, text in PUBLISHED.items()}
    programs |= {setup.form(program): program for program in map(setup.parse, formulas)}
    sources = [c_source(program, f"f{i}", "") for i, program in enumerate(programs.values())]
    cases = "\n".join(_C_CASE.format(i=i) for i in range(len(programs)))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "f.c")
        source.write_text(_C_MAIN.format(functions="\n".join(sources), cases=cases, count=len(programs)))
        compiler = shutil.which("cc") or "cc"
        subprocess.run([compiler, "-O2", "-o", str(source.with_suffix("")), str(source), "-lm"], check=True)
        output = subprocess.run([str(source.with_suffix(""))], capture_output=True, text=True, check=True).stdout
    times = [float(line) for line in output.split()]
    table = Table(["latency of C, as a ratio", "ops", "digits", "time"], path)
    for (name, program), taken in zip(programs.items(), times, strict=True):
        table.add(name, str(program.operations), f"{setup.digits(program, 500):.2f}", f"{taken / times[0]:.2f}")


# Each call depends on the one before, so this is latency, as Real et al. (2023) measure it.
_C_CASE = """        {{ struct timespec a, b; volatile double start = 0.37; double x = start;
          clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
          for (int n = 0; n < 20000; n++) {{ x = f{i}(x) - 1.0; x = x < 0.1 ? 0.1 : x > 0.9 ? 0.9 : x; }}
          clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b); sink = x;
          double taken = (b.tv_sec - a.tv_sec) + 1e-9 * (b.tv_nsec - a.tv_nsec);
          if (taken < best[{i}]) best[{i}] = taken; }}"""
_C_MAIN = """#include <stdio.h>
#include <time.h>
{functions}
int main(void) {{
    volatile double sink; double best[{count}];
    for (int i = 0; i < {count}; i++) best[i] = 1e9;
    for (int round = 0; round < 200; round++) {{
{cases}
    }}
    (void)sink;
    for (int i = 0; i < {count}; i++) printf("%.9g\\n", best[i]);
    return 0;
}}
"""


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
    for technique in ("none", "fec"):
        began = time.process_time()
        run_ours(setup, 1, seconds=1e9, candidates=100_000, technique=technique)
        print(f"{f'100,000 with {technique}':<24}{time.process_time() - began:>10.1f} s")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "search", "compiled"))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--alone", action="store_true", help="without pyoperon")
    parser.add_argument("--formula", action="append", default=[], help="a further program to be compiled")
    parser.add_argument("--table", type=Path, help="of `search` and `compiled`: a CSV file")
    asked = parser.parse_args()
    if asked.what == "compiled":
        compiled(asked.formula, asked.table)
    elif asked.what == "speed":
        speed()
    else:
        compare(asked.seconds, asked.seeds, asked.alone, asked.table)


if __name__ == "__main__":
    main()
