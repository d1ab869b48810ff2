"""The types of values in a loss graph (Co-Reyes et al. 2021, §3.2 and Appendix A)."""

from __future__ import annotations

from enum import IntEnum


class Type(IntEnum):
    """What a node's value is; every value has one row per example of the batch.

    FLOAT (N, 1), VECTOR and STATE (N, size), ACTION (N,) integers, LIST (N, actions): one float per action, PROB
    (N, actions): probabilities of the actions, PARAM: the parameters of a Q network, CONSTANT: no value, the input of
    the operations that make constants.

    No operation here produces a VECTOR; the type is kept because the original's type rules speak of it.
    """

    FLOAT = 0
    VECTOR = 1
    STATE = 2
    ACTION = 3
    LIST = 4
    PROB = 5
    PARAM = 6
    CONSTANT = 7
