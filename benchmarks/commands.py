"""How long do commands take that only read? Against the imports that they cannot do without; processor seconds.

python benchmarks/commands.py
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

ROUNDS = 9
RECORDS = str(Path(__file__).parents[1] / "results" / "records")
COMMANDS = ("show autorl-fixed", "status autorl-fixed", "setups", "list", "--version")
FLOOR = ("pass", "import typer", "import typer, numpy", "import typer, numpy, pydantic.main, rich.console, rich.table")


def processor_seconds(arguments: list[str]) -> float:
    """Of one process, from its start to its end; what it prints goes nowhere."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    environment = os.environ | {"UFH_RESULTS": RECORDS, "OPENBLAS_NUM_THREADS": "1"}
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment, file_actions=nowhere)
    _, status, used = os.wait4(process, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return used.ru_utime + used.ru_stime


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    cases = {f'python -c "{code}"': ["-c", code] for code in FLOOR}
    cases |= {f"ufh {words}": ["-m", "ufh_cli", *words.split()] for words in COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):  # in turns, since machines are not equally fast at all times
        for name, arguments in cases.items():
            times[name].append(processor_seconds(arguments))
    for name, each in times.items():
        print(f"  {name:80s} {min(each):.3f} s at best, {statistics.median(each):.3f} s by the median")


if __name__ == "__main__":
    main()
