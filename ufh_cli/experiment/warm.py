"""A warm cache: what an earlier experiment evaluated, from its journal."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import xxhash

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig, differences
from ufh_cli.configuration.sweep import make_cells
from ufh_cli.core.hashing import TaskKeys
from ufh_cli.core.setup import Evaluation
from ufh_cli.files import reading
from ufh_cli.machines.evaluation import SetupSpec
from ufh_cli.records.folder import read_experiment
from ufh_cli.records.journal import JOURNAL, Entry, read_entries
from ufh_cli.records.outcome import FINISHED

Evaluations = list[tuple[Hashable, Evaluation]]  # keys and what they answer, in the order in which they were found


def warm_evaluations(config: ExperimentConfig, digests: Mapping[str, str]) -> Evaluations:
    """What the cache of a trial of `config` begins with; nothing unless ``cache.warm`` names an experiment.

    Parameters
    ----------
    config : ExperimentConfig
        Of the trial.
    digests : mapping of str to str
        For each such name the `journal_digest` that its journal must have.

    Raises
    ------
    InputError
        When the earlier experiment has another setup, data or hash, kept no journal, has no keys in it, or has changed.
    """
    if config.cache.warm is None:
        return []
    digest = journal_digest(config.cache.warm)
    if digest != digests[config.cache.warm]:
        raise InputError(f"{config.cache.warm}: its journal has changed since this experiment began to use it")
    cells = _matching_cells(Path(config.cache.warm), _fingerprint(config))
    setup = SetupSpec.of(config.setup, config.options)
    return _read(config.cache.warm, digest, cells, config.hash.kind == "per-task", setup)


def journal_digest(name: str) -> str:
    """Names the present state of the journal of the experiment in the folder `name`."""
    path = Path(name) / JOURNAL
    if not path.exists():
        raise InputError(f"{name} cannot warm a cache: it has no {JOURNAL}; make it with --set journal=yes")
    try:
        with reading(path, None) as file:
            return hashlib.file_digest(file, xxhash.xxh3_64).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _fingerprint(config: ExperimentConfig) -> dict[str, Any]:
    """What must be the same for an evaluation to be worth the same under the same key."""
    if config.hash.kind == "structural":
        raise InputError("a warm cache needs functional keys, but hash.kind is 'structural'")
    return {
        "setup": config.setup,
        "options": config.options,
        "hash": config.hash.model_dump(exclude={"cost"}),
        "data": SetupSpec.of(config.setup, config.options).make().fingerprint(),
    }


@functools.lru_cache(maxsize=4)
def _read(name: str, digest: str, cells: frozenset[int], per_task: bool, setup: SetupSpec) -> Evaluations:
    """The evaluations of some cells; once a process, as long as the journal is the one with this digest.

    Those that a hurdle stopped are left out: in another search it stands elsewhere. With keys of tasks so are those
    that were only compared with what the cache knew.
    """
    parse = setup.make().parse
    seen = set()
    evaluations: Evaluations = []
    for entry in read_entries(Path(name) / JOURNAL):
        where = (entry.cell, entry.trial, entry.number)
        whole = entry.status == FINISHED and not entry.stopped
        if entry.cell in cells and whole and entry.key is not None and where not in seen:
            seen.add(where)
            if not per_task and " " in entry.key:
                raise InputError(f"{name}: candidate {entry.number} has keys of tasks, which this search does not")
            if not per_task:
                evaluations.append((int(entry.key, 16), _found(entry, parse)))
            elif entry.tasks is not None:
                keys = TaskKeys(int(one, 16) for one in entry.key.split())
                evaluations.append((keys, _found(entry, parse)))
    if not evaluations:
        raise InputError(f"{name} cannot warm a cache: its journal holds no keys (was its technique none?)")
    return evaluations


def _found(entry: Entry, parse: Callable[[str], Any]) -> Evaluation:
    """What `entry` answers in another search, whose hurdle is its own."""
    return entry.evaluation(parse)._replace(early=None)


def _matching_cells(path: Path, wanted: dict[str, Any]) -> frozenset[int]:
    """The cells of the experiment in `path` with the fingerprint `wanted`."""
    tables = read_experiment(path)
    provenance, over = tables.pop("provenance", {}), tables.pop("over", {})
    if tables.get("setup") != wanted["setup"]:
        raise InputError(f"{path} cannot warm a cache: its setup is {tables.get('setup')!r}, not {wanted['setup']!r}")
    if provenance.get("data") != wanted["data"]:
        raise InputError(
            f"{path} cannot warm a cache: its data are {provenance.get('data')!r}, those of now {wanted['data']!r}"
        )
    differing = []
    matching = set()
    for index, cell in enumerate(make_cells(tables, over, str(path / "experiment.toml"))):
        if cell.config.hash.kind == "structural":
            differing.append("hash.kind: 'structural' there, 'functional' asked for")
            continue
        lines = differences(_fingerprint(cell.config), wanted)
        differing += lines
        if not lines:
            matching.add(index)
    if not matching:
        raise InputError(f"{path} cannot warm a cache: {'; '.join(dict.fromkeys(differing))}")
    return frozenset(matching)
