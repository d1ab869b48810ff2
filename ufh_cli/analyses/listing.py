"""What lies in a folder of results: a row an experiment."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path

from ufh_cli.configuration.errors import InputError, printable
from ufh_cli.configuration.schema import ExperimentConfig
from ufh_cli.records.folder import read_experiment, read_rows, trial_columns
from ufh_cli.records.status import is_running

_DEFAULT = ExperimentConfig.model_fields["technique"].default


def list_results(root: Path) -> list[dict[str, str]]:
    """A row an experiment below `root`, the latest last: name, setup, technique, trials, when and state.

    Trials are those finished of those asked for, as in ``3/10``. The state is running, finished or interrupted; or,
    where the files cannot be read, why.
    """
    folders = [file.parent for file in root.glob("*/experiment.toml") if os.path.isfile(file)]
    written = {path: _written(path) for path in folders}
    return [_row(path, written[path]) for path in sorted(folders, key=lambda path: (written[path], path.name))]


def _written(path: Path) -> float:
    """When the last trial was finished, or the experiment begun."""
    files = [path / name for name in ("experiment.toml", "trials.csv")]
    return max(os.path.getmtime(file) for file in files if os.path.isfile(file))


def _row(path: Path, written: float) -> dict[str, str]:
    row = {"name": printable(path.name), "setup": "", "technique": "", "trials": ""}
    row["when"] = f"{datetime.fromtimestamp(written):%Y-%m-%d %H:%M}"
    try:
        experiment = read_experiment(path)
        over = experiment.get("over", {})
        rows = read_rows(path / "trials.csv", (*over, *trial_columns(experiment)))
    except InputError as error:
        return row | {"state": str(error)}
    techniques = over.get("technique") or [str(experiment.get("technique", _DEFAULT))]
    finished = len({tuple(one[: len(over) + 1]) for one in rows})  # a crash may have left a row twice
    asked = experiment["trials"] * math.prod(len(values) for values in over.values())
    row |= {"setup": printable(experiment["setup"]), "technique": printable(", ".join(techniques))}
    state = "running" if is_running(path) else "finished" if finished >= asked else "interrupted"
    return row | {"trials": f"{finished}/{asked}", "state": state}
