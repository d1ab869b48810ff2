"""An experiment's configuration: its schema, where it comes from, and what is wrong with it in one line."""

from __future__ import annotations

import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from ufh_cli.configuration.errors import InputError, nearest, shorten, shown
from ufh_cli.configuration.options import (
    OptionalFloat,
    OptionalFloats,
    OptionalText,
    OptionalWhole,
    Section,
    Whole,
    none_word,
    options_model,
)
from ufh_cli.configuration.registry import load_setup
from ufh_cli.configuration.values import Given, as_text, parse_toml, parse_value
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.search import SEARCH_METHODS, SearchMethod
from ufh_cli.core.streams import MOST_SEEDS
from ufh_cli.core.techniques import CACHES, GUIDED, PROPOSING, parse_technique
from ufh_cli.files import read_text

MOST_TRIALS = 1_000_000
MOST_WORKERS = 100_000
_LARGEST_FILE = 1 << 20  # bytes
_DEEPEST = 16  # tables in tables


class HashConfig(Section):
    """Methods 3 and 4: the key.

    With ``kind = "per-task"`` each task of an evaluation has a functional key of its own.
    """

    kind: Literal["functional", "per-task", "structural"] = "functional"
    mantissa_bits: OptionalWhole = None
    decimals: OptionalWhole = None
    cost: OptionalFloat = Field(default=None, ge=0)


class CacheConfig(Section):
    """Methods 5, 8 and 9: what fec, forgetful-fec and fea do.

    `warm` names an experiment whose evaluations are hits from the start; `file` is a cache file that searches share.
    """

    forget_probability: Annotated[float, Field(ge=0, le=1)] | Literal["1/N"] = 0.1
    max_evaluations: Whole = Field(default=4, ge=1)
    max_entries: OptionalWhole = Field(default=None, ge=1)
    counterfactual: bool = False
    tolerance: float = Field(default=0.0, ge=0)
    relative_tolerance: OptionalFloat = Field(default=None, ge=0)
    wait_for_duplicates: bool = False
    warm: OptionalText = None
    file: OptionalText = None


class ProposalConfig(Section):
    """Methods 6 and 7: what fcm and tabulist do."""

    max_tries: Whole = Field(default=100, ge=0, le=1_000_000)
    accumulate: bool = True
    max_seen: Whole = Field(default=10, ge=0)


class EvaluationConfig(Section):
    """When evaluations are ended early: seconds, megabytes, attempts when a worker dies, and the hurdle.

    With `catch` a candidate whose evaluation raises is counted as lost; else the search ends there.

    Only processes of their own can be ended and replaced: with several workers, a timeout or a memory limit.
    The hurdle is a percentile of what the latest candidates had after their first stage, `hurdle_window` of them; none
    is as many as the population has, or 100.
    """

    timeout: OptionalFloat = Field(default=None, gt=0, le=1e9)
    memory: OptionalFloat = Field(default=None, gt=0, le=1e9)
    attempts: Whole = Field(default=3, ge=1)
    catch: Annotated[bool | None, BeforeValidator(none_word)] = None
    hurdle_percentile: OptionalFloat = Field(default=None, gt=0, le=100)
    hurdle_window: OptionalWhole = Field(default=None, ge=1)


class BudgetConfig(Section):
    """When a trial ends."""

    cost: OptionalFloat = Field(default=None, gt=0)
    candidates: OptionalWhole = Field(default=None, ge=1)
    target_fitness: OptionalFloat = None
    target_objectives: OptionalFloats = None


class ExperimentConfig(Section):
    """One cell of an experiment: everything that decides its results, but for the number of trials."""

    setup: str
    technique: str = "none"
    seed: Whole = Field(default=0, ge=0, lt=MOST_SEEDS)
    trials: Whole = Field(default=10, ge=1, le=MOST_TRIALS)
    workers: Whole = Field(default=1, ge=1, le=MOST_WORKERS)
    reevaluate: Literal["improvements", "end", "auto"] = "auto"
    journal: Literal["yes", "no", "auto"] = "auto"
    search: dict[str, Any] = Field(default_factory=lambda: {"method": "regularized_evolution"})
    hash: HashConfig = HashConfig()
    cache: CacheConfig = CacheConfig()
    proposals: ProposalConfig = ProposalConfig()
    guided: dict[str, Any] = Field(default_factory=dict)  # the parameters of `Guidance`
    budget: BudgetConfig = BudgetConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    options: dict[str, Any] = Field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain tables for TOML: what is None is left out."""
        tables = _without_none(self.model_dump())
        if not self.guided:
            del tables["guided"]
        return tables


def make_config(tables: Mapping[str, Any], source: str) -> ExperimentConfig:
    """Check `tables` and fill in the defaults of the search method and of the setup.

    Raises
    ------
    InputError
        With one line that names the key, what is wrong, and `source`.
    """
    try:
        config = ExperimentConfig.model_validate(dict(tables))
        parse_technique(config.technique)
        FunctionalHash(mantissa_bits=config.hash.mantissa_bits, decimals=config.hash.decimals)
    except ValidationError as error:
        raise InputError(_first_error(error, ExperimentConfig, "", source)) from error
    except ValueError as error:
        raise InputError(f"{source}: {error}") from error
    if config.cache.counterfactual and not set(parse_technique(config.technique)) & set(CACHES):
        raise InputError(f"{source}: cache.counterfactual needs a cache, but the technique is {config.technique!r}")
    method = config.search.get("method", "regularized_evolution")
    if not isinstance(method, str) or method not in SEARCH_METHODS:
        raise InputError(f"{source}: search.method: unknown {method!r}; {nearest(str(method), SEARCH_METHODS)}")
    acting = [part for part in parse_technique(config.technique) if part in PROPOSING]
    if acting and not SEARCH_METHODS[method].has_parents:
        raise InputError(f"{source}: {acting[0]} mutates children, but {method} has no parents; choose another search")
    parameters = {key: value for key, value in config.search.items() if key != "method"}
    search = _resolved(SEARCH_METHODS[method], parameters, "search", source)
    kind = load_setup(config.setup)
    try:
        wanted = options_model(kind).model_fields
    except InputError as error:
        raise InputError(f"setup {config.setup}: {error}") from error
    for name in wanted.keys() - config.options.keys():
        if wanted[name].is_required():
            what = f"the option {name} has no default: give it one, or say --set options.{name}=…"
            raise InputError(f"setup {config.setup}: {kind.__name__}.__init__: {what}")
    options = _resolved(kind, config.options, "options", source)
    guided = _resolved(Guidance, config.guided, "guided", source) if config.guided or GUIDED in acting else {}
    resolved = config.model_copy(update={"search": {"method": method, **search}, "options": options, "guided": guided})
    make_search(resolved, source)
    make_guidance(resolved, source)
    return resolved


def check_written(tables: Mapping[str, Any], over: Mapping[str, Any], source: str) -> None:
    """Whether what an experiment wrote of itself is of the kinds that it should be.

    Keys that are none any more are passed over: results of an older version can still be shown.

    Raises
    ------
    InputError
        With one line that names the key, what is wrong, and `source`.
    """
    for key, values in over.items():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise InputError(f"{source}: over.{key}: must be a list of texts, got {shown(values)}")
    given: list[dict[str, Any]] = [dict(tables)]
    for key, values in over.items():
        for value in values:
            given.append({"setup": ""})
            apply_setting(given[-1], key, Given(value))
    try:
        for one in given:
            parse_technique(ExperimentConfig.model_validate(_known(one, ExperimentConfig)).technique)
    except ValidationError as error:
        raise InputError(_first_error(error, ExperimentConfig, "", source)) from error
    except ValueError as error:
        raise InputError(f"{source}: {error}") from error


def _known(tables: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Those of the tables that `model` knows, in all its sections; seeds were unbounded once."""
    known = {}
    for key, value in tables.items():
        if key in model.model_fields and not (key == "seed" and type(value) is int):
            section = model.model_fields[key].annotation
            inner = isinstance(section, type) and issubclass(section, BaseModel) and isinstance(value, dict)
            known[key] = _known(value, typing.cast(type[BaseModel], section)) if inner else value
    return known


def make_search(config: ExperimentConfig, source: str = "search") -> SearchMethod:
    """A fresh search method for one trial."""
    parameters = {key: value for key, value in config.search.items() if key != "method"}
    try:
        return SEARCH_METHODS[config.search["method"]](**parameters)
    except ValueError as error:
        raise InputError(f"{source}: search: {error}") from error


def make_guidance(config: ExperimentConfig, source: str = "guided") -> Guidance:
    """How mutations are chosen, where the technique has a part that does."""
    try:
        return Guidance(**config.guided)
    except ValueError as error:
        raise InputError(f"{source}: {error}") from error


def config_directory() -> Path:
    """Where the configurations that come with ufh are: in the package when installed, else beside it."""
    inside = Path(__file__).parents[1] / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "configs"


def read_config(setup: str, file: str | None) -> tuple[dict[str, Any], str]:
    """The tables of a configuration file and its name for messages.

    `file` is a path or the name of a configuration that comes with ufh; None is ``<setup>-lite``, else ``<setup>``,
    else nothing.
    """
    bundled = {path.stem: path for path in sorted(config_directory().glob("**/*.toml"))}
    if file is None:
        path = bundled.get(f"{setup}-lite") or bundled.get(setup)
        if path is None:
            return {"setup": setup}, "defaults"
    elif os.path.exists(file):  # a name that no file can have is none either
        path = Path(file)
    else:
        path = bundled.get(file.removesuffix(".toml"))
        if path is None:
            raise InputError(f"configuration {file!r} is neither a file nor one of ours; {nearest(file, bundled)}")
    tables = read_toml(path)
    tables.pop("provenance", None)  # an experiment's own file is a configuration too
    return tables, path.name


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; `InputError` where it cannot be read."""
    try:
        return parse_toml(read_text(path, _LARGEST_FILE))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as TOML: {getattr(error, 'strerror', None) or error}") from error


def apply_setting(tables: dict[str, Any], key: str, value: Any) -> None:
    """Set the dotted `key`, in place: ``apply_setting(t, "hash.mantissa_bits", 8)``.

    Another search method keeps only those of the old one's parameters that it has too.
    """
    whole = tables
    *parents, last = key.split(".")
    if len(parents) >= _DEEPEST:
        raise InputError(f"{shorten(key, 100)}: a key has up to {_DEEPEST} parts, not {len(parents) + 1:,}")
    for parent in parents:
        inner = tables.setdefault(parent, {})
        if isinstance(inner, Given):
            inner = tables[parent] = parse_value(inner)
        if not isinstance(inner, dict):
            raise InputError(f"{key}: {parent!r} is a value, not a section")
        tables = inner
    if key == "search.method" and isinstance(value, Given):
        value = as_text(value)
    tables[last] = value
    if key == "search.method" and isinstance(value, str) and value in SEARCH_METHODS:
        known = options_model(SEARCH_METHODS[value]).model_fields
        whole["search"] = {name: item for name, item in tables.items() if name == "method" or name in known}


def parse_setting(text: str) -> tuple[str, str]:
    """``key=value`` in its two parts."""
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise InputError(f"{text!r} is not of the form key=value")
    return key.strip(), value.strip()


def differences(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Where two nested tables differ, a line each."""
    lines = []
    for key in sorted({*first, *second}):
        a, b = first.get(key), second.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            lines += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {_shown(a)} there, {_shown(b)} asked for")
    return lines


def check_budget(config: ExperimentConfig, source: str) -> None:
    """A search must end; what only hashes needs no budget."""
    if config.budget.cost is None and config.budget.candidates is None:
        raise InputError(f"{source}: a budget is missing: give budget.cost (--budget) or budget.candidates")


def _resolved(cls: type, given: Mapping[str, Any], section: str, source: str) -> dict[str, Any]:
    model = options_model(cls)
    try:
        return _without_none(model.model_validate(dict(given)).model_dump())
    except ValidationError as error:
        raise InputError(_first_error(error, model, f"{section}.", source)) from error


def _first_error(error: ValidationError, model: type[BaseModel], prefix: str, source: str) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        for part in where[:-1]:
            model = typing.cast(type[BaseModel], model.model_fields[part].annotation)
        return f"{source}: unknown key {prefix}{'.'.join(where)}; {nearest(where[-1], model.model_fields)}"
    given = "" if isinstance(first["input"], dict) else f", got {shown(first['input'])}"
    # The alternatives of a union each say what they want; they come after the key, and after a place in a list.
    depth = 2 if not prefix or isinstance(first["loc"][:2][-1], int) else 1
    wanted = dict.fromkeys(one["msg"] for one in error.errors() if one["loc"][:depth] == first["loc"][:depth])
    message = " or ".join(text[0].lower() + text[1:] for text in wanted)
    return f"{source}: {prefix}{'.'.join(where[:depth])}: {message}{given}"


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [*map(_without_none, value)] if isinstance(value, tuple) else value  # as TOML and JSON read it back


def _shown(value: Any) -> str:
    return "not set" if value is None else shown(value, 200)
