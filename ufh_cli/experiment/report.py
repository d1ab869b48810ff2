"""Claims against results as Markdown, every number computed from the results' files."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

from ufh_cli.experiment.errors import InputError
from ufh_cli.experiment.findings import find
from ufh_cli.experiment.series import select_all

_FIGURE_KEYS = {"name", "title", "run", "look", "image", "table", "claim", "note"}


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
    tables = _read(claims)
    first, last = f"<!-- ufh report: {claims.stem} -->", f"<!-- end of {claims.stem} -->"
    body = "\n".join([first, f"## {tables['title']}", "", tables.get("text", "").strip(), ""])
    body += "\n" + "\n".join(_figure(figure, root, out.parent, claims.name) for figure in tables["figure"])
    body += f"\n{last}"
    try:
        old = out.read_text(encoding="utf-8") if out.exists() else "# Results\n\n"
        before, mark, rest = old.partition(first)
        if mark:
            _, mark, after = rest.partition(last)
            if not mark:
                raise InputError(f"{out}: the mark {last!r} is missing")
        else:
            before, after = f"{old.rstrip()}\n\n", "\n"
        out.write_text(before + body + after, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from error
    return body


def _read(claims: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(claims.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{claims}: cannot be read: {error}") from error
    figures = tables.get("figure")
    if not isinstance(tables.get("title"), str) or not isinstance(figures, list):
        raise InputError(f"{claims}: needs a title and [[figure]] tables")
    for figure in figures:
        unknown = figure.keys() - _FIGURE_KEYS
        missing = {"name", "title", "run"} - figure.keys()
        if unknown or missing:
            what = f"unknown key {min(unknown)}" if unknown else f"missing key {min(missing)}"
            raise InputError(f"{claims}: figure {figure.get('name', '?')}: {what}")
    return tables


def _figure(figure: dict[str, Any], root: Path, beside: Path, source: str) -> str:
    lines = [f"### {figure['title']}", "", "```", *figure["run"], "```", ""]
    if "look" in figure:
        lines += [figure["look"].strip(), ""]
    if figure.get("claim"):
        lines += ["| the paper's claim | measured | agrees |", "|---|---|---|"]
        notices: dict[str, None] = {}
        for claim in figure["claim"]:
            if "paper" not in claim:
                raise InputError(f"{source}: figure {figure['name']}: a claim lacks the key paper")
            finding = find(claim, root)
            notices |= dict.fromkeys(one.results.notice for one in select_all(claim["series"], root))
            lines.append(f"| {claim['paper']} | {finding.measured} | {finding.agrees} |")
        lines += ["", *(f"*{notice}.*\n" for notice in notices if notice)]
    if "table" in figure:
        lines += [*_markdown_table(beside / figure["table"]), ""]
    if "image" in figure:
        lines += [f"![{figure['title']}]({figure['image']})", ""]
    if "note" in figure:
        lines += [figure["note"].strip(), ""]
    return "\n".join(lines)


def _markdown_table(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise InputError(f"{path}: the table is empty")
    return [f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])]
