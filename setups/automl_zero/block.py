"""Tasks laid out for the kernel, and the calls into it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numba as nb
import numpy as np

from setups.automl_zero.kernel import make_kernel
from setups.automl_zero.program import Program
from setups.automl_zero.tasks import Task

_TABLE_SIZE = 8192
_TABLE_SEED = 235732282
_NO_TABLE = np.empty((2, 0))


@cache
def hash_table() -> np.ndarray:
    """The uniform and the Gaussian numbers that programs draw while they are hashed; float64 (2, 8192)."""
    rng = np.random.Generator(np.random.PCG64(_TABLE_SEED))
    return np.stack([rng.random(_TABLE_SIZE), rng.standard_normal(_TABLE_SIZE)])


def lanes_for(features: int, tasks: int) -> int:
    """How many tasks to run at once: up to 16, but no more than keep two matrices in a cache of 32 KB."""
    fitting = 16 if features <= 8 else 8 if features <= 16 else 4
    needed = 4
    while needed < tasks:
        needed *= 2
    return min(fitting, needed)


class TaskBlock:
    """Tasks of equal shape, ready to be run.

    Parameters
    ----------
    tasks : sequence of Task
        At least one.
    classification : bool
        Errors and fitness of classification (accuracy) rather than of regression (RMS).
    lanes : int, optional
        How many tasks to run at once; does not change any result of programs without random numbers.
    """

    def __init__(self, tasks: Sequence[Task], *, classification: bool, lanes: int | None = None) -> None:
        first = tasks[0]
        train, features = first.train_features.shape
        valid = len(first.valid_labels)
        for task in tasks:
            if task.train_features.shape != (train, features) or task.valid_features.shape != (valid, features):
                raise ValueError("the tasks of a block must have the same numbers of features and examples")
        self.train, self.valid, self.features, self.tasks = train, valid, features, len(tasks)
        lanes = lanes or lanes_for(features, len(tasks))
        self._kernel = make_kernel(lanes)
        self._layout = np.array([features, len(tasks), train, valid, classification], dtype=np.int64)
        self._data = _interleaved(tasks, lanes)
        self._zero = np.uint64(0)

    def fitnesses(self, program: Program, word: int, epochs: int = 1) -> np.ndarray:
        """Train and validate `program` on every task (Method 2).

        Returns
        -------
        float64 array (tasks + 1, 2)
            Column 0: fitness in [0, 1], of regression 1 - 2/pi atan(RMS error), of classification the
            accuracy; 0 when the run stopped at a NaN or an error above 100. Last row, column 1: the number of
            examples processed.
        """
        return self._kernel(
            program, self._layout, self._data, _NO_TABLE, np.uint64(word), self.train, self.valid, epochs, False, False
        )

    def errors(self, program: Program, train: int, valid: int, *, flags: bool = False) -> np.ndarray:
        """Absolute errors of a fresh run on the first examples (Method 3): what tells how `program` behaves.

        Returns
        -------
        float64 array (tasks, train + valid)
            Training errors, then validation errors; infinite from where the run stopped. In classification
            errors are distances from the label to the probability; with `flags` validation errors are 1 for
            wrong and 0 for right.
        """
        return self._kernel(program, self._layout, self._data, hash_table(), self._zero, train, valid, 1, True, flags)


def _interleaved(tasks: Sequence[Task], lanes: int) -> np.ndarray:
    """[group of up to `lanes` tasks][training, then validation example][features, label][task], and `lanes` zeros."""
    parts = []
    for start in range(0, len(tasks), lanes):
        rows = []
        for task in tasks[start : start + lanes]:
            features = np.concatenate([task.train_features, task.valid_features])
            labels = np.concatenate([task.train_labels, task.valid_labels])
            rows.append(np.concatenate([features, labels[:, None]], axis=1))
        parts.append(np.stack(rows, axis=-1).ravel())
    parts.append(np.zeros(lanes))
    return np.concatenate(parts)


@nb.njit(cache=True)
def combined(fitness, use_median):
    """(fitness over all tasks, examples processed) of what `TaskBlock.fitnesses` returns."""
    tasks = fitness.shape[0] - 1
    examples = fitness[tasks, 1]
    if use_median:
        return np.median(fitness[:tasks, 0]), examples
    total = 0.0
    for i in range(tasks):
        total += fitness[i, 0]
    return total / tasks, examples
