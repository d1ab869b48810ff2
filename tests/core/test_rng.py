"""Random streams: the same words for ever, and fair draws from them."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from fractions import Fraction
from itertools import permutations

import numba as nb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from ufh_cli.core.compiled import splitmix64, word_below
from ufh_cli.core.rng import Rng, cumulative

WORDS = st.integers(0, 2**64 - 1)
FAIR = 1e-4  # a fair draw has a smaller p with this probability; the seeds are fixed, so the outcome never changes


def words(rng: Rng, count: int) -> list[int]:
    return [rng.word() for _ in range(count)]


def constant(word: int) -> Rng:
    return Rng(lambda: word)


def fair(counts: Counter, outcomes: list) -> bool:
    assert set(counts) <= set(outcomes)
    return chisquare([counts[outcome] for outcome in outcomes]).pvalue > FAIR


@nb.njit
def compiled_words(state, count):
    result = np.empty(count, np.uint64)
    for i in range(count):
        state, result[i] = splitmix64(state)
    return result


def test_golden_words_of_from_seed() -> None:
    assert words(Rng.from_seed(0), 4) == [
        11749869230777074271,
        4976686463289251617,
        755828109848996024,
        304881062738325533,
    ]
    assert words(Rng.from_seed([20, 21]), 3) == [8947322920510639001, 6495224144231417892, 12759494580426718062]


def test_from_seed_is_pcg64_without_gaps_between_blocks() -> None:
    raw = np.random.PCG64(np.random.SeedSequence([3, 4])).random_raw(5000)
    assert words(Rng.from_seed([3, 4]), 5000) == raw.tolist()


def test_from_seed_takes_a_seed_sequence() -> None:
    child = np.random.SeedSequence([1, 2]).spawn(2)[1]
    other = np.random.SeedSequence([1, 2]).spawn(2)[1]
    assert words(Rng.from_seed(child), 10) == words(Rng.from_seed(other), 10)
    assert words(Rng.from_seed(np.random.SeedSequence(5)), 10) == words(Rng.from_seed(5), 10)
    assert words(Rng.from_seed(5), 10) != words(Rng.from_seed(6), 10)


def test_words_are_python_ints_of_64_bits() -> None:
    for rng in (Rng.from_seed(1), Rng.from_word(1)):
        drawn = words(rng, 2000)
        assert all(type(word) is int and 0 <= word < 2**64 for word in drawn)
        assert max(drawn) >= 2**63  # the top bit is in use


def test_splitmix64_gives_the_published_words() -> None:
    assert words(Rng.from_word(1234567), 5) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert words(Rng.from_word(0), 3) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy, lambda rng: pickle.loads(pickle.dumps(rng))])
def test_a_copy_of_a_stream_of_one_word_goes_on_alike(made) -> None:
    rng = Rng.from_word(7)
    rng.word()
    assert words(made(rng), 3) == words(rng, 3)


@given(WORDS, st.integers(1, 50))
def test_the_compiled_twin_gives_the_words_of_from_word(seed: int, count: int) -> None:
    assert compiled_words(np.uint64(seed), count).tolist() == words(Rng.from_word(seed), count)


def test_streams_do_not_disturb_each_other() -> None:
    alone = words(Rng.from_seed(7), 3000), words(Rng.from_word(7), 3000)
    first, second = Rng.from_seed(7), Rng.from_word(7)
    together = [(first.word(), second.word()) for _ in range(3000)]
    assert tuple(map(list, zip(*together, strict=True))) == alone


@given(WORDS, st.integers(1, 2**62))
def test_integer_scales_the_word(word: int, n: int) -> None:
    assert constant(word).integer(n) == int(Fraction(word, 2**64) * n) < n


@given(WORDS, st.integers(1, 2**32 - 1))
def test_word_below_scales_the_upper_half_of_the_word(word: int, n: int) -> None:
    assert word_below(word, n) == int(Fraction(word >> 32, 2**32) * n) < n


@pytest.mark.parametrize("n", [0, -1])
def test_integer_refuses_an_empty_range(n: int) -> None:
    with pytest.raises(ValueError, match=f"n must be at least 1, got {n}"):
        Rng.from_seed(0).integer(n)


@pytest.mark.parametrize("make", [Rng.from_seed, Rng.from_word])
def test_integer_is_uniform(make) -> None:
    rng = make(11)
    assert fair(Counter(rng.integer(7) for _ in range(20_000)), list(range(7)))


@pytest.mark.parametrize("make", [Rng.from_seed, Rng.from_word])
def test_uniform_is_uniform(make) -> None:
    rng = make(12)
    bins = Counter(int((rng.uniform(-2.0, 6.0) + 2.0) * 8) for _ in range(30_000))
    assert fair(bins, list(range(64)))


def test_uniform_has_53_bits_and_excludes_one() -> None:
    assert constant(0).uniform() == 0.0
    assert constant(2**64 - 1).uniform() == 1.0 - 2.0**-53
    assert constant(1 << 11).uniform() == 2.0**-53


@given(WORDS)
def test_uniform_stays_in_its_range(word: int) -> None:
    assert -3.0 <= constant(word).uniform(-3.0, 5.0) < 5.0


def test_choice_is_uniform_and_refuses_nothing() -> None:
    rng = Rng.from_seed(13)
    assert fair(Counter(rng.choice("abc") for _ in range(6000)), list("abc"))
    with pytest.raises(ValueError, match="at least 1"):
        rng.choice([])


def test_every_ordered_sample_is_equally_likely() -> None:
    rng = Rng.from_seed(14)
    outcomes = list(permutations(range(5), 3))
    assert fair(Counter(tuple(rng.sample(5, 3)) for _ in range(30_000)), outcomes)


@given(st.integers(0, 30), st.data())
def test_a_sample_has_different_members(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    sample = Rng.from_word(data.draw(WORDS)).sample(n, k)
    assert len(sample) == len(set(sample)) == k
    assert set(sample) <= set(range(n))


@pytest.mark.parametrize(("n", "k"), [(3, 4), (3, -1), (0, 1)])
def test_sample_refuses_more_than_there_are(n: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"cannot draw {k} different integers out of {n}"):
        Rng.from_seed(0).sample(n, k)


def test_every_order_of_a_shuffle_is_equally_likely() -> None:
    rng = Rng.from_seed(15)
    counts: Counter = Counter()
    for _ in range(24_000):
        items = list("abcd")
        rng.shuffle(items)
        counts["".join(items)] += 1
    assert fair(counts, ["".join(order) for order in permutations("abcd")])


def test_a_generator_costs_one_word_and_follows_from_it() -> None:
    rng, twin = Rng.from_seed(16), Rng.from_seed(16)
    drawn = rng.generator().random(5)
    word = twin.word()
    assert rng.word() == twin.word()
    assert np.array_equal(drawn, constant(word).generator().random(5))
    assert not np.array_equal(drawn, constant(word ^ 1).generator().random(5))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9).filter(any))
def test_cumulative_probabilities_end_at_one_and_leave_out_what_weighs_nothing(weights: list[float]) -> None:
    found = cumulative(weights)
    each = np.diff(found, prepend=0.0)
    np.testing.assert_allclose(each, np.array(weights) / sum(weights), atol=1e-12)
    last = max(i for i, weight in enumerate(weights) if weight)
    assert found[last] == found[-1] == 1.0  # a uniform number below 1 never goes beyond the last that weighs something
