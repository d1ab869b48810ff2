"""Files of claims: what is claimed of which results, and the commands that make these."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ufh_cli.configuration.errors import InputError, nearest, shown
from ufh_cli.configuration.schema import read_toml

_OF_A_SETUP = ("run", "sweep", "calibrate", "collisions", "export", "hash")


class Claim(BaseModel):
    """``[[figure.claim]]``; which further keys there are, depends on the measure: see `findings.find`."""

    model_config = ConfigDict(extra="allow", strict=True)

    paper: str
    measure: str
    series: list[str] = Field(min_length=1)

    @property
    def asked(self) -> dict[str, Any]:
        """What is measured, without the claim in words."""
        return self.model_dump(exclude={"paper"})


class Figure(BaseModel):
    """``[[figure]]``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    title: str
    run: list[str]
    look: str = ""
    image: str = ""
    table: str = ""
    note: str = ""
    claim: list[Claim] = []


class Claims(BaseModel):
    """A file of claims."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    text: str = ""
    figure: list[Figure] = Field(min_length=1)


@dataclass(frozen=True)
class Planned:
    """What a line of ``run`` says of the results that it makes; None where the configuration decides."""

    trials: int | None
    seed: int | None


def read_claims(path: Path) -> Claims:
    """The claims in a TOML file: ``title``, ``text``, and for each figure ``[[figure]]`` with its claims.

    Raises
    ------
    InputError
        When it is no such file: which figure, which of its claims and which key.
    """
    tables = read_toml(path)
    try:
        claims = Claims.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_error(error, tables)}") from error
    names = [figure.name for figure in claims.figure]
    for figure in claims.figure:
        if names.count(figure.name) > 1:
            raise InputError(f"{path}: figure {figure.name}: two figures have this name")
        for line in figure.run:
            try:
                shlex.split(line)
            except ValueError as error:
                raise InputError(f"{path}: figure {figure.name}: run: {error}, got {shown(line)}") from error
    return claims


def planned(claims: Claims) -> dict[str, Planned]:
    """Name of results -> what the line that makes them says."""
    found = {}
    for words in _commands(claims.figure):
        if words[1] in ("run", "sweep") and (name := _option(words, "name")) is not None:
            found[name] = Planned(_number(words, "trials"), _number(words, "seed"))
    return found


def setup_of(figures: Iterable[Figure]) -> str:
    """The setup that the first of the commands is of; "" where none says so."""
    return next((words[2] for words in _commands(figures) if words[1] in _OF_A_SETUP), "")


def _commands(figures: Iterable[Figure]) -> list[list[str]]:
    """The lines that are commands of ours with arguments, divided into words."""
    lines = (shlex.split(line) for figure in figures for line in figure.run)
    return [words for words in lines if len(words) > 2 and words[0] == "ufh"]


def _option(words: list[str], name: str) -> str | None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == f"--{name}":
            return following
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return None


def _number(words: list[str], name: str) -> int | None:
    text = _option(words, name)
    return int(text) if text is not None and text.isdecimal() and len(text) < 18 else None


def _first_error(error: ValidationError, tables: dict[str, Any]) -> str:
    """Which figure, which of its claims, which key, and what is wrong with it."""
    first = error.errors()[0]
    path, where = list(first["loc"]), ""
    schema: type[BaseModel] = Claims
    for word, part in (("figure", Figure), ("claim", Claim)):
        if path[:1] == [word] and len(path) > 1:
            number, path, schema = int(path[1]), path[2:], part
            tables = tables[word][number]
            name = tables.get("name", "") if word == "figure" and isinstance(tables, dict) else ""
            where += f"{word} {name or number + 1}: "
    key = ".".join(map(str, path))
    if first["type"] == "extra_forbidden":
        return f"{where}unknown key {key}; {nearest(key, schema.model_fields)}"
    if first["type"] == "missing":
        return f"{where}missing key {key}"
    wanted = first["msg"].replace("Input", "input").replace("List", "list").partition(" or instance of ")[0]
    return f"{where}{key}{': ' if key else ''}{wanted}, got {shown(first['input'])}"
