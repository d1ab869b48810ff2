"""The random streams of one trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ufh_cli.core.rng import Rng

MOST_SEEDS = 2**32  # a larger one would take two words of the entropy, and its trials be those of another seed


@dataclass(frozen=True)
class Streams:
    """The independent random streams of one trial, all from ``SeedSequence([seed, trial])``.

    Hashing has none: its seeds are fixed inside the setup.
    """

    search: Rng
    evaluation: Rng
    cache: Rng
    reevaluation: Rng
    guidance: Rng

    @classmethod
    def of(cls, seed: int, trial: int) -> Streams:
        for name, value in (("seed", seed), ("trial", trial)):
            if not 0 <= value < MOST_SEEDS:
                raise ValueError(f"a {name} must be at least 0 and below 2**32, got {value}")
        return cls(*(Rng.from_seed(child) for child in np.random.SeedSequence([seed, trial]).spawn(5)))
