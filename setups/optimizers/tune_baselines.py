"""Tunes AdamW on every task and writes `baselines.toml`: ``python -m setups.optimizers.tune_baselines [TASK...]``.

A grid of learning rate, second moment and weight decay; the rate's grid goes on at whatever side the best lies on,
until it is closed on both. The best is chosen on some starts, and its loss measured on others. Half an hour on one
core.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import tomli_w

from setups.optimizers.adamw import train_adamw
from setups.optimizers.baselines import TABLE, Baseline
from setups.optimizers.tasks import TASKS, Task, make_task

_FINE = 2.0  # between two learning rates
_BETAS = (0.0, 0.5, 0.8, 0.9, 0.99, 0.999)
_DECAYS = (0.0, 0.01, 0.1, 1.0)
_TUNING, _TEST = 1_000, 2_000  # first words of the starts


Losses = Callable[[Task, float, float, float, range], np.ndarray]


def adamw_losses(task: Task, rate: float, beta2: float, decay: float, words: range) -> np.ndarray:
    """Validation losses of AdamW from the starts that `words` make; float64."""
    none = np.empty(0)
    found = [
        train_adamw(*task.data(), task.steps, task.batch, rate, beta2, decay, np.uint64(word), none) for word in words
    ]
    return np.array(found)


def tuned(
    task: Task, starts: int, test_starts: int, losses: Losses = adamw_losses, decays: Sequence[float] = _DECAYS
) -> Baseline:
    """AdamW, or what else `losses` are of, at the best of the grid by the mean loss over `starts`, measured on
    `test_starts` others."""
    words = range(_TUNING, _TUNING + starts)
    best: dict[float, tuple[float, float, float]] = {}  # rate -> loss, beta2, decay

    def visit(rate: float) -> None:
        tries = ((losses(task, rate, b, d, words).mean(), b, d) for b, d in product(_BETAS, decays))
        best[rate] = min(tries)

    rate = 0.01
    visit(rate)
    while True:
        centre = min(best, key=lambda one: best[one][0])
        missing = [one for one in (centre / _FINE, centre * _FINE) if one not in best]
        if not missing:
            break
        for one in missing:
            visit(one)
    _, beta2, decay = best[centre]
    test = losses(task, centre, beta2, decay, range(_TEST, _TEST + test_starts))
    error = test.std(ddof=1) / np.sqrt(test_starts)
    return Baseline(centre, beta2, decay, float(f"{test.mean():.6g}"), float(f"{error:.2g}"))


def main(names: Sequence[str]) -> None:
    """Tune on the tasks called `names`, or on all, and write the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8")) if names else {}
    for section, starts, test_starts in (("search", 16, 64), ("held_out", 4, 16)):
        for name in names or TASKS:
            found = tuned(make_task(name, section == "held_out"), starts, test_starts)
            table.setdefault(section, {})[name] = found._asdict()
            print(section, name, found, flush=True)
    TABLE.write_text(
        "# AdamW as tuned on each task; written by tune_baselines.\n\n" + tomli_w.dumps(table), encoding="utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
