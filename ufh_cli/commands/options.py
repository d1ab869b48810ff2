"""The options and arguments that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def figure_file(out: Path | None) -> Path | None:
    """Refuse what a figure would not be written to, before anything is computed."""
    if out is not None and (os.path.isdir(out) or not out.suffix):
        raise typer.BadParameter(f"{out} must be a file with an ending, such as figure.png, figure.pdf or figure.svg")
    return out


SetupName = Annotated[str, typer.Argument(help="The setup, as listed by: ufh setups", show_default=False)]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config", help="A TOML file, or the name of one that comes with ufh. [default: SETUP-lite, else SETUP]"
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set any key, such as hash.mantissa_bits=8.")
]
Technique = Annotated[
    str | None,
    typer.Option(help="none, fec, forgetful-fec, fea, fcm, tabulist, or several joined by +, such as fec+fcm."),
]
Search = Annotated[
    str | None, typer.Option(help="The search method: regularized_evolution, tournament, random_search, …")
]
Trials = Annotated[int | None, typer.Option(help="How many independent trials (of each cell).")]
Budget = Annotated[float | None, typer.Option(help="Cost after which a trial ends, in the setup's unit.")]
Seed = Annotated[int | None, typer.Option(help="Trial i of seed S is the same wherever and whenever it runs.")]
Workers = Annotated[int | None, typer.Option(help="Workers in one trial; 1 is the serial search.")]
Jobs = Annotated[int | None, typer.Option(help="Trials run side by side. [default: the number of processors]")]
Name = Annotated[str | None, typer.Option(help="The folder in results. [default: setup, technique and date]")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Evaluate on the Dask cluster whose scheduler is there: tcp://HOST:8786."),
]
WarmCache = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Begin with the cache of an earlier result of the same setup, data and hash."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Insist that there is an interrupted experiment to go on with.")]
ResultsRoot = Annotated[Path, typer.Option("--results", help="Where results are kept.", envvar="UFH_RESULTS")]
RESULTS = Path("results")
KIND_NAMES = (
    "curves", "test-curves", "panels", "test-panels", "against-baseline", "test-against-baseline", "auc", "fitness",
    "reevaluation", "midway-reevaluation", "hits", "hits-along", "repeats", "scatter", "response", "fitness-response",
    "test-response", "distribution", "evaluations", "best", "learning", "front", "reevaluated-auc",
)  # fmt: skip
Names = Annotated[list[str], typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")]
TableFile = Annotated[Path | None, typer.Option("--table", help="Also write the numbers to this CSV file.")]
