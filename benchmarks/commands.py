"""How long do commands take? Processor seconds of those that only read, of first uses, and of trials side by side.

    python benchmarks/commands.py read     against the imports that they cannot do without
    python benchmarks/commands.py first    a small search of each setup, with nothing compiled before and with all
    python benchmarks/commands.py jobs     100 trials on nasbench with one job and with two, elapsed as well

Elapsed seconds mean something only where nobody else uses the processors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROUNDS, JOB_ROUNDS = 9, 5
RECORDS = str(Path(__file__).parents[1] / "results" / "records")
COMMANDS = ("show autorl-fixed", "status autorl-fixed", "setups", "list", "--version")
FLOOR = ("pass", "import typer", "import typer, numpy", "import typer, numpy, pydantic.main, rich.console, rich.table")


SEARCHES = {
    "nasbench": "nasbench --technique fec --set budget.candidates=200",
    "guided": "nasbench --technique fec+guided --set budget.candidates=400",
    "automl_zero": "automl_zero --technique fec --set budget.candidates=300",
    "autorl": "autorl --config autorl-lite --technique fec --set budget.candidates=6",
    "mnas": "mnas --config mnas-lite --technique fec --set budget.candidates=2",
    "autonumerics": "autonumerics --technique fec --set budget.candidates=200",
    "optimizers": "optimizers --technique fec --set budget.candidates=300",
}


def processor_seconds(arguments: list[str], **variables: str) -> float:
    """Of one process and those that it has waited for, from start to end; what is printed goes nowhere."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    environment = os.environ | {"UFH_RESULTS": RECORDS, "OPENBLAS_NUM_THREADS": "1"} | variables
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment, file_actions=nowhere)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return used.ru_utime + used.ru_stime


def read() -> None:
    """Commands that only read, and what they import."""
    cases = {f'python -c "{code}"': ["-c", code] for code in FLOOR}
    cases |= {f"ufh {words}": ["-m", "ufh_cli", *words.split()] for words in COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):  # in turns, since machines are not equally fast at all times
        for name, arguments in cases.items():
            times[name].append(processor_seconds(arguments))
    for name, each in times.items():
        print(f"  {name:80s} {min(each):.3f} s at best, {statistics.median(each):.3f} s by the median")


def first() -> None:
    """The first use of each setup and the second."""
    for name, words in SEARCHES.items():
        with tempfile.TemporaryDirectory() as folder:
            search = ["-m", "ufh_cli", "run", *words.split(), "--trials=1", "--jobs=1"]
            cold, warm = (
                processor_seconds([*search, f"--name={use}"], UFH_RESULTS=folder, NUMBA_CACHE_DIR=f"{folder}/compiled")
                for use in ("first", "second")
            )
        print(f"  {name:12s} {cold:5.1f} s, then {warm:.1f} s", flush=True)


def jobs() -> None:
    """100 trials with one job and with two, in turns after a round that is not counted."""
    seconds: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(-1, JOB_ROUNDS):
            for number, found in seconds.items():
                search = ["-m", "ufh_cli", "run", "nasbench", "--technique=fec", "--trials=100", f"--jobs={number}"]
                start = time.perf_counter()
                processor = processor_seconds([*search, f"--name={number}-{turn}"], UFH_RESULTS=folder)
                if turn >= 0:
                    found.append((time.perf_counter() - start, processor))
    for number, found in seconds.items():
        elapsed, processor = map(statistics.median, zip(*found, strict=True))
        print(f"  --jobs {number}: {elapsed:.2f} s elapsed, {processor:.2f} s of processors")
    ratios = [one[0] / two[0] for one, two in zip(*seconds.values(), strict=True)]
    print(f"  two jobs are {statistics.median(ratios):.2f} times as fast by the median of {JOB_ROUNDS} rounds")


def main() -> None:
    kinds = {"read": read, "first": first, "jobs": jobs}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=kinds, nargs="?", default="read")
    kinds[parser.parse_args().kind]()


if __name__ == "__main__":
    main()
