"""A candidate as a graph of operations: one form for the programs, formulas, losses and networks of all setups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Graph(NamedTuple):
    """What a candidate consists of.

    Attributes
    ----------
    operations : sequence of int, shape (nodes,)
        Of each node the place of its operation in `Setup.operations`.
    edges : sequence of pairs of int, shape (edges, 2)
        From the node that gives to the node that takes. Nodes are numbered so that what gives comes first, but where
        there is a loop; edges back count as such, and are no part of paths.
    values : sequence of sequence of float, shape (nodes, n), or empty
        What else there is to a node, such as constants and sizes; n is the same for all candidates of a setup.
    """

    operations: Sequence[int] | np.ndarray
    edges: Sequence[Sequence[int]] | np.ndarray
    values: Sequence[Sequence[float]] | np.ndarray = ()
