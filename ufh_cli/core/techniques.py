"""What wraps proposing and evaluating: none, fec, forgetful-fec, fea, best-fec, fcm, tabulist, guided, combined.

A technique is a set of wrappers, not a loop of its own: FCM and tabulist look at a child before it enters and may have
it mutated again; guided chooses among mutations; the caches answer instead of an evaluation. ``fec+fcm`` does both.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from ufh_cli.core.cache import AggregatingCache, BestCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.names import nearest
from ufh_cli.core.rng import Rng

CACHES = ("fec", "forgetful-fec", "fea", "best-fec")
FILTERS = ("fcm", "tabulist")
GUIDED = "guided"
PROPOSING = (*FILTERS, GUIDED)  # they act on children
TECHNIQUES = ("none", *CACHES, *PROPOSING)


class ProposalFilter(Protocol):
    """Looks at a child before it enters the population."""

    def rejects(self, key: Hashable, parent_key: Hashable) -> bool:
        """Whether a child with this key shall be mutated again."""

    def admit(self, key: Hashable) -> None:
        """A candidate with this key enters."""


class FunctionalChangeMutation:
    """FCM (Method 6): a child must behave unlike its parent."""

    def rejects(self, key: Hashable, parent_key: Hashable) -> bool:
        return key == parent_key

    def admit(self, key: Hashable) -> None:
        pass


class Tabulist:
    """Tabulist (Method 7): a child's key must not have been seen more than `max_seen` times.

    Method 7 as printed computes the child's key from ``seed``; here it is the child's, as the text says. All candidates
    of the trial are counted, as in Method 7.

    Parameters
    ----------
    max_seen : int
        K.
    """

    def __init__(self, *, max_seen: int = 10) -> None:
        if max_seen < 0:
            raise ValueError(f"max_seen must be at least 0, got {max_seen}")
        self.max_seen = max_seen
        self._seen: dict[Hashable, int] = {}

    def rejects(self, key: Hashable, parent_key: Hashable) -> bool:
        return self._seen.get(key, 0) > self.max_seen

    def admit(self, key: Hashable) -> None:
        self._seen[key] = self._seen.get(key, 0) + 1


@dataclass
class Technique:
    """The wrappers of one trial; they hold state, so each trial has its own.

    Attributes
    ----------
    filters : list of ProposalFilter
        All must accept a child.
    max_tries : int
        How many further mutations a child gets before it is let in as it is (S1).
    accumulate : bool
        Whether further mutations are applied to the child, as in Methods 6 and 7, or afresh to the parent.
    cache : FunctionalEquivalenceCache or None
        What may answer instead of an evaluation.
    counterfactual : bool
        Evaluate on a hit too and compare, to count collisions (§6.5). The search still sees the cached fitness, but
        pays for the evaluation.
    wait_for_duplicates : bool
        In a distributed search, let a candidate wait for one with the same key that is being evaluated (§6.2.1).
    guidance : Guidance or None
        How a model chooses among the mutations that may become a child, where one does.
    """

    filters: list[ProposalFilter] = field(default_factory=list)
    max_tries: int = 100
    accumulate: bool = True
    cache: FunctionalEquivalenceCache | None = None
    counterfactual: bool = False
    wait_for_duplicates: bool = False
    guidance: Guidance | None = None

    def rejects(self, key: Hashable, parent_key: Hashable) -> bool:
        """Whether any of the filters wants a child with this key mutated again."""
        for f in self.filters:  # noqa: SIM110 -- `any` would make a generator for each of Method 7's many tries
            if f.rejects(key, parent_key):
                return True
        return False


def parse_technique(name: str) -> list[str]:
    """The parts of a technique's name such as ``fec+fcm``; ``none`` has none.

    Raises
    ------
    ValueError
        With one clear line, for unknown, repeated or incompatible parts.
    """
    parts = name.split("+")
    for part in parts:
        if part not in TECHNIQUES:
            raise ValueError(f"unknown technique {part!r}; {nearest(part, TECHNIQUES)}")
    if len(set(parts)) < len(parts):
        raise ValueError(f"technique {name!r} names a part twice")
    if "none" in parts and len(parts) > 1:
        raise ValueError(f"technique {name!r} combines none with something")
    caches = [part for part in parts if part in CACHES]
    if len(caches) > 1:
        raise ValueError(f"technique {name!r} has {len(caches)} caches ({', '.join(caches)}); one is possible")
    return [part for part in parts if part != "none"]


def make_technique(
    name: str,
    *,
    rng: Rng,
    forget_probability: float | None = 0.1,
    max_evaluations: int = 4,
    max_entries: int | None = None,
    counterfactual: bool = False,
    wait_for_duplicates: bool = False,
    max_seen: int = 10,
    max_tries: int = 100,
    accumulate: bool = True,
    guidance: Guidance | None = None,
) -> Technique:
    """The technique called `name`, fresh for one trial. `rng` is for the cache's own draws.

    `guidance` is for ``guided`` alone; without it that has its defaults.
    """
    if max_tries < 0:
        raise ValueError(f"max_tries must be at least 0, got {max_tries}")
    parts = parse_technique(name)
    technique = Technique(
        max_tries=max_tries,
        accumulate=accumulate,
        counterfactual=counterfactual,
        wait_for_duplicates=wait_for_duplicates,
    )
    for part in parts:
        if part == "fec":
            technique.cache = FunctionalEquivalenceCache(max_entries=max_entries)
        elif part == "forgetful-fec":
            technique.cache = ForgetfulCache(rng=rng, forget_probability=forget_probability, max_entries=max_entries)
        elif part == "fea":
            technique.cache = AggregatingCache(max_evaluations=max_evaluations, max_entries=max_entries)
        elif part == "best-fec":
            technique.cache = BestCache(max_evaluations=max_evaluations, max_entries=max_entries)
        elif part == "fcm":
            technique.filters.append(FunctionalChangeMutation())
        elif part == GUIDED:
            technique.guidance = guidance or Guidance()
        else:
            technique.filters.append(Tabulist(max_seen=max_seen))
    if counterfactual and technique.cache is None:
        raise ValueError(f"counterfactual evaluation needs a cache, but the technique is {name!r}")
    return technique
