"""What does a second worker bring? The time that one worker and two take for the same candidates.

    python benchmarks/workers.py [NAME ...]

Searches, all of them or those that are named: mutants of AutoML-Zero's two-layer network at the sizes of the baseline
script (10 tasks of 16 features, 8,000 training and 1,000 validation examples), the same at 4 features, which is quicker
than any baseline, and random loss graphs of AutoRL's lite configuration. All go through the project's own loop, with a
journal. "none" evaluates every candidate, "fec" uses the functional equivalence cache, where two workers may evaluate
the same behaviour at the same time, and "wait" is fec with the second waiting for the first.

A round proposes the same candidates to one worker, to two, and to two searches at once with one worker each. The last
share nothing but the machine: what they lose against one search alone is lost to caches, memory and other users of the
machine, and is the most that two workers can bring. The start of processes is not timed; the end, where one worker has
nothing left to do, is. Rounds take turns, since machines are not equally fast at all times.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from setups.automl_zero.examples import NEURAL_NETWORK
from ufh_cli.configuration.schema import make_config
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.search.random_search import RandomSearch
from ufh_cli.core.setup import Setup
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.trials import make_setup, make_trial, make_workers
from ufh_cli.machines.parallel import ParallelWorkers
from ufh_cli.machines.sites import KeptSite
from ufh_cli.records.journal import Journal
from ufh_cli.records.replay import Replay

BASELINE = {"task": "nn2", "tasks": 10, "features": 16, "train_examples": 8000, "valid_examples": 1000}
AUTORL = {"hidden": [64, 64], "learning_rate": 1e-3, "episodes": 200, "replay_start": 500, "update_every": 2}


class Mutants(SearchMethod):
    """Proposes mutations of the two-layer network."""

    def start(self, setup: Setup) -> None:
        self._network = Individual(setup.parse(NEURAL_NETWORK))

    def ask(self, rng: Rng) -> Individual:
        return self._network

    def tell(self, individual: Individual) -> None:
        pass


class Case(NamedTuple):
    """A search: its setup, options and technique, how many candidates it proposes, and how often it is timed."""

    setup: str
    options: dict[str, Any]
    search: type[SearchMethod]
    technique: str
    candidates: int
    rounds: int


SMALL = BASELINE | {"features": 4}
CASES = {
    "baseline-none": Case("automl_zero", BASELINE, Mutants, "none", 120, 51),
    "baseline-fec": Case("automl_zero", BASELINE, Mutants, "fec", 1000, 51),
    "baseline-wait": Case("automl_zero", BASELINE, Mutants, "wait", 1000, 51),
    "small-none": Case("automl_zero", SMALL, Mutants, "none", 300, 51),
    "small-wait": Case("automl_zero", SMALL, Mutants, "wait", 2000, 51),
    "autorl-wait": Case("autorl", AUTORL, RandomSearch, "wait", 60, 7),
}


class Round(NamedTuple):
    """Seconds until all candidates were told, the processors' seconds in all processes, and how many evaluations."""

    seconds: float
    processor_seconds: float
    evaluations: float


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


def timed(case: Case, workers: int, kept: KeptSite | None = None, begin: Callable[[], object] = os.getpid) -> Round:
    """One round; calls `begin` when the time starts to run."""
    waits = case.technique == "wait"
    tables = {"setup": case.setup, "workers": workers, "options": case.options}
    tables |= {"technique": "fec", "cache": {"wait_for_duplicates": True}} if waits else {"technique": case.technique}
    config = make_config(tables | {"budget": {"candidates": case.candidates}}, "benchmark")
    setup = make_setup(config)
    end: list[float] = []

    def observe(trial: Trial) -> None:
        if trial.result.candidates == case.candidates:  # what comes after is the re-evaluation of the best
            end.extend([time.perf_counter(), processor_seconds()])

    def processor_seconds() -> float:
        return time.process_time() + (_children_seconds() if workers > 1 else 0.0)

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.jsonl", "benchmark")
        journal.prepare(1)
        at_work = make_workers(config, setup, Replay(journal, setup, 0, 0), kept=kept)
        trial = make_trial(config, 0, workers=at_work, observe=observe)
        trial.search = case.search()
        trial.search.start(setup)
        begin()
        processor, start = processor_seconds(), time.perf_counter()
        try:
            result = trial.run()
        finally:
            if isinstance(at_work, ParallelWorkers):
                at_work.close()
            journal.close()
    return Round(end[0] - start, end[1] - processor, result.evaluations)


class Apart:
    """Two searches at once, each with one worker in a process of its own."""

    def __init__(self, case: Case) -> None:
        context = multiprocessing.get_context("spawn")
        self._barrier = context.Barrier(2)  # lives as long as they do
        self._pipes = []
        for _ in range(2):
            pipe, theirs = context.Pipe()
            context.Process(target=_search_when_told, args=(case, self._barrier, theirs), daemon=True).start()
            self._pipes.append(pipe)

    def round(self) -> Round:
        """Half of the mean of their seconds."""
        for pipe in self._pipes:
            pipe.send(True)
        found: list[Round] = [pipe.recv() for pipe in self._pipes]
        seconds, processor, evaluations = np.array(found).T
        return Round(seconds.mean() / 2, processor.sum() / 2, evaluations.mean())

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.send(False)


def _search_when_told(case: Case, barrier: Any, pipe: Any) -> None:
    while pipe.recv():
        pipe.send(timed(case, 1, begin=barrier.wait))


def measure(case: Case) -> None:
    """Rounds in turns, and what they say."""
    kept, two = KeptSite(), Apart(case)
    kinds: dict[str, Callable[[], Round]] = {
        "one worker": lambda: timed(case, 1),
        "two workers": lambda: timed(case, 2, kept),
        "two searches": two.round,
    }
    rounds: dict[str, list[Round]] = {kind: [] for kind in kinds}
    for run in kinds.values():
        run()  # loads and compiles
    for _ in range(case.rounds):
        for kind, run in kinds.items():
            rounds[kind].append(run())
    kept.close()
    two.close()
    found = {kind: np.array(several) for kind, several in rounds.items()}
    one = found["one worker"]
    for kind, several in found.items():
        seconds, processor, evaluations = several.T
        times = one[:, 0] / seconds
        resampled = np.median(np.random.default_rng(0).choice(times, (2000, case.rounds)), axis=1)
        low, high = np.quantile(resampled, (0.025, 0.975))
        print(
            f"  {kind}: {np.median(times):.2f} times ({low:.2f} … {high:.2f}) as fast by the median of {case.rounds} "
            f"rounds; {np.median(evaluations):.0f} evaluations of {1000 * np.median(seconds / evaluations):.2f} ms, "
            f"{np.median(processor / seconds):.2f} processors busy",
            flush=True,
        )


def main() -> None:
    names = sys.argv[1:] or list(CASES)
    if not CASES.keys() >= set(names):
        sys.exit(f"{__doc__}\nNames: {', '.join(CASES)}")
    for name in names:
        print(f"{name}:")
        measure(CASES[name])


if __name__ == "__main__":
    main()
