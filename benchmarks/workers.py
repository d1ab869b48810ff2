"""What does a second worker bring? Evaluations a second with one worker and with two, on AutoML-Zero programs.

    python benchmarks/workers.py

The candidates are mutants of the two-layer network on tasks of the baseline's size (8,000 training and 1,000 validation
examples of each of 10 tasks), which is as long as evaluations of that search get; further epochs make longer ones. Both
searches go through the project's own loop with the functional equivalence cache and a journal; the start of processes
is not timed. Rounds are in turns, and the best of each counts: the others were disturbed.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from setups.automl_zero.examples import NEURAL_NETWORK
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.setup import Setup
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.config import make_config
from ufh_cli.experiment.journal import Journal
from ufh_cli.experiment.parallel import ParallelWorkers
from ufh_cli.experiment.replay import Replay
from ufh_cli.experiment.trials import make_setup, make_trial, make_workers

ROUNDS = 3
SECONDS = 4.0  # of each measurement
WARM_UP = 40  # evaluations, while processes start
OPTIONS = {"task": "nn2", "tasks": 10, "train_examples": 8000, "valid_examples": 1000}


class Mutants(SearchMethod):
    """Proposes two mutations on the two-layer network."""

    def start(self, setup: Setup) -> None:
        self._network = Individual(setup.parse(NEURAL_NETWORK))
        self._setup = setup

    def ask(self, rng: Rng) -> Individual:
        return Individual(self._setup.mutate(self._network.candidate, rng))

    def tell(self, individual: Individual) -> None:
        pass


class Stopwatch:
    """Times a trial from its WARM_UP-th evaluation on, and ends it after SECONDS."""

    def __init__(self) -> None:
        self.started = self.first = 0.0
        self.evaluations = 0

    def observe(self, trial: Trial) -> None:
        done = trial.result.evaluations
        if done >= WARM_UP and not self.started:
            self.started, self.first = time.perf_counter(), done
        if self.started and time.perf_counter() - self.started > SECONDS:
            self.evaluations = done - int(self.first)
            self.seconds = time.perf_counter() - self.started
            raise StopIteration


def evaluations_per_second(workers: int, epochs: int) -> float:
    """Steady speed of one trial."""
    options = OPTIONS | {"epochs": epochs}
    tables = {"setup": "automl_zero", "technique": "fec", "workers": workers, "options": options}
    config = make_config(tables | {"budget": {"candidates": 10_000_000}}, "benchmark")
    setup = make_setup(config)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.jsonl", "benchmark")
        journal.prepare()
        at_work = make_workers(config, setup, Replay(journal, setup, 0, 0))
        trial = make_trial(config, 0, workers=at_work, observe=watch.observe)
        trial.search = Mutants()
        trial.search.start(setup)
        try:
            trial.run()
        except StopIteration:
            pass
        finally:
            if isinstance(at_work, ParallelWorkers):
                at_work.close()
            journal.close()
    return watch.evaluations / watch.seconds


def main() -> None:
    print(f"evaluations a second, best of {ROUNDS} rounds")
    for epochs in (1, 4, 16):
        one, two = [], []
        for _ in range(ROUNDS):
            one.append(evaluations_per_second(1, epochs))
            two.append(evaluations_per_second(2, epochs))
        print(
            f"  {1000 / max(one):6.1f} ms an evaluation:   1 worker {max(one):8.1f}   2 workers {max(two):8.1f}"
            f"   {max(two) / max(one):.2f} times"
        )


if __name__ == "__main__":
    main()
