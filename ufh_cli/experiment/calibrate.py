"""Choosing the hash's settings by short counterfactual experiments (§6.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ufh_cli.core.hashing import MANTISSA_BITS
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.baseline import key_words
from ufh_cli.experiment.compare import wilson_interval
from ufh_cli.experiment.rerun import config_of
from ufh_cli.experiment.series import Series
from ufh_cli.experiment.trials import make_setup

EXAMPLES, SEEDS = "hash_examples", "hash_seeds"  # what a setup calls N_E and N_S among its options
_BITS_TRIED, _BITS_OF_GRID = 7, 4


@dataclass(frozen=True)
class Setting:
    """One combination of settings and what came of it.

    Attributes
    ----------
    swept : dict
        The settings.
    bits : int
        Mantissa bits in effect.
    hash_cost : float
        Of one key, in the setup's unit.
    candidates, hits, comparisons, collisions : int
        Over all trials; a collision is a hit of which the evaluation says otherwise.
    """

    swept: Mapping[str, str]
    bits: int
    hash_cost: float
    candidates: int
    hits: int
    comparisons: int
    collisions: int

    @property
    def label(self) -> str:
        return ", ".join(f"{key_words(key)} {value}" for key, value in self.swept.items()) or "as configured"

    @property
    def collision_rate(self) -> float:
        return self.collisions / self.comparisons if self.comparisons else 0.0

    @property
    def hit_rate(self) -> float:
        return self.hits / self.candidates if self.candidates else 0.0

    @property
    def collision_interval(self) -> tuple[float, float]:
        return wilson_interval(self.collisions, self.comparisons)

    @property
    def hit_interval(self) -> tuple[float, float]:
        return wilson_interval(self.hits, self.candidates)


def default_sweep(setup: Setup, options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Mantissa bits up to what the outputs have; with N_E and N_S, where there are any, halved and doubled."""
    available = available_bits(setup)
    tried = _BITS_OF_GRID if options.keys() & {EXAMPLES, SEEDS} else _BITS_TRIED
    bits = np.unique(np.round(np.geomspace(2, available, tried)).astype(int))
    over = {"hash.mantissa_bits": [str(n) for n in bits]}
    for name in (EXAMPLES, SEEDS):
        if name in options:
            chosen = int(options[name])
            over[f"options.{name}"] = [str(n) for n in sorted({max(1, chosen // 2), chosen, 2 * chosen})]
    return over


def available_bits(setup: Setup) -> int:
    """Mantissa bits of the setup's least precise hashable output."""
    outputs = setup.hashable_outputs(setup.random_candidate(Rng.from_seed(0)))
    arrays = [outputs] if isinstance(outputs, np.ndarray) else list(outputs)
    return min(MANTISSA_BITS[array.dtype.itemsize] for array in arrays)


def measured(series: Sequence[Series]) -> list[Setting]:
    """The settings of a finished counterfactual experiment."""
    settings = []
    for one in series:
        config = config_of(one)
        setup = make_setup(config)
        totals = [int(one.column(name).sum()) for name in ("candidates", "cache_hits", "comparisons", "collisions")]
        bits = config.hash.mantissa_bits or available_bits(setup) // 2
        cost = setup.hash_cost if config.hash.cost is None else config.hash.cost
        settings.append(Setting(dict(one.swept), bits, cost, *totals))
    return settings


def recommend(settings: Sequence[Setting], half: int) -> Setting | None:
    """Few collisions first, then many hits, then a cheap hash, then mantissa bits near `half` of the type's.

    Rates count as equal while their intervals overlap. None when nothing was hit, so that nothing can be said.
    """
    compared = [s for s in settings if s.comparisons]
    if not compared:
        return None
    lowest = min(compared, key=lambda s: s.collision_rate)
    good = [s for s in compared if s.collision_interval[0] <= lowest.collision_interval[1]]
    highest = max(good, key=lambda s: s.hit_rate)
    good = [s for s in good if s.hit_interval[1] >= highest.hit_interval[0]]
    return min(good, key=lambda s: (s.hash_cost, abs(s.bits - half), s.collision_rate))


def advice(settings: Sequence[Setting], recommended: Setting | None) -> str:
    """The recommendation in a sentence, and a warning where the rates do not mean what they should."""
    if recommended is None:
        return "no candidate was met twice: give more --candidates, or nothing can be said"
    low, high = recommended.collision_interval
    text = (
        f"recommended: {recommended.label} (collision rate {recommended.collision_rate:.3%}, "
        f"95 % interval {low:.3%} … {high:.3%}; hit rate {recommended.hit_rate:.1%})"
    )
    if recommended.collision_rate > 0.05:
        text += (
            "\nwarning: even so, many hits disagree with a new evaluation. Either evaluations are noisy (then fix "
            "their randomness, or allow for it with --set cache.tolerance=…), or the outputs do not tell enough."
        )
    return text
