"""The types of loss graphs, which of them are losses, and their structural key."""

import json
import pickle

import pytest
from autorl_originals import graph_of, is_in, our_name
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.autorl.graph import FIRST, INPUT_TYPES, Node, canonical, is_valid, live, types
from setups.autorl.known import KNOWN
from setups.autorl.operations import NUMBERS, OPERATIONS, RANDOM
from setups.autorl.space import SPACES, Space
from setups.autorl.text import format_graph, parse_graph
from setups.autorl.types import Type
from ufh_cli.core.rng import Rng

SEEDS = st.integers(0, 2**32 - 1)


def type_of(original):
    return Type[original.replace("FLOATCONSTANT", "CONSTANT")]


@pytest.fixture(scope="module")
def programs(autorl_vectors, vector_lines):
    whole = (autorl_vectors / "programs.jsonl").is_file()
    return vector_lines("programs.jsonl" if whole else "programs_public.jsonl")


def graph(text):
    return parse_graph(f"l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\n{text}")


def drawn(seed):
    rng = Rng.from_seed(seed)
    return Space(rng.choice(list(SPACES.values()))).random_graph(rng), rng


def reordered(nodes, rng):
    """The same graph in another topological order, random constants kept in theirs."""
    order = {index: index for index in range(FIRST)}
    result = []
    while len(result) < len(nodes) - 1:
        draws = [k for k, node in enumerate(nodes) if node.operation in RANDOM and FIRST + k not in order]
        ready = [
            k
            for k, node in enumerate(nodes[:-1])
            if FIRST + k not in order
            and all(i in order for i in node.inputs)
            and (node.operation not in RANDOM or k == draws[0])
        ]
        k = rng.choice(ready)
        order[FIRST + k] = FIRST + len(result)
        result.append(nodes[k]._replace(inputs=tuple(order[i] for i in nodes[k].inputs)))
    return (*result, nodes[-1]._replace(inputs=tuple(order[i] for i in nodes[-1].inputs)))


def commuted(nodes, rng):
    return tuple(
        node if OPERATIONS[node.operation].ordered or rng.integer(2) else node._replace(inputs=node.inputs[::-1])
        for node in nodes
    )


NAMES_IN_ORDER = """
QValueList SelectList MaxList ArgMaxList SumList MeanList StdList LogSumExpList Subtract Add MultiplyFloat DotProduct
Max Min MaxFloat AddGaussianNoise Abs MultiplyTenth Div DivV2 L2Norm L2Distance Softmax KLDiv Entropy Log Exp MeanBatch
StdBatch Constant0.5 Constant0.2 Constant0.1 Constant0.01 ConstantGaussian ConstantUniform
"""


def test_numbers_of_operations_are_fixed():
    assert [operation.name for operation in OPERATIONS] == NAMES_IN_ORDER.split()


def test_type_rules_are_those_of_the_original(autorl_vectors):
    rules = json.loads((autorl_vectors / "op_types.json").read_text(encoding="utf-8"))
    seen = set()
    for original, cases in rules.items():
        name = our_name(original)
        if name in NUMBERS:
            seen.add(name)
            legal = {
                tuple(type_of(t) for t in case["types"]): type_of(case["out_type"])
                for case in cases
                if case["precheck_valid_input"] and case["check_valid"]
            }
            assert OPERATIONS[NUMBERS[name]].signatures == legal, name
    assert seen == set(NUMBERS)


def test_graphs_of_the_original_have_its_types_and_live_nodes(programs):
    for program in programs:
        nodes = graph_of(program)
        assert is_valid(nodes)
        assert types(nodes)[FIRST:] == [type_of(node["out_type"]) for node in program["nodes"][:-1]]
        assert live(nodes) == [FIRST + k for k, node in enumerate(program["nodes"][:-1]) if node["live"]]


def test_graphs_of_the_original_lie_in_our_spaces(programs):
    for program in programs:
        if program["kind"] == "sampled":
            assert is_in(SPACES[program["config"].removesuffix("_existingdqn_nofreeze")], graph_of(program))


def test_fixtures_of_the_original_are_our_known_losses(programs):
    fixtures = {
        program["kind"].removeprefix("fixture:"): graph_of(program)
        for program in programs
        if program["kind"].startswith("fixture:")
    }
    assert fixtures
    halved = "\n".join(
        line.replace("L2Norm(n6)", "L2Distance(n1, n5)") for line in format_graph(KNOWN["dqn_reg"]).splitlines()
    )
    for name, nodes in fixtures.items():
        # The published graph of DQNReg has half the squared error that its paper writes.
        expected = parse_graph(halved) if name == "dqn_reg" else KNOWN[name]
        assert canonical(nodes) == canonical(expected), name


@pytest.mark.parametrize("name", KNOWN)
def test_known_losses_are_losses_without_dead_nodes(name):
    nodes = KNOWN[name]
    assert is_valid(nodes)
    assert len(live(nodes)) == len(nodes)
    assert pickle.loads(pickle.dumps(nodes)) == nodes


def test_known_losses_have_different_keys():
    assert len({canonical(nodes) for nodes in KNOWN.values()}) == len(KNOWN)


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_every_signature_is_accepted_and_every_other_refused(number):
    operation = OPERATIONS[number]
    # One node of each type that can be made, besides the inputs.
    made = (Node(NUMBERS["QValueList"], (0, 2)), Node(NUMBERS["QValueList"], (3, 4)))
    made += (Node(NUMBERS["Softmax"], (8,)), Node(NUMBERS["Softmax"], (9,)), Node(NUMBERS["ArgMaxList"], (8,)))
    known = types(made)
    for first in range(len(known)):
        for second in range(len(known)) if operation.arity == 2 else [None]:
            inputs = (first,) if second is None else (first, second)
            signature = tuple(known[i] for i in inputs)
            if signature in operation.signatures and first != second:
                assert types((*made, Node(number, inputs)))[-1] is operation.signatures[signature]
            else:
                with pytest.raises(ValueError, match=r"^node n5: \w+[\d.]* takes .*[^\n]*$"):
                    types((*made, Node(number, inputs)))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node(35, (0,)), "operation 35 is not in 0 to 34"),
        (Node(-1, (0,)), "operation -1 is not in"),
        (Node(NUMBERS["Add"], (5,)), "Add takes 2 inputs, got 1"),
        (Node(NUMBERS["Abs"], (5, 6)), "Abs takes 1 input, got 2"),
        (Node(NUMBERS["Abs"], (8,)), "Abs takes earlier nodes, 0 to 7"),
        (Node(NUMBERS["Abs"], (-1,)), "Abs takes earlier nodes"),
        (Node(NUMBERS["Add"], (5, 5)), "Add takes the same node twice"),
    ],
)
def test_ill_formed_nodes_are_named(node, message):
    with pytest.raises(ValueError, match=message):
        types((node,))
    assert not is_valid((node,))


def test_a_loss_is_a_float_that_depends_on_the_network():
    q_list, q, target = Node(0, (0, 2)), Node(1, (8, 1)), Node(0, (3, 4))
    assert is_valid((q_list, q))
    assert not is_valid(())
    assert not is_valid((q_list,))
    assert not is_valid((target, q))
    assert not is_valid((q_list, Node(NUMBERS["Abs"], (5,))))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_key_ignores_order_dead_nodes_and_commuted_inputs(seed):
    nodes, rng = drawn(seed)
    key = canonical(nodes)
    changed = commuted(reordered(nodes, rng), rng)
    assert sorted(types(changed)) == sorted(types(nodes))
    assert canonical(changed) == key
    alive = live(nodes)
    new = {index: FIRST + k for k, index in enumerate(alive)} | {index: index for index in range(FIRST)}
    bare = tuple(nodes[i - FIRST]._replace(inputs=tuple(new[j] for j in nodes[i - FIRST].inputs)) for i in alive)
    assert canonical(bare) == key


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_key_tells_swapped_operands_apart(seed):
    nodes, _ = drawn(seed)
    alive = set(live(nodes))
    for k, (operation, inputs) in enumerate(nodes):
        signatures = OPERATIONS[operation].signatures
        known = types(nodes)
        if FIRST + k in alive and OPERATIONS[operation].ordered and len(inputs) == 2:
            swapped = Node(operation, inputs[::-1])
            one = canonical((*nodes[:k], Node(operation, inputs))) != canonical((*nodes[:k], swapped))
            same_operands = canonical((*nodes[:k], Node(NUMBERS["Abs"], inputs[:1]))) == canonical(
                (*nodes[:k], Node(NUMBERS["Abs"], inputs[1:]))
            )
            assert one or same_operands or tuple(known[i] for i in inputs[::-1]) not in signatures


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = Subtract(q, reward)", "x = Subtract(reward, q)"),
        ("x = Subtract(q, reward)\ny = L2Norm(x)", "x = L2Distance(q, reward)"),
        ("x = Max(q, reward)", "x = Min(q, reward)"),
        ("x = Add(q, reward)", "x = Add(q, discount)"),
        ("x = Subtract(q, reward)", "x = Subtract(q, reward)\ny = Abs(x)"),
        ("x = Constant0.1(constant)\ny = Add(q, x)", "x = Constant0.2(constant)\ny = Add(q, x)"),
        (  # one draw in two places against two draws
            "g = ConstantGaussian(constant)\nx = DotProduct(q, g)\ny = DotProduct(reward, g)\nz = Add(x, y)",
            "g = ConstantGaussian(constant)\nh = ConstantGaussian(constant)\n"
            "x = DotProduct(q, g)\ny = DotProduct(reward, h)\nz = Add(x, y)",
        ),
    ],
)
def test_near_misses_have_different_keys(one, other):
    assert canonical(graph(one)) != canonical(graph(other))


def test_key_does_not_count_how_often_an_expression_stands():
    twice = graph("x = Abs(reward)\ny = Abs(reward)\nz = Add(q, x)\nloss = Add(z, y)")
    once = graph("x = Abs(reward)\nz = Add(q, x)\nloss = Add(z, x)")
    assert canonical(twice) == canonical(once)


def test_inputs_have_a_type_each():
    assert types(()) == list(INPUT_TYPES)
    assert len(INPUT_TYPES) == FIRST
