"""Choosing the hash's settings by short counterfactual experiments (§6.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ufh_cli.analyses.baseline import key_words
from ufh_cli.analyses.compare import wilson_interval
from ufh_cli.analyses.rerun import config_of
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import ExperimentConfig, HashConfig
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Setup
from ufh_cli.experiment.trials import make_setup

EXAMPLES, SEEDS = "hash_examples", "hash_seeds"  # what a setup calls N_E and N_S among its options
_TRIED, _TRIED_IN_GRID = 7, 4  # precisions
_PRECISIONS = ("hash.mantissa_bits", "hash.decimals")
LAST_DIGITS = 1e-9  # two fitnesses that differ by less of themselves differ in the order of their sums alone


@dataclass(frozen=True)
class Setting:
    """One combination of settings and what came of it.

    Attributes
    ----------
    swept : dict
        The settings.
    off_middle : int
        By how many mantissa bits, or decimals, the precision in effect differs from half of what the outputs have.
    hash_cost : float
        Of one key, in the setup's unit.
    candidates, hits, comparisons, collisions : int
        Over all trials; a collision is a hit of which the evaluation says otherwise.
    """

    swept: Mapping[str, str]
    off_middle: int
    hash_cost: float
    candidates: int
    hits: int
    comparisons: int
    collisions: int

    @property
    def label(self) -> str:
        """The settings in words."""
        return ", ".join(f"{key_words(key)} {value}" for key, value in self.swept.items()) or "as configured"

    @property
    def collision_rate(self) -> float:
        """Collisions among the hits compared; 0 without any."""
        return self.collisions / self.comparisons if self.comparisons else 0.0

    @property
    def hit_rate(self) -> float:
        """Hits among the candidates; 0 without any."""
        return self.hits / self.candidates if self.candidates else 0.0

    @property
    def collision_interval(self) -> tuple[float, float]:
        """The 95 % interval of the collision rate."""
        return wilson_interval(self.collisions, self.comparisons)

    @property
    def hit_interval(self) -> tuple[float, float]:
        """The 95 % interval of the hit rate."""
        return wilson_interval(self.hits, self.candidates)


def default_sweep(setup: Setup, config: ExperimentConfig) -> dict[str, list[str]]:
    """Precisions up to what the outputs have; with N_E and N_S, where there are any, halved and doubled.

    The precision is in decimals where `config` has them, else in mantissa bits.

    Raises
    ------
    InputError
        When `config` asks for a structural key, on which none of these has an effect.
    """
    if config.hash.kind == "structural":
        raise InputError("hash.kind: nothing of a structural key can be calibrated; --set hash.kind=functional")
    options, outputs = config.options, least_precise(setup)
    tried = _TRIED_IN_GRID if options.keys() & {EXAMPLES, SEEDS} else _TRIED
    if config.hash.decimals is None:
        over = {"hash.mantissa_bits": _spread(2, outputs.nmant, tried)}
    else:
        over = {"hash.decimals": {*_spread(1, outputs.precision, tried), config.hash.decimals}}
    for name in (EXAMPLES, SEEDS):
        if name in options:
            chosen = int(options[name])
            over[f"options.{name}"] = {max(1, chosen // 2), chosen, 2 * chosen}
    return {key: [str(n) for n in sorted(values)] for key, values in over.items()}


def _spread(low: int, high: int, count: int) -> set[int]:
    """Up to `count` whole numbers from `low` to `high`, at equal ratios."""
    return {int(n) for n in np.round(np.geomspace(low, high, count))}


def least_precise(setup: Setup) -> np.finfo:
    """The type of the setup's least precise hashable output."""
    outputs = setup.hashable_outputs(setup.random_candidate(Rng.from_seed(0)))
    arrays = [outputs] if isinstance(outputs, np.ndarray) else list(outputs)
    return np.finfo(min((array.dtype for array in arrays), key=lambda dtype: dtype.itemsize))


def _off_middle(config: HashConfig, setup: Setup) -> int:
    if config.decimals is not None:
        return abs(config.decimals - least_precise(setup).precision // 2)
    if config.mantissa_bits is not None:
        return abs(config.mantissa_bits - least_precise(setup).nmant // 2)
    return 0  # half of them is the default


def measured(series: Sequence[Series]) -> list[Setting]:
    """The settings of a finished counterfactual experiment."""
    settings = []
    for one in series:
        config = config_of(one)
        setup = make_setup(config)
        totals = [int(one.column(name).sum()) for name in ("candidates", "cache_hits", "comparisons", "collisions")]
        cost = setup.hash_cost if config.hash.cost is None else config.hash.cost
        settings.append(Setting(dict(one.swept), _off_middle(config.hash, setup), cost, *totals))
    return settings


def recommend(settings: Sequence[Setting]) -> Setting | None:
    """Few collisions first, then many hits, then a cheap hash, then a precision near half of what the outputs have.

    Rates count as equal while their intervals overlap. None when nothing was hit, so that nothing can be said.
    """
    compared = [s for s in settings if s.comparisons]
    if not compared:
        return None
    lowest = min(compared, key=lambda s: s.collision_rate)
    good = [s for s in compared if s.collision_interval[0] <= lowest.collision_interval[1]]
    highest = max(good, key=lambda s: s.hit_rate)
    good = [s for s in good if s.hit_interval[1] >= highest.hit_interval[0]]
    return min(good, key=lambda s: (s.hash_cost, s.off_middle, s.collision_rate))


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
    elif does_not_fall(settings):
        text += (
            "\nhint: the collision rate does not fall with the precision, so it is not the hash that is too coarse: "
            "evaluations of one behaviour differ. Say by how much they may, with --set cache.tolerance=… or "
            "--set cache.relative_tolerance=…"
        )
    return text


def does_not_fall(settings: Sequence[Setting]) -> bool:
    """Whether there are collisions at every precision, and no fewer at the finest than at the coarsest.

    That is, the intervals of the two overlap; False where less than two precisions were compared.
    """
    compared = [s for s in settings if s.comparisons]
    precisions = {key for s in compared for key in s.swept if key in _PRECISIONS and s.swept[key].isdecimal()}
    if len(precisions) != 1:
        return False
    (key,) = precisions
    totals: dict[int, tuple[int, int]] = {}
    for s in compared:
        collisions, comparisons = totals.get(int(s.swept[key]), (0, 0))
        totals[int(s.swept[key])] = (collisions + s.collisions, comparisons + s.comparisons)
    if len(totals) < 2 or not all(collisions for collisions, _ in totals.values()):
        return False
    coarse, fine = (wilson_interval(*totals[bits]) for bits in (min(totals), max(totals)))
    return fine[1] >= coarse[0]
