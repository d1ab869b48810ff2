"""What does a second worker bring? The time that one worker and two take for the same candidates.

    python benchmarks/workers.py [NAME ...]

Three searches, or those that are named: mutants of AutoML-Zero's two-layer network at the sizes of the baseline script
(10 tasks of 16 features, 8,000 training and 1,000 validation examples), the same at 4 features, which is quicker than
any baseline, and random loss graphs of AutoRL's lite configuration. All go through the project's own loop with the
functional equivalence cache and a journal; the start of processes is not timed. Rounds of one worker, of two, and of
two searches at once with one worker each take turns. The last share nothing but the machine: what they lose against one
search alone is lost to caches, memory and other users of the machine, and is the most that two workers can bring.
Beside the seconds stands how many processors were busy.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from setups.automl_zero.examples import NEURAL_NETWORK
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.search.random_search import RandomSearch
from ufh_cli.core.setup import Setup
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.config import make_config
from ufh_cli.experiment.journal import Journal
from ufh_cli.experiment.parallel import ParallelWorkers
from ufh_cli.experiment.replay import Replay
from ufh_cli.experiment.trials import make_setup, make_trial, make_workers

ROUNDS = 11
BASELINE = {"task": "nn2", "tasks": 10, "features": 16, "train_examples": 8000, "valid_examples": 1000}
AUTORL = {"hidden": "64/64", "learning_rate": 1e-3, "episodes": 200, "replay_start": 500, "update_every": 2}


class Mutants(SearchMethod):
    """Proposes mutations of the two-layer network."""

    def start(self, setup: Setup) -> None:
        self._network = Individual(setup.parse(NEURAL_NETWORK))

    def ask(self, rng: Rng) -> Individual:
        return self._network

    def tell(self, individual: Individual) -> None:
        pass


class Case(NamedTuple):
    """A search: its setup and options, and how many evaluations are timed after how many others."""

    setup: str
    options: dict[str, Any]
    search: type[SearchMethod]
    evaluations: int
    before: int


CASES = {
    "baseline": Case("automl_zero", BASELINE, Mutants, 300, 40),
    "baseline-x4": Case("automl_zero", BASELINE | {"epochs": 4}, Mutants, 100, 20),
    "small": Case("automl_zero", BASELINE | {"features": 4}, Mutants, 800, 100),
    "autorl": Case("autorl", AUTORL, RandomSearch, 40, 8),
}


class Round(NamedTuple):
    """Seconds for the evaluations, and the processors' seconds in all processes."""

    seconds: float
    processor_seconds: float


class _Timed:
    """Times a trial from one number of evaluations to another, and ends it there."""

    def __init__(self, case: Case, at_work: object, begin: Callable[[], object]) -> None:
        self._case = case
        self._begin = begin
        self._parallel = isinstance(at_work, ParallelWorkers)
        self._started: tuple[float, float] | None = None
        self.round = Round(0.0, 0.0)

    def observe(self, trial: Trial) -> None:
        done = trial.result.evaluations
        if self._started is None and done >= self._case.before:
            self._begin()
            self._started = (time.perf_counter(), self._processor())
        if self._started is not None and done >= self._case.before + self._case.evaluations:
            seconds, processor = self._started
            self.round = Round(time.perf_counter() - seconds, self._processor() - processor)
            raise StopIteration

    def _processor(self) -> float:
        return time.process_time() + (_children_seconds() if self._parallel else 0.0)


def _children_seconds() -> float:
    """Processor seconds of the processes that this one has started; Linux only."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it is over
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def timed(case: Case, workers: int, begin: Callable[[], object] = os.getpid) -> Round:
    """One round; calls `begin` when the time starts to run."""
    tables = {"setup": case.setup, "technique": "fec", "workers": workers, "options": case.options}
    config = make_config(tables | {"budget": {"candidates": 10_000_000}}, "benchmark")
    setup = make_setup(config)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.jsonl", "benchmark")
        journal.prepare(1)
        at_work = make_workers(config, setup, Replay(journal, setup, 0, 0))
        watch = _Timed(case, at_work, begin)
        trial = make_trial(config, 0, workers=at_work, observe=watch.observe)
        trial.search = case.search()
        trial.search.start(setup)
        try:
            trial.run()
        except StopIteration:
            pass
        finally:
            if isinstance(at_work, ParallelWorkers):
                at_work.close()
            journal.close()
    return watch.round


def apart(case: Case) -> Round:
    """A round of two searches at once: half of the mean of their seconds."""
    context = multiprocessing.get_context("spawn")
    barrier, rounds = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_put_round, args=(case, barrier, rounds)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [rounds.get() for _ in processes]
    for process in processes:
        process.join()
    return Round(statistics.mean(one.seconds for one in found) / 2, sum(one.processor_seconds for one in found) / 2)


def _put_round(case: Case, barrier: Any, rounds: Any) -> None:
    rounds.put(timed(case, 1, barrier.wait))


def main() -> None:
    names = sys.argv[1:] or list(CASES)
    if not CASES.keys() >= set(names):
        sys.exit(f"{__doc__}\nNames: {', '.join(CASES)}")
    kinds: dict[str, Callable[[Case], Round]] = {
        "one worker": lambda case: timed(case, 1),
        "two workers": lambda case: timed(case, 2),
        "two searches": apart,
    }
    for name in names:
        case = CASES[name]
        print(f"{name}: seconds for {case.evaluations} evaluations (processors busy)")
        print("  ", *(f"{kind:<16}" for kind in kinds))
        rounds: dict[str, list[Round]] = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            for kind, run in kinds.items():
                rounds[kind].append(run(case))
            print(
                "  ",
                *(f"{r[-1].seconds:6.2f} ({r[-1].processor_seconds / r[-1].seconds:.2f})  " for r in rounds.values()),
            )
        seconds = {kind: np.array([one.seconds for one in found]) for kind, found in rounds.items()}
        one = seconds.pop("one worker")
        print(f"  {1000 * np.median(one) / case.evaluations:.1f} ms an evaluation with one worker; against it")
        for kind, found in seconds.items():
            times = one / found
            resampled = np.median(np.random.default_rng(0).choice(times, (2000, ROUNDS)), axis=1)
            low, high = np.quantile(resampled, (0.025, 0.975))
            print(f"  {kind}: {np.median(times):.2f} times ({low:.2f} … {high:.2f}), by the median of {ROUNDS} rounds")
        print()


if __name__ == "__main__":
    main()
