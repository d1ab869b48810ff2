"""Finished trials run again, candidate by candidate: a trial is decided by its configuration and seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.configuration.sweep import make_cells
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual, SearchMethod
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.trials import make_setup, make_trial
from ufh_cli.experiment.warm import warm_evaluations


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
    """

    config: ExperimentConfig
    setup: Setup
    trial: int
    individuals: list[Individual]


def rerun(series: Series, trial: int) -> Rerun:
    """Run a finished trial again and keep its candidates.

    Raises
    ------
    InputError
        When the trial is not among the results, its evaluations are no look-ups, or it does not come out as it did:
        the code or the data have changed since.
    """
    name = series.results.name
    row = next((row for row in series.trials if row["trial"] == trial), None)
    if row is None:
        raise InputError(f"{name} has no finished trial {trial} of {series.label}")
    config = config_of(series)
    setup = make_setup(config)
    if not setup.simulated_cost:
        raise InputError(
            f"{name}: only trials whose evaluations are look-ups are run again, not those of {config.setup}"
        )
    provenance = series.results.experiment["provenance"]
    if setup.fingerprint() not in provenance["data"]:
        raise InputError(f"{name} was made with other data than are here now; run it anew")
    individuals: list[Individual] = []
    again = make_trial(config, trial, warm=warm_evaluations(config, provenance.get("warm", {})))
    again.search = Watched(again.search, individuals.append)
    result = again.run()
    if result.candidates != row["candidates"] or (result.best and result.best.fitness != row["best_fitness"]):
        raise InputError(f"{name}: trial {trial} does not come out as it did (ufh has changed); run it anew")
    return Rerun(config, setup, trial, individuals)


def config_of(series: Series) -> ExperimentConfig:
    """The whole configuration of the series' cell."""
    tables: dict[str, Any] = {
        key: value for key, value in series.results.experiment.items() if key not in ("over", "provenance")
    }
    over = {key: [value] for key, value in series.swept.items()}
    return make_cells(tables, over, str(series.results.path / "experiment.toml"))[0].config
