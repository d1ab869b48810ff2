"""An experiment is a sweep: the cells are the product of the swept values. `ufh run` is the sweep of one cell."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import MOST_TRIALS, ExperimentConfig, apply_setting, make_config, parse_setting
from ufh_cli.configuration.values import Given, divided

MOST_CELLS = 5_000


@dataclass(frozen=True)
class Cell:
    """One combination of swept values.

    Attributes
    ----------
    swept : dict
        The swept keys and their values here, as written; empty for `ufh run`.
    config : ExperimentConfig
        The whole configuration with them applied.
    """

    swept: dict[str, str]
    config: ExperimentConfig


def parse_over(texts: Sequence[str]) -> dict[str, list[str]]:
    """``["hash.mantissa_bits=1,2", "technique=none,fec"]`` as keys with their values, as written."""
    over: dict[str, list[str]] = {}
    for text in texts:
        key, values = parse_setting(text)
        if key in over:
            raise InputError(f"{key} is swept twice")
        over[key] = divided(values)
        if "" in over[key] or len(set(over[key])) < len(over[key]):
            raise InputError(f"{key}: the swept values {values!r} are empty or repeated in places")
    return over


def make_cells(tables: Mapping[str, Any], over: Mapping[str, Sequence[str]], source: str) -> list[Cell]:
    """Every combination of the swept values, each a checked configuration."""
    for reserved in ("setup", "seed", "trials"):
        if reserved in over:
            raise InputError(f"{reserved} cannot be swept: it is one for the whole experiment")
    cells = []
    for swept in combinations(over, source):
        applied = copy.deepcopy(dict(tables))
        for key, value in swept.items():
            apply_setting(applied, key, Given(value))
        cells.append(Cell(swept, make_config(applied, source)))
        trials, count = cells[0].config.trials, math.prod(map(len, over.values()))
        if trials * count > MOST_TRIALS:
            raise InputError(f"{source}: {trials:,} trials of {count:,} cells; in all there may be {MOST_TRIALS:,}")
    return cells


def combinations(over: Mapping[str, Sequence[str]], source: str) -> list[dict[str, str]]:
    """Every combination of the swept values, as written, in the order of the cells; their setup is not loaded."""
    count = math.prod(map(len, over.values()))
    if count > MOST_CELLS:
        raise InputError(f"{source}: the swept values make {count:,} cells; there may be up to {MOST_CELLS:,}")
    return [dict(zip(over, values, strict=True)) for values in product(*over.values())]
