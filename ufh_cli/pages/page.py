"""One page of results: what was asked, what came of it, compared, drawn, and what it took."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from ufh_cli.analyses.baseline import pairs_of
from ufh_cli.analyses.comparable import flattened, mixture, settings
from ufh_cli.analyses.markup import summary_texts
from ufh_cli.analyses.remarks import remarks
from ufh_cli.analyses.rows import difference_rows
from ufh_cli.analyses.series import Series, select_all
from ufh_cli.analyses.tables import mean_text
from ufh_cli.configuration.errors import InputError, printable, shorten
from ufh_cli.figures.differences import QUANTITY_WORDS
from ufh_cli.figures.kinds import KINDS
from ufh_cli.figures.style import Look, labels_of
from ufh_cli.files import write_text
from ufh_cli.pages.drawing import inline

_SIZE, _SQUARE = (4.8, 3.6), (4.0, 4.0)  # inches; on a telephone their letters can still be read
_MOST_DRAWN, _MOST_SHOWN = 16, 200  # series
_MOST_BEST = 6  # candidates
_LONGEST = 4000  # letters of a candidate's description
_DRAWINGS = {
    "curves": "The best found along the search",
    "response": "AUC by what was swept",
    "auc": "AUC of each trial",
    "hits-along": "Hits of the cache along the search",
    "front": "Front",
}


def write_page(names: Sequence[str], root: Path, out: Path) -> None:
    """Write an HTML page of the results called `names`: one file that asks for nothing else and runs nothing.

    All texts are escaped, for results may be somebody else's.

    Raises
    ------
    InputError
        When there are no such results, they are of different setups, or the page cannot be written.
    """
    series = select_all(names, root)
    for one in series:
        if why := mixture(series[0], one):
            raise InputError(why)
    try:
        write_text(out, render(series))
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error


def render(series: Sequence[Series]) -> str:
    """The page as HTML; see `write_page`."""
    from jinja2 import Environment, StrictUndefined

    template = (files("ufh_cli.pages") / "page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True)
    results = list({one.results.path: one.results for one in series}.values())
    setting = [settings(one) for one in series]
    common = {key: value for key, value in setting[0].items() if all(other.get(key) == value for other in setting)}
    labels = labels_of(series)
    best, left_out = _best(series, labels)
    return environment.from_string(template).render(
        title=", ".join(one.name for one in results),
        lead=_lead(series, [one.experiment for one in results]),
        remarks=remarks(series),
        notices=list(dict.fromkeys(one.notice.rstrip(".") for one in results if one.notice)),
        summary=summary_texts(series[:_MOST_SHOWN]),
        differing=_differing(setting, labels, common, series[0].swept),
        common=[{"key": key, "value": value} for key, value in sorted(common.items())],
        costs=[_costs(one, label) for one, label in zip(series[:_MOST_SHOWN], labels, strict=False)],
        origins=[(one.name, _pairs(one.experiment["provenance"])) for one in results],
        drawings=_drawings(series[:_MOST_DRAWN]),
        best=best,
        left_out=left_out,
        **_comparisons(series[:_MOST_DRAWN], labels),
    )


def _shown(value: Any) -> Any:
    """Texts without what would steer a terminal or is no letter of HTML."""
    return printable(shorten(value, 2 * _LONGEST)) if type(value) is str else value


def _lead(series: Sequence[Series], experiments: Sequence[Mapping[str, Any]]) -> str:
    trials = sum(len(one.trials) for one in series)
    asked = sum(one.results.experiment["trials"] for one in series)
    finished = f"{trials:,}" if trials >= asked else f"{trials:,} of {asked:,}"
    cells = "1 cell" if len(series) == 1 else f"{len(series):,} cells"
    text = f"Setup {experiments[0]['setup']}: {cells}, {finished} trial{'s' * (asked != 1)} in all."
    more = len(series) - _MOST_DRAWN
    return text + (f" The figures show the first {_MOST_DRAWN}." if more > 0 else "")


def _differing(
    setting: Sequence[dict[str, str]], labels: Sequence[str], common: Collection[str], swept: Collection[str]
) -> list[dict[str, str]]:
    keys = sorted({key for one in setting for key in one} - set(common))
    if all(key in swept for key in keys):  # as the summary has them
        return []
    rows = zip(labels[:_MOST_SHOWN], setting, strict=False)
    return [{"": label} | {key: one.get(key, "–") for key in keys} for label, one in rows]


def _costs(series: Series, label: str) -> dict[str, str]:
    seconds, cost = series.column("wall_seconds"), series.column("cost").mean()
    return {
        "": label,
        f"cost ({series.cost_unit})": f"{cost:,.0f}" if cost >= 1000 else f"{cost:.4g}",
        "evaluations": f"{series.column('evaluations').mean():,.0f}",
        "candidates": f"{series.column('candidates').mean():,.0f}",
        "seconds": mean_text(seconds, 2),
        "hours of all trials": f"{seconds.sum() / 3600:.2f}",
    }


def _pairs(tables: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"what": key, "is": str(value)} for key, value in flattened(tables).items() if value != ""]


def _comparisons(series: Sequence[Series], names: Sequence[str]) -> dict[str, Any]:
    """The differences as a drawing and as rows, or why there are none."""
    try:
        rows = difference_rows(pairs_of(series))
        draw = partial(KINDS["differences"], series)
        drawing = inline(lambda file: draw(file), "differences", "differences with their intervals")
    except InputError as error:
        return {"comparisons": [], "comparison_words": f"None: {error}.", "comparison_drawing": ""}
    labels = {one.label: name for one, name in zip(series, names, strict=False)}
    told = [
        {
            "": labels.get(one["of"], one["of"]),
            "quantity": QUANTITY_WORDS[one["quantity"]],
            "difference": f"{one['difference']:+.3g}",
            "95 % interval": f"{one['low']:+.3g} … {one['high']:+.3g}",
            "p": f"{one['p']:.2g}",
            "p (Holm)": f"{one['p (Holm)']:.2g}",
        }
        for one in rows
    ]
    words = (
        "Each with its baseline, or with the first; Student’s or Welch’s interval, and a rank test adjusted after Holm."
    )
    return {"comparisons": told, "comparison_words": words, "comparison_drawing": drawing}


def _drawings(series: Sequence[Series]) -> list[tuple[str, Any]]:
    """Those of the figures that can be drawn of these results."""
    drawn = []
    for kind, heading in _DRAWINGS.items():
        if kind == "hits-along" and not any(one.column("cache_hits").any() for one in series):
            continue
        draw = partial(KINDS[kind], series, look=Look(size=_SIZE))
        try:
            drawn.append((heading, inline(draw, kind, heading)))
        except InputError:  # this kind says nothing of them
            continue
    return drawn


def _best(series: Sequence[Series], labels: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
    """The fittest candidates of the series, drawn where their setup reads them back; and how many are left out.

    What several series found is told once.
    """
    found: dict[str, tuple[dict[str, Any], Series, list[str]]] = {}
    for one, label in zip(series, labels, strict=True):
        if (entry := one.best()) is not None:
            found.setdefault(str(entry.get("description")), (entry, one, []))[2].append(label)
    told = []
    ordered = sorted(found.values(), key=lambda item: float(item[0]["fitness"]), reverse=True)
    for number, (entry, one, names) in enumerate(ordered[:_MOST_BEST]):
        draw = partial(
            KINDS["best"], [replace(one, called=names[0] + " and others" * (len(names) > 1))], look=Look(size=_SQUARE)
        )
        try:
            drawing: Any = inline(draw, f"best{number}", f"the best candidate of {names[0]}")
        except Exception:  # whatever a setup makes of what somebody wrote: the text is there all the same
            drawing = ""
        unseen = float(entry.get("reevaluated_fitness", "nan"))
        measured = f"fitness {float(entry['fitness']):.6g}"
        measured += "" if math.isnan(unseen) else f", on unseen data {unseen:.6g}"
        text = "\n\n".join(str(entry[key]) for key in ("description", "details") if key in entry)
        caption = f"{', '.join(names)}: {measured}, trial {entry['trial']}"
        told.append({"drawing": drawing, "caption": caption, "text": shorten(text, _LONGEST)})
    return told, len(ordered) - len(told)
