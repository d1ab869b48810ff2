"""Tables of results that can be handed on: LaTeX, Markdown, HTML and JSON."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ufh_cli.analyses.rows import summary_rows
from ufh_cli.analyses.series import Series
from ufh_cli.analyses.tables import mean_text

_MEASURED = {"auc": "AUC", "best_fitness": "best", "reevaluated_fitness": "on unseen data"}
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "−": "$-$", "…": r"\ldots{}",
    "<": r"$<$", ">": r"$>$", "\n": " ",
}  # fmt: skip
_MARKDOWN = {"|": r"\|", "\\": r"\\", "*": r"\*", "_": r"\_", "`": r"\`", "<": "&lt;", "\n": " "}

Row = Mapping[str, Any]


def summary_texts(series: Sequence[Series], measured: Mapping[str, str] = _MEASURED) -> list[dict[str, str]]:
    """A row a cell, as ``ufh show`` prints it: means over trials ± two standard errors of the columns `measured`."""
    several = len({one.results.path for one in series}) > 1
    keys = list(dict.fromkeys(key for one in series for key in one.swept))
    rows = []
    for one in series:
        row = {"results": one.results.name} if several else {}
        row |= {"technique": one.technique} if "technique" not in keys else {}
        row |= {key: one.technique if key == "technique" else one.swept.get(key, "") for key in keys}
        row["trials"] = str(len(one.trials))
        row |= {heading: mean_text(one.column(name), 5) for name, heading in measured.items()}
        row |= {name: f"{one.column(name).mean():,.0f}" for name in ("candidates", "evaluations")}
        row["hits"] = mean_text(one.column("hit_fraction"), 3)
        rows.append(row)
    return rows


def result_tables(series: Sequence[Series]) -> dict[str, Any]:
    """All that ``ufh show`` can tell of the cells of one experiment, for JSON."""
    results = series[0].results
    return {
        "name": results.name,
        "notice": results.notice,
        "experiment": results.experiment,
        "cells": [
            {**row, "swept": one.swept, "best": one.best(), "front": one.front, "trials": one.trials}
            for row, one in zip(summary_rows(series), series, strict=True)
        ],
    }


def marked_up(rows: Sequence[Row], form: str) -> str:
    """`rows` in the form ``latex``, ``markdown`` or ``json``."""
    return {"latex": latex, "markdown": markdown, "json": json_text}[form](rows)


def latex(rows: Sequence[Row]) -> str:
    """A ``tabular`` with the rules of the package booktabs; the columns of numbers aligned right."""
    left = _left(rows)
    lines = [rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(rows[0]) - left)}}}", r"\toprule"]
    lines += [" & ".join(_escaped(key, _LATEX) for key in rows[0]) + r" \\", r"\midrule"]
    lines += [" & ".join(_latex_text(cell_text(value)) for value in row.values()) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def markdown(rows: Sequence[Row]) -> str:
    """A table with pipes, the columns of numbers aligned right."""
    left = _left(rows)
    lines = [list(rows[0]), ["---" if place < left else "---:" for place in range(len(rows[0]))]]
    lines += [[cell_text(value) for value in row.values()] for row in rows]
    cells = [[text if number == 1 else _escaped(text, _MARKDOWN) for text in line] for number, line in enumerate(lines)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def html_table(rows: Sequence[Row]) -> str:
    """A ``<table>``, whose texts are escaped."""
    head = "".join(f"<th>{html.escape(key)}</th>" for key in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell_text(value))}</td>" for value in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def json_text(value: Any) -> str:
    """`value` as JSON that every reader takes: what is no finite number is null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def _left(rows: Sequence[Row]) -> int:
    """How many columns come before the first of numbers."""
    texts = [[cell_text(value) for value in row.values()] for row in rows]
    numbers = (place for place, column in enumerate(zip(*texts, strict=True)) if all(map(_is_number, column)))
    return next(numbers, len(rows[0]))


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text[:1] in ("+", "-", "–") or text in ("nan", "inf")


def cell_text(value: Any) -> str:
    """A value as these tables show it."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _latex_text(text: str) -> str:
    """A text escaped; a number's minus is one, and no hyphen."""
    return f"$-${text[1:]}" if text[:1] == "-" and _is_number(text) else _escaped(text, _LATEX)


def _escaped(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
