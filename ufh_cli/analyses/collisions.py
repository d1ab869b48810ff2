"""Models per hash: how many structurally different candidates share a functional key, by mantissa bits (Figure 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ufh_cli.configuration.errors import InputError
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup

_FRUITLESS = 100  # draws for one new structure, after which a space counts as used up


@runtime_checkable
class Enumerable(Protocol):
    """A setup that can name one candidate of each structure."""

    def all_candidates(self) -> Iterable[Any]:
        """Every candidate of another structure, once."""


@dataclass(frozen=True)
class ModelsPerKey:
    """One row of the table.

    Attributes
    ----------
    mantissa_bits : int
        Of the key.
    models, keys : int
        How many structures, and how many different keys they have.
    """

    mantissa_bits: int
    models: int
    keys: int

    @property
    def ratio(self) -> float:
        """Structures that share one key, on average."""
        return self.models / self.keys


def structures(setup: Setup, limit: int) -> tuple[list[Any], bool]:
    """Candidates of different structure, and whether these are all there are.

    All of them where the setup can enumerate its space; else up to `limit`, found by random draws and mutations.
    """
    if isinstance(setup, Enumerable):
        return list(setup.all_candidates()), True
    rng = Rng.from_seed(0)
    found: dict[Any, Any] = {}
    fruitless = 0
    while len(found) < limit and fruitless < _FRUITLESS * max(1, len(found)):
        candidate = setup.random_candidate(rng)
        for _ in range(10):  # mutants reach what random draws seldom find
            fruitless += 1
            structure = setup.structural_key(candidate)
            if structure not in found:
                found[structure] = candidate
                fruitless = 0
            candidate = setup.mutate(candidate, rng)
    return list(found.values())[:limit], False


def models_per_key(setup: Setup, candidates: Sequence[Any], bits: Sequence[int]) -> list[ModelsPerKey]:
    """The table for `candidates` of different structure.

    Raises
    ------
    InputError
        When the outputs have fewer bits than asked for.
    """
    outputs = [setup.hashable_outputs(candidate) for candidate in candidates]
    rows = []
    for n in bits:
        try:
            functional = FunctionalHash(mantissa_bits=n)
            keys = np.fromiter((functional(output) for output in outputs), np.uint64, len(outputs))
        except ValueError as error:
            raise InputError(str(error)) from error
        rows.append(ModelsPerKey(n, len(outputs), len(np.unique(keys))))
    return rows


def parse_bits(text: str) -> list[int]:
    """``"1,2,24"`` as numbers; `InputError` when it is no such list."""
    try:
        bits = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"mantissa bits must be whole numbers divided by commas, got {text!r}") from None
    if min(bits) < 1:
        raise InputError(f"mantissa bits must be at least 1, got {min(bits)}")
    return bits
