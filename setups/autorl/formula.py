"""A loss graph as a formula for people: ``0.5*(Q(s, a) - (r + γ*max_a(Qt(s'))))²``.

Q and Qt are the network that learns and its target, s, a, r and s' the transition, γ the discount (0 where s' is
terminal), ``_a`` marks what runs over actions and ``_batch`` what runs over the batch. ``x²`` of a state is the sum of
its squares, ``x·y`` the sum of products; H is the entropy. What a formula leaves out: the small numbers that guard
logarithms and divisions, and AddGaussianNoise, which is never switched on.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from setups.autorl.graph import FIRST, Graph, live, types
from setups.autorl.operations import OPERATIONS
from setups.autorl.types import Type

# How tightly a text binds: what is looser than its place asks for gets parentheses.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)

# A shared term longer than this, or any term longer than the second, is named and written once.
_LONG_SHARED = 12
_LONG = 120

_INPUT_NAMES = ("Q", "a", "s", "Qt", "s'", "r", "γ", "constant")
_CALLS = {
    "MaxList": "max_a", "ArgMaxList": "argmax_a", "SumList": "sum_a", "MeanList": "mean_a", "StdList": "std_a",
    "LogSumExpList": "logsumexp_a", "Max": "max", "Min": "min", "MaxFloat": "max", "Abs": "abs",
    "Softmax": "softmax_a", "KLDiv": "KL", "Log": "log", "Exp": "exp", "MeanBatch": "mean_batch",
    "StdBatch": "std_batch",
}  # fmt: skip
_RANDOM = {"ConstantGaussian": ("g", "N(0, 1)"), "ConstantUniform": ("u", "U(0, 1)")}


class _Term(NamedTuple):
    text: str
    level: int
    values: str = ""  # of a network's list, what stands between its parentheses


def formula(graph: Graph) -> str:
    """The loss as one line; terms that stand several times are named after a ``where``.

    `ValueError` when `graph` is ill-typed or empty.
    """
    if not graph:
        raise ValueError("a graph without nodes has no formula")
    all_types = types(graph)
    alive = live(graph)
    uses = Counter(i for index in alive for i in set(graph[index - FIRST].inputs))
    terms: dict[int, _Term] = {i: _Term(name, _ATOM) for i, name in enumerate(_INPUT_NAMES)}
    named: list[str] = []
    draws = 0
    for index in alive:
        node = graph[index - FIRST]
        name = OPERATIONS[node.operation].name
        if name in _RANDOM:
            draws += 1
            letter, distribution = _RANDOM[name]
            named.append(f"{letter}{draws} ~ {distribution}")
            terms[index] = _Term(f"{letter}{draws}", _ATOM)
            continue
        term = _term(name, [terms[i] for i in node.inputs], [all_types[i] for i in node.inputs])
        length = len(term.text)
        if index != alive[-1] and (length > _LONG or (uses[index] > 1 and length > _LONG_SHARED)):
            named.append(f"x{index - FIRST} = {term.text}")
            term = _Term(f"x{index - FIRST}", _ATOM)
        terms[index] = term
    where = f"  where {', '.join(named)}" if named else ""
    return terms[alive[-1]].text + where


def _term(name: str, operands: list[_Term], given: list[Type]) -> _Term:
    x = operands[0]
    if name in _CALLS:
        return _Term(f"{_CALLS[name]}({', '.join(operand.text for operand in operands)})", _ATOM)
    if name.startswith("Constant"):
        return _Term(name.removeprefix("Constant"), _ATOM)
    if name == "AddGaussianNoise":
        return x
    if name == "MultiplyTenth":
        return _Term(f"0.1*{_at(x, _POWER)}", _PRODUCT)
    if name == "Entropy":
        return _Term(f"-H({x.text})", _SUM)
    if name == "L2Norm":
        return _Term(f"{_at(x, _ATOM)}²", _POWER)
    y = operands[1]
    if name == "QValueList":
        return _Term(f"{x.text}({y.text})", _ATOM, f"{x.text}({y.text}")
    if name == "SelectList":
        return _Term(f"{x.values}, {y.text})" if x.values else f"{_at(x, _ATOM)}[{y.text}]", _ATOM)
    if name == "L2Distance":
        return _Term(f"0.5*({x.text} - {_at(y, _PRODUCT)})²", _PRODUCT)
    if name in ("Add", "Subtract"):
        return _Term(f"{_at(x, _SUM)} {'+' if name == 'Add' else '-'} {_at(y, _PRODUCT)}", _SUM)
    sign = (
        "/"
        if name in ("Div", "DivV2")
        else "·"
        if given[0] in (Type.STATE, Type.VECTOR) and given[0] is given[1]
        else "*"
    )
    return _Term(f"{_at(x, _PRODUCT)}{sign}{_at(y, _POWER)}", _PRODUCT)


def _at(term: _Term, level: int) -> str:
    return term.text if term.level >= level else f"({term.text})"
