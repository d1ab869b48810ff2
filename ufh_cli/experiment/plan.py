"""What is to be run: an experiment from its configuration, with all checked that can be before the first trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig, check_budget
from ufh_cli.configuration.sweep import Cell, make_cells
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup
from ufh_cli.core.techniques import CACHES, parse_technique
from ufh_cli.experiment.advice import too_short, without_effect
from ufh_cli.experiment.probe import check_figures, probe
from ufh_cli.experiment.side_by_side import Task
from ufh_cli.experiment.trials import is_parallel, make_setup, make_trial, setup_spec
from ufh_cli.experiment.warm import journal_digest, warm_evaluations, what_keys_mean
from ufh_cli.machines.shared import SharedCache
from ufh_cli.records.folder import make_provenance


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
    data : dict
        Number of a cell -> the fingerprint of its data.
    keeps_journal : bool
        Whether finished evaluations are written down.
    parallel : bool
        Whether a trial has processes of its own.
    warnings : list of str
        What is allowed and can hardly be meant, a line each.
    """

    cells: list[Cell]
    tables: dict[str, Any]
    provenance: dict[str, Any]
    data: dict[int, str]
    keeps_journal: bool
    parallel: bool
    warnings: list[str]

    @property
    def trials(self) -> int:
        """How many of each cell."""
        return self.cells[0].config.trials

    @property
    def notice(self) -> str:
        """What every output shall say about the data; "" for nothing."""
        return str(self.provenance["notice"])

    @property
    def simulated(self) -> bool:
        """Whether costs, and several workers in a trial, are simulated."""
        return self.provenance.get("workers") != "real"

    def tasks(self) -> list[Task]:
        """Every (cell, trial), in the order in which they are run: cells that share a setup advance together."""
        first = first_with_same_setup(self.cells)
        tasks = [(cell, trial) for trial in range(self.trials) for cell in range(len(self.cells))]
        return sorted(tasks, key=lambda task: first[task[0]])


def make_experiment(
    tables: Mapping[str, Any], over: Mapping[str, Sequence[str]], source: str, asked: Iterable[str] = ()
) -> Experiment:
    """Check everything that can be checked before the first trial.

    Of the keys that somebody `asked` for, those without an effect are warned of.

    Raises
    ------
    InputError
        With one line, when a key, a value, the setup's data or what its methods do does not fit.
    """
    cells = make_cells(tables, over, source)
    for cell in cells:
        check_budget(cell.config, source)
    first = first_with_same_setup(cells)
    order = sorted(range(len(cells)), key=lambda number: first[number])
    data: dict[int, str] = {}
    precisions: dict[str, None] = {}
    notices: dict[str, None] = {}
    probed: dict[Any, str] = {}
    journal = simulated = parallel = False
    for number in order:
        config = cells[number].config
        setup = make_setup(config)
        check_limits(config, setup, source)
        check_figures(config)
        check_trial(cells[number])
        if config.cache.file is not None:
            check_shared(config, setup)
        what = (setup_spec(config), config.hash.model_dump_json() if parse_technique(config.technique) else "")
        if what not in probed:
            probed[what] = probe(config)
        data[number] = setup.fingerprint()
        notices[setup.notice()] = None
        if precision := default_precision(config, setup):
            precisions[precision] = None
        journal |= keeps_journal(config, setup)
        simulated |= setup.simulated_cost
        parallel |= is_parallel(config, setup)
    written = cells[0].config.as_dict()
    if guided := next((cell.config.guided for cell in cells if cell.config.guided), None):
        written["guided"] = dict(guided)  # also where the first cell of a sweep has another technique
    if over:
        written["over"] = {key: list(values) for key, values in over.items()}
    provenance = make_provenance("; ".join(dict.fromkeys(data.values())), " ".join(notices).strip())
    if precisions:
        provenance["precision"] = "; ".join(precisions)
    if not simulated:
        provenance["workers"] = "real"
    if warm := check_warm([cells[number] for number in order]):
        provenance["warm"] = warm
    warnings = [*too_short(cells), *without_effect(cells, [*asked, *over]), *filter(None, probed.values())]
    return Experiment(cells, written, provenance, data, journal, parallel, warnings)


def first_with_same_setup(cells: Sequence[Cell]) -> list[int]:
    """For each cell the first one that has the same setup with the same options.

    Whoever takes cells and trials in this order makes each setup once, though a process keeps only the latest few.
    """
    specs = [setup_spec(cell.config) for cell in cells]
    return [specs.index(spec) for spec in specs]


def default_precision(config: ExperimentConfig, setup: Setup) -> str:
    """The precision that functional keys have where none is asked for; "" where one is, or there are no such keys."""
    asked = config.hash.mantissa_bits is not None or config.hash.decimals is not None
    if asked or config.hash.kind != "functional" or not parse_technique(config.technique):
        return ""
    outputs = setup.hashable_outputs(setup.random_candidate(Rng.from_seed(0)))
    arrays = [outputs] if isinstance(outputs, np.ndarray) else list(outputs)
    kinds = dict.fromkeys(np.asarray(array).dtype for array in arrays)
    return ", ".join(f"hash.mantissa_bits = {np.finfo(kind).nmant // 2} ({kind})" for kind in kinds if kind.kind == "f")


def check_limits(config: ExperimentConfig, setup: Setup, source: str) -> None:
    """A limit that nothing would see to is refused."""
    for name in ("timeout", "memory"):
        if setup.simulated_cost and getattr(config.evaluation, name) is not None:
            raise InputError(f"{source}: evaluation.{name} has no effect: {config.setup} only simulates its costs")


def check_trial(cell: Cell) -> None:
    """Make a trial: what does not go together is refused before the first one is run."""
    try:
        make_trial(cell.config, 0)
    except ValueError as error:
        raise InputError(f"{cell.config.setup}: {error}") from error


def check_warm(cells: Sequence[Cell]) -> dict[str, str]:
    """The digests of the journals that warm caches; refused where they do not fit."""
    configs = [cell.config for cell in cells if cell.config.cache.warm is not None]
    if configs and not any(set(parse_technique(config.technique)) & set(CACHES) for config in configs):
        raise InputError(f"cache.warm needs a technique with a cache, such as fec, not {configs[0].technique!r}")
    warm = {str(config.cache.warm): journal_digest(str(config.cache.warm)) for config in configs}
    for config in configs:
        warm_evaluations(config, warm)
    return warm


def check_shared(config: ExperimentConfig, setup: Setup) -> None:
    """What cannot go with a cache file is refused."""
    why = ""
    if set(parse_technique(config.technique)) & set(CACHES) != {"fec"}:
        why = f"goes with fec, which evaluates a key once, not with {config.technique!r}"
    elif config.hash.kind != "functional":
        why = f"needs functional keys, but hash.kind is {config.hash.kind!r}"
    elif config.evaluation.hurdle_percentile is not None:
        why = "does not go with a hurdle, which stands elsewhere in each search"
    elif config.cache.counterfactual:
        why = "does not go with cache.counterfactual, which evaluates what is known"
    elif setup.simulated_cost:
        why = f"has no effect: {config.setup} only simulates its costs"
    elif not keeps_journal(config, setup):
        why = "needs a journal, which makes the search repeatable: --set journal=yes"
    if why:
        raise InputError(f"cache.file {why}")
    SharedCache(Path(str(config.cache.file)), setup, what_keys_mean(config)).close()


def keeps_journal(config: ExperimentConfig, setup: Setup) -> bool:
    """Whether finished evaluations are written down; where they are quick it is quicker to repeat them."""
    return setup.costly if config.journal == "auto" else config.journal == "yes"
