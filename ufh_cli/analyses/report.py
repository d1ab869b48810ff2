"""Claims against results as Markdown: a page for each file of claims, and one page of all verdicts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from ufh_cli.analyses.claims import Claims, Figure, read_claims, setup_of
from ufh_cli.analyses.markup import markdown
from ufh_cli.analyses.verdicts import Measured, Verdicts, measure, read_verdicts, write_verdicts
from ufh_cli.configuration.errors import InputError
from ufh_cli.files import read_text, write_text

OVERVIEW = "README.md"
_ALL = "verdicts"  # the mark of the page of all of them


def write_report(claims: Path, root: Path, out: Path) -> None:
    """Write a page of Markdown from a file of claims.

    The page stands between two marks; what is outside them stays. What was measured is kept beside it as JSON: where
    results are missing, the page shows what was measured when they were there.

    Parameters
    ----------
    claims : Path
        A TOML file: ``title``, ``text``, and for each figure ``[[figure]]`` with ``name, title, run, look`` and
        optionally ``image`` and ``table`` (files beside `out`, shown once they are there), ``note``, and
        ``[[figure.claim]]`` as in `findings.find`, each with ``paper``, the claim in words.
    root : Path
        Where results are.
    out : Path
        The Markdown file; made when it is not there.
    """
    asked = read_claims(claims)
    kept = out.with_suffix(".json")
    if kept == out:
        raise InputError(f"{out}: a page is Markdown; the file of this name keeps what was measured")
    found = measure(asked, root, read_verdicts(kept), claims.name)
    body = _page(asked, found, out.parent)
    _put_between_marks(body, claims.stem, out)
    write_verdicts(found, kept)


def write_reports(folder: Path, root: Path) -> list[Path]:
    """Write a page for each file of claims in `folder`, and the page of all verdicts, ``README.md``.

    Returns
    -------
    list of Path
        The pages, that of all verdicts last.

    Raises
    ------
    InputError
        When there are no claims, or something is wrong with them or with the results.
    """
    sources = sorted(folder.glob("*.toml"))
    if not sources:
        raise InputError(f"{folder}: no file of claims (NAME.toml) is there")
    pages = []
    for source in sources:
        write_report(source, root, source.with_suffix(".md"))
        claims, found = read_claims(source), read_verdicts(source.with_suffix(".json"))
        pages.append((setup_of(claims.figure), source.with_suffix(".md").name, claims, found))
    pages.sort(key=lambda page: page[:2])
    rows, notices = [["claim", "setup", "measured", "trials", "agrees"]], dict[str, None]()
    for whole, name, claims, found in pages:
        for figure in claims.figure:
            setup = setup_of([figure]) or whole
            measured, where = found.figures[figure.name], f"{name}#{_anchor(figure.title)}"
            notices |= dict.fromkeys(f"*{setup}: {notice}.*" for notice in measured.notices)
            for claim, verdict in zip(figure.claim, measured.claims, strict=True):
                said = [verdict.measured, verdict.trials, verdict.agrees]
                rows.append([f"[{claim.paper}]({where})", f"[{setup}]({name})", *said])
    listed = [f"- [{claims.title}]({name})" for _, name, claims, _ in pages]
    body = "\n".join([*_table(rows), "", *(f"{notice}\n" for notice in notices), *listed])
    _put_between_marks(body, _ALL, folder / OVERVIEW)
    return [*(folder / name for _, name, _, _ in pages), folder / OVERVIEW]


def _put_between_marks(body: str, name: str, out: Path) -> None:
    """Write `body` into the file `out` in the place of what an earlier call wrote there, else at its end."""
    first, last = f"<!-- ufh report: {name} -->", f"<!-- end of {name} -->"
    try:
        old = read_text(out) if out.exists() else ""
        before, mark, rest = old.partition(first)
        if mark:
            _, mark, after = rest.partition(last)
            if not mark:
                raise InputError(f"{out}: the mark {last!r} is missing")
        else:
            before, after = f"{old.rstrip()}\n\n".lstrip(), "\n"
        write_text(out, f"{before}{first}\n{body}\n{last}{after}")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{out}: cannot be read or written: {getattr(error, 'strerror', None) or error}") from error


def _page(claims: Claims, found: Verdicts, beside: Path) -> str:
    figures = [_figure(figure, found.figures[figure.name], beside) for figure in claims.figure]
    return "\n".join([f"# {claims.title}", "", claims.text.strip(), "", *figures]).rstrip()


def _figure(figure: Figure, measured: Measured, beside: Path) -> str:
    lines = [f"## {figure.title}", "", "```", *figure.run, "```", ""]
    if figure.look:
        lines += [figure.look.strip(), ""]
    if figure.claim:
        rows = [["claim", "measured", "trials", "agrees"]]
        for claim, verdict in zip(figure.claim, measured.claims, strict=True):
            rows.append([claim.paper, verdict.measured, verdict.trials, verdict.agrees])
        lines += [*_table(rows), "", *(f"*{notice}.*\n" for notice in measured.notices)]
    if measured.cells:
        lines += ["<details><summary>All quantities</summary>", "", markdown(measured.cells)]
        if measured.differences:
            lines += ["Against the baseline; p-values after Holm are of one quantity's tests.", ""]
            lines += [markdown(measured.differences)]
        lines += ["</details>", ""]
    if figure.table and (beside / figure.table).exists():  # else it is not made yet
        lines += [*_table(_read_rows(beside / figure.table)), ""]
    if figure.image and (beside / figure.image).exists():
        lines += [f"![{figure.title}]({figure.image})", ""]
    if figure.note:
        lines += [figure.note.strip(), ""]
    return "\n".join(lines)


def _anchor(title: str) -> str:
    """What a heading is called in a link to it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, the first of `rows` being its headings."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return [f"| {' | '.join(text.replace('|', '&#124;') for text in line)} |" for line in lines]


def _read_rows(path: Path) -> list[list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not rows:
        raise InputError(f"{path}: the table is empty")
    return rows
