"""Loss graphs as text, as formulas and as pictures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from setups.autorl.drawing import draw_graph
from setups.autorl.formula import formula
from setups.autorl.graph import FIRST, canonical, live
from setups.autorl.known import KNOWN
from setups.autorl.operations import OPERATIONS
from setups.autorl.space import SPACES, Space
from setups.autorl.text import format_graph, parse_graph
from ufh_cli.core.rng import Rng

SEEDS = st.integers(0, 2**32 - 1)
START = "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\n"


@pytest.mark.parametrize("name", SPACES)
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_text_reads_back_losslessly(name, seed):
    space, rng = Space(SPACES[name]), Rng.from_seed(seed)
    parent = space.random_graph(rng)
    for graph in (parent, space.mutate(parent, rng)):
        text = format_graph(graph)
        assert parse_graph(text) == graph
        lines = text.splitlines()
        assert lines[0] == f"# L = {formula(graph)}"
        dead = [k for k, line in enumerate(lines[1:]) if line.endswith("# dead")]
        assert sorted([*live(graph), *(FIRST + k for k in dead)]) == list(range(FIRST, FIRST + len(graph)))


def test_dqn_as_text():
    assert format_graph(KNOWN["dqn"]) == (
        "# L = 0.5*(Q(s, a) - (r + γ*max_a(Qt(s'))))²\n"
        "n0 = QValueList(q_param, s_tm1)\n"
        "n1 = SelectList(n0, action)\n"
        "n2 = QValueList(q_targ_param, s_t)\n"
        "n3 = MaxList(n2)\n"
        "n4 = DotProduct(discount, n3)\n"
        "n5 = Add(reward, n4)\n"
        "n6 = L2Distance(n1, n5)\n"
    )


def test_names_blanks_and_comments_are_free():
    text = "\n  # a remark\n q_list=QValueList( q_param ,s_tm1 ) # Q\n\nq = SelectList(q_list, action)\r\n"
    assert format_graph(parse_graph(text)).splitlines()[1:] == [
        "n0 = QValueList(q_param, s_tm1)",
        "n1 = SelectList(n0, action)",
    ]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("x = Subtract(q, reward)\ny = Subtract(x, discount)", "Q(s, a) - r - γ"),
        ("x = Subtract(reward, discount)\ny = Subtract(q, x)", "Q(s, a) - (r - γ)"),
        ("x = Add(q, reward)\ny = DotProduct(x, discount)", "(Q(s, a) + r)*γ"),
        ("x = DotProduct(reward, discount)\ny = Div(q, x)", "Q(s, a)/(r*γ)"),
        ("x = Div(q, reward)\ny = DotProduct(x, discount)", "Q(s, a)/r*γ"),
        ("x = L2Norm(q)\ny = L2Norm(x)", "(Q(s, a)²)²"),
        ("x = MultiplyTenth(q)\ny = MultiplyTenth(x)", "0.1*(0.1*Q(s, a))"),
        ("p = Softmax(l)\nx = Entropy(p)\ny = DotProduct(x, reward)", "(-H(softmax_a(Q(s))))*r"),
        ("p = Softmax(l)\nx = Entropy(p)\ny = Subtract(reward, x)", "r - (-H(softmax_a(Q(s))))"),
        ("x = AddGaussianNoise(l)\ny = SelectList(x, action)", "Q(s, a)"),
        ("x = Exp(l)\nb = ArgMaxList(l)\ny = SelectList(x, b)", "exp(Q(s))[argmax_a(Q(s))]"),
        ("x = Subtract(l, reward)\ny = SelectList(x, action)", "(Q(s) - r)[a]"),
        ("x = DotProduct(s_tm1, s_t)\ny = Max(q, x)", "max(Q(s, a), s·s')"),
        ("t = MultiplyFloat(reward, s_t)\nx = QValueList(q_param, t)\ny = StdList(x)", "std_a(Q(r*s'))"),
        ("c = Constant0.01(constant)\ny = DotProduct(c, q)", "0.01*Q(s, a)"),
        (
            "c = ConstantUniform(constant)\nd = ConstantGaussian(constant)\nx = Max(c, d)\ny = Add(x, q)",
            "max(u1, g2) + Q(s, a)  where u1 ~ U(0, 1), g2 ~ N(0, 1)",
        ),
        (
            "x = L2Distance(q, reward)\ny = Abs(x)\nz = Exp(x)\nw = Add(y, z)",
            "abs(x2) + exp(x2)  where x2 = 0.5*(Q(s, a) - r)²",
        ),
    ],
)
def test_formulas(nodes, expected):
    assert formula(parse_graph(START + nodes)) == expected


def test_equal_formulas_mean_equal_keys_but_for_what_a_formula_leaves_out():
    """Over thousands of graphs: no two losses that differ are shown alike."""
    space, rng = Space(SPACES["pre_graph_10"]), Rng.from_seed(1)
    keys = {}
    for _ in range(3000):
        graph = space.random_graph(rng)
        if any(OPERATIONS[graph[i - FIRST].operation].name == "AddGaussianNoise" for i in live(graph)):
            continue
        keys.setdefault(formula(graph), set()).add(canonical(graph))
    # MultiplyFloat and DotProduct both read as a product, with operands of different types, so they stay apart.
    assert [text for text, same in keys.items() if len(same) > 1 and " where " not in text] == []


def test_formula_of_a_long_chain_stays_short():
    lines = ["x0 = Add(q, reward)"]
    for i in range(60):
        lines += [f"y{i} = Abs(x{i})", f"x{i + 1} = Add(x{i}, y{i})"]
    assert len(formula(parse_graph(START + "\n".join(lines)))) < 60 * 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the graph has no nodes; a node is a line like"),
        ("# L = Q(s, a)", "the graph has no nodes"),
        (START + "x = Subtrac(q, reward)", r"^line 3: unknown operation 'Subtrac'; did you mean 'Subtract'\?$"),
        (START + "x = Abs(qq)", r"^line 3: 'qq' is no input and no node above; did you mean 'q'\?$"),
        (START + "x = Abs(x)", "^line 3: 'x' is no input and no node above"),
        (START + "x = Abs()", "^line 3: Abs takes 1 input, got 0"),
        (START + "x = Abs(q, q)", "^line 3: Abs takes 1 input, got 2"),
        (START + "x = Add(q, q)", "^line 3: Add takes the same node twice"),
        (START + "x = MaxList(q)", r"^line 3: MaxList takes \(LIST\), got \(FLOAT\); input 1 could be l \(in"),
        (START + "x = SelectList(l, q)", r"got \(LIST, FLOAT\); input 2 could be action \(in"),
        (START + "x = KLDiv(l, q)", r"^line 3: KLDiv takes \(PROB, PROB\), got \(LIST, FLOAT\) \(in"),
        (START + "x = Add(l, l)", "takes the same node twice"),
        (START + "q = Abs(q)", "^line 3: 'q' is defined twice"),
        (START + "reward = Abs(q)", "^line 3: reward is an input of every graph"),
        (START + "x = Abs(Abs(q))", "^line 3: expected a node like"),
        (START + "Abs(q)", "^line 3: expected a node like"),
        (START + "x = Abs(q) y", "^line 3: expected a node like"),
        (START + "2x = Abs(q)", "^line 3: expected a node like"),
        (START + "x = " + "A" * 9_000 + "(q)", r"^line 3: unknown operation 'A{57}\.\.\.'"),
        ("l = QValueList(q_param, s_tm1)", "^the last node is the loss, so it is a FLOAT; l is a LIST$"),
        ("x = Add(reward, discount)", "^the last node, x, does not depend on q_param"),
        (START + "x = Abs(reward)", "^the last node, x, does not depend on q_param"),
    ],
)
def test_bad_text_is_answered_with_one_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_graph(text)
    assert "\n" not in str(caught.value)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(START.splitlines()),
            st.builds("{} = {}({})".format, st.text(max_size=5), st.sampled_from(OPERATIONS).map(lambda o: o.name),
                      st.sampled_from(["q", "l, action", "l, q", "reward, q", "", ",", "\u2028"])),
        ),
        max_size=6,
    ).map("\n".join)
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_graph_or_a_value_error_of_one_line(text):
    message = ""
    try:
        graph = parse_graph(text)
    except ValueError as error:
        message = str(error)
    else:
        assert parse_graph(format_graph(graph)) == graph
    assert len(message.splitlines()) <= 1


def drawn_boxes(graph):
    figure = Figure(figsize=(8, 8))
    axes = figure.subplots()
    draw_graph(graph, axes)
    FigureCanvasAgg(figure).draw()
    return {text: text.get_bbox_patch().get_window_extent() for text in axes.texts}, axes


@pytest.mark.parametrize("name", KNOWN)
def test_pictures_show_each_node_once_and_nothing_overlaps(name):
    graph = KNOWN[name]
    boxes, axes = drawn_boxes(graph)
    inputs = {i for node in graph for i in node.inputs if i < FIRST}
    shown = sorted(text.get_text() for text in boxes)
    operations = sorted(OPERATIONS[node.operation].name for node in graph)
    assert [label for label in shown if label in operations] == operations
    assert len(shown) == len(graph) + len(inputs)
    assert len(axes.patches) == sum(len(node.inputs) for node in graph)
    extents = list(boxes.values())
    assert not any(one.overlaps(other) for i, one in enumerate(extents) for other in extents[:i])


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_pictures_leave_dead_nodes_out_and_stand_the_loss_on_top(seed):
    graph = Space(SPACES["pre_graph_10"]).random_graph(Rng.from_seed(seed))
    boxes, _ = drawn_boxes(graph)
    alive = live(graph)
    inputs = {j for i in alive for j in graph[i - FIRST].inputs if j < FIRST}
    assert len(boxes) == len(alive) + len(inputs)
    top = max(boxes, key=lambda text: boxes[text].y0)
    assert top.get_text() == OPERATIONS[graph[-1].operation].name


def test_nothing_to_show():
    with pytest.raises(ValueError, match="no formula"):
        formula(())
    with pytest.raises(ValueError, match="cannot be drawn"):
        draw_graph((), None)
