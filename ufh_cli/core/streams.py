"""The random streams of one trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ufh_cli.core.rng import Rng


@dataclass(frozen=True)
class Streams:
    """The independent random streams of one trial, all from ``SeedSequence([seed, trial])``.

    Hashing has none: its seeds are fixed inside the setup.
    """

    search: Rng
    evaluation: Rng
    cache: Rng
    reevaluation: Rng

    @classmethod
    def of(cls, seed: int, trial: int) -> Streams:
        return cls(*(Rng.from_seed(child) for child in np.random.SeedSequence([seed, trial]).spawn(4)))
