"""Loss graphs as text that people read and write: a formula and a list of nodes.

    # L = 0.5*(Q(s, a) - (r + γ*max_a(Qt(s'))))²
    n0 = QValueList(q_param, s_tm1)
    n1 = SelectList(n0, action)
    …
    n6 = L2Distance(n1, n5)

The list is the graph; the formula and all else after a ``#`` is a comment. Nodes may have any names. The inputs are
`q_param`, `action`, `s_tm1`, `q_targ_param`, `s_t`, `reward`, `discount` and `constant`.
"""

from __future__ import annotations

import re

from setups.autorl.formula import formula
from setups.autorl.graph import FIRST, INPUT_TYPES, INPUTS, Graph, Node, learns, live, node_error
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.types import Type
from setups.data import check_length
from ufh_cli.core.names import nearest

_LINE = re.compile(r"([^\W\d]\w*)\s*=\s*([\w.]+)\s*\(([^()]*)\)")


def format_graph(graph: Graph) -> str:
    """The text of `graph`: its formula, then a line for each node, those that the loss does not need marked dead."""
    alive = set(live(graph))
    names = [*INPUTS, *(f"n{k}" for k in range(len(graph)))]
    lines = [f"# L = {formula(graph)}"]
    for k, node in enumerate(graph):
        arguments = ", ".join(names[i] for i in node.inputs)
        remark = "" if FIRST + k in alive else "  # dead"
        lines.append(f"n{k} = {OPERATIONS[node.operation].name}({arguments}){remark}")
    return "\n".join(lines) + "\n"


def parse_graph(text: str) -> Graph:
    """The graph that `text` describes.

    Raises
    ------
    ValueError
        One line with the number of the line in `text`: no node, an unknown operation or value, types that do not fit;
        or that the last node is no loss.
    """
    check_length(text)
    indices = {name: i for i, name in enumerate(INPUTS)}
    known = list(INPUT_TYPES)
    nodes: list[Node] = []
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("#", 1)[0].strip()
        if not code:
            continue
        try:
            name, node = _parse_line(code, indices, known)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        indices[name] = len(known)
        known.append(OPERATIONS[node.operation].signatures[tuple(known[i] for i in node.inputs)])
        nodes.append(node)
    if not nodes:
        raise ValueError("the graph has no nodes; a node is a line like 'n0 = QValueList(q_param, s_tm1)'")
    if known[-1] is not Type.FLOAT:
        raise ValueError(f"the last node is the loss, so it is a FLOAT; {name} is a {known[-1].name}")
    if not learns(nodes):
        raise ValueError(f"the last node, {name}, does not depend on q_param, so there is nothing to learn")
    return tuple(nodes)


def _parse_line(code: str, indices: dict[str, int], known: list[Type]) -> tuple[str, Node]:
    match = _LINE.fullmatch(code)
    if match is None:
        raise ValueError(f"expected a node like 'n0 = QValueList(q_param, s_tm1)', got {_short(code)}")
    name, operation, arguments = match.groups()
    if name in INPUTS:
        raise ValueError(f"{name} is an input of every graph, a node needs another name")
    if name in indices:
        raise ValueError(f"{_short(name)} is defined twice")
    if operation not in NUMBERS:
        raise ValueError(f"unknown operation {_short(operation)}; {nearest(operation, NUMBERS)}")
    inputs = []
    for argument in [part.strip() for part in arguments.split(",")] if arguments.strip() else []:
        if argument not in indices:
            raise ValueError(f"{_short(argument)} is no input and no node above; {nearest(argument, indices)}")
        inputs.append(indices[argument])
    node = Node(NUMBERS[operation], tuple(inputs))
    error = node_error(node, known)
    if error:
        raise ValueError(f"{error}{_what_fits(node, indices, known)} (in {_short(code)})")
    return name, node


def _what_fits(node: Node, indices: dict[str, int], known: list[Type]) -> str:
    """For the first input of a type that does not fit, which values do where the others stay as they are."""
    operation = OPERATIONS[node.operation]
    if len(node.inputs) != operation.arity:
        return ""
    given = [known[i] for i in node.inputs]
    for place in range(operation.arity):
        legal = {
            signature[place]
            for signature in operation.signatures
            if all(signature[j] is given[j] for j in range(operation.arity) if j != place)
        }
        fitting = [name for name, i in indices.items() if known[i] in legal and i not in node.inputs]
        if fitting:
            some = ", ".join(fitting[-8:])
            return f"; input {place + 1} could be {some}"
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
