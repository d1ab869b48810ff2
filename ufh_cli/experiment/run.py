"""An experiment from its configuration to its files."""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ufh_cli.core.rng import Rng
from ufh_cli.core.techniques import parse_technique
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.journal import Journal, experiment_identity
from ufh_cli.experiment.parallel import Running
from ufh_cli.experiment.progress import Bar, progress_bar
from ufh_cli.experiment.records import Recorder, Results, experiment_differences, make_provenance
from ufh_cli.experiment.sweep import Cell, make_cells
from ufh_cli.experiment.trials import Surroundings, TrialRecord, is_parallel, make_key, make_setup
from ufh_cli.experiment.workers import run_tasks

JOURNAL = "journal.jsonl"
_WRITE_EVERY = 1.0  # seconds
_SHOW_EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Experiment:
    """What is to be run.

    Attributes
    ----------
    cells : list of Cell
        The combinations of swept values.
    tables : dict
        What ``experiment.toml`` says.
    provenance : dict
        Versions and the data's fingerprint and notice.
    """

    cells: list[Cell]
    tables: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def trials(self) -> int:
        return self.cells[0].config.trials

    @property
    def notice(self) -> str:
        return str(self.provenance["notice"])


def make_experiment(tables: Mapping[str, Any], over: Mapping[str, Sequence[str]], source: str) -> Experiment:
    """Check everything that can be checked before the first trial.

    Raises
    ------
    InputError
        With one line, when a key, a value or the setup's data do not fit.
    """
    cells = make_cells(tables, over, source)
    setups = {id(setup): setup for setup in (make_setup(cell.config) for cell in cells)}.values()
    for cell in cells:
        check_key(cell)
    written = cells[0].config.as_dict() | (
        {"over": {key: list(values) for key, values in over.items()}} if over else {}
    )
    fingerprint = "; ".join(dict.fromkeys(setup.fingerprint() for setup in setups))
    notice = " ".join(dict.fromkeys(setup.notice() for setup in setups)).strip()
    return Experiment(cells, written, make_provenance(fingerprint, notice))


def check_key(cell: Cell) -> None:
    """Hash one candidate: a precision that the outputs do not have is refused before the first trial."""
    if not parse_technique(cell.config.technique):
        return
    setup = make_setup(cell.config)
    key, _ = make_key(cell.config, setup)
    try:
        key(setup.random_candidate(Rng.from_seed(0)))
    except ValueError as error:
        raise InputError(f"hash: {error}") from error


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


def run_experiment(experiment: Experiment, path: Path, jobs: int | None = None) -> Results:
    """Run what is missing of `experiment` in the folder `path`, `jobs` trials at a time.

    An interruption (KeyboardInterrupt) leaves every finished trial in the files, and every finished evaluation of a
    costly setup in the journal.
    """
    recorder = Recorder(path, experiment.tables, experiment.provenance, [cell.swept for cell in experiment.cells])
    unwritten: list[TrialRecord] = []
    try:
        surroundings = _surroundings(experiment, path)
        everything = [(cell, trial) for trial in range(experiment.trials) for cell in range(len(experiment.cells))]
        finished = recorder.finished()
        tasks = [task for task in everything if task not in finished]
        with progress_bar(path.name, len(everything), done=len(everything) - len(tasks)) as bar:
            follow = Follow(bar)
            written = time.monotonic()
            for records in run_tasks(
                experiment.cells, tasks, jobs or _default_jobs(experiment), surroundings, follow.trial, follow.workers
            ):
                unwritten += records
                bar.advance(len(records))
                # Writing now and then, not after every trial, keeps the disk out of the way of quick trials.
                if time.monotonic() - written > _WRITE_EVERY:
                    recorder.add(unwritten)
                    unwritten.clear()
                    written = time.monotonic()
    finally:
        try:
            recorder.add(unwritten)
            recorder.write_all()
        finally:
            recorder.close()
    return Results(path)


class Follow:
    """Shows on a progress bar how the trial in this process stands, a few times a second."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._shown = 0.0
        self._trial = self._workers = ""

    def trial(self, trial: Trial) -> None:
        """A candidate is finished."""
        if time.monotonic() - self._shown > _SHOW_EVERY:
            result = trial.result
            self._trial = f"{result.candidates:,} candidates, best {trial.best_fitness:.6g}, {result.cache_hits:,} hits"
            self._show()

    def workers(self, running: Sequence[Running]) -> None:
        """What the workers are at."""
        if time.monotonic() - self._shown > _SHOW_EVERY:
            now = time.monotonic()
            self._workers = " | ".join(f"#{one.job.number} {now - one.started:.0f} s" for one in running)
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        self._bar.show(note="; ".join(filter(None, [self._trial, self._workers])))


def _surroundings(experiment: Experiment, path: Path) -> Surroundings:
    """With a journal where evaluations are costly; it is checked, and a torn last line cut off, before any trial."""
    if not any(make_setup(cell.config).costly for cell in experiment.cells):
        return Surroundings()
    identity = experiment_identity(experiment.tables, experiment.provenance["data"])
    Journal(path / JOURNAL, identity).repair()
    return Surroundings(path / JOURNAL, identity)


def _default_jobs(experiment: Experiment) -> int:
    """A process for each processor: of trials, unless a trial has processes of its own."""
    parallel = any(is_parallel(cell.config, make_setup(cell.config)) for cell in experiment.cells)
    return 1 if parallel else os.cpu_count() or 1
