"""The operations of a loss graph and the types they take and give (Co-Reyes et al. 2021, Appendix A).

The type rules are those of the published search: for instance LIST − LIST is not offered, although it would make sense.
"""

from __future__ import annotations

from typing import NamedTuple

from setups.autorl.types import Type


class Operation(NamedTuple):
    """One operation.

    Attributes
    ----------
    name : str
    arity : int
        1 or 2.
    ordered : bool
        Whether exchanging the two inputs changes the value.
    signatures : dict of tuple of Type to Type
        All types of inputs that are legal, with the type of the output.
    meaning : str
        What it computes of its inputs x and y, in words or as a formula.
    """

    name: str
    arity: int
    ordered: bool
    signatures: dict[tuple[Type, ...], Type]
    meaning: str


F, V, S, A, L, P, W, C = Type

_ELEMENTWISE: dict[tuple[Type, ...], Type] = {(t,): t for t in (F, V, S, L)}
_OF_LIST: dict[tuple[Type, ...], Type] = {(L,): F}
_WITH_FLOAT: dict[tuple[Type, ...], Type] = {pair: t for t in (V, L) for pair in ((F, t), (t, F))}
_SUM: dict[tuple[Type, ...], Type] = {(F, F): F, **_WITH_FLOAT}
_SCALE: dict[tuple[Type, ...], Type] = {**_WITH_FLOAT, (F, S): S, (S, F): S}
_SAME: dict[tuple[Type, ...], Type] = {(t, t): t for t in (F, V, L)}
_QUOTIENT: dict[tuple[Type, ...], Type] = {(t, t): t for t in (F, V, S, L)}
_TRANSCENDENTAL: dict[tuple[Type, ...], Type] = {(t,): t for t in (F, L, P)}
_OVER_BATCH: dict[tuple[Type, ...], Type] = {(t,): t for t in (F, V, S)}
_CONSTANT: dict[tuple[Type, ...], Type] = {(C,): F}

# An operation's place in this table is its number, in compiled code as well: append, never reorder.
OPERATIONS: tuple[Operation, ...] = (
    Operation("QValueList", 2, True, {(W, S): L}, "the network x at the states y: a value for each action"),
    Operation("SelectList", 2, True, {(L, A): F}, "the entry of x for the action y"),
    Operation("MaxList", 1, True, _OF_LIST, "the largest entry"),
    Operation("ArgMaxList", 1, True, {(L,): A}, "the action with the largest entry, the first of equals"),
    Operation("SumList", 1, True, _OF_LIST, "the sum over actions"),
    Operation("MeanList", 1, True, _OF_LIST, "the mean over actions"),
    Operation("StdList", 1, True, _OF_LIST, "the population standard deviation over actions"),
    Operation("LogSumExpList", 1, True, _OF_LIST, "log(sum(exp(x))) over actions"),
    Operation("Subtract", 2, True, _SUM, "x - y"),
    Operation("Add", 2, False, _SUM, "x + y"),
    Operation("MultiplyFloat", 2, False, _SCALE, "x * y, one of them a FLOAT and the other not"),
    Operation(
        "DotProduct", 2, False, {(F, F): F, (V, V): F, (S, S): F, (L, L): L}, "x * y, of VECTOR and STATE the sum"
    ),
    Operation("Max", 2, False, _SAME, "max(x, y), element by element"),
    Operation("Min", 2, False, _SAME, "min(x, y), element by element"),
    Operation("MaxFloat", 2, False, _WITH_FLOAT, "max(x, y), one of them a FLOAT and the other not"),
    Operation("AddGaussianNoise", 1, True, _ELEMENTWISE, "x: as in the original, the noise is never switched on"),
    Operation("Abs", 1, True, _ELEMENTWISE, "|x|"),
    Operation("MultiplyTenth", 1, True, {(F,): F}, "0.1 * x"),
    Operation("Div", 2, True, _QUOTIENT, "x / (y + 1e-10)"),
    Operation("DivV2", 2, True, _QUOTIENT, "x / (y + 1e-10)"),
    Operation("L2Norm", 1, True, {(F,): F, (V,): F, (S,): F, (L,): L}, "x ** 2, of VECTOR and STATE the sum; no root"),
    Operation("L2Distance", 2, False, {(F, F): F, (V, V): F, (S, S): F}, "0.5 * (x - y) ** 2, of STATE the sum"),
    Operation("Softmax", 1, True, {(L,): P}, "softmax over actions"),
    Operation("KLDiv", 2, True, {(P, P): F}, "sum(x * log(x / y)), both clipped to [1e-7, 1]"),
    Operation("Entropy", 1, True, {(P,): F}, "sum(x * log(x + 1e-8)), without the customary minus"),
    Operation("Log", 1, True, _TRANSCENDENTAL, "log(|x| + 1e-12)"),
    Operation("Exp", 1, True, _TRANSCENDENTAL, "exp(x), clipped to [-1e10, 1e10]"),
    Operation("MeanBatch", 1, True, _OVER_BATCH, "the mean over the batch"),
    Operation("StdBatch", 1, True, _OVER_BATCH, "the population standard deviation over the batch"),
    Operation("Constant0.5", 1, True, _CONSTANT, "0.5"),
    Operation("Constant0.2", 1, True, _CONSTANT, "0.2"),
    Operation("Constant0.1", 1, True, _CONSTANT, "0.1"),
    Operation("Constant0.01", 1, True, _CONSTANT, "0.01"),
    Operation("ConstantGaussian", 1, True, _CONSTANT, "a draw of N(0, 1) at each execution"),
    Operation("ConstantUniform", 1, True, _CONSTANT, "a draw of U[0, 1) at each execution"),
)

NUMBERS: dict[str, int] = {operation.name: number for number, operation in enumerate(OPERATIONS)}

# Drawn anew at each execution: two such nodes are two different values.
RANDOM: frozenset[int] = frozenset({NUMBERS["ConstantGaussian"], NUMBERS["ConstantUniform"]})
