"""Trials side by side, in processes of this machine or on a cluster."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.sweep import Cell
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.trials import Surroundings, run_one
from ufh_cli.machines.parallel import Running
from ufh_cli.machines.sites import KeptSite, Site, error_of, ignore_interrupts
from ufh_cli.records.trial_record import TrialRecord

Task = tuple[int, int]  # cell, trial
_TICK = 0.5  # seconds after which finished trials are handed on even when no other follows
_ATTEMPTS = 3  # of a trial whose process dies


def run_here(
    cells: list[Cell],
    tasks: list[Task],
    surroundings: Surroundings,
    observe: Callable[[Trial], None] | None = None,
    watch: Callable[[Sequence[Running]], None] | None = None,
) -> Iterator[list[TrialRecord]]:
    """Run the tasks one after the other in this process; `observe` and `watch` follow each trial from within.

    Where trials have processes of their own, the next one uses those of the last.
    """
    kept = KeptSite()
    try:
        for cell, trial in tasks:
            yield [run_one(cells[cell].config, cell, trial, surroundings, observe, watch, kept)]
    finally:
        kept.close()


def run_beside(
    cells: list[Cell], tasks: list[Task], site: Site, surroundings: Surroundings
) -> Iterator[list[TrialRecord]]:
    """Run the tasks at `site`; yields the finished ones in small batches, or nothing when none is new.

    A trial whose process dies is run again; where a journal is kept it goes on from there.

    Raises
    ------
    InputError
        When that happens to one trial too often.
    """
    queue = deque(tasks)
    deaths: Counter[Task] = Counter()
    running: dict[Future[TrialRecord], Task] = {}
    try:
        while queue or running:
            while queue and len(running) < site.places:
                cell, trial = queue.popleft()
                running[site.start(run_one, cells[cell].config, cell, trial, surroundings)] = (cell, trial)
            records, died = _collect(site, running, site.wait(list(running), _TICK))
            yield records
            deaths.update(died)
            queue.extendleft(died)
            if died and max(deaths.values()) >= _ATTEMPTS:
                (_, trial), times = deaths.most_common(1)[0]
                raise InputError(
                    f"the process that ran trial {trial} died {times} times; "
                    f"is there enough memory for {site.places} trials at a time (--jobs)?"
                )
    except KeyboardInterrupt:
        ignore_interrupts()
        yield _collect(site, running, site.wait(list(running), 0.0))[0]
        raise
    finally:
        site.close()


def _collect(
    site: Site, running: dict[Future[TrialRecord], Task], done: Iterable[Future[TrialRecord]]
) -> tuple[list[TrialRecord], list[Task]]:
    """The finished trials, and those whose processes died. An error is raised only when none is finished."""
    records, died = [], []
    for future in sorted(done, key=lambda future: error_of(future) is not None):
        error = error_of(future)
        if error is None:
            records.append(future.result())
        elif site.is_lost(error):
            died.append(running[future])
        elif records:  # these first; it is told again
            break
        else:
            raise error
        del running[future]
        site.finish(future)
    return records, died
