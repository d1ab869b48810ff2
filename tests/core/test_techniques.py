"""Techniques: their names, what each is made of, and Methods 6 and 7 (S1, S2) seen from outside."""

from __future__ import annotations

from collections import Counter
from itertools import chain, permutations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ufh_cli.core.cache import AggregatingCache, BestCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import RegularizedEvolution
from ufh_cli.core.techniques import (
    CACHES,
    FILTERS,
    PROPOSING,
    TECHNIQUES,
    FunctionalChangeMutation,
    Tabulist,
    make_technique,
    parse_technique,
)

# Every name that makes sense: at most one cache, any of the filters, in any order; and none.
SENSIBLE = ["none"] + [
    "+".join(order)
    for cache in ((), *((cache,) for cache in CACHES))
    for filters in ((), *chain.from_iterable(permutations(PROPOSING, n) for n in (1, 2, 3)))
    for order in permutations((*cache, *filters))
    if order
]
FILTERING = [name for name in SENSIBLE if "fcm" in name or "tabulist" in name]
TYPES = {
    "fec": FunctionalEquivalenceCache,
    "forgetful-fec": ForgetfulCache,
    "fea": AggregatingCache,
    "best-fec": BestCache,
    "fcm": FunctionalChangeMutation,
    "tabulist": Tabulist,
}


def make(name: str, **options: object):
    return make_technique(name, rng=Rng.from_seed(0), **options)  # type: ignore[arg-type]


# ---- names ----


@pytest.mark.parametrize("name", sorted(set(SENSIBLE)))
def test_every_sensible_combination_is_made_of_its_parts(name: str) -> None:
    parts = [] if name == "none" else name.split("+")
    assert parse_technique(name) == parts
    technique = make(name)
    assert [type(f) for f in technique.filters] == [TYPES[part] for part in parts if part in FILTERS]
    assert [type(technique.cache)] == [TYPES[part] for part in parts if part in CACHES] or technique.cache is None
    assert (technique.cache is None) is not any(part in CACHES for part in parts)
    assert (technique.guidance is None) is ("guided" not in parts)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "unknown technique ''; known are best-fec, fcm, fea, fec, forgetful-fec, guided, none, tabulist"),
        ("tabbulist", "unknown technique 'tabbulist'; did you mean 'tabulist'?"),
        ("fec+fcmm", "unknown technique 'fcmm'; did you mean 'fcm'?"),
        ("FEC", "unknown technique 'FEC'"),
        ("fec+", "unknown technique ''"),
        ("fec + fcm", "unknown technique 'fec '"),
        ("fec+fec", "'fec[+]fec' names a part twice"),
        ("none+fcm", "'none[+]fcm' combines none with something"),
        ("fec+fea", r"'fec[+]fea' has 2 caches \(fec, fea\); one is possible"),
        ("fea+tabulist+forgetful-fec", "has 2 caches"),
    ],
)
def test_senseless_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_technique(name)
    with pytest.raises(ValueError, match=message):
        make(name)


@given(
    st.lists(st.sampled_from([*TECHNIQUES, "", "x"]), max_size=4).map("+".join) | st.text("fec+mnoé\n ", max_size=12)
)
def test_a_name_is_either_sensible_or_refused_in_one_line(name: str) -> None:
    if name in SENSIBLE:
        assert "+".join(parse_technique(name) or ["none"]) == name
    else:
        with pytest.raises(ValueError, match=r".+") as error:
            parse_technique(name)
        assert "\n" not in str(error.value)


def test_options_reach_their_parts() -> None:
    assert make("fec", max_entries=7).cache.max_entries == 7
    forgetful = make("forgetful-fec", max_entries=7, forget_probability=None).cache
    assert (forgetful.max_entries, forgetful.forget_probability) == (7, None)
    aggregating = make("fea", max_entries=7, max_evaluations=9).cache
    assert (aggregating.max_entries, aggregating.max_evaluations) == (7, 9)
    assert make("tabulist", max_seen=3).filters[0].max_seen == 3
    technique = make("fec+fcm", max_tries=5, accumulate=False, counterfactual=True)
    assert (technique.max_tries, technique.accumulate, technique.counterfactual) == (5, False, True)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcm", {"max_tries": -1}, "max_tries must be at least 0, got -1"),
        ("tabulist", {"max_seen": -1}, "max_seen must be at least 0, got -1"),
        ("fec", {"max_entries": 0}, "max_entries must be at least 1, got 0"),
        ("fea", {"max_evaluations": 0}, "max_evaluations must be at least 1, got 0"),
        ("forgetful-fec", {"forget_probability": 1.5}, "forget_probability must be between 0 and 1, got 1.5"),
        ("none", {"counterfactual": True}, "counterfactual evaluation needs a cache, but the technique is 'none'"),
        ("fcm", {"counterfactual": True}, "counterfactual evaluation needs a cache"),
    ],
)
def test_impossible_options_are_refused(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, **options)


def test_each_trial_has_its_own_state() -> None:
    first, second = make("fec+tabulist", max_seen=0), make("fec+tabulist", max_seen=0)
    first.cache.store(1, 0.5)
    first.filters[0].admit(1)
    assert first.filters[0].rejects(1, None)
    assert second.cache.lookup(1) is None
    assert not second.filters[0].rejects(1, None)


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 5), st.integers(0, 3))
def test_the_tabulist_rejects_what_was_seen_more_than_k_times(seen: list[int], most: int, key: int) -> None:
    tabulist = Tabulist(max_seen=most)
    for other in seen:
        tabulist.admit(other)
        tabulist.rejects(key, None)  # asking is not seeing
    assert tabulist.rejects(key, None) is (seen.count(key) > most)


# ---- Methods 6 and 7 at work ----


def children(run) -> list[tuple]:
    """(parent or None, child) of each candidate; the trial is serial."""
    return list(zip(run.record.parents, run.record.told, strict=True))


class MutationCount:
    """Observes a trial: how many mutations each candidate took."""

    def __init__(self, setup) -> None:
        self.setup, self.before = setup, 0
        self.counts: list[int] = []

    def __call__(self, trial) -> None:
        self.counts.append(self.setup.mutations - self.before)
        self.before = self.setup.mutations


@settings(max_examples=25)
@given(
    name=st.sampled_from([name for name in sorted(set(FILTERING)) if "guided" not in name]),
    seed=st.integers(0, 2**32 - 1),
    max_tries=st.sampled_from([0, 1, 3, 100]),
    max_seen=st.integers(0, 3),
    accumulate=st.booleans(),
)
@example(name="fcm", seed=0, max_tries=100, max_seen=0, accumulate=True)
@example(name="tabulist", seed=0, max_tries=100, max_seen=0, accumulate=True)
@example(name="tabulist", seed=0, max_tries=3, max_seen=0, accumulate=False)
def test_children_pass_the_filters_or_run_out_of_tries(toy, name, seed, max_tries, max_seen, accumulate) -> None:
    setup = toy.Digits(digits=4, base=3, active=3)  # 27 behaviours for 120 candidates
    count = MutationCount(setup)
    options = {"max_tries": max_tries, "max_seen": max_seen, "accumulate": accumulate}
    run = toy.run(setup, name, seed=seed, candidates=120, options=options, observe=count)
    seen: Counter = Counter()
    exhausted = 0
    for (parent, child), mutations in zip(children(run), count.counts, strict=True):
        behaviour = child.candidate[:3]
        if parent is None:
            assert mutations == 0
        else:
            rejected = "fcm" in name and behaviour == parent.candidate[:3]
            rejected |= "tabulist" in name and seen[behaviour] > max_seen
            assert mutations <= 1 + max_tries
            assert not rejected or mutations == 1 + max_tries
            exhausted += rejected
        seen[behaviour] += 1
    if name in ("fcm", "fec+fcm") and max_tries == 100:
        assert exhausted == 0  # a mutation is silent with a probability near 1/2; 101 in a row never are


def test_seeds_are_counted_but_never_mutated(toy) -> None:
    # All seeds are candidate 0 and behave alike: three of them fill the tabulist, none is turned away.
    run = toy.run(
        toy.Ladder(),
        "tabulist",
        search=RegularizedEvolution(population_size=3, tournament_size=1),
        candidates=3,
        options={"max_seen": 0},
    )
    assert run.sequence == [0, 0, 0]
    # With two rungs a behaviour, the child of a seed behaves like it: seen three times already, so mutated on.
    for max_seen, child in ((2, 2), (3, 1)):
        run = toy.run(
            toy.Ladder(step=2),
            "tabulist",
            search=RegularizedEvolution(population_size=3, tournament_size=1),
            candidates=4,
            options={"max_seen": max_seen},
        )
        assert run.sequence == [0, 0, 0, child]


@pytest.mark.parametrize(
    ("accumulate", "max_tries", "expected", "mutations"),
    [
        # A mutation is one rung, a behaviour three: accumulating climbs to the next behaviour and no further.
        (True, 100, [0, 3, 6, 9], 9),
        # Two tries after the first mutation are just enough, one is not: then the child enters as it is.
        (True, 2, [0, 3, 6, 9], 9),
        (True, 1, [0, 2, 3, 5], 5),
        (True, 0, [0, 1, 2, 3], 3),
        # Afresh from the parent, a mutation that is too small stays too small, except from the last rung.
        (False, 4, [0, 1, 2, 3], 11),
    ],
)
def test_fcm_on_a_ladder(toy, accumulate: bool, max_tries: int, expected: list[int], mutations: int) -> None:
    setup = toy.Ladder(step=3)
    search = RegularizedEvolution(population_size=1, tournament_size=1)
    options = {"accumulate": accumulate, "max_tries": max_tries}
    run = toy.run(setup, "fcm", search=search, candidates=4, options=options)
    assert run.sequence == expected
    assert setup.mutations == mutations


@pytest.mark.parametrize("name", ["fcm", "tabulist", "fcm+tabulist", "fec+fcm", "fec+tabulist", "fea+fcm+tabulist"])
def test_a_proposal_pays_for_one_key_a_mutation(toy, name: str) -> None:
    setup = toy.Digits()
    run = toy.run(setup, name, candidates=150, options={"max_seen": 0})
    seeds = run.record.parents.count(None)
    assert setup.hashes == seeds + setup.mutations
    assert setup.mutations > 150 - seeds  # some were mutated again
    assert run.result.cost == setup.hashes * setup.hash_cost + sum(cost for _, _, cost in setup.evaluated)


def test_each_candidate_carries_the_key_of_its_own_behaviour(toy) -> None:
    run = toy.run(toy.Digits(), "fec+fcm+tabulist", candidates=150, options={"max_seen": 1})
    keys: dict = {}
    for individual in run.record.told:
        assert keys.setdefault(individual.candidate[:3], individual.key) == individual.key
    assert len(set(keys.values())) == len(keys) > 10
