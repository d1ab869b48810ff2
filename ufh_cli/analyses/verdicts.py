"""What was measured of a file of claims, and how it is kept: the results themselves are too large to be handed on."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ufh_cli.analyses.baseline import with_baselines
from ufh_cli.analyses.claims import Claim, Claims, Figure, Planned, planned
from ufh_cli.analyses.findings import NONE, find
from ufh_cli.analyses.markup import cell_text, json_text, summary_texts
from ufh_cli.analyses.rows import difference_rows
from ufh_cli.analyses.series import REEVALUATED_AUC, Series, select_all
from ufh_cli.configuration.errors import InputError
from ufh_cli.files import read_text, write_text
from ufh_cli.records.folder import NoResults, Results

NOT_RUN = "not finished yet"
_MOST_CELLS = 12  # more of them are for a figure
_QUANTITIES = {
    "auc": "AUC",
    REEVALUATED_AUC: "re-evaluated AUC",
    "best_fitness": "final",
    "reevaluated_fitness": "re-evaluated final",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Verdict(_Part):
    """Of one claim.

    Attributes
    ----------
    asked : dict
        What was measured, in the words of the claims' file.
    measured, trials, agrees : str
        As in `findings.Finding`; or that the trials are not finished yet, or not all of them, and dashes.
    """

    asked: dict[str, Any]
    measured: str
    trials: str
    agrees: str


class Measured(_Part):
    """Of one figure.

    Attributes
    ----------
    claims : list of Verdict
        One a claim, in their order.
    notices : list of str
        What is to be said of the data.
    cells : list of dict
        Means of all quantities, a row a cell; empty where there are none, or too many.
    differences : list of dict
        Of techniques from their baselines, a row a quantity and technique; likewise.
    """

    claims: list[Verdict]
    notices: list[str] = []
    cells: list[dict[str, str]] = []
    differences: list[dict[str, str]] = []


class Verdicts(_Part):
    """Of a file of claims: the name of a figure -> what was measured."""

    figures: dict[str, Measured]


def measure(claims: Claims, root: Path, kept: Verdicts, source: str) -> Verdicts:
    """Measure all claims whose results are below `root`; of the others what is kept stays.

    Parameters
    ----------
    claims : Claims
        What to measure.
    root : Path
        Where results are.
    kept : Verdicts
        What an earlier call found, perhaps from results that are not here.
    source : str
        The claims' file, for messages.

    Raises
    ------
    InputError
        When a claim cannot be measured, names results that no command makes, or these were made with another seed.
    """
    plans = planned(claims)
    figures = {}
    for figure in claims.figure:
        old = kept.figures.get(figure.name, Measured(claims=[]))
        verdicts, series, complete = list[Verdict](), list[Series](), True
        for number, claim in enumerate(figure.claim, 1):
            try:
                verdict, found = _verdict(claim, root, plans)
            except InputError as error:
                raise InputError(f"{source}: figure {figure.name}: claim {number}: {error}") from error
            complete &= bool(found)
            series += found
            earlier = (one for one in old.claims if one.asked == claim.asked and one.trials != NONE)
            verdicts.append(verdict if found else next(earlier, verdict))
        if complete:
            figures[figure.name] = _with_all_quantities(figure, verdicts, series)
        elif all(verdict.trials != NONE for verdict in verdicts):
            figures[figure.name] = old.model_copy(update={"claims": verdicts})
        else:
            figures[figure.name] = Measured(claims=verdicts)
    return Verdicts(figures=figures)


def _verdict(claim: Claim, root: Path, plans: dict[str, Planned]) -> tuple[Verdict, list[Series]]:
    """What the claim's trials say, and the trials; none of them where not all are finished."""
    try:
        series = select_all(claim.series, root)
    except NoResults as missing:
        if missing.name not in plans:
            raise
        return Verdict(asked=claim.asked, measured=NOT_RUN, trials=NONE, agrees=NONE), []
    for results in {one.results.path: one.results for one in series}.values():
        finished, wanted = _progress(results, plans.get(results.name))
        if finished < wanted:
            standing = f"unfinished: {finished:,} of {wanted:,} trials"
            return Verdict(asked=claim.asked, measured=standing, trials=NONE, agrees=NONE), []
    found = find(claim.asked, root)
    return Verdict(asked=claim.asked, measured=found.measured, trials=found.trials, agrees=found.agrees), series


def _progress(results: Results, plan: Planned | None) -> tuple[int, int]:
    """How many trials are finished, and how many there should be before a look at the outcome."""
    plan = plan or Planned(None, None)
    seed = results.experiment["seed"]
    if plan.seed not in (None, seed):
        raise InputError(f"{results.path} has the seed {seed}, but the claims are of seed {plan.seed}")
    cells = prod(len(values) for values in results.experiment.get("over", {}).values())
    return len(results.trials), cells * max(results.experiment["trials"], plan.trials or 0)


def _with_all_quantities(figure: Figure, verdicts: list[Verdict], series: Sequence[Series]) -> Measured:
    """With notices, means and differences of all cells that the figure's claims are of."""
    measured = Measured(claims=verdicts, notices=list(dict.fromkeys(filter(None, (s.results.notice for s in series)))))
    cells = list({(one.results.path, *one.swept.items()): one for one in series}.values())
    if not any(claim.measure in ("difference", "between") for claim in figure.claim) or len(cells) > _MOST_CELLS:
        return measured
    try:
        differences = difference_rows(with_baselines(cells))
    except InputError:  # none of them is a baseline: the claims are of other pairs
        differences = []
    rows = [row | {"quantity": _QUANTITIES[row["quantity"]]} for row in differences]
    return measured.model_copy(
        update={
            "cells": summary_texts(cells, _QUANTITIES),
            "differences": [{key: cell_text(value) for key, value in row.items()} for row in rows],
        }
    )


def read_verdicts(path: Path) -> Verdicts:
    """What `write_verdicts` wrote; empty where there is no such file."""
    if not path.exists():
        return Verdicts(figures={})
    try:
        return Verdicts.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{path}: not the verdicts that ufh report keeps: {why}") from error


def write_verdicts(verdicts: Verdicts, path: Path) -> None:
    """Keep them as JSON."""
    try:
        write_text(path, json_text(verdicts.model_dump()))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
