"""Run a search from Python, and read results back."""

from __future__ import annotations

import glob
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ufh_cli import compiling
from ufh_cli.analyses.remarks import remarks
from ufh_cli.api.given import name_setup, provenance_of
from ufh_cli.api.result import Result
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import given_setup
from ufh_cli.configuration.request import read_request
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.plan import make_experiment
from ufh_cli.experiment.run import check_name, choose_name, run_experiment
from ufh_cli.files import home_expanded
from ufh_cli.machines.processes import INTERRUPTIONS
from ufh_cli.progress import compilation
from ufh_cli.records.folder import Results, find_folder


def run(
    setup: str | Setup | type[Setup],
    *,
    over: Mapping[str, Sequence[Any]] | None = None,
    trials: int | None = None,
    technique: str | None = None,
    search: str | None = None,
    budget: float | None = None,
    seed: int | None = None,
    config: str | os.PathLike[str] | None = None,
    set: Mapping[str, Any] | None = None,
    name: str | None = None,
    results: str | os.PathLike[str] = "results",
    jobs: int = 1,
) -> Result:
    """Run a search, or go on with an interrupted one: the same experiment and files as ``ufh run`` and ``ufh sweep``.

    Parameters
    ----------
    setup : str, or a subclass or instance of Setup
        An installed setup by its name, or a class that need not be installed: it is recorded as ``notebook.Class``.
        An instance stands for its class with its options.
    over : mapping of str to sequence, optional
        Keys and the values to run at: ``{"technique": ["none", "fec"]}``. Several make a grid.
    trials, technique, search, budget, seed
        As the options of ``ufh run``.
    config : str or path, optional
        A TOML file, or the name of one that comes with ufh.
    set : mapping, optional
        Any other keys: ``{"hash.mantissa_bits": 8}``; None unsets one.
    name : str, optional
        The folder in `results`; by default setup, technique and date.
    results : str or path
        Where results are kept.
    jobs : int
        Trials side by side, each in a process; with 1 they run in this one.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        With one line, when something given does not fit, or the folder holds another experiment.
    """
    if type(jobs) is not int or jobs < 1:
        raise InputError(f"jobs must be a whole number of at least 1, got {jobs!r}")
    if compilation not in compiling.watchers:
        compiling.watchers.append(compilation)
    called, options = name_setup(setup)
    given: dict[str, Any] = {f"options.{key}": value for key, value in options.items()}
    given |= {"technique": technique, "search.method": search, "trials": trials, "budget.cost": budget, "seed": seed}
    given = {key: value for key, value in given.items() if value is not None and key not in (over or {})}
    given |= {key: _plain(value) for key, value in (set or {}).items()}
    file = None if config is None else str(home_expanded(config))
    request = read_request(called, file, given, None, _swept(over or {}))
    experiment = make_experiment(*request, asked=(set or {}))
    experiment = replace(experiment, provenance=experiment.provenance | provenance_of(called))
    if experiment.parallel and given_setup(called) is not None:
        raise InputError(f"workers of their own processes need an installed setup; {called} is a notebook's: use jobs")
    root = home_expanded(results)
    if name is not None:
        check_name(name)
    path = root / (name or choose_name(experiment, root))

    def warn() -> None:
        for line in experiment.warnings:
            warnings.warn(line, stacklevel=4)  # where `run` is called

    with _interruptions_kept(), _main_unseen(jobs > 1 or experiment.parallel):
        result = Result([run_experiment(experiment, path, jobs, begin=warn)])
    for line in remarks(result.series):
        warnings.warn(line, stacklevel=2)
    return result


def load(path: str | os.PathLike[str], results: str | os.PathLike[str] = "results") -> Result:
    """The results in the folder `path`, or those of that name below `results`.

    Raises
    ------
    ValueError
        When there are none, or they cannot be read.
    """
    return Result([Results(find_folder(str(home_expanded(path)), home_expanded(results)))])


def load_all(pattern: str | os.PathLike[str]) -> Result:
    """All results in folders that match `pattern`, such as ``"results/*"``, in the order of their names.

    Raises
    ------
    ValueError
        When there are none, or one of them cannot be read.
    """
    folders = sorted(glob.glob(str(home_expanded(pattern))))
    found = [Path(folder) for folder in folders if os.path.isfile(os.path.join(folder, "experiment.toml"))]
    if not found:
        raise InputError(f"no folder of results matches {str(pattern)!r}")
    return Result([Results(path) for path in found])


def _plain(value: Any) -> Any:
    """A value as a configuration file would have it; numpy's numbers are numbers."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return list(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value.item() if hasattr(value, "item") else value


def _swept(over: Mapping[str, Sequence[Any]]) -> list[str]:
    """`over` as the command line writes it."""
    texts = []
    for key, values in over.items():
        if isinstance(values, str) or not values:
            raise InputError(f"over: {key}: must be a list of values, got {values!r}")
        words = [str(value).lower() if isinstance(value, bool) else str(_plain(value)) for value in values]
        for word in words:
            if "," in word:
                raise InputError(f"over: {key}: a swept value cannot hold a comma, got {word!r}; use a configuration")
        texts.append(f"{key}={','.join(words)}")
    return texts


@contextmanager
def _interruptions_kept() -> Iterator[None]:
    """An interrupted search ignores further interruptions; the notebook that goes on shall not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def _main_unseen(several: bool) -> Iterator[None]:
    """New processes do not run the script that asked for them, which would ask for processes itself."""
    main = sys.modules.get("__main__")
    if not several or main is None:
        yield
        return
    hidden: dict[str, Any] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)
