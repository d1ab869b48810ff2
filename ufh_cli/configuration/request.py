"""What a command line asks for: a configuration file, and what is set besides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import load_setup
from ufh_cli.configuration.schema import apply_setting, parse_setting, read_config
from ufh_cli.configuration.sweep import make_cells, parse_over
from ufh_cli.configuration.values import Given

_PRECISIONS = ("mantissa_bits", "decimals")  # of the section hash; one or the other


def read_request(
    setup: str, config: str | None, given: dict[str, Any], settings: list[str] | None, over: list[str]
) -> tuple[dict[str, Any], dict[str, list[str]], str]:
    """Tables, swept values and their source; what is on the command line wins over the file."""
    load_setup(setup)
    tables, file = read_config(setup, config)
    if tables.setdefault("setup", setup) != setup:
        raise InputError(f"{file} is a configuration of {tables['setup']}, not of {setup}")
    swept = _swept(tables, file)
    source = _whose_mistake(tables, swept, file)
    asked = {key: value for key, value in given.items() if value is not None}
    asked |= {key: Given(text) for key, text in map(parse_setting, settings or [])}
    swept |= (swept_here := parse_over(over))
    for key in asked:
        if key in swept:
            where = "--over" if key in swept_here else f"[over] in {file}"
            raise InputError(f"{key} is set, but also swept by {where}, which would overrule it")
    _make_way(tables, asked.keys() | swept_here.keys())
    for key, value in asked.items():
        apply_setting(tables, key, value)
    if tables["setup"] != setup:
        raise InputError(f"setup: {tables['setup']!r} cannot be set: the command names {setup}")
    return tables, swept, source


def _make_way(tables: dict[str, Any], asked: Iterable[str]) -> None:
    """Whoever asks for one kind of precision does not want the other kind, which the file has."""
    if isinstance(section := tables.get("hash"), dict) and any(f"hash.{kind}" in asked for kind in _PRECISIONS):
        tables["hash"] = {key: value for key, value in section.items() if key not in _PRECISIONS}


def _whose_mistake(tables: dict[str, Any], swept: dict[str, list[str]], source: str) -> str:
    """Where mistakes are to be looked for: on the command line, once the configuration alone is found to be right."""
    try:
        make_cells(tables, swept, source)
    except InputError:
        return source
    return "command line"


def _swept(tables: dict[str, Any], source: str) -> dict[str, list[str]]:
    """The section ``[over]`` of a configuration file; unlike on the command line, values may hold commas."""
    over = tables.pop("over", {})
    if not isinstance(over, dict):
        raise InputError(f"{source}: over: must be a table of lists, such as technique = ['none', 'fec']")
    for key, values in over.items():
        if isinstance(values, dict):
            dotted = f'"{key}.{min(values, default="…")}"'
            raise InputError(f"{source}: over.{key}: a key with a dot needs quotes: {dotted} = […]")
        if not isinstance(values, list):
            raise InputError(f"{source}: over.{key}: must be a list of values, got {values!r}")
    swept = {key: [_as_written(value) for value in values] for key, values in over.items()}
    for key, texts in swept.items():
        if not texts or "" in texts or len(set(texts)) < len(texts):
            raise InputError(f"{source}: over.{key}: there must be values, none of them empty or twice, got {texts}")
    return swept


def _as_written(value: Any) -> str:
    """As on the command line, lists divided by commas where nothing in them has one."""
    if isinstance(value, list) and value:
        texts = [_as_written(one) for one in value]
        return str(value) if any("," in text for text in texts) else ", ".join(texts)
    return str(value).lower() if isinstance(value, bool) else str(value)
