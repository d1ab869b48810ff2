"""Finished trials run again, candidate by candidate: a trial is decided by its configuration and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.configuration.sweep import Cell, make_cells
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.setup import Setup
from ufh_cli.core.workers import Workers
from ufh_cli.experiment.trials import make_setup, make_trial, setup_spec
from ufh_cli.experiment.warm import warm_evaluations
from ufh_cli.machines.parallel import ParallelWorkers
from ufh_cli.machines.sites import HereSite
from ufh_cli.records.journal import JOURNAL, Journal, check_journal
from ufh_cli.records.replay import Replay


class Watched(SearchMethod):
    """Another search method; `see` is shown every individual as it is told."""

    def __init__(self, search: SearchMethod, see: Callable[[Individual], None]) -> None:
        self._search = search
        self._see = see

    def start(self, setup: Setup) -> None:
        self._search.start(setup)

    def ask(self, rng: Rng) -> Individual | None:
        return self._search.ask(rng)

    def tell(self, individual: Individual) -> None:
        self._see(individual)
        self._search.tell(individual)


@dataclass(frozen=True)
class Rerun:
    """What a trial looked at.

    Attributes
    ----------
    config : ExperimentConfig
        Of the trial.
    setup : Setup
        What it searched.
    trial : int
        Its number.
    individuals : list of Individual
        Every candidate with its fitness, in the order of completion.
    hits : int array (candidates,)
        How many of the candidates up to each the cache had answered for.
    """

    config: ExperimentConfig
    setup: Setup
    trial: int
    individuals: list[Individual]
    hits: np.ndarray


class _Nobody(HereSite):
    """Evaluates nothing: all that was evaluated is in the journal.

    Parameters
    ----------
    journal : str
        Its path.
    """

    def __init__(self, journal: str) -> None:
        self._journal = journal

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        raise InputError(f"{self._journal}: it ends before the trial does; the same command as before runs the rest")


def rerun(series: Series, trial: int) -> Rerun:
    """Run a finished trial again and keep its candidates.

    Where evaluations are no look-ups the journal answers them.

    Raises
    ------
    InputError
        When the trial is not among the results, its evaluations are neither look-ups nor in a journal, or it does not
        come out as it did: the code or the data have changed since.
    """
    name = series.results.name
    row = next((row for row in series.trials if row["trial"] == trial), None)
    if row is None:
        raise InputError(f"{name} has no finished trial {trial} of {series.label}")
    config = config_of(series)
    setup = make_setup(config)
    provenance = series.results.experiment["provenance"]
    if setup.fingerprint() not in provenance["data"]:
        raise InputError(f"{name} was made with other data than are here now; run it anew")
    individuals: list[Individual] = []
    hits: list[int] = []
    again = make_trial(
        config,
        trial,
        workers=None if setup.simulated_cost else _from_journal(series, config, setup, trial),
        warm=warm_evaluations(config, provenance.get("warm", {})),
        observe=lambda running: hits.append(running.result.cache_hits),
    )
    again.search = Watched(again.search, individuals.append)
    result = again.run()
    if result.candidates != row["candidates"] or (result.best and result.best.fitness != row["best_fitness"]):
        raise InputError(f"{name}: trial {trial} does not come out as it did (ufh has changed); run it anew")
    return Rerun(config, setup, trial, individuals, np.array(hits))


def _from_journal(series: Series, config: ExperimentConfig, setup: Setup, trial: int) -> Workers:
    """Those who only tell what is in the journal."""
    path = series.results.path / JOURNAL
    if not path.exists():
        raise InputError(
            f"{series.results.name}: only trials whose evaluations are look-ups, or in a {JOURNAL}, are run again"
        )
    check_journal(path)
    swept = [cell.swept for cell in _cells(series, series.results.experiment.get("over", {}))]
    replay = Replay(Journal(path, ""), setup, swept.index(series.swept), trial)
    return ParallelWorkers(setup_spec(config), _Nobody(str(path)), replay=replay, catch=bool(config.evaluation.catch))


def config_of(series: Series) -> ExperimentConfig:
    """The whole configuration of the series' cell."""
    return _cells(series, {key: [value] for key, value in series.swept.items()})[0].config


def _cells(series: Series, over: Mapping[str, Sequence[str]]) -> list[Cell]:
    """The cells of the series' experiment for these swept values."""
    tables = {key: value for key, value in series.results.experiment.items() if key not in ("over", "provenance")}
    return make_cells(tables, over, str(series.results.path / "experiment.toml"))
