"""Structure after pruning (§6.3): what makes two programs the same without running them, and what does not."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from setups.automl_zero import AutoMLZero
from setups.automl_zero.effects import live
from setups.automl_zero.operations import OPERATIONS
from setups.automl_zero.program import pack, unpack
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng

FIXED = {("s", 0), ("s", 1), ("v", 0)}  # label, prediction, features


@pytest.fixture(scope="module")
def setup():
    return AutoMLZero(
        task="linear", features=4, tasks=3, train_examples=20, valid_examples=10, heldout_tasks=1, memory=(6, 6, 3),
        operations="paper", max_sizes=(8, 8, 8), initial="random", initial_sizes=(6, 6, 6), hash_examples=5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def programs(setup):
    """Some of them differ in nothing that is live, since many mutations are silent."""
    rng, found = Rng.from_seed(0), []
    for _ in range(60):
        found.append(setup.random_candidate(rng))
        found += [setup.mutate(found[-1], rng) for _ in range(10)]
    return found


def outputs(setup, program):
    return np.asarray(setup.hashable_outputs(program)).tobytes()


def renamed(setup, program, rng):
    """The same program with its addresses permuted, but for those that mean something outside."""
    names = {}
    for kind, count in zip("svm", setup.space.memory, strict=True):
        free = [address for address in range(count) if (kind, address) not in FIXED]
        other = list(free)
        rng.shuffle(other)
        names |= {(kind, address): address for address in range(count)}
        names |= {(kind, address): new for address, new in zip(free, other, strict=True)}

    def moved(instruction):
        op = OPERATIONS[instruction.op]
        fields = {"in1": op.in1, "in2": op.in2, "out": op.out}
        return instruction._replace(
            **{field: names[kind, getattr(instruction, field)] for field, kind in fields.items() if kind}
        )

    return pack([[moved(instruction) for instruction in function] for function in unpack(program)])


def test_what_addresses_are_called_and_what_is_dead_is_no_structure(setup, programs):
    rng = Rng.from_seed(1)
    for program in programs:
        kept = iter(live(program))
        pruned = pack([[instruction for instruction in function if next(kept)] for function in unpack(program)])
        keys = {setup.structural_key(one) for one in (program, renamed(setup, program, rng), pruned)}
        assert len(keys) == 1


@pytest.mark.parametrize(("right", "same"), [("s2 + s3", True), ("s3 * s2", True), ("s2 - s3", False)])
def test_the_order_of_the_operands_of_sums_and_products_is_no_structure(setup, right, same):
    text = "def Setup():\n  s2 = 0.5\ndef Predict():\n  s1 = {}\ndef Learn():\n  s3 = s3 - s0\n"
    other = right[-2:] + right[2:-2] + right[:2]
    one, swapped = (setup.structural_key(setup.parse(text.format(form))) for form in (right, other))
    assert (one == swapped) is same


def test_equal_structure_is_equal_behaviour_and_some_programs_have_the_same(setup, programs):
    behaviour = {}
    for program in programs:
        assert behaviour.setdefault(setup.structural_key(program), outputs(setup, program)) == outputs(setup, program)
    assert 10 < len(behaviour) < len(set(programs))


@pytest.mark.parametrize(
    "longer",
    ["s2 = s3 + s4\n  s1 = s1 + s2", "s1 = maximum(s1, s1)", "s2 = s1 - s1\n  s1 = s1 + s2"],
    ids=["a zero is added", "the larger of itself", "a computed zero is added"],
)
def test_the_functional_key_finds_what_the_structural_key_does_not(setup, longer):
    text = "def Setup():\n  v1[F * 0.0] = 0.5\ndef Predict():\n  s1 = dot(v1, v0)\n{}def Learn():\n"
    short, long = (setup.parse(text.format(more)) for more in ("", f"  {longer}\n"))
    key = FunctionalHash()
    assert key(setup.hashable_outputs(short)) == key(setup.hashable_outputs(long))
    assert setup.structural_key(short) != setup.structural_key(long)


def test_the_element_counts_that_a_fraction_means(setup):
    text = "def Setup():\n  v1[F * {}] = 0.5\ndef Predict():\n  s1 = dot(v1, v0)\ndef Learn():\n"
    keys = {setup.structural_key(setup.parse(text.format(x))) for x in ("0.26", "0.4", "0.6")}
    assert len(keys) == 2  # of four features: the second, twice, and the third


def test_the_picture_has_the_live_instructions_and_pales_what_has_no_effect(setup):
    program = setup.parse(
        "def Setup():\n  s5 = 0.25\n  v1[F * 0.0] = 0.5\ndef Predict():\n  s2 = s3 + s4\n  s1 = dot(v1, v0)\n"
        "  s1 = s1 + s2\ndef Learn():\n"
    )
    fig, axes = plt.subplots()
    setup.draw(program, axes)
    shown = {text.get_text().strip(): text.get_color() for text in axes.texts}
    plt.close(fig)
    assert "s5 = 0.25" not in shown
    assert shown["s1 = dot(v1, v0)"] == "black"
    assert shown["s1 = s1 + s2"] != "black"
