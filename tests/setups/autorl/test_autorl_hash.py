"""The functional hash of losses: equivalents share a key, near misses do not; and the inputs that it uses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.autorl.graph import FIRST, Node, canonical
from setups.autorl.hashing import Hasher
from setups.autorl.hashing_inputs import make_probe
from setups.autorl.known import KNOWN
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.space import Space, configuration
from setups.autorl.text import parse_graph
from ufh_cli.core.hashing import functional_key
from ufh_cli.core.rng import Rng

PROBE = make_probe()
Q = "list = QValueList(q_param, s_tm1)\nq = SelectList(list, action)\n"
DELTA = (
    Q + "next_list = QValueList(q_targ_param, s_t)\nnext = MaxList(next_list)\n"
    "discounted = DotProduct(discount, next)\ny = Add(reward, discounted)\ndelta = Subtract(q, y)\n"
)


HASHER = Hasher(PROBE)


def key(text):
    graph = parse_graph(text) if isinstance(text, str) else text
    return functional_key(HASHER.outputs(graph), mantissa_bits=8)


EQUIVALENTS = {
    "operands of a sum": (DELTA + "loss = Add(q, delta)\n", DELTA + "loss = Add(delta, q)\n"),
    "operands of max": (DELTA + "loss = Max(q, y)\n", DELTA + "loss = Max(y, q)\n"),
    "max is the larger of min and max": (
        DELTA + "loss = Max(q, y)\n",
        DELTA + "low = Min(q, y)\nhigh = Max(y, q)\nloss = Max(low, high)\n",
    ),
    "a dead node": (DELTA + "loss = L2Norm(delta)\n", DELTA + "dead = Exp(next)\nloss = L2Norm(delta)\n"),
    "nodes in another order": (
        DELTA + "loss = L2Norm(delta)\n",
        "nl = QValueList(q_targ_param, s_t)\nn = MaxList(nl)\nd = DotProduct(n, discount)\ny = Add(d, reward)\n"
        + Q
        + "x = Subtract(q, y)\nloss = L2Norm(x)\n",
    ),
    "plus zero": (
        DELTA + "loss = L2Norm(delta)\n",
        DELTA + "again = Subtract(q, y)\nzero = Subtract(delta, again)\nsquare = L2Norm(delta)\n"
        "loss = Add(square, zero)\n",
    ),
    "the square of the absolute value": (
        DELTA + "loss = L2Norm(delta)\n",
        DELTA + "size = Abs(delta)\nloss = L2Norm(size)\n",
    ),
    "half a square": (
        DELTA + "loss = L2Distance(q, y)\n",
        DELTA + "half = Constant0.5(constant)\nsquare = L2Norm(delta)\nloss = DotProduct(half, square)\n",
    ),
    "noise that is off": (DELTA + "loss = L2Norm(delta)\n", DELTA + "x = AddGaussianNoise(delta)\nloss = L2Norm(x)\n"),
    "a discount is not negative": (
        DELTA + "loss = L2Norm(delta)\n",
        Q
        + "nl = QValueList(q_targ_param, s_t)\nn = MaxList(nl)\npositive = Abs(discount)\nd = DotProduct(positive, n)\n"
        "y = Add(reward, d)\nx = Subtract(q, y)\nloss = L2Norm(x)\n",
    ),
}

NEAR_MISSES = {
    "half of it": (DELTA + "loss = L2Norm(delta)\n", DELTA + "loss = L2Distance(q, y)\n"),
    "without its sign": (DELTA + "loss = Abs(delta)\n", DELTA + "loss = Subtract(q, y)\n"),
    "operands of a difference": (DELTA + "loss = Subtract(q, y)\n", DELTA + "loss = Subtract(y, q)\n"),
    "operands of a quotient": (DELTA + "loss = Div(q, y)\n", DELTA + "loss = Div(y, q)\n"),
    "max and min": (DELTA + "loss = Max(q, y)\n", DELTA + "loss = Min(q, y)\n"),
    "the mean over the batch": (DELTA + "loss = L2Norm(delta)\n", DELTA + "l = L2Norm(delta)\nloss = MeanBatch(l)\n"),
    "a tenth before the network and after it": (
        Q + "tenth = Constant0.1(constant)\ns = MultiplyFloat(tenth, s_tm1)\nl = QValueList(q_param, s)\n"
        "loss = SelectList(l, action)\n",
        Q + "loss = MultiplyTenth(q)\n",
    ),
    "the network and its target": (
        DELTA + "loss = L2Norm(delta)\n",
        DELTA.replace("q_targ_param", "q_param") + "loss = L2Norm(delta)\n",
    ),
    "two means over the batch": (
        DELTA + "l = L2Norm(delta)\nloss = MeanBatch(l)\n",
        DELTA + "l = L2Distance(q, y)\nloss = MeanBatch(l)\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_equivalents_share_a_key(name):
    assert key(EQUIVALENTS[name][0]) == key(EQUIVALENTS[name][1])


@pytest.mark.parametrize("name", ["plus zero", "the square of the absolute value", "half a square"])
def test_the_structural_key_does_not_find_them_all(name):
    one, other = (canonical(parse_graph(text)) for text in EQUIVALENTS[name])
    assert one != other


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses_do_not(name):
    assert key(NEAR_MISSES[name][0]) != key(NEAR_MISSES[name][1])


def test_known_losses_have_keys_of_their_own():
    assert len({key(graph) for graph in KNOWN.values()}) == len(KNOWN)


SPACE = Space(configuration("pre_graph_10"))
ORDER_MATTERS = {NUMBERS["ConstantGaussian"], NUMBERS["ConstantUniform"]}  # each draws its own


def shuffled(graph, rng):
    """The same loss: nodes in another order, operands of commutative operations exchanged, one node more."""
    nodes = [(FIRST + k, *node) for k, node in enumerate(graph)]
    placed, result = {i: i for i in range(FIRST)}, []
    while len(nodes) > 1:
        ready = [n for n in nodes if n[0] != FIRST + len(graph) - 1 and all(i in placed for i in n[2])]
        if not ready:
            break
        index, operation, inputs = rng.choice(ready)
        nodes = [n for n in nodes if n[0] != index]
        placed[index] = FIRST + len(result)
        result.append((operation, inputs))
    result.append(nodes[-1][1:])
    if rng.uniform() < 0.5:  # a dead node
        result.insert(0, (NUMBERS["MultiplyTenth"], (5,)))
        placed = {i: p + (p >= FIRST) for i, p in placed.items()}
    moved = []
    for operation, inputs in result:
        inputs = [placed[i] for i in inputs]
        if not OPERATIONS[operation].ordered and rng.uniform() < 0.5:
            inputs.reverse()
        moved.append(Node(operation, tuple(inputs)))
    return tuple(moved)


@settings(max_examples=60, deadline=None)
@given(word=st.integers(0, 2**64 - 1))
def test_what_is_structurally_equal_has_equal_outputs(word):
    rng = Rng.from_word(word)
    graph = SPACE.random_graph(rng)
    if any(node.operation in ORDER_MATTERS for node in graph):
        return
    other = shuffled(graph, rng)
    assert canonical(other) == canonical(graph)
    assert key(other) == key(graph)


def test_outputs_are_raw_and_one_an_example():
    outputs = HASHER.outputs(KNOWN["dqn"])
    assert outputs.shape == (4096, 1)
    assert outputs.dtype == np.float32
    assert len(np.unique(outputs)) > 4000


def test_infinite_and_nan_outputs_stay_where_they_are():
    steep = DELTA + "one = Exp(delta)\ntwo = L2Norm(one)\nfour = L2Norm(two)\neight = L2Norm(four)\n"
    infinite = HASHER.outputs(parse_graph(steep + "loss = Add(eight, q)\n"))
    undefined = HASHER.outputs(parse_graph(steep + "loss = Subtract(four, eight)\n"))
    assert 0 < np.isinf(infinite).sum() < 4096
    assert not np.isnan(infinite).any()
    assert np.isinf(undefined).sum() + np.isnan(undefined).sum() == np.isinf(infinite).sum()
    assert np.isfinite(undefined).any()


def test_one_number_a_batch_is_computed_on_several_batches():
    outputs = HASHER.outputs(parse_graph(DELTA + "l = L2Norm(delta)\nloss = MeanBatch(l)\n"))
    single = HASHER.outputs(parse_graph(DELTA + "loss = L2Norm(delta)\n"))
    assert outputs.shape == (128, 1)
    np.testing.assert_allclose(outputs, single.reshape(128, 32).mean(1, keepdims=True), rtol=1e-5)
    few = Hasher(make_probe(examples=20))
    assert few.outputs(parse_graph(DELTA + "l = L2Norm(delta)\nloss = MeanBatch(l)\n")).shape == (1, 1)


def test_random_constants_are_frozen():
    text = Q + "noise = ConstantGaussian(constant)\nloss = Subtract(q, noise)\n"
    assert key(text) == key(text)
    assert key(text) != key(Q + "noise = ConstantUniform(constant)\nloss = Subtract(q, noise)\n")
    twice = Q + "a = ConstantGaussian(constant)\nb = ConstantGaussian(constant)\nc = Subtract(a, b)\nloss = Add(q, c)\n"
    assert key(twice) != key(Q + "loss = SelectList(list, action)\n")  # two draws, not one


def test_more_seeds_add_outputs_of_other_networks():
    one, three = (Hasher(make_probe(examples=256, seeds=n)).outputs(KNOWN["dqn"]) for n in (1, 3))
    assert three.shape == (768, 1)
    assert np.array_equal(three[:256], one)
    assert not np.array_equal(three[256:512], one)
    assert np.array_equal(one, HASHER.outputs(KNOWN["dqn"])[:256])


def test_the_fixed_inputs():
    states, actions, rewards, discounts, next_states = PROBE.batch
    for values in (states, rewards, next_states):
        assert values.dtype == np.float32
        assert values.min() >= -100.0
        assert values.max() < 100.0
        assert values.std() == pytest.approx(200.0 / 12**0.5, rel=0.05)
    assert states.shape == next_states.shape == (4096, 4)
    assert discounts.min() >= 0.0
    assert discounts.max() < 1.0
    assert np.bincount(actions, minlength=3) == pytest.approx([4096 / 3] * 3, rel=0.1)
    assert abs(np.corrcoef(np.column_stack([states, rewards, discounts, next_states]).T)[0, 1:]).max() < 0.06
    with pytest.raises(ValueError, match="at least one example"):
        make_probe(examples=0)


def test_keys_are_the_same_in_another_process():
    script = (
        f"import sys, runpy; sys.path.insert(0, {str(Path(__file__).parents[3])!r});"
        f"m = runpy.run_path({__file__!r}); print([m['key'](g) for g in m['KNOWN'].values()])"
    )
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert there.stdout.strip() == str([key(graph) for graph in KNOWN.values()])
