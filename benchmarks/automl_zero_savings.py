"""What else AutoML-Zero's searches with FEC could save, on the demo and the lite configuration.

    python benchmarks/automl_zero_savings.py [--candidates N] [--trials N]

- *One call*: the share of the processor time that one compiled call for hash and evaluation would save; the fixed part
  of the second call, times the candidates that need one. It was left undone, because it is so little.
- *Keys per task* (``hash.kind = "per-task"``), as in the original program, beside a key for all tasks: how many
  evaluations needed only some of the tasks, the share of the search's cost that this saved, and the processor time as a
  multiple (tasks are lanes that run together, so that few take as long as many, but there are more keys to make).
  Programs draw the same random numbers in every evaluation here, so that both searches propose the same candidates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from setups.automl_zero import AutoMLZero
from setups.automl_zero.block import TaskBlock
from setups.automl_zero.program import Program
from setups.automl_zero.tasks import Task
from ufh_cli.configuration.schema import ExperimentConfig, make_config, read_config
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.trial import TrialResult
from ufh_cli.experiment.trials import make_trial

CONFIGURATIONS = ("automl_zero-demo", "automl_zero-lite")
_SAMPLE = 40  # evaluated programs that are timed
_CALLS = 1000


def search(config: ExperimentConfig, trial: int) -> tuple[TrialResult, float]:
    """A search's result, and the processor seconds it took."""
    made = make_trial(config, trial)
    started = time.process_time()
    result = made.run()
    return result, time.process_time() - started


def evaluated_programs(config: ExperimentConfig, trial: int) -> list[Program]:
    """Those programs of a search that the cache did not answer for."""
    programs: list[Program] = []
    made = make_trial(config, trial)

    class Noting(AutoMLZero):
        def evaluate(self, candidate: Program, rng: Rng) -> Evaluation:
            programs.append(candidate)
            return super().evaluate(candidate, rng)

    made.setup = Noting(**config.options)
    made.workers = type(made.workers)(made.setup)
    made.run()
    return programs


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
    print(f"{'':<20}{'':>6}{'':>13}{'one call':>10}{'keys per task':>33}")
    print(f"{'configuration':<20}{'trial':>6}{'evaluations':>13}{'saves':>10}{'partial':>11}{'save':>11}{'time':>11}")
    for name in CONFIGURATIONS:
        tables, source = read_config("automl_zero", name)
        tables["technique"] = "fec"
        tables["budget"] = {"candidates": arguments.candidates}
        tables["options"]["fixed_noise"] = True
        whole = make_config(tables, source)
        apart = make_config(tables | {"hash": tables["hash"] | {"kind": "per-task"}}, source)
        setup = AutoMLZero(**whole.options)
        search(make_config(tables | {"budget": {"candidates": 1000}}, source), 0)  # compiles
        for trial in range(arguments.trials):
            result, seconds = search(whole, trial)
            by_task, apart_seconds = search(apart, trial)
            assert by_task.candidates == result.candidates
            programs = evaluated_programs(whole, trial)
            chosen = np.random.default_rng(trial).integers(len(programs), size=_SAMPLE)
            fixed = float(np.mean([fixed_seconds(setup, programs[i]) for i in chosen]))
            print(
                f"{name:<20}{trial:>6}{result.evaluations:>13,}{fixed * result.evaluations / seconds:>10.2%}"
                f"{by_task.partial_hits:>11,}{1 - by_task.cost / result.cost:>11.2%}{apart_seconds / seconds:>10.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
