"""The packed table of large caches: to whoever asks, a dictionary; and caches that use it are as those that do not."""

from __future__ import annotations

import copy
import math
import pickle
import random
import sys
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufh_cli.core import packed
from ufh_cli.core.cache import AggregatingCache, BestCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.packed import PackedTable
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation

MOST = 2**64 - 1
ODD_KEYS = (0, 1, 2, 3, MOST, MOST + 1, 2**70, -1, -MOST, True, 2.0, 2.5, math.inf, "2", (2, 3), np.uint64(MOST), None)
KEYS = st.sampled_from(ODD_KEYS) | st.integers(0, 40) | st.integers(0, MOST)
FLOATS = st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324]) | st.floats()
EVALUATIONS = st.tuples(FLOATS, st.floats(0, 1e300)).map(lambda numbers: Evaluation(*numbers))
COUNTED = st.tuples(FLOATS | EVALUATIONS, st.integers(0, 9))
ODD_VALUES = st.sampled_from(
    [3, True, "text", np.float64(0.1), (0.5, -1), (0.5, True), (0.5, 2**64), (0.5, 1.0), (0.5,)]
) | st.sampled_from(
    [
        Evaluation(0.5, 1),  # its cost is no float
        Evaluation(0.5, 1.0, objectives=(0.5, 0.25)),
        Evaluation(0.5, 1.0, early=0.25),
        Evaluation(0.5, 1.0, stopped=True),
        Evaluation(0.5, 1.0, tasks=(0.5, None)),
        Evaluation(0.5, 1.0, refined="candidate"),
    ]
)
VALUES = FLOATS | EVALUATIONS | COUNTED | ODD_VALUES
KINDS = {"number": 0.5, "evaluation": Evaluation(0.5, 1.0), "count": (0.5, 1), "both": (Evaluation(0.5, 1.0), 1)}
STEPS = st.lists(st.tuples(st.sampled_from(["set", "set", "pop"]), KEYS, VALUES), max_size=60)


def exactly(value: Any) -> str:
    """Types and bits: a NaN is equal to itself, 0.0 not to −0.0, and 1 not to 1.0."""
    return f"{type(value).__name__} {value!r}"


def check_equal(table: PackedTable, model: dict) -> None:
    assert len(table) == len(model)
    listed = list(table)
    assert len(listed) == len(model)
    assert set(listed) == set(model)
    for key in [*model, *ODD_KEYS]:
        assert (key in table) == (key in model)
        assert exactly(table.get(key)) == exactly(model.get(key))
        assert exactly(table.get(key, "none")) == exactly(model.get(key, "none"))


@pytest.mark.parametrize("kind", KINDS)
@given(steps=STEPS)
def test_it_answers_as_a_dictionary_would(kind: str, steps: list) -> None:
    table, model = PackedTable(KINDS[kind]), {}
    for what, key, value in steps:
        if what == "set":
            table[key] = model[key] = value
        else:
            assert exactly(table.pop(key, None)) == exactly(model.pop(key, None))
        assert exactly(table.get(key)) == exactly(model.get(key))
    check_equal(table, model)
    check_equal(copy.copy(table), model)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, 7, 2**32, 0x9E3779B97F4A7C15])
def test_many_keys_that_come_go_and_come_again(kind: str, step: int) -> None:
    """Keys that follow each other crowd their homes, and the last homes run over."""
    value = {
        "number": float,
        "evaluation": lambda number: Evaluation(float(number), number / 2),
        "count": lambda number: (float(number), number),
        "both": lambda number: (Evaluation(float(number), number / 2), number),
    }[kind]
    draw = random.Random(1)
    table, model = PackedTable(KINDS[kind]), {}
    keys = [number * step % 2**64 for number in range(4000)]
    for round_ in range(3):
        for number, key in enumerate(keys):
            table[key] = model[key] = value(number + round_)
        for key in draw.sample(keys, 3000):
            assert table.pop(key) == model.pop(key)
    check_equal(table, model)
    assert table.unpacked == sum(key < 2 for key in model)
    check_equal(pickle.loads(pickle.dumps(table)), model)


CACHES: dict[str, Callable[[], FunctionalEquivalenceCache]] = {
    "fec": FunctionalEquivalenceCache,
    "forgetful": lambda: ForgetfulCache(rng=Rng.from_seed(1), forget_probability=0.3),
    "scheduled": lambda: ForgetfulCache(rng=Rng.from_seed(1), forget_probability=None),
    "averaging": lambda: AggregatingCache(max_evaluations=3),
    "best": lambda: BestCache(max_evaluations=3),
}


@pytest.mark.parametrize("name", CACHES)
@given(asked=st.lists(st.tuples(KEYS, FLOATS | EVALUATIONS), max_size=60), few=st.integers(1, 5), warm=st.booleans())
def test_a_cache_that_packs_finds_and_counts_as_one_that_does_not(name: str, asked: list, few: int, warm: bool) -> None:
    of_one_kind = [(key, value if isinstance(value, float) else value.fitness) for key, value in asked]
    for evaluations in (of_one_kind, [(key, Evaluation(value, 1.0)) for key, value in of_one_kind]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packed, "PACKED_FROM", few)
            packing = CACHES[name]()
        plain = CACHES[name]()
        for cache in (packing, plain):
            if warm:
                cache.warm(evaluations[::2])
        for key, value in evaluations:
            found = [exactly(cache.get(key, lambda value=value: value)) for cache in (packing, plain)]
            assert found[0] == found[1]
            assert packing.knows(key) == plain.knows(key)
            assert packing.is_warm(key) == plain.is_warm(key)
        counts = [(len(one), one.hits, one.partial_hits, one.misses, one.warm_keys) for one in (packing, plain)]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("value", [0.5, Evaluation(0.5, 1.0)], ids=["numbers", "evaluations"])
def test_an_entry_takes_less_than_64_bytes(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setattr(packed, "PACKED_FROM", 1000)
    draw = random.Random(0).getrandbits
    cache = FunctionalEquivalenceCache()
    tracemalloc.start()
    try:
        for _ in range(20_000):
            cache.store(draw(64), value)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(cache) < 64


def test_keys_that_are_no_numbers_stay_in_a_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PACKED_FROM", 10)
    cache = FunctionalEquivalenceCache()
    for number in range(30):
        cache.store(f"key {number}", float(number))
    assert [cache.lookup(f"key {number}") for number in range(30)] == list(map(float, range(30)))
    assert not isinstance(cache._entries, PackedTable)


def test_readers_find_what_was_written_while_the_table_grows() -> None:
    table, written, wrong = PackedTable((0.0, 1)), [1], []
    table[0x9E3779B97F4A7C15] = (1.0, 1)
    keys = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(20_000)]

    def read() -> None:
        draw = random.Random(2)
        while (known := written[0]) < len(keys):
            number = draw.randrange(1, known + 1)
            found = table.get(keys[number])
            if found != (float(number), number):
                wrong.append((number, found))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, len(keys)):
        table[keys[number]] = (float(number), number)
        written[0] = number
    written[0] = len(keys)
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(table) == len(keys) - 1


def test_threads_that_store_while_a_cache_is_packed_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PACKED_FROM", 2000)
    cache = FunctionalEquivalenceCache()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def store(first: int) -> None:
        for number in range(first, 8000, 4):
            cache.store(number * 0x9E3779B97F4A7C15 % 2**64, float(number))

    try:
        threads = [threading.Thread(target=store, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert isinstance(cache._entries, PackedTable)
    assert [cache.lookup(number * 0x9E3779B97F4A7C15 % 2**64) for number in range(8000)] == list(
        map(float, range(8000))
    )
