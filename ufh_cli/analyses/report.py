"""Claims against results as Markdown, every number computed from the results' files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ufh_cli.analyses.findings import find
from ufh_cli.analyses.series import select_all
from ufh_cli.configuration.errors import InputError, nearest, shown
from ufh_cli.configuration.schema import read_toml
from ufh_cli.files import read_text, write_text


class _Claim(BaseModel):
    """``[[figure.claim]]``; which further keys there are, depends on the measure: see `findings.find`."""

    model_config = ConfigDict(extra="allow", strict=True)

    paper: str
    measure: str
    series: list[str] = Field(min_length=1)


class _Figure(BaseModel):
    """``[[figure]]``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    title: str
    run: list[str]
    look: str = ""
    image: str = ""
    table: str = ""
    note: str = ""
    claim: list[_Claim] = []


class _Claims(BaseModel):
    """A file of claims."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    text: str = ""
    figure: list[_Figure] = Field(min_length=1)


def write_report(claims: Path, root: Path, out: Path) -> str:
    """Write what `claims` asks for into the Markdown file `out`, between two marks; what is outside them stays.

    Parameters
    ----------
    claims : Path
        A TOML file: ``title``, ``text``, and for each figure ``[[figure]]`` with ``name, title, run, look`` and
        optionally ``image`` and ``table`` (files beside `out`), ``note``, and ``[[figure.claim]]`` as in
        `findings.find`, each with ``paper``, the claim in words.
    root : Path
        Where results are.
    out : Path
        The Markdown file; made when it is not there.

    Returns
    -------
    str
        The Markdown between the marks.
    """
    asked = _read(claims)
    first, last = f"<!-- ufh report: {claims.stem} -->", f"<!-- end of {claims.stem} -->"
    body = "\n".join([first, f"## {asked.title}", "", asked.text.strip(), ""])
    body += "\n" + "\n".join(_figure(figure, root, out.parent, claims.name) for figure in asked.figure)
    body += f"\n{last}"
    try:
        old = read_text(out) if out.exists() else "# Results\n\n"
        before, mark, rest = old.partition(first)
        if mark:
            _, mark, after = rest.partition(last)
            if not mark:
                raise InputError(f"{out}: the mark {last!r} is missing")
        else:
            before, after = f"{old.rstrip()}\n\n", "\n"
        write_text(out, before + body + after)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{out}: cannot be read or written: {getattr(error, 'strerror', None) or error}") from error
    return body


def _read(claims: Path) -> _Claims:
    tables = read_toml(claims)
    try:
        return _Claims.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"{claims}: {_first_error(error, tables)}") from error


def _first_error(error: ValidationError, tables: dict[str, Any]) -> str:
    """Which figure, which of its claims, which key, and what is wrong with it."""
    first = error.errors()[0]
    path, where = list(first["loc"]), ""
    schema: type[BaseModel] = _Claims
    for word, part in (("figure", _Figure), ("claim", _Claim)):
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


def _figure(figure: _Figure, root: Path, beside: Path, source: str) -> str:
    lines = [f"### {figure.title}", "", "```", *figure.run, "```", ""]
    if figure.look:
        lines += [figure.look.strip(), ""]
    if figure.claim:
        lines += ["| the paper's claim | measured | agrees |", "|---|---|---|"]
        notices: dict[str, None] = {}
        for number, claim in enumerate(figure.claim, 1):
            try:
                finding = find(claim.model_dump(), root)
            except InputError as error:
                raise InputError(f"{source}: figure {figure.name}: claim {number}: {error}") from error
            notices |= dict.fromkeys(one.results.notice for one in select_all(claim.series, root))
            lines.append(f"| {claim.paper} | {finding.measured} | {finding.agrees} |")
        lines += ["", *(f"*{notice}.*\n" for notice in notices if notice)]
    if figure.table:
        lines += [*_markdown_table(beside / figure.table), ""]
    if figure.image:
        lines += [f"![{figure.title}]({figure.image})", ""]
    if figure.note:
        lines += [figure.note.strip(), ""]
    return "\n".join(lines)


def _markdown_table(path: Path) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise InputError(f"{path}: the table is empty")
    return [f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]
