"""What AutoML-Zero's searches would save by two things that were left undone, because it is so little.

    python benchmarks/automl_zero_savings.py [--candidates N] [--trials N]

For the demo and the lite configuration with FEC, it prints which share

- of a search's processor time one compiled call for hash and evaluation would save: the fixed part of the
  second call, times the candidates that need one;
- of a search's cost a cache with a key for each task, as in the original program, would save beside a key for
  all tasks: the cost of the tasks whose own key had been seen among the candidates that are evaluated. (It
  would save no time: tasks are lanes of one vector, and one lane takes as long as all.)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from setups.automl_zero import AutoMLZero
from setups.automl_zero.block import TaskBlock
from setups.automl_zero.program import Program
from setups.automl_zero.tasks import Task
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, TrialResult, functional_keys, run_trial
from ufh_cli.experiment.config import ExperimentConfig, make_config, make_search, read_config

CONFIGURATIONS = ("automl_zero-demo", "automl_zero-lite")
_SAMPLE = 40  # evaluated programs that are timed
_CALLS = 1000


class WithTaskKeys(AutoMLZero):
    """Notes of each evaluated program how many of its tasks have a key that was seen before.

    Attributes
    ----------
    evaluated : list of Program
    known_cost : float
        Of the evaluations, what those tasks took.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.evaluated: list[Program] = []
        self.known_cost = 0.0
        self._hash = FunctionalHash(mantissa_bits=27)
        self._seen: set[tuple[int, int]] = set()

    def evaluate(self, candidate: Program, rng: Rng) -> Evaluation:
        found = super().evaluate(candidate, rng)
        (errors,) = self.hashable_outputs(candidate)
        keys = {(task, self._hash(row)) for task, row in enumerate(errors)}
        self.known_cost += found.cost * len(keys & self._seen) / len(keys)
        self._seen |= keys
        self.evaluated.append(candidate)
        return found


def search(setup: AutoMLZero, config: ExperimentConfig, trial: int, candidates: int) -> TrialResult:
    """A search with FEC."""
    streams = Streams.of(config.seed, trial)
    return run_trial(
        setup,
        make_search(config),
        make_technique("fec", rng=streams.cache),
        key=functional_keys(setup, FunctionalHash(mantissa_bits=config.hash.mantissa_bits)),
        key_cost=setup.hash_cost,
        streams=streams,
        budget=Budget(candidates=candidates),
    )


def fixed_seconds(setup: AutoMLZero, program: Program) -> float:
    """What a call takes besides the examples: with one epoch of one example, less what a second epoch adds."""
    block = TaskBlock([_first_examples(task) for task in setup.search_tasks], classification=False)
    one, two = (_seconds(partial(block.fitnesses, program, 1, epochs)) for epochs in (1, 2))
    return max(0.0, one - (two - one))


def _first_examples(task: Task) -> Task:
    """The task with one training and one validation example."""
    return Task(*(array[:1] for array in task))


def _seconds(call: Callable[[], object]) -> float:
    best = np.inf
    for _ in range(3):
        started = time.process_time()
        for _ in range(_CALLS):
            call()
        best = min(best, (time.process_time() - started) / _CALLS)
    return best


def main() -> None:
    """Print a row a search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=60_000, help="of each search")
    parser.add_argument("--trials", type=int, default=2, help="searches of each configuration")
    arguments = parser.parse_args()
    print(f"{'configuration':<20}{'trial':>6}{'evaluations':>13}{'one call, of time':>20}{'task keys, of cost':>20}")
    for name in CONFIGURATIONS:
        config = make_config(*read_config("automl_zero", name))
        plain = AutoMLZero(**config.options)
        search(plain, config, 0, 1000)  # compiles
        for trial in range(arguments.trials):
            started = time.process_time()
            search(plain, config, trial, arguments.candidates)
            seconds = time.process_time() - started
            counting = WithTaskKeys(**config.options)
            result = search(counting, config, trial, arguments.candidates)
            chosen = np.random.default_rng(trial).integers(len(counting.evaluated), size=_SAMPLE)
            fixed = float(np.mean([fixed_seconds(plain, counting.evaluated[i]) for i in chosen]))
            shares = fixed * result.evaluations / seconds, counting.known_cost / result.cost
            print(f"{name:<20}{trial:>6}{result.evaluations:>13,}{shares[0]:>20.2%}{shares[1]:>20.2%}", flush=True)


if __name__ == "__main__":
    main()
