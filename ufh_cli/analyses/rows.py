"""Tables of plain values, for the terminal and for CSV files that are kept with the figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ufh_cli.analyses.baseline import Pair, key_words
from ufh_cli.analyses.compare import NOTHING_FINITE, compare, holm
from ufh_cli.analyses.series import Series
from ufh_cli.analyses.tables import console, print_table
from ufh_cli.configuration.errors import InputError
from ufh_cli.files import write_text

if TYPE_CHECKING:  # what makes these loads all that runs a search
    from ufh_cli.analyses.calibrate import Setting
    from ufh_cli.analyses.collisions import ModelsPerKey
    from ufh_cli.analyses.equivalents import Census
    from ufh_cli.analyses.speedup import SpeedUp

_MEASURED = ("auc", "best_fitness", "reevaluated_fitness", "candidates", "evaluations", "hit_fraction")
_COUNTED = ("cache_hits", "partial_hits", "repeats", "waits", "collisions", "comparisons")

Row = Mapping[str, Any]


def summary_rows(series: Sequence[Series]) -> list[dict[str, Any]]:
    """A row a cell: its results' name, its swept values, number of trials, means and their standard errors."""
    rows = []
    keys = list(dict.fromkeys(key for one in series for key in one.swept))
    for one in series:
        row: dict[str, Any] = {"results": one.results.name, "technique": one.technique}
        row |= {key: one.swept.get(key, "") for key in keys if key != "technique"}
        row["trials"] = len(one.trials)
        for name in _MEASURED:
            values = one.column(name)
            values = values[np.isfinite(values)]
            row[f"mean {name}"] = float(values.mean()) if values.size else float("nan")
            row[f"sem {name}"] = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
        row |= {
            f"total {name}": int(one.column(name).sum()) for name in _COUNTED if one.trials and name in one.trials[0]
        }
        rows.append(row)
    return rows


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write a table as CSV: six significant digits, for people and for the report; the full ones are in trials.csv."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0].keys())
        writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in rows)
        write_text(path, text.getvalue())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def difference_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """A row a pair and quantity: the difference, its 95 % interval, and p-values adjusted after Holm by quantity.

    Raises
    ------
    InputError
        When there is no such row.
    """
    found = [(pair, one) for pair in pairs for one in compare(*pair)]
    if not found:
        raise InputError(NOTHING_FINITE)
    rows = []
    for quantity in dict.fromkeys(one.quantity for _, one in found):
        chosen = [(pair, one) for pair, one in found if one.quantity == quantity]
        for (pair, one), adjusted in zip(chosen, holm([one.p_value for _, one in chosen]), strict=True):
            rows.append(
                {
                    "quantity": quantity,
                    "of": pair[1].label,
                    "baseline": one.first,
                    "technique": one.second,
                    "difference": one.difference,
                    "low": one.low,
                    "high": one.high,
                    "p": one.p_value,
                    "p (Holm)": adjusted,
                }
            )
    return rows


def speed_up_rows(found: Sequence[SpeedUp]) -> list[dict[str, Any]]:
    """A row a technique."""
    return [
        {
            "baseline": one.baseline.label,
            "technique": one.technique.label,
            "trials": one.trials,
            "speed-up": one.factor if np.isfinite(one.factor) else "not reached",
            "low": one.low,
            "high": one.high,
            "reached at cost": one.cost if np.isfinite(one.cost) else "",
            "median over trials": one.median_trial,
            "trials that reach": one.reached,
        }
        for one in found
    ]


def census_rows(found: Sequence[Census]) -> list[dict[str, Any]]:
    """A row a trial."""
    return [
        {
            "trial": one.trial,
            "candidates": one.candidates,
            "genotypes": one.genotypes,
            "structural keys": one.structures,
            "functional keys": one.behaviours,
            "structures per behaviour": one.structures / one.behaviours,
        }
        for one in found
    ]


def collision_rows(found: Sequence[ModelsPerKey], complete: bool) -> list[dict[str, Any]]:
    """A row a precision."""
    models = "models (all)" if complete else "models (sampled)"
    return [
        {"mantissa bits": one.mantissa_bits, models: one.models, "keys": one.keys, "models per key": one.ratio}
        for one in found
    ]


def setting_rows(found: Sequence[Setting]) -> list[dict[str, Any]]:
    """A row a combination of settings; rates with their 95 % intervals."""
    return [
        {
            **{key_words(key): value for key, value in one.swept.items()},
            "hash cost": one.hash_cost,
            "hits compared": one.comparisons,
            "collision rate": one.collision_rate,
            "low": one.collision_interval[0],
            "high": one.collision_interval[1],
            "hit rate": one.hit_rate,
            "hit low": one.hit_interval[0],
            "hit high": one.hit_interval[1],
        }
        for one in found
    ]


def print_rows(rows: Sequence[Row], path: Path | None = None, notices: Sequence[str] = ()) -> None:
    """Print a table, with the notices of its data; also write it as CSV to `path`."""
    texts = [
        [f"{v:.5g}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else v for v in row.values()]
        for row in rows
    ]
    # The texts, such as names, come first in all these tables.
    left = next((place for place, value in enumerate(rows[0].values()) if not isinstance(value, str)), len(rows[0]))
    print_table(list(rows[0]), texts, left)
    for notice in dict.fromkeys(filter(None, notices)):
        console.print(f"note: {notice}", style="dim")
    if path is not None:
        write_rows(rows, path)
