"""The options and arguments that several commands share."""

from __future__ import annotations

import functools
import inspect
import os
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer


def home_expanded(path: Path | None) -> Path | None:
    """``~/results`` as the folder that is meant: after an equals sign, and in a variable, no shell has seen to it."""
    return None if path is None else Path(os.path.expanduser(path))


def _text_expanded(text: str | None) -> str | None:
    return None if text is None else os.path.expanduser(text)


def figure_file(out: Path | None) -> Path | None:
    """Refuse what a figure would not be written to, before anything is computed."""
    out = home_expanded(out)
    if out is not None and (os.path.isdir(out) or not out.suffix):
        raise typer.BadParameter(f"{out} must be a file with an ending, such as figure.png, figure.pdf or figure.svg")
    return out


SetupName = Annotated[str, typer.Argument(help="The setup, as listed by: ufh setups", show_default=False)]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        callback=_text_expanded,
        help="A TOML file, or the name of one that comes with ufh. [default: SETUP-lite, else SETUP]",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set any key, such as hash.mantissa_bits=8.")
]
Technique = Annotated[
    str | None,
    typer.Option(
        help="none, fec, forgetful-fec, fea, best-fec, fcm, tabulist, or several joined by +, such as fec+fcm."
    ),
]
Search = Annotated[
    str | None, typer.Option(help="The search method: regularized_evolution, tournament, random_search, ppo, nsga2")
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
RESULTS_VARIABLE = "UFH_RESULTS"
ResultsRoot = Annotated[
    Path,
    typer.Option("--results", help="Where results are kept.", envvar=RESULTS_VARIABLE, callback=home_expanded),
]
RESULTS = Path("results")
KIND_NAMES = (
    "curves", "test-curves", "panels", "test-panels", "against-baseline", "test-against-baseline", "auc", "fitness",
    "reevaluation", "midway-reevaluation", "hits", "hits-along", "repeats", "scatter", "response", "fitness-response",
    "test-response", "distribution", "evaluations", "best", "learning", "front", "recurrence",
    "redundancy", "reevaluated-auc", "guidance",
)  # fmt: skip
Names = Annotated[list[str], typer.Argument(help="Results: NAME, or NAME:key=value for some of its cells.")]
TableFile = Annotated[
    Path | None, typer.Option("--table", callback=home_expanded, help="Also write the numbers to this CSV file.")
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `ufh run` and `ufh sweep` are both asked for: each field is an option."""

    technique: Technique = None
    search: Search = None
    trials: Trials = None
    budget: Budget = None
    seed: Seed = None
    workers: Workers = None
    jobs: Jobs = None
    cluster: Cluster = None
    warm_cache: WarmCache = None
    config: ConfigFile = None
    settings: Settings = None
    name: Name = None
    resume: Resume = False
    results: ResultsRoot = RESULTS


def takes_asked(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, whose last parameter is ``asked: Asked``, the options of `Asked` in its place."""
    hints = typing.get_type_hints(Asked, include_extras=True)
    own = [one for name, one in inspect.signature(command, eval_str=True).parameters.items() if name != "asked"]
    names = [one.name for one in own]
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(Asked)
    ]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        command(**{name: given.pop(name) for name in names}, asked=Asked(**given))

    parameters = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *options]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called
