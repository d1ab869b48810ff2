"""Methods 5, 8 and 9: remembering the fitness of behaviours already evaluated, by their key.

All of them are used alike::

    fitness = cache.lookup(key)          # None: evaluate
    if fitness is None:
        fitness = cache.store(key, evaluate(candidate))

or in one line, ``fitness = cache.get(key, lambda: evaluate(candidate))``.

What they keep is a number, or a whole `ufh_cli.core.setup.Evaluation`, as the trial's loop has it. None cannot be kept.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Any

from ufh_cli.core import packed
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation


class FunctionalEquivalenceCache:
    """FEC (Method 5): the first fitness of a key serves for ever.

    Parameters
    ----------
    max_entries : int or None
        When full, the entry used least recently is dropped. None keeps all.

    Attributes
    ----------
    hits, partial_hits, misses : int
        What look-ups found: a fitness; an entry that wants further evaluations (only in the aggregating cache);
        nothing.
    warm_keys : set
        Keys that earlier evaluations alone answer for; see `warm`.
    known : tuple or None
        Where tasks are cached apart, what the latest look-up found of each.
    """

    known: tuple[float | None, ...] | None = None

    def __init__(self, *, max_entries: int | None = None) -> None:
        if max_entries is not None and max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, got {max_entries}")
        self.max_entries = max_entries
        # Only a bounded cache pays for the order of use.
        self._entries: dict[Hashable, Any] = {} if max_entries is None else OrderedDict()
        self._packed_from = packed.PACKED_FROM
        self.warm_keys: set[Hashable] = set()
        self.hits = 0
        self.partial_hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def lookup(self, key: Hashable) -> Any:
        """What is known of `key`, or None when the candidate is to be evaluated."""
        fitness = self._entries.get(key) if self.max_entries is None else self._find(key)
        if fitness is None:
            self.misses += 1
        else:
            self.hits += 1
        return fitness

    def store(self, key: Hashable, fitness: Any) -> Any:
        """Take in an evaluation's outcome; returns what the search is to be told.

        Where two evaluations of a key were under way at once, the one that finished first stays.
        """
        if self._find(key) is None:
            self._insert(key, fitness)
        return fitness

    def get(self, key: Hashable, evaluate: Callable[[], Any]) -> Any:
        """What is known of `key`, evaluating only where there is nothing."""
        fitness = self.lookup(key)
        return self.store(key, evaluate()) if fitness is None else fitness

    def knows(self, key: Hashable) -> bool:
        """Whether there is an entry of `key`; unlike a look-up this neither counts, nor forgets, nor draws."""
        return key in self._entries

    def warm(self, evaluations: Iterable[tuple[Hashable, Any]]) -> None:
        """Take in what an earlier search found: keys and evaluations, in the order of that search."""
        for key, fitness in evaluations:
            if self._wants(key):
                self.store(key, fitness)
        self.warm_keys = set(self._entries)

    def is_warm(self, key: Hashable) -> bool:
        """Whether earlier evaluations alone answer for `key`."""
        return key in self.warm_keys

    def _wants(self, key: Hashable) -> bool:
        return key not in self._entries

    def _find(self, key: Hashable) -> Any:
        entry = self._entries.get(key)
        if entry is not None and self.max_entries is not None:
            with suppress(KeyError):  # another thread dropped it just now
                self._entries.move_to_end(key)  # type: ignore[attr-defined]
        return entry

    def _insert(self, key: Hashable, entry: Any) -> None:
        self._entries[key] = entry
        if self.warm_keys:
            self.warm_keys.discard(key)
        if self.max_entries is not None:
            with suppress(KeyError):
                self._entries.move_to_end(key)  # type: ignore[attr-defined]
            if len(self._entries) > self.max_entries:
                self._entries.popitem(last=False)  # type: ignore[call-arg]
        elif self._packed_from and len(self._entries) >= self._packed_from:
            self._packed_from = 0  # once
            unpacked, count = self._entries, len(self._entries)
            self._entries = packed.packed(unpacked)  # type: ignore[assignment]
            for other, stored in list(unpacked.items())[count:]:  # by other threads meanwhile
                self._entries[other] = stored


class ForgetfulCache(FunctionalEquivalenceCache):
    """Forgetful FEC (Method 8, §6.2.2): a hit may remove its key, so that a poisoned entry does not stay.

    Parameters
    ----------
    rng : Rng
        The cache's own stream; not the search's.
    forget_probability : float or None
        F, the probability that a hit removes its key. None: the 1/N schedule, N being how often the key has been
        queried since it was added, the query that added it included (so 1/2 at the first hit, then 1/3, …).
    max_entries : int or None
        As in `FunctionalEquivalenceCache`.
    """

    def __init__(self, *, rng: Rng, forget_probability: float | None = 0.1, max_entries: int | None = None) -> None:
        super().__init__(max_entries=max_entries)
        if forget_probability is not None and not 0.0 <= forget_probability <= 1.0:
            raise ValueError(f"forget_probability must be between 0 and 1, got {forget_probability}")
        self.forget_probability = forget_probability
        self._rng = rng

    def lookup(self, key: Hashable) -> Any:
        entry = self._find(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        fitness, queries = entry
        queries += 1
        probability = 1.0 / queries if self.forget_probability is None else self.forget_probability
        if self._rng.uniform() < probability:
            self._entries.pop(key, None)  # another thread may have done it
        else:
            self._entries[key] = (fitness, queries)
        return fitness

    def store(self, key: Hashable, fitness: Any) -> Any:
        if self._find(key) is None:
            self._insert(key, (fitness, 1))
        return fitness


class AggregatingCache(FunctionalEquivalenceCache):
    """FEA (Method 9, §6.2.3): the first evaluations of a key are averaged, against noise.

    Parameters
    ----------
    max_evaluations : int
        M: a key seen less often than this is evaluated again (a partial hit) and its mean refined.
    max_entries : int or None
        As in `FunctionalEquivalenceCache`.

    Notes
    -----
    The search is told the running mean, as §6.2.3 says, of each objective where there are several. (The last branch of
    Method 9 as printed would overwrite the entry with one evaluation.)
    """

    def __init__(self, *, max_evaluations: int = 4, max_entries: int | None = None) -> None:
        super().__init__(max_entries=max_entries)
        if max_evaluations < 1:
            raise ValueError(f"max_evaluations must be at least 1, got {max_evaluations}")
        self.max_evaluations = max_evaluations

    def lookup(self, key: Hashable) -> Any:
        entry = self._find(key)
        if entry is None:
            self.misses += 1
            return None
        mean, count = entry
        if count < self.max_evaluations:
            self.partial_hits += 1
            return None
        self.hits += 1
        return mean

    def _wants(self, key: Hashable) -> bool:
        return self._entries.get(key, (0.0, 0))[1] < self.max_evaluations

    def store(self, key: Hashable, fitness: Any) -> Any:
        mean, count = self._entries.get(key, (None, 0))
        mean = _mean(mean, fitness, count)
        self._insert(key, (mean, count + 1))
        return mean


class BestCache(AggregatingCache):
    """The best of the first evaluations of a key, where these are fits that end in local optima and none is too good.

    Parameters
    ----------
    max_evaluations : int
        M: a key seen less often than this is evaluated again (a partial hit).
    max_entries : int or None
        As in `FunctionalEquivalenceCache`.

    Notes
    -----
    The search is told the best so far. Where evaluations are noisy this is biased upwards: average them (FEA) instead.
    """

    def store(self, key: Hashable, fitness: Any) -> Any:
        best, count = self._entries.get(key, (None, 0))
        if best is None or _worth(fitness) > _worth(best):
            best = fitness
        self._insert(key, (best, count + 1))
        return best


def _worth(found: Any) -> float:
    fitness = float(found.fitness if isinstance(found, Evaluation) else found)
    return -math.inf if math.isnan(fitness) else fitness


def _mean(mean: Any, new: Any, count: int) -> Any:
    """The mean of `count` earlier values, which is `mean`, and a new one; of evaluations, of all that they found."""
    if not isinstance(new, Evaluation):
        return _running_mean(0.0 if mean is None else mean, new, count)
    mean = new if mean is None else mean
    return new._replace(
        fitness=_running_mean(mean.fitness, new.fitness, count),
        objectives=tuple(
            _running_mean(old, one, count) for old, one in zip(mean.objectives, new.objectives, strict=True)
        ),
    )


def _running_mean(mean: float, new: float, count: int) -> float:
    if math.isnan(new):  # as everywhere
        new = -math.inf
    if math.isinf(mean) or math.isinf(new):  # the incremental formula would make NaN of them
        return -math.inf if -math.inf in (mean, new) else math.inf
    change = (new - mean) / (count + 1)
    if math.isinf(change):  # they are far apart
        change = new / (count + 1) - mean / (count + 1)
    return mean + change
