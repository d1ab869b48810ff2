"""Tasks laid out for the kernel, and the calls into it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from setups.automl_zero.kernel import aligned, make_kernel, size_of_group
from setups.automl_zero.lanes import WIDTHS, vectors_of
from setups.automl_zero.program import Program
from setups.automl_zero.tasks import Task

_SMALL_TABLE = 8192  # for F up to 16: at least 32 matrices
_TABLE_SEED = 235732282
_NO_TABLE = np.empty((2, 0))
_ZERO = np.uint64(0)
_CACHED = 3200  # numbers of a matrix that leave room for others in a cache of 32 KB
_GROUP_LANES = 4  # what decoding and the like takes for a group, as if it had so many lanes more


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
    """How many tasks to run at once, so that few lanes are idle in few groups; only 4 where matrices are large."""
    possible = [width for width in WIDTHS if width == WIDTHS[0] or width * features * features <= _CACHED]
    return min(possible, key=lambda width: -(-tasks // width) * (width + _GROUP_LANES))


class TaskBlock:
    """Tasks of equal shape, ready to be run.

    Parameters
    ----------
    tasks : sequence of Task
        At least one.
    classification : bool
        Errors and fitness of classification (accuracy) rather than of regression (RMS).
    lanes : int, optional
        How many tasks to run at once, one of `lanes.WIDTHS`; does not change any result of programs without random
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
        if lanes not in WIDTHS:
            raise ValueError(f"lanes must be one of {', '.join(map(str, WIDTHS))}; got {lanes}")
        self._kernel = make_kernel(lanes)
        self._layout = (features, len(tasks), train, valid, classification)
        self._data = _as_lane_memory(tasks, lanes)
        self._all = np.ones(len(tasks), dtype=np.bool_)
        self._works: dict[tuple[int, ...], np.ndarray] = {}

    def _work(self, *asked: int) -> np.ndarray:
        """What the kernel is asked for; see `make_kernel`."""
        work = self._works.get(asked)
        if work is None:
            work = self._works[asked] = np.array([*self._layout, *asked], dtype=np.int64)
        return work

    def fitness(self, program: Program, word: int, epochs: int = 1) -> tuple[float, float]:
        """The mean of the tasks' fitnesses, and the number of examples processed."""
        work = self._work(self.train, self.valid, epochs, 0, 0)
        out = np.empty((self.tasks, 1))
        return self._kernel(program, self._data, _NO_TABLE, work, self._all, np.uint64(word), out)

    def fitnesses(
        self, program: Program, word: int, epochs: int = 1, wanted: Sequence[bool] | None = None
    ) -> tuple[list[float], float]:
        """Train and validate `program` on every task (Method 2), or on those `wanted`, which the others don't change.

        Returns
        -------
        fitnesses : list of float
            In [0, 1], of regression 1 - 2/pi atan(RMS error), of classification the accuracy; the best of the epochs
            that were completed before the run stopped at a NaN or an error above 100, 0 if none was, and of tasks not
            wanted.
        examples : float
            The number of examples processed.
        """
        chosen = self._all if wanted is None else np.array(wanted, dtype=np.bool_)
        work = self._work(self.train, self.valid, epochs, 0, 0)
        out = np.empty((self.tasks, 1))
        _, examples = self._kernel(program, self._data, _NO_TABLE, work, chosen, np.uint64(word), out)
        return out[:, 0].tolist(), examples

    def errors(self, program: Program, train: int, valid: int, *, flags: bool = False) -> np.ndarray:
        """Absolute errors of a fresh run on the first examples (Method 3): what tells how `program` behaves.

        Returns
        -------
        float64 array (tasks, train + valid)
            Training errors, then validation errors; infinite from where the run stopped. In classification
            errors are distances from the label to the probability; with `flags` validation errors are 1 for
            wrong and 0 for right.
        """
        out = np.empty((self.tasks, train + valid))
        work = self._work(train, valid, 1, 1, int(flags))
        self._kernel(program, self._data, hash_table(self.features), work, self._all, _ZERO, out)
        return out


def _as_lane_memory(tasks: Sequence[Task], lanes: int) -> np.ndarray:
    """The tasks' data as the kernel reads them; lanes without a task hold zeros."""
    numbers = [np.concatenate([part.ravel() for part in (task[0], task[2], task[1], task[3])]) for task in tasks]
    groups = -(-len(tasks) // lanes)
    whole = np.zeros((groups * lanes, size_of_group(len(tasks[0][1]) + len(tasks[0][3]), tasks[0][0].shape[1])))
    whole[: len(tasks), : numbers[0].size] = numbers
    data, lane = aligned(whole.size), 0
    for count in vectors_of(lanes) * groups:
        plane = whole[lane : lane + count]
        data[lane * whole.shape[1] :][: plane.size] = plane.T.ravel()
        lane += count
    return data
