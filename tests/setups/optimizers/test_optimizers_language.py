"""Text, packing, abstract execution and mutation."""

from __future__ import annotations

import re

import numpy as np
import pytest

from setups.optimizers import abstract
from setups.optimizers.examples import make_examples
from setups.optimizers.execute import run
from setups.optimizers.functions import ARITY, CBRT, INVERT, function_set
from setups.optimizers.known import OPTIMIZERS, known_program
from setups.optimizers.mutation import mutated, random_program
from setups.optimizers.program import Statement, check, pack, size, unpack
from setups.optimizers.text import format_program, parse_program
from ufh_cli.core.rng import Rng, cumulative

ALL = function_set("all")
THREE = cumulative([1, 1, 1, 0])
ONLY_CONSTANT = cumulative([0, 0, 0, 1])  # of `MUTATIONS`
EXAMPLES = make_examples(12, 16)
HEAD, TAIL = "def train(w, g, m, v, lr):\n", "\n  return update, m, v"


def program(body):
    """The program with these lines between its first and its last."""
    return parse_program(HEAD + "\n".join(f"  {line.strip()}" for line in body.strip().splitlines()) + TAIL)


def descendants(count, kinds=THREE, longest=40, start="adamw", seed=0):
    """Children of children, without selection."""
    rng = Rng.from_seed(seed)
    found = [known_program(start)]
    while len(found) < count:
        found.append(mutated(rng.choice(found[-50:]), rng.word(), kinds, ALL, False, longest))
    return found


@pytest.fixture(scope="module")
def many():
    rng = Rng.from_seed(1)
    return descendants(1500) + [random_program(rng.word(), 1 + rng.integer(30), ALL, False) for _ in range(500)]


def same(first, second):
    """Whether two programs take the same steps, to the last bit."""
    return np.array_equal(run(first, *EXAMPLES), run(second, *EXAMPLES), equal_nan=True)


def test_children_and_random_programs_are_valid_and_within_the_limit(many):
    for one in many:
        check(one, 40)


def test_text_reads_back_to_equal_behaviour_and_packing_to_equal_bytes(many):
    for one in many:
        assert pack(unpack(one)) == one
        again = parse_program(format_program(one))
        assert abstract.structural_key(again) == abstract.structural_key(one)
        assert size(again) == size(one)


def test_redundant_statements_can_go(many):
    smaller = 0
    for one in many:
        for across in (False, True):
            short = abstract.simplified(one, across)
            check(short)
            assert abstract.needed(short, across).all()
            assert abstract.structural_key(short, across) == abstract.structural_key(one, across)
            assert same(short, one)
            smaller += size(short) < size(one)
    assert smaller > len(many) / 4


def test_equal_structural_keys_mean_equal_steps(many):
    for across in (False, True):
        known = {}
        for one in many:
            assert same(known.setdefault(abstract.structural_key(one, across), one), one)
        assert 10 < len(known) < len(many)


def test_names_order_and_dead_code_make_no_difference_to_the_data_flow():
    first = program("x1 = square(g)\n x2 = lr * 0.5\n update = x1 * x2")
    renamed = program("a = lr * 0.5\n b = square(g)\n c = sin(b)\n update = b * a")
    assert abstract.structural_key(first) == abstract.structural_key(renamed)
    for other in (
        "x1 = square(g)\n x2 = lr * 0.25\n update = x1 * x2",
        "x1 = square(g)\n x2 = lr * 0.5\n update = x2 * x1",
        "x1 = square(w)\n x2 = lr * 0.5\n update = x1 * x2",
        "x1 = square(g)\n x2 = lr * 0.5\n update = x1 * x2\n m = x1 + 0.0",
    ):
        assert abstract.structural_key(program(other)) != abstract.structural_key(first)


def test_a_state_that_no_later_update_reads_counts_in_the_step_and_not_in_the_loop():
    """The cosh of Program 4."""
    whole = known_program("program4")
    without = pack(unpack(whole)[:-1])
    assert abstract.structural_key(whole) != abstract.structural_key(without)
    assert abstract.structural_key(whole, True) == abstract.structural_key(without, True)
    assert abstract.needed(whole)[-1]
    assert not abstract.needed(whole, True)[-1]
    assert same(whole, without)


def test_a_state_behind_a_state_counts_in_the_loop():
    chain = program("update = m * lr\n m = m + v\n v = g * 0.5")
    assert abstract.needed(chain, True).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_known_programs_have_nothing_redundant(name):
    assert abstract.needed(known_program(name)).all()


def one_change(parent, child):
    """Which mutation made `child`, and that it made no other change."""
    before, after = unpack(parent), unpack(child)
    if len(after) == len(before) + 1:
        assert any(after[:i] + after[i + 1 :] == before for i in range(len(after)))
        return "insert"
    if len(after) == len(before) - 1:
        assert any(before[:i] + before[i + 1 :] == after for i in range(len(before)))
        return "delete"
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) <= 1  # a constant of 0 stays as it is
    for a, b in changed:
        assert (a.function, a.target) == (b.function, b.target)
        assert sum(x != y for x, y in zip(a.arguments, b.arguments, strict=True)) == 1
        for x, y in zip(a.arguments, b.arguments, strict=True):
            assert isinstance(x, float) == isinstance(y, float)
            if isinstance(x, float):
                assert x * y >= 0.0
    return "modify"


def test_each_mutation_is_one_change_and_all_three_are_equally_likely():
    rng = Rng.from_seed(2)
    parent = descendants(200)[-1]
    counts = dict.fromkeys(("insert", "delete", "modify"), 0)
    for _ in range(3000):
        counts[one_change(parent, mutated(parent, rng.word(), THREE, ALL, False, 60))] += 1
    assert all(850 < count < 1150 for count in counts.values()), counts


def test_constants_alone_change_nothing_else():
    rng = Rng.from_seed(3)
    kinds = ONLY_CONSTANT
    parent = known_program("adamw")
    factors = []
    for _ in range(500):
        child = mutated(parent, rng.word(), kinds, ALL, False, 60)
        assert one_change(parent, child) == "modify"
        for a, b in zip(unpack(parent), unpack(child), strict=True):
            factors += [y / x for x, y in zip(a.arguments, b.arguments, strict=True) if x != y]
            assert [x for x in a.arguments if not isinstance(x, float)] == [
                x for x in b.arguments if not isinstance(x, float)
            ]
    logs = np.log2(factors)
    assert len(logs) == 500
    assert abs(logs.mean()) < 0.2  # 2 to the power of N(0, 1)
    assert 0.85 < logs.std() < 1.15


def test_constants_stay_within_their_bounds():
    kinds = ONLY_CONSTANT
    rng = Rng.from_seed(4)
    one = program("update = g * 9e9")
    for _ in range(200):
        one = mutated(one, rng.word(), kinds, ALL, False, 60)
        assert 0 < unpack(one)[0].arguments[1] <= 1e10


def test_every_function_of_the_set_is_inserted_and_no_other():
    rng = Rng.from_seed(5)
    for name in ("all", "paper", "arithmetic"):
        wanted = function_set(name)
        seen = {
            statement.function
            for _ in range(300)
            for statement in unpack(random_program(rng.word(), 20, wanted, False))
        }
        assert seen == set(wanted.tolist())
    assert INVERT not in ALL
    assert CBRT in ALL
    assert CBRT not in function_set("paper")


def test_new_constants_are_normal_or_one():
    rng = Rng.from_seed(6)

    def constants(unit):
        programs = [random_program(rng.word(), 20, ALL, unit) for _ in range(100)]
        return [x for one in programs for s in unpack(one) for x in s.arguments if isinstance(x, float)]

    assert set(constants(True)) == {1.0}
    drawn = np.array(constants(False))
    assert len(drawn) > 100
    assert abs(drawn.mean()) < 0.2
    assert 0.8 < drawn.std() < 1.2


def test_a_program_at_the_limit_does_not_grow_and_one_that_cannot_change_is_copied():
    full = descendants(400, longest=12)
    assert max(size(one) for one in full) == 12
    bare = pack([Statement(ARITY.tolist().index(1), 5, (1,))])  # its one argument can become w, m or v
    only = ONLY_CONSTANT
    assert mutated(bare, 1, only, ALL, False, 60) == bare


def test_a_word_decides_everything():
    parent = known_program("lion")
    assert mutated(parent, 7, THREE, ALL, False, 60) == mutated(parent, 7, THREE, ALL, False, 60)
    assert len({mutated(parent, word, THREE, ALL, False, 60) for word in range(100)}) > 50


def test_nested_expressions_other_names_and_comments_are_read():
    nested = parse_program(
        "def train(weight, gradient, momentum, variance, rate):  # five inputs\n"
        "  momentum = interp(gradient, momentum, 0.9)\n"
        "  change = (sign(momentum) + 0.1 * weight) * (rate * -3e-4)  # all at once\n"
        "  return change, momentum, variance\n"
    )
    assert size(nested) == 6
    flat = program("m = interp(g, m, 0.9)\n a = sign(m)\n b = 0.1 * w\n c = a + b\n d = lr * -0.0003\n update = c * d")
    assert abstract.structural_key(nested) == abstract.structural_key(flat)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "  update = sqr(g)" + TAIL, "line 2: unknown function 'sqr'; did you mean 'sqrt'?"),
        (HEAD + "  update = interp(g, m)" + TAIL, "line 2: interp takes 3 arguments, got 2"),
        (HEAD + "  update = square()" + TAIL, "line 2: square takes 1 argument, got 0"),
        (HEAD + "  update = g * x" + TAIL, "line 2: x is used before it is set"),
        (HEAD + "  x = sin(g)\n  update = sin(update)" + TAIL, "line 3: update is used before it is set"),
        (HEAD + "  update = g * lr", "line 2: the program returns nothing"),
        (HEAD + "  x = g * lr" + TAIL, "line 3: the program returns nothing: it never sets update"),
        (HEAD + "  update = g * lr\n  return update", "line 3: the program returns nothing"),
        (HEAD + "  update = g * lr\n  return update, v, m", "line 3: a program ends with: return update, m, v"),
        (HEAD + "  update = g * lr\n  return w, m, v", "line 3: the update that is returned must not be the input w"),
        (HEAD + "  update = lr * 2.0" + TAIL, "line 2: update must be an array"),
        (HEAD + "  lr = g * lr\n  update = g * lr" + TAIL, "line 2: lr holds values of type scalar"),
        (HEAD + "  update = g" + TAIL, "line 2: a statement calls a function, this one only copies to update"),
        (HEAD + "  update += g" + TAIL, "line 2: not an assignment to one variable"),
        (HEAD + "  update = g[0]" + TAIL, "line 2: 'g[0]' is not a call of a function"),
        (HEAD + "  update = (lambda: g)()" + TAIL, "line 2: '(lambda: g)()' is not a call of a function"),
        (
            HEAD + "  update = clip_by_global_norm(g, w)" + TAIL,
            "line 2: clip_by_global_norm takes a scalar as its last",
        ),
        ("def train(w, g):\n  return w, g, g", "line 1: a program takes five inputs"),
        ("lion", "a program is one function"),
        ("", "a program is one function"),
        (HEAD + "  update = = g" + TAIL, "line 2: not a program: invalid syntax"),
        (HEAD + "  update = g * lr\n" * 65 + TAIL[1:], "a program has up to 64 statements"),
        (HEAD + "  update = " + "sin(" * 70 + "g" + ")" * 70 + TAIL, "line 2: a program has up to 64 statements"),
        (HEAD + "  update = " + "-" * 90000 + "g" + TAIL, "not a program"),
    ],
    ids=lambda text: text[:40],
)
def test_bad_text_is_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse_program(text)
    assert "\n" not in str(caught.value)
