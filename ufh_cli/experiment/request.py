"""What a command line asks for: a configuration file, and what is set besides."""

from __future__ import annotations

from typing import Any

from ufh_cli.experiment.config import apply_setting, make_config, parse_setting, parse_value, read_config
from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.registry import load_setup
from ufh_cli.experiment.sweep import parse_over


def read_request(
    setup: str, config: str | None, given: dict[str, Any], settings: list[str] | None, over: list[str]
) -> tuple[dict[str, Any], dict[str, list[str]], str]:
    """Tables, swept values and their source; what is on the command line wins over the file."""
    load_setup(setup)
    tables, source = read_config(setup, config)
    if tables.setdefault("setup", setup) != setup:
        raise InputError(f"{source} is a configuration of {tables['setup']}, not of {setup}")
    source = _whose_mistake(tables, source)
    for key, value in given.items():
        if value is not None:
            apply_setting(tables, key, value)
    for setting in settings or []:
        key, text = parse_setting(setting)
        apply_setting(tables, key, parse_value(text))
    if tables["setup"] != setup:
        raise InputError(f"setup: {tables['setup']!r} cannot be set: the command names {setup}")
    return tables, parse_over(_swept(tables)) | parse_over(over), source


def _whose_mistake(tables: dict[str, Any], source: str) -> str:
    """Where mistakes are to be looked for: on the command line, once the configuration alone is found to be right."""
    alone = {key: value for key, value in tables.items() if key != "over"}
    try:
        make_config(alone, source)
    except InputError:
        return source
    return "command line"


def _swept(tables: dict[str, Any]) -> list[str]:
    """The section ``[over]`` of a configuration file, in the form of the option."""
    over = tables.pop("over", {})
    if not isinstance(over, dict) or not all(isinstance(values, list) for values in over.values()):
        raise InputError("over: must be a table of lists, such as technique = ['none', 'fec']")
    return [f"{key}={','.join(map(_as_written, values))}" for key, values in over.items()]


def _as_written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
