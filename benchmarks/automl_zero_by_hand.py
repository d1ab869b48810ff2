"""The limit that `automl_zero.py` measures against: its two programs written straight by hand, in C."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from setups.automl_zero.kernel import STREAM_STEP
from setups.automl_zero.tasks import Task

_SOURCE = Path(__file__).with_suffix(".c")


@cache
def _compiled(*definitions: str) -> Callable[..., None] | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder) / "by_hand.so")
        options = ["-O3", "-march=native", "-shared", "-fPIC", *(f"-D{definition}" for definition in definitions)]
        subprocess.run([compiler, *options, str(_SOURCE), "-o", library, "-lm"], check=True)
        return ctypes.CDLL(library).run


def by_hand(name: str, tasks: Sequence[Task], *, classification: bool, word: int) -> Callable[[], np.ndarray] | None:
    """What runs the program ``"linear"`` or ``"nn2"`` on all `tasks` at once; None where there is no C compiler.

    It returns their fitnesses, those of `TaskBlock.fitnesses` with the same `word` but for rounding.
    """
    train, features = tasks[0].train_features.shape
    valid = len(tasks[0].valid_labels)
    kinds = ["NETWORK"] * (name == "nn2") + ["ACCURACY"] * classification
    run = _compiled(f"F={features}", f"T={len(tasks)}", *kinds)
    if run is None:
        return None
    rows = [
        np.concatenate([np.vstack(task[::2]), np.concatenate(task[1::2])[:, None]], axis=1)  # features, then labels
        for task in tasks
    ]
    data = np.ascontiguousarray(np.stack(rows, axis=-1))
    states = np.uint64(word) + np.arange(len(tasks), dtype=np.uint64) * STREAM_STEP

    def call() -> np.ndarray:
        fitness, state = np.empty(len(tasks)), states.copy()
        places = (ctypes.c_void_p(array.ctypes.data) for array in (data, state, fitness))
        data_at, state_at, fitness_at = places
        run(data_at, train, valid, state_at, fitness_at)
        return fitness

    return call
