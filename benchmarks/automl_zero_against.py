"""Speed of the AutoML-Zero setup here and in another checkout, in turns, beside hand-written code and the original.

    python benchmarks/automl_zero_against.py CHECKOUT [--pairs N]

Microseconds of processor time, of programs a task, of searches of the demo a candidate: the best of five turns, and of
several pairs of processes the median. "By hand" and the C++ figures are explained in `automl_zero.py`, which has more
rows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TASKS, CANDIDATES, TURNS = 10, 5000, 5


def _program(name: str, features: int, train: int, valid: int) -> list[Callable[[], object]]:
    """What runs a program on all tasks, and, in this checkout and where there is a C compiler, the same by hand."""
    from setups.automl_zero.block import TaskBlock
    from setups.automl_zero.examples import LINEAR, NEURAL_NETWORK
    from setups.automl_zero.program import Memory
    from setups.automl_zero.tasks import regression_tasks
    from setups.automl_zero.text import parse_program

    tasks = regression_tasks("linear", TASKS, features=features, train=train, valid=valid, seed=0, held_out=False)
    program = parse_program(LINEAR if name == "linear" else NEURAL_NETWORK, Memory(8, 14, 3))
    calls: list[Callable[[], object]] = [partial(TaskBlock(tasks, classification=False).fitnesses, program, 1)]
    if Path.cwd() == HERE:
        from automl_zero_by_hand import by_hand

        hand = by_hand(name, tasks, classification=False, word=1)
        calls += [hand] if hand else []
    return calls


def _search(name: str) -> list[Callable[[], object]]:
    """What runs a search of the demo with the technique `name`."""
    from setups.automl_zero import AutoMLZero
    from ufh_cli.core.hashing import FunctionalHash
    from ufh_cli.core.search import RegularizedEvolution
    from ufh_cli.core.techniques import make_technique
    from ufh_cli.core.trial import Budget, Streams, functional_keys, run_trial

    config = tomllib.loads(Path("configs/automl_zero-demo.toml").read_text())  # of each checkout its own
    setup = AutoMLZero(**config["options"])
    key = functional_keys(setup, FunctionalHash(mantissa_bits=config["hash"]["mantissa_bits"]))
    sizes = {size: config["search"][size] for size in ("population_size", "tournament_size")}

    def run() -> None:
        streams = Streams.of(0, 0)
        method, technique = RegularizedEvolution(**sizes), make_technique(name, rng=streams.cache)
        budget = Budget(candidates=CANDIDATES)
        run_trial(setup, method, technique, key=key, key_cost=setup.hash_cost, streams=streams, budget=budget)

    return [run]


def _seconds(call: Callable[[], object], count: int) -> float:
    """Of processor time, for each of `count` calls."""
    started = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - started) / count


def _serve() -> None:
    """Answer each line, the words of a row, with what one turn took: ours and by hand."""
    rows: dict[str, list[tuple[Callable[[], object], int]]] = {}
    for line in sys.stdin:
        name, *numbers = line.split()
        if line not in rows:
            calls = _program(name, *map(int, numbers)) if numbers else _search(name)
            for call in calls:
                call()  # compiles
            rows[line] = [(call, max(1, int(0.03 / _seconds(call, 1)))) for call in calls]
        units = TASKS if numbers else CANDIDATES
        print(*(_seconds(call, count) / units * 1e6 for call, count in rows[line]), flush=True)


def _rows() -> dict[str, float]:
    """The words of each row, and what the C++ takes; it validates on a tenth of the examples."""
    from automl_zero import CPP_CANDIDATES_PER_SECOND, CPP_EPYC

    sizes = ((100, 10), (1000, 100), (8000, 800))
    rows = {
        f"{name} {features} {train} {valid}": cpp
        for (name, _, features), figures in CPP_EPYC.items()
        for (train, valid), cpp in zip(sizes, figures, strict=False)
    }
    return rows | {technique: 1e6 / epyc for technique, (_, epyc) in CPP_CANDIDATES_PER_SECOND.items()}


def _in_turns(rows: list[str], other: Path) -> list[list[float]]:
    """Of each row what it took here, by hand if that is there, and in the `other` checkout."""
    command, processes = [sys.executable, __file__, "--serve"], []
    for folder in (HERE, other):
        environment = os.environ | {"PYTHONPATH": str(folder)}
        pipes: dict = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        processes.append(subprocess.Popen(command, cwd=folder, env=environment, **pipes))
    found = []
    for row in rows:
        turns = []
        for _ in range(TURNS):
            turn: list[float] = []
            for process in processes:
                assert process.stdin is not None
                assert process.stdout is not None
                print(row, file=process.stdin)
                turn += map(float, process.stdout.readline().split())
            turns.append(turn)
        found.append([min(column) for column in zip(*turns, strict=True)])
    for process in processes:
        process.communicate()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="the folder of the other checkout")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of processes")
    arguments = parser.parse_args()
    rows = _rows()
    pairs = [_in_turns(list(rows), arguments.checkout.resolve()) for _ in range(arguments.pairs)]
    print(f"{'':<22}" + "".join(f"{title:>10}" for title in ("here", "there", "ratio", "by hand", "C++ EPYC")))
    for (row, cpp), *measured in zip(rows.items(), *pairs, strict=True):
        here, *hand, there = (statistics.median(column) for column in zip(*measured, strict=True))
        label = "{} F={} {}+{}".format(*row.split()) if " " in row else f"demo search, {row}"
        figures = f"{here:>10.2f}{there:>10.2f}{here / there:>10.2f}{f'{hand[0]:.2f}' if hand else '–':>10}{cpp:>10.2f}"
        print(f"{label:<22}{figures}")


if __name__ == "__main__":
    _serve() if sys.argv[1:] == ["--serve"] else main()
