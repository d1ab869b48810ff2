"""The caches of Methods 5, 8 and 9 against naive models of what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation

INF = math.inf
UNLIKELY = 1e-4
KEYS = st.lists(st.integers(0, 7), max_size=80)
BOUNDS = st.none() | st.integers(1, 6)
FITNESSES = st.floats(-1e6, 1e6) | st.just(-INF)

# Every kind of cache; those with chance or a limit in a form in which a key is evaluated once, as in Method 5.
LIKE_FEC: dict[str, Callable] = {
    "fec": FunctionalEquivalenceCache,
    "forgetful": lambda **bound: ForgetfulCache(rng=Rng.from_seed(1), forget_probability=0.0, **bound),
    "aggregating": lambda **bound: AggregatingCache(max_evaluations=1, **bound),
}
ANY = {
    **LIKE_FEC,
    "often forgetful": lambda **bound: ForgetfulCache(rng=Rng.from_seed(2), forget_probability=0.3, **bound),
    "scheduled": lambda **bound: ForgetfulCache(rng=Rng.from_seed(3), forget_probability=None, **bound),
    "averaging": lambda **bound: AggregatingCache(max_evaluations=3, **bound),
}


class LeastRecentlyUsed:
    """A dictionary with a bound, as plainly as possible: the keys in the order of their last use."""

    def __init__(self, bound: int | None) -> None:
        self.bound = bound
        self.fitness: dict[object, float] = {}
        self.order: list[object] = []

    def use(self, key: object) -> None:
        self.order = [other for other in self.order if other != key] + [key]
        if self.bound is not None and len(self.order) > self.bound:
            del self.fitness[self.order.pop(0)]


class Evaluations:
    """Gives 1, 2, 3, … so that each evaluation can be told from the others."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.done = 0

    def __call__(self) -> float:
        self.done += 1
        return float(next(self.numbers))


# ---- Method 5, and what the others share with it ----


@pytest.mark.parametrize("kind", LIKE_FEC)
@given(keys=KEYS, bound=BOUNDS)
def test_the_first_fitness_stays_until_it_is_the_least_recently_used(
    kind: str, keys: list[int], bound: int | None
) -> None:
    cache, evaluate = LIKE_FEC[kind](max_entries=bound), Evaluations()
    model, evaluations = LeastRecentlyUsed(bound), 0
    for key in keys:
        if key not in model.fitness:
            evaluations += 1
            model.fitness[key] = float(evaluations)
        expected = model.fitness[key]
        model.use(key)
        assert cache.get(key, evaluate) == expected
        assert len(cache) == len(model.fitness)
    assert evaluate.done == evaluations == cache.misses
    assert cache.hits == len(keys) - evaluations
    assert cache.partial_hits == 0


@pytest.mark.parametrize("kind", ANY)
@given(operations=st.lists(st.tuples(st.booleans(), st.integers(0, 5), FITNESSES), max_size=60), bound=BOUNDS)
def test_look_ups_are_counted_once_each(kind: str, operations: list[tuple], bound: int | None) -> None:
    cache = ANY[kind](max_entries=bound)
    lookups = 0
    for is_lookup, key, fitness in operations:
        before = (cache.hits, cache.partial_hits, cache.misses)
        if is_lookup:
            lookups += 1
            answer = cache.lookup(key)
            assert (answer is not None) is (cache.hits > before[0])
        else:
            cache.store(key, fitness)
            assert (cache.hits, cache.partial_hits, cache.misses) == before
        assert cache.hits + cache.partial_hits + cache.misses == lookups
        assert bound is None or len(cache) <= bound


@given(
    operations=st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60),
    bound=BOUNDS,
)
@example(operations=[(False, 0), (False, 0), (True, 0)], bound=None)
@example(operations=[(False, 0), (False, 1), (False, 0), (False, 2), (True, 0)], bound=2)
def test_with_duplicates_in_flight_the_first_fitness_stays(operations: list[tuple], bound: int | None) -> None:
    """Two workers may evaluate the same key; the second result comes for a key that is there already."""
    cache, model = FunctionalEquivalenceCache(max_entries=bound), LeastRecentlyUsed(bound)
    for number, (is_lookup, key) in enumerate(operations):
        if is_lookup:
            assert cache.lookup(key) == model.fitness.get(key)
            if key in model.fitness:
                model.use(key)
        else:
            cache.store(key, float(number))
            model.fitness.setdefault(key, float(number))
            model.use(key)
        assert len(cache) == len(model.fitness)


@pytest.mark.parametrize("kind", ANY)
def test_a_fitness_of_zero_or_minus_infinity_is_an_answer(kind: str) -> None:
    for fitness in (0.0, -0.0, -INF):
        cache = ANY[kind]()
        for _ in range(3):  # as often as the averaging one wants it
            cache.store("key", fitness)
        assert cache.lookup("key") == fitness
        assert cache.hits == 1


@pytest.mark.parametrize("kind", ANY)
def test_keys_are_any_hashable_values(kind: str) -> None:
    cache = ANY[kind]()
    for key in (0, -1, "0", (0,), frozenset(), 2**64 - 1):
        assert cache.lookup(key) is None
        cache.store(key, 1.0)
    assert len(cache) == 6


@pytest.mark.parametrize("kind", ANY)
@pytest.mark.parametrize("bound", [0, -1])
def test_a_cache_without_room_is_refused(kind: str, bound: int) -> None:
    with pytest.raises(ValueError, match=f"max_entries must be at least 1, got {bound}"):
        ANY[kind](max_entries=bound)


def test_get_does_not_evaluate_on_a_hit() -> None:
    cache = FunctionalEquivalenceCache()
    cache.store(1, 0.5)
    assert cache.get(1, lambda: pytest.fail("evaluated on a hit")) == 0.5


# ---- Method 8 ----


@given(keys=KEYS, bound=BOUNDS)
def test_probability_one_forgets_at_each_hit(keys: list[int], bound: int | None) -> None:
    cache = ForgetfulCache(rng=Rng.from_seed(0), forget_probability=1.0, max_entries=bound)
    model, evaluate = LeastRecentlyUsed(bound), Evaluations()
    for key in keys:
        known = key in model.fitness
        answer = cache.get(key, evaluate)
        if known:  # the hit is still answered, then the key is gone
            assert answer == model.fitness.pop(key)
            model.order.remove(key)
        else:
            assert answer == evaluate.done
            model.fitness[key] = answer
            model.use(key)
        assert len(cache) == len(model.fitness)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_a_hit_forgets_with_the_given_probability(probability: float) -> None:
    cache = ForgetfulCache(rng=Rng.from_seed(5), forget_probability=probability)
    forgotten = 0
    for hit in range(20_000):
        if not len(cache):
            cache.store("key", 0.0)
        assert cache.lookup("key") == 0.0
        forgotten += not len(cache)
        assert cache.hits == hit + 1
    assert binomtest(forgotten, 20_000, probability).pvalue > UNLIKELY


def test_the_schedule_lets_a_key_survive_n_hits_with_probability_1_over_n_plus_1() -> None:
    cache = ForgetfulCache(rng=Rng.from_seed(6), forget_probability=None)
    keys, last = 20_000, 9
    for key in range(keys):
        cache.store(key, 0.0)
    survivors = list(range(keys))
    for hits in range(1, last + 1):
        asked, survivors = survivors, []
        for key in asked:
            before = len(cache)
            assert cache.lookup(key) == 0.0
            if len(cache) == before:
                survivors.append(key)
        assert binomtest(len(survivors), keys, 1 / (hits + 1)).pvalue > UNLIKELY


def test_the_schedule_starts_again_when_a_key_comes_back() -> None:
    cache = ForgetfulCache(rng=Rng.from_seed(7), forget_probability=None)
    lives = []
    for _ in range(20_000):
        cache.store("key", 0.0)
        hits = 0
        while len(cache) and hits < 50:
            cache.lookup("key")
            hits += 1
        lives.append(hits)
        if len(cache):  # a long life; end it
            cache = ForgetfulCache(rng=Rng.from_seed(len(lives)), forget_probability=None)
    for n in (1, 2, 3, 10):
        assert binomtest(sum(life > n for life in lives), len(lives), 1 / (n + 1)).pvalue > UNLIKELY


def test_chance_comes_from_the_given_stream_alone() -> None:
    def answers(seed: int) -> list[float]:
        cache = ForgetfulCache(rng=Rng.from_seed(seed), forget_probability=0.3)
        evaluate = Evaluations()
        return [cache.get(i % 5, evaluate) for i in range(200)]

    assert answers(1) == answers(1) != answers(2)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_impossible_probabilities_are_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="forget_probability must be between 0 and 1"):
        ForgetfulCache(rng=Rng.from_seed(0), forget_probability=probability)


# ---- Method 9 ----


@given(
    operations=st.lists(st.tuples(st.integers(0, 3), st.floats(-1e6, 1e6)), max_size=60),
    most=st.integers(1, 5),
)
def test_up_to_m_evaluations_are_averaged(operations: list[tuple[int, float]], most: int) -> None:
    cache = AggregatingCache(max_evaluations=most)
    seen: dict[int, list[float]] = {}
    partial = full = 0
    for key, fitness in operations:
        values = seen.setdefault(key, [])
        known = len(values)
        told = cache.get(key, lambda fitness=fitness, values=values: values.append(fitness) or fitness)
        assert len(values) == min(known + 1, most)  # evaluated on a miss and on a partial hit, not on a full one
        assert told == pytest.approx(math.fsum(values) / len(values), rel=1e-9, abs=1e-6)
        partial += 0 < known < most
        full += known == most
    assert (cache.partial_hits, cache.hits, cache.misses) == (partial, full, len(seen))


@given(st.lists(st.sampled_from([-INF, 0.25, 1.0]), min_size=1, max_size=6))
@example([-INF, 1.0])
@example([1.0, -INF])
def test_one_failed_evaluation_makes_the_mean_minus_infinity(values: list[float]) -> None:
    cache = AggregatingCache(max_evaluations=len(values))
    told = [cache.get("key", lambda value=value: value) for value in values]
    for i, mean in enumerate(told):
        seen = values[: i + 1]
        assert mean == (-INF if -INF in seen else pytest.approx(sum(seen) / len(seen)))
    assert cache.lookup("key") == told[-1]


@pytest.mark.parametrize("values", [[math.nan], [math.nan, 1.0], [1.0, math.nan, 2.0], [INF, math.nan], [INF, -INF]])
def test_no_mean_is_nan(values: list[float]) -> None:
    """What is not a number is the lowest fitness, as everywhere."""
    cache = AggregatingCache(max_evaluations=len(values))
    for value in values:
        cache.store("number", value)
        cache.store("evaluation", Evaluation(value, 1.0, objectives=(value, 2.0)))
    assert cache.lookup("number") == -INF
    assert cache.lookup("evaluation")[:3] == (-INF, 1.0, (-INF, 2.0))


def test_the_mean_of_what_is_far_apart_is_between_them() -> None:
    cache = AggregatingCache(max_evaluations=4)
    assert [cache.store("key", value) for value in (1.7e308, -1.7e308)] == [1.7e308, 0.0]
    assert cache.store("key", -1.7e308) == pytest.approx(-1.7e308 / 3)


@given(st.floats(-1e300, 1e300), st.integers(1, 20))
def test_the_mean_of_equal_values_is_that_value_exactly(value: float, most: int) -> None:
    cache = AggregatingCache(max_evaluations=most)
    assert [cache.get("key", lambda: value) for _ in range(most + 2)] == [value] * (most + 2)


@given(st.permutations([1.0, 2.0, 4.0, 8.0]))
def test_evaluations_in_flight_together_all_count(values: list[float]) -> None:
    cache = AggregatingCache(max_evaluations=2)
    assert [cache.lookup("key") for _ in values] == [None] * len(values)
    told = [cache.store("key", value) for value in values]
    assert told == pytest.approx([sum(values[: i + 1]) / (i + 1) for i in range(len(values))])
    assert cache.lookup("key") == pytest.approx(3.75)
    assert (cache.misses, cache.partial_hits, cache.hits) == (4, 0, 1)


def test_refining_an_entry_is_using_it() -> None:
    cache = AggregatingCache(max_evaluations=3, max_entries=2)
    cache.store("a", 1.0)
    cache.store("b", 1.0)
    cache.store("a", 3.0)  # the second of two that were in flight together
    cache.store("c", 1.0)  # "b" has to go
    assert cache.store("a", 5.0) == pytest.approx(3.0)
    assert cache.lookup("a") == pytest.approx(3.0)


def test_fewer_than_one_evaluation_is_refused() -> None:
    with pytest.raises(ValueError, match="max_evaluations must be at least 1, got 0"):
        AggregatingCache(max_evaluations=0)


# ---- a warm cache ----


@pytest.mark.parametrize("kind", ANY)
@given(
    earlier=st.lists(st.tuples(st.integers(0, 5), FITNESSES), max_size=30),
    later=st.lists(st.tuples(st.integers(0, 5), FITNESSES), max_size=20),
)
def test_a_warm_cache_is_as_if_it_had_evaluated(kind: str, earlier: list[tuple], later: list[tuple]) -> None:
    warm, cold = ANY[kind](), ANY[kind]()
    warm.warm(earlier)
    assert (warm.hits, warm.partial_hits, warm.misses) == (0, 0, 0)
    most = getattr(cold, "max_evaluations", 1)
    seen: dict[int, int] = {}
    for key, fitness in earlier:
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= most:
            cold.store(key, fitness)
    assert warm.warm_keys == set(seen)
    assert cold.warm_keys == set()
    own = set()  # keys to whose entry this search has contributed
    for key, fitness in later:
        known = len(warm)
        answer = warm.lookup(key)
        assert answer == cold.lookup(key)
        if answer is None:
            assert warm.store(key, fitness) == cold.store(key, fitness)
            own.add(key)
        assert len(warm) == len(cold) >= known - 1
    assert warm.warm_keys == set(seen) - own


def test_an_evaluation_of_a_key_that_is_there_already_leaves_it_warm() -> None:
    cache = FunctionalEquivalenceCache()
    cache.warm([(1, 0.5)])
    cache.store(1, 0.75)
    assert cache.lookup(1) == 0.5
    assert cache.warm_keys == {1}


def test_warming_respects_the_bound() -> None:
    cache = FunctionalEquivalenceCache(max_entries=2)
    cache.warm([(1, 0.1), (2, 0.2), (3, 0.3)])
    assert [cache.lookup(key) for key in (1, 2, 3)] == [None, 0.2, 0.3]
    assert cache.warm_keys == {2, 3}


@pytest.mark.parametrize("kind", ["often forgetful", "scheduled", "averaging", "fec"])
@pytest.mark.parametrize("bound", [None, 3])
def test_threads_that_share_a_cache_neither_fail_nor_mix_keys(kind: str, bound: int | None) -> None:
    cache = ANY[kind](max_entries=bound)

    def use(thread: int) -> int:
        return sum(
            cache.get((i * thread) % 7, lambda key=(i * thread) % 7: float(key)) != (i * thread) % 7
            for i in range(4000)
        )

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(1, 9))) == [0] * 8
    assert len(cache) <= (bound or 7)
