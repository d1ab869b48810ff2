"""An experiment from its configuration to its files."""

from __future__ import annotations

import datetime
import itertools
import math
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import BudgetConfig
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.plan import Experiment
from ufh_cli.experiment.side_by_side import Task, run_beside, run_here
from ufh_cli.experiment.trials import Surroundings
from ufh_cli.machines.given import bringing_setup
from ufh_cli.machines.parallel import Running
from ufh_cli.machines.sites import LocalSite, Site, ignore_interrupts
from ufh_cli.progress import Bar, progress_bar
from ufh_cli.records.folder import Results, decisive, experiment_differences
from ufh_cli.records.journal import JOURNAL, Journal, experiment_identity
from ufh_cli.records.recorder import Recorder
from ufh_cli.records.status import Standing, TrialStanding
from ufh_cli.records.trial_record import TrialRecord

_MOST_PROCESSES = 1024  # of ours on one machine
_WRITE_EVERY = 1.0  # seconds
_SHOW_EVERY = 0.25  # seconds
_SHOWN_TRIALS = 4  # of those in other processes, so that the line is not too long


def record_command(experiment: Experiment, arguments: Sequence[str]) -> None:
    """Have ``experiment.toml`` say by which command line the results were made."""
    line = shlex.join(["ufh", *arguments])
    experiment.provenance["run"]["command"] = line.encode("utf-8", "replace").decode("utf-8")


def check_name(name: str) -> None:
    """Refuse what cannot be a folder in results, or could not be named on a command line."""
    odd = name != name.strip() or not name.isprintable() or name.startswith("-") or name in ("", ".", "..")
    if odd or set(name) & set(":/\\") or len(os.fsencode(name)) > 200:
        raise InputError(
            f"--name {name!r} cannot be the name of a folder of results: "
            f"up to 200 printable characters, none of them : / or \\ and the first no -"
        )


def choose_name(experiment: Experiment, root: Path) -> str:
    """The default name: setup, technique (or sweep) and date; a further number when that is another experiment's."""
    swept = "sweep" if len(experiment.cells) > 1 else experiment.cells[0].config.technique
    today = datetime.date.today().strftime("%Y%m%d")
    base = f"{experiment.cells[0].config.setup}-{swept}-{today}"
    for number in itertools.count(1):
        name = base if number == 1 else f"{base}-{number}"
        if not experiment_differences(root / name, experiment.tables, experiment.provenance):
            return name
    raise AssertionError("unreachable")


def run_experiment(
    experiment: Experiment,
    path: Path,
    jobs: int | None = None,
    cluster: str | None = None,
    begin: Callable[[], object] = lambda: None,
) -> Results:
    """Run what is missing of `experiment` in the folder `path`, `jobs` trials at a time.

    With the address of a `cluster`, costly evaluations run there, else whole trials. `begin` is called when nothing in
    the folder stands against it.

    An interruption (KeyboardInterrupt) leaves every finished trial in the files, and every finished evaluation of a
    costly setup in the journal.
    """
    if jobs is not None and jobs > _MOST_PROCESSES:
        raise InputError(f"there may be up to {_MOST_PROCESSES:,} trials side by side, not {jobs:,}")
    workers = max(cell.config.workers for cell in experiment.cells) if experiment.parallel and cluster is None else 1
    if workers > _MOST_PROCESSES:
        raise InputError(f"workers: there may be up to {_MOST_PROCESSES:,} on one machine, not {workers:,}")
    recorder = Recorder(path, experiment.tables, experiment.provenance, [cell.swept for cell in experiment.cells])
    unwritten: list[TrialRecord] = []
    try:
        surroundings = _surroundings(experiment, path, cluster)
        everything = experiment.tasks()
        finished = recorder.finished()
        tasks = [task for task in everything if task not in finished]
        begin()
        with progress_bar(path.name, len(everything), done=len(everything) - len(tasks)) as bar:
            budgets = [cell.config.budget for cell in experiment.cells]
            follow = Follow(bar, budgets, set(finished) & set(everything), surroundings.journal)
            written = time.monotonic()
            for records in _run(experiment, tasks, jobs, cluster, surroundings, follow):
                unwritten += records
                follow.finished(records)
                follow.journal()
                # Writing now and then, not after every trial, keeps the disk out of the way of quick trials.
                if time.monotonic() - written > _WRITE_EVERY:
                    recorder.add(unwritten)
                    unwritten.clear()
                    written = time.monotonic()
    except KeyboardInterrupt:
        ignore_interrupts()
        raise
    finally:
        try:
            recorder.add(unwritten)
            recorder.write_all()
        finally:
            recorder.close()
    return Results(path)


def _run(
    experiment: Experiment,
    tasks: list[Task],
    jobs: int | None,
    cluster: str | None,
    surroundings: Surroundings,
    follow: Follow,
) -> Iterator[list[TrialRecord]]:
    """Run `tasks` here one by one, or several at a time in processes or on the cluster."""
    site: Site
    if cluster is not None and surroundings.cluster is None:
        from ufh_cli.machines.cluster import ClusterSite

        site = ClusterSite(cluster, jobs)
    else:
        jobs = min(jobs or _default_jobs(experiment, surroundings), len(tasks))
        if jobs <= 1:
            return run_here(experiment.cells, tasks, surroundings, follow.trial, follow.workers)
        site = LocalSite(jobs, prepare=bringing_setup(experiment.cells[0].config.setup))
    return run_beside(experiment.cells, tasks, site, surroundings)


class Follow:
    """Shows on a progress bar how the trials under way stand, a few times a second.

    Parameters
    ----------
    bar : Bar
        Where; it counts trials, those under way by the part of their budget that is spent.
    budgets : sequence of BudgetConfig
        Of the cells.
    done : set of tuple
        (cell, trial) of what was finished before.
    journal : Path or None
        Tells of trials in other processes.
    """

    def __init__(self, bar: Bar, budgets: Sequence[BudgetConfig], done: set[Task], journal: Path | None = None) -> None:
        self._bar = bar
        self._budgets = budgets
        self._done = set(done)
        self._standing = None if journal is None else Standing(journal)
        self._shown = 0.0
        self._begun = 0.0  # of the trials under way, the part that is done
        self._trial = ""
        self._running: Sequence[Running] = ()

    def finished(self, records: Sequence[TrialRecord]) -> None:
        """These trials are finished."""
        if records:
            self._done.update((record.cell, record.trial) for record in records)
            self._begun = 0.0
            self._bar.show(done=len(self._done))

    def trial(self, trial: Trial) -> None:
        """A candidate of a trial in this process is finished."""
        if time.monotonic() - self._shown > _SHOW_EVERY:
            result, budget = trial.result, trial.budget
            spent = [trial.workers.clock / budget.cost, result.candidates / (budget.candidates or math.inf)]
            self._begun = min(max(spent), 1.0)
            self._trial = f"{result.candidates:,} candidates, best {trial.best_fitness:.6g}, {result.cache_hits:,} hits"
            self._show([self._trial, self._workers()])

    def workers(self, running: Sequence[Running]) -> None:
        """What the workers of a trial in this process are at."""
        self._running = running  # also when it is not shown now: the next to show something shows this too
        if time.monotonic() - self._shown > _SHOW_EVERY:
            self._show([self._trial, self._workers()])

    def _workers(self) -> str:
        ordered = sorted(self._running, key=lambda one: one.place)
        return " | ".join(
            f"worker {one.place + 1}: candidate {one.job.number:,}, {one.seconds:.0f} s" for one in ordered
        )

    def journal(self) -> None:
        """Trials in other processes may have gone on."""
        if self._standing is None or self._trial or time.monotonic() - self._shown < _SHOW_EVERY:
            return
        self._standing.update()
        under_way = {task: found for task, found in self._standing.trials.items() if task not in self._done}
        self._begun = sum(self._part(cell, found) for (cell, _), found in under_way.items())
        latest = sorted(under_way.items(), key=lambda item: item[1].written)[-_SHOWN_TRIALS:]
        self._show(
            f"trial {trial}: {found.candidates:,} candidates, {found.evaluations:,} evaluated, best {found.best:.6g}"
            for (_, trial), found in sorted(latest, key=lambda item: item[0])
        )

    def _part(self, cell: int, found: TrialStanding) -> float:
        """Of its budget, what a trial has spent on evaluations."""
        budget = self._budgets[cell]
        spent = [found.cost / (budget.cost or math.inf), found.evaluations / (budget.candidates or math.inf)]
        return min(max(spent), 1.0)

    def _show(self, notes: Iterable[str]) -> None:
        self._shown = time.monotonic()
        self._bar.show(done=len(self._done) + self._begun, note=" | ".join(filter(None, notes)))


def _surroundings(experiment: Experiment, path: Path, cluster: str | None) -> Surroundings:
    """With a journal where one is kept; it is checked, and a torn last line cut off, before any trial."""
    warm = experiment.provenance.get("warm", {})
    if not experiment.keeps_journal:
        return Surroundings(warm=warm, data=experiment.data)
    what = decisive(experiment.tables, experiment.provenance)
    identity = experiment_identity(what, experiment.provenance["data"], warm)
    Journal(path / JOURNAL, identity).prepare(len(experiment.cells))
    return Surroundings(path / JOURNAL, identity, None if experiment.simulated else cluster, warm, experiment.data)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _default_jobs(experiment: Experiment, surroundings: Surroundings) -> int:
    """A process for each processor: of trials, unless a trial has processes of its own."""
    return 1 if experiment.parallel or surroundings.cluster is not None else processors()
