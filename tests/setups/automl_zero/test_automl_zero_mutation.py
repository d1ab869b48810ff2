"""Mutations stay in the search space, do what they say, and depend on the random word alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.automl_zero.mutation import mutated, random_program
from setups.automl_zero.program import Instruction, Memory, check, function_sizes, pack, unpack
from setups.automl_zero.space import MUTATIONS, Space, chosen_operations
from ufh_cli.core.names import weights
from ufh_cli.core.rng import Rng, cumulative

WORDS = st.integers(0, 2**64 - 1)


def make_space(operations="all", low=(1, 2, 0), high=(4, 5, 6), memory=(4, 5, 2)):
    return Space(Memory(*memory), low, high, chosen_operations(operations))


def child_of(program, word, space, mutations, probability=1.0, paper=False):
    chances = cumulative(weights("mutations", mutations.split(","), MUTATIONS))
    return mutated(program, word, space.encoded(), chances, probability, paper)


@settings(max_examples=150, deadline=None)
@given(
    word=WORDS,
    operations=st.sampled_from(["all", "demo", "baseline", "paper", ((1, 56), (2,), (57, 58, 59, 0))]),
    paper=st.booleans(),
)
def test_descendants_stay_in_the_space(word, operations, paper):
    space = make_space(operations)
    rng = Rng.from_word(word)
    program = random_program(np.array([2, 2, 2]), rng.word(), space.encoded())
    for _ in range(30):
        program = child_of(program, rng.word(), space, ",".join(MUTATIONS), 0.9, paper)
        check(program, space.memory)
        for size, low, high in zip(function_sizes(program), space.min_sizes, space.max_sizes, strict=True):
            assert low <= size <= high
        for function, allowed in zip(unpack(program), space.operations, strict=True):
            assert {instruction.op for instruction in function} <= set(allowed)
        assert pack(unpack(program)) == program  # what an operation does not use stays 0


@given(word=WORDS)
@settings(max_examples=40, deadline=None)
def test_a_child_depends_on_its_parent_and_the_word_alone(word):
    space = make_space()
    parent = random_program(np.array([3, 3, 3]), 5, space.encoded())
    first = child_of(parent, word, space, ",".join(MUTATIONS))
    child_of(parent, word + 1 & (2**64 - 1), space, ",".join(MUTATIONS))
    assert child_of(parent, word, space, ",".join(MUTATIONS)) == first


def differences(parent, child):
    return [
        (a, b)
        for old, new in zip(unpack(parent), unpack(child), strict=True)
        for a, b in zip(old, new, strict=True)
        if a != b
    ]


def test_alter_changes_one_part_of_one_instruction():
    space = make_space()
    parent = random_program(np.array([4, 5, 6]), 1, space.encoded())
    changed = 0
    for word in range(0, 2**64, 2**64 // 500):
        pairs = differences(parent, child_of(parent, word, space, "alter"))
        assert len(pairs) <= 1
        for a, b in pairs:
            changed += 1
            parts = [x != y for x, y in zip(a[1:4], b[1:4], strict=True)]
            assert a.op == b.op
            assert sum(parts) + (a.constants != b.constants) == 1
    assert changed > 200


def test_functions_are_altered_equally_often_whatever_their_size():
    space = make_space(low=(1, 1, 1), high=(9, 9, 9))
    parent = pack([[Instruction(1, 2, 3, 1)], [Instruction(1, 2, 3, 1)] * 9, [Instruction(1, 2, 3, 1)] * 9])
    hits = np.zeros(3)
    for word in range(0, 2**64, 2**64 // 3000):
        child = unpack(child_of(parent, word, space, "randomize_instruction"))
        hits += [old != new for old, new in zip(unpack(parent), child, strict=True)]
    np.testing.assert_allclose(hits / hits.sum(), 1 / 3, atol=0.04)


def test_function_without_operations_is_never_mutated():
    space = make_space([[], [1], [1]], low=(0, 1, 1), high=(0, 3, 3))
    parent = pack([[], [Instruction(1, 0, 0, 1)], [Instruction(1, 0, 0, 1)]])
    children = {child_of(parent, word, space, "insert") for word in range(0, 2**64, 2**64 // 50)}
    assert parent not in children  # the empty function was never chosen
    assert all(function_sizes(child)[0] == 0 for child in children)


def test_insert_and_remove_change_the_size_by_one_within_bounds():
    space = make_space()
    full = random_program(np.array([4, 5, 6]), 1, space.encoded())
    least = random_program(np.array([1, 2, 0]), 1, space.encoded())
    for word in range(0, 2**64, 2**64 // 100):
        assert child_of(full, word, space, "insert") == full
        assert child_of(least, word, space, "remove") == least
        assert len(child_of(least, word, space, "insert")) == len(least) + 16
        assert len(child_of(full, word, space, "remove")) == len(full) - 16
        assert len(child_of(least, word, space, "trade")) == len(least)


def test_removing_keeps_the_other_instructions_in_order():
    space = make_space()
    parent = random_program(np.array([4, 5, 6]), 3, space.encoded())
    for word in range(0, 2**64, 2**64 // 100):
        child = unpack(child_of(parent, word, space, "remove"))
        for old, new in zip(unpack(parent), child, strict=True):
            rest = iter(old)
            assert all(instruction in rest for instruction in new)


def test_probability_of_a_copy():
    space = make_space()
    parent = random_program(np.array([4, 5, 6]), 3, space.encoded())
    words = [Rng.from_word(i).word() for i in range(2000)]
    same = sum(child_of(parent, word, space, "randomize_program", 0.9) == parent for word in words)
    assert 150 < same < 250
    assert all(child_of(parent, word, space, "identity") == parent for word in words[:50])
    assert all(child_of(parent, word, space, "randomize_program", 0.0) == parent for word in words[:50])


def constant_factors(paper):
    space = make_space([[56], [56], [56]], low=(1, 0, 0), high=(1, 0, 0))
    parent = pack([[Instruction(56, out=1, constants=(2.0,))], [], []])
    factors = []
    for i in range(20000):
        (instruction,) = unpack(child_of(parent, Rng.from_word(i).word(), space, "alter", 1.0, paper))[0]
        if instruction.constants != (2.0,):
            factors.append(instruction.constants[0] / 2.0)
    return np.array(factors)


def test_constants_change_as_in_the_code():
    """10 % flip the sign, the others are multiplied by exp(N(0, 1))."""
    factors = constant_factors(paper=False)
    flipped = factors < 0
    assert flipped.mean() == pytest.approx(0.1, abs=0.02)
    assert set(factors[flipped]) == {-1.0}
    logs = np.log(factors[~flipped])
    assert logs.mean() == pytest.approx(0.0, abs=0.06)
    assert logs.std() == pytest.approx(1.0, abs=0.05)


def test_constants_change_as_in_the_paper():
    """Multiplied by U[0.5, 2], and 10 % flip the sign besides."""
    factors = constant_factors(paper=True)
    assert (factors < 0).mean() == pytest.approx(0.1, abs=0.02)
    sizes = np.abs(factors)
    assert 0.5 <= sizes.min() < 0.52
    assert 1.98 < sizes.max() <= 2.0
    assert sizes.mean() == pytest.approx(1.25, abs=0.02)


def test_weights_of_mutations():
    chances = cumulative(weights("mutations", ["alter:3", "randomize_function:3", "insert", "remove: 2"], MUTATIONS))
    each = dict(zip(MUTATIONS, np.diff(chances, prepend=0.0), strict=True))
    assert each["remove"] == pytest.approx(2 * each["insert"])
    assert each["alter"] == pytest.approx(1 / 3)
    assert each["identity"] == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chosen_operations("baselin"), "did you mean 'baseline'"),
        (lambda: chosen_operations([[65], [1], [1]]), "65 is not within 0 to 64"),
        (lambda: chosen_operations([[-1], [1], [1]]), "-1 is not within 0 to 64"),
        (lambda: chosen_operations([[1, 1], [1], [1]]), "twice"),
        (lambda: make_space(memory=(1, 1, 1)), "memory must have"),
        (lambda: make_space(memory=(4, 1, 1)), "needs more v addresses"),
        (lambda: make_space(memory=(4, 65, 1)), "64 vectors"),
        (lambda: make_space(low=(5, 5, 5), high=(4, 5, 5)), "cannot have 5 to 4"),
        (lambda: make_space([[], [1], [1]]), "no operation"),
    ],
)
def test_bad_spaces(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
