"""Random specs and mutations of NAS-Bench-101 against the slow rejection processes that define them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasbench_specs import CHAIN, DENSE, LABELS, peer_spec, valid_specs
from scipy.stats import chi2_contingency

from setups.nasbench.enumeration import OPS, count_edges, is_valid, prune
from setups.nasbench.text import from_matrix_ops, parse, to_matrix_ops
from ufh_cli.core.rng import Rng

# The specs of the words 0, 1 and 2**64 − 1: a search of a given seed proposes the same in every version.
GOLDEN_RANDOM = [3978052629, 4138869061, 3974563327]
GOLDEN_MUTATED = [3969193907, 3762624423, 3987800487]


def slow_random_spec(peer: SimpleNamespace, rng: np.random.Generator) -> int:
    while True:
        matrix = np.triu(rng.integers(0, 2, (7, 7)), 1)
        spec = from_matrix_ops(matrix, ["input", *rng.choice(OPS, 5), "output"])
        if peer_spec(peer, spec)[1]:
            return spec


def slow_mutation(peer: SimpleNamespace, parent: int, rng: np.random.Generator, rate: float) -> int:
    """The rejection process on matrices and names, one decision at a time."""
    while True:
        matrix, ops = to_matrix_ops(parent)
        for x, y in zip(*np.triu_indices(7, 1), strict=True):
            if rng.random() < rate / 7:
                matrix[x, y] = 1 - matrix[x, y]
        for v in range(1, 6):
            if rng.random() < rate / 5:
                ops[v] = rng.choice([op for op in OPS if op != ops[v]])
        spec = from_matrix_ops(matrix, ops)
        if peer_spec(peer, spec)[1]:
            return spec


def statistics(specs: list[int]) -> dict[str, np.ndarray]:
    """Histograms that tell two distributions of specs apart."""
    codes = np.array(specs)
    bits = (codes[:, None] >> np.arange(21)) & 1
    digits = ((codes >> LABELS) & 255)[:, None] // 3 ** np.arange(5) % 3
    result = {"edges": np.bincount(bits.sum(axis=1), minlength=22)}
    result |= {f"edge {i}": np.bincount(bits[:, i], minlength=2) for i in range(21)}
    result |= {f"operation {v}": np.bincount(digits[:, v], minlength=3) for v in range(5)}
    result["operations changed"] = np.bincount((digits != digits[0]).sum(axis=1), minlength=6)
    result["edges kept"] = np.bincount([count_edges(prune(spec)) for spec in specs], minlength=10)
    return result


def assert_same_distribution(fast: list[int], slow: list[int]) -> None:
    """A chi-squared test of every histogram at 1e-4; the seeds are fixed, so that the verdict is always the same."""
    a, b = statistics(fast), statistics(slow)
    for name in a:
        table = np.array([a[name], b[name]])
        table = table[:, table.sum(axis=0) >= 20]
        if table.shape[1] > 1:
            assert chi2_contingency(table).pvalue > 1e-4, name


def test_random_specs_are_distributed_as_by_slow_rejection(space, peer):
    words, rng = Rng.from_seed(11), np.random.default_rng(11)
    fast = [space.random(words.word()) for _ in range(50_000)]
    assert all(map(is_valid, fast))
    first = fast[0]
    slow = [first] + [slow_random_spec(peer, rng) for _ in range(4_000)]
    assert_same_distribution([first, *fast], slow)


@pytest.mark.parametrize(("text", "rate"), [(DENSE, 1.0), (CHAIN, 2.5)])
def test_mutations_are_distributed_as_by_slow_rejection(space, peer, text, rate):
    parent = parse(text)
    words, rng = Rng.from_seed(12), np.random.default_rng(12)
    fast = [space.mutate(parent, words.word(), rate) for _ in range(50_000)]
    assert all(map(is_valid, fast))
    slow = [slow_mutation(peer, parent, rng, rate) for _ in range(4_000)]
    assert_same_distribution([parent, *fast], [parent, *slow])


def test_a_changed_operation_is_a_different_one_and_both_others_occur(space):
    parent = parse(CHAIN)
    words = Rng.from_seed(13)
    children = [space.mutate(parent, words.word(), 5.0) for _ in range(300)]
    for v in range(5):
        digits = {(child >> LABELS & 255) // 3**v % 3 for child in children}
        assert digits == {0, 1, 2} - {(parent >> LABELS & 255) // 3**v % 3}


@given(spec=valid_specs, word=st.integers(0, 2**64 - 1))
def test_the_same_word_gives_the_same_spec_and_rate_zero_the_parent(space, spec, word):
    assert space.mutate(spec, word, 0.0) == spec
    assert space.mutate(spec, word, 1.0) == space.mutate(spec, word, 1.0)
    assert space.random(word) == space.random(word)


def test_the_specs_of_given_words_never_change(space):
    words = [0, 1, 2**64 - 1]
    assert [space.random(word) for word in words] == GOLDEN_RANDOM
    assert [space.mutate(parse(DENSE), word, 1.0) for word in words] == GOLDEN_MUTATED


@pytest.mark.parametrize("rate", [-0.1, 5.1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(space, rate):
    with pytest.raises(ValueError, match="between 0 and 5"):
        space.mutate(parse(CHAIN), 1, rate)
