"""The best candidates of results, as candidates again."""

from __future__ import annotations

from typing import Any

from ufh_cli.analyses.rerun import config_of
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.trials import make_setup


def best_candidate(series: Series) -> tuple[Setup, Any]:
    """The setup of `series`, and the fittest candidate of all its trials.

    Raises
    ------
    InputError
        When there is none, or it cannot be read back from its description.
    """
    entry = series.best()
    if entry is None or "description" not in entry:
        raise InputError(f"{series.label}: its results hold no best candidate")
    setup = make_setup(config_of(series))
    try:
        return setup, setup.parse(entry["description"])
    except ValueError as error:
        raise InputError(f"{series.label}: {error}") from error
