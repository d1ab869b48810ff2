"""Trials side by side: a pool of processes behind ``concurrent.futures.Executor``, and what Ctrl-C does to it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager

from ufh_cli.core.trial import Trial
from ufh_cli.experiment.evaluation import leave_interrupts_to_the_parent
from ufh_cli.experiment.parallel import Running
from ufh_cli.experiment.sweep import Cell
from ufh_cli.experiment.trials import Surroundings, TrialRecord, run_one

Task = tuple[int, int]  # cell, trial
_TICK = 0.5  # seconds after which finished trials are handed on even when no other follows


def run_tasks(
    cells: list[Cell],
    tasks: list[Task],
    jobs: int,
    surroundings: Surroundings,
    observe: Callable[[Trial], None] | None = None,
    watch: Callable[[Sequence[Running]], None] | None = None,
) -> Iterator[list[TrialRecord]]:
    """Run the tasks, `jobs` at a time; yields the finished ones in small batches, or nothing when none is new.

    With one job everything happens in this process, and `observe` and `watch` follow each trial from within.
    """
    if jobs == 1 or len(tasks) == 1:
        for cell, trial in tasks:
            yield [run_one(cells[cell].config, cell, trial, surroundings, observe, watch)]
        return
    with process_pool(min(jobs, len(tasks))) as pool:
        waiting = iter(tasks)
        running: set[Future[TrialRecord]] = set()
        while True:
            # A short queue: each process finds its next trial at once, and an interruption leaves little to cancel.
            while len(running) < 3 * jobs and (task := next(waiting, None)) is not None:
                cell, trial = task
                running.add(pool.submit(run_one, cells[cell].config, cell, trial, surroundings))
            if not running:
                return
            try:
                done, running = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                yield [future.result() for future in running if future.done()]
                raise
            yield [future.result() for future in done]


@contextmanager
def process_pool(processes: int) -> Iterator[Executor]:
    """A pool that ends at once when its block is left by an exception.

    Processes are spawned, not forked: some setups load libraries that do not survive a fork.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=leave_interrupts_to_the_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()
