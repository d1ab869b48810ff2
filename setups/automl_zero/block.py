"""Tasks laid out for the kernel, and the calls into it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numba as nb
import numpy as np

from setups.automl_zero.kernel import make_kernel
from setups.automl_zero.program import Program
from setups.automl_zero.tasks import Task

_SMALL_TABLE = 8192  # for F up to 16: at least 32 matrices
_TABLE_SEED = 235732282
_NO_TABLE = np.empty((2, 0))


def table_size(features: int) -> int:
    """How many numbers `hash_table` has of either kind.

    Where F is large, more than four matrices, and prime to F: programs that draw more begin again at the
    first number, and then matrices and vectors should not equal the first ones.
    """
    if features <= 16:
        return _SMALL_TABLE
    square = features * features
    return square * max(4, -(-_SMALL_TABLE // square)) + 1


@cache
def hash_table(features: int) -> np.ndarray:
    """The uniform and the Gaussian numbers that programs draw while they are hashed; float64 (2, `table_size`).

    The first 8192 are the same for every F.
    """
    rng = np.random.Generator(np.random.PCG64(_TABLE_SEED))
    more = table_size(features) - _SMALL_TABLE
    uniform, gaussian = rng.random(_SMALL_TABLE), rng.standard_normal(_SMALL_TABLE)
    return np.stack([np.append(uniform, rng.random(more)), np.append(gaussian, rng.standard_normal(more))])


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
        How many tasks to run at once, 4, 8, 16 or 32; does not change any result of programs without random
        numbers.

    Raises
    ------
    ValueError
        When the tasks differ in shape or `lanes` is another number.
    """

    def __init__(self, tasks: Sequence[Task], *, classification: bool, lanes: int | None = None) -> None:
        first = tasks[0]
        train, features = first.train_features.shape
        valid = len(first.valid_labels)
        for task in tasks:
            if task.train_features.shape != (train, features) or task.valid_features.shape != (valid, features):
                raise ValueError("the tasks of a block must have the same numbers of features and examples")
        self.train, self.valid, self.features, self.tasks = train, valid, features, len(tasks)
        lanes = lanes_for(features, len(tasks)) if lanes is None else lanes
        if lanes not in (4, 8, 16, 32):
            raise ValueError(f"lanes must be 4, 8, 16 or 32, got {lanes}")
        self._kernel = make_kernel(lanes)
        self._layout = np.array([features, len(tasks), train, valid, classification], dtype=np.int64)
        self._data = _interleaved(tasks, lanes)
        self._zero = np.uint64(0)
        self._all = np.ones(len(tasks), dtype=np.bool_)

    def fitnesses(
        self, program: Program, word: int, epochs: int = 1, wanted: Sequence[bool] | None = None
    ) -> np.ndarray:
        """Train and validate `program` on every task (Method 2), or on those `wanted`, which the others don't change.

        Returns
        -------
        float64 array (tasks + 1, 2)
            Column 0: fitness in [0, 1], of regression 1 - 2/pi atan(RMS error), of classification the
            accuracy; the best of the epochs that were completed before the run stopped at a NaN or an error
            above 100, 0 if none was, and of tasks not wanted. Last row, column 1: the number of examples processed.
        """
        chosen = self._all if wanted is None else np.array(wanted, dtype=np.bool_)
        return self._kernel(
            program, self._layout, self._data, _NO_TABLE, np.uint64(word), self.train, self.valid, epochs, False, False,
            chosen,
        )  # fmt: skip

    def errors(self, program: Program, train: int, valid: int, *, flags: bool = False) -> np.ndarray:
        """Absolute errors of a fresh run on the first examples (Method 3): what tells how `program` behaves.

        Returns
        -------
        float64 array (tasks, train + valid)
            Training errors, then validation errors; infinite from where the run stopped. In classification
            errors are distances from the label to the probability; with `flags` validation errors are 1 for
            wrong and 0 for right.
        """
        table = hash_table(self.features)
        return self._kernel(
            program, self._layout, self._data, table, self._zero, train, valid, 1, True, flags, self._all
        )


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
def combined(fitnesses, use_median):
    """The mean of the tasks' fitnesses, summed in their order, or their median."""
    if use_median:
        return np.median(fitnesses)
    total = 0.0
    for fitness in fitnesses:
        total += fitness
    return total / fitnesses.size
