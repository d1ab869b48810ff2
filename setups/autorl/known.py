"""Known losses as graphs: those that the paper compares with, and those that its searches found."""

from __future__ import annotations

from setups.autorl.graph import Graph
from setups.autorl.text import parse_graph

_Q = """
q_list = QValueList(q_param, s_tm1)
q = SelectList(q_list, action)
"""
_TARGET = """
next_list = QValueList(q_targ_param, s_t)
next = MaxList(next_list)
discounted = DotProduct(discount, next)
y = Add(reward, discounted)
"""
_TD = f"{_Q}{_TARGET}td = L2Distance(q, y)\n"
_DELTA = f"{_Q}{_TARGET}delta = Subtract(q, y)\nsquared = L2Norm(delta)\n"

_DDQN = f"""{_Q}
choice_list = QValueList(q_param, s_t)
choice = ArgMaxList(choice_list)
next_list = QValueList(q_targ_param, s_t)
next = SelectList(next_list, choice)
discounted = DotProduct(discount, next)
y = Add(reward, discounted)
td = L2Distance(q, y)
"""
_DQN_REG = f"""{_DELTA}
weight = MultiplyTenth(q)
loss = Add(weight, squared)
"""
_DQN_REG_ABS = f"""{_TD}
tenth = MultiplyTenth(q)
weight = Abs(tenth)
loss = Add(td, weight)
"""
_DQN_CLIPPED = f"""{_DELTA}
above = Add(squared, y)
first = Max(q, above)
next_squared = L2Norm(next)
discounted_squared = DotProduct(discount, next_squared)
second = Max(delta, discounted_squared)
loss = Add(first, second)
"""
_CQL = f"""{_TD}
all = LogSumExpList(q_list)
gap = Subtract(all, q)
weight = MultiplyTenth(gap)
loss = Add(td, weight)
"""

# Y = r + γ max Qt(s'), δ = Q(s, a) − Y.
KNOWN: dict[str, Graph] = {
    # Mnih et al. 2015 without clipping: 0.5 δ².
    "dqn": parse_graph(_TD),
    # van Hasselt et al. 2016: as DQN, but the network that learns chooses the action that the target network values.
    "ddqn": parse_graph(_DDQN),
    # Co-Reyes et al. 2021, §4.3: 0.1 Q + δ². The graph in the code published with it has 0.5 δ² instead.
    "dqn_reg": parse_graph(_DQN_REG),
    # From that code: 0.5 δ² + |0.1 Q|.
    "dqn_reg_abs": parse_graph(_DQN_REG_ABS),
    # Co-Reyes et al. 2021, §4.3: max(Q, δ² + Y) + max(Q − Y, γ (max Qt(s'))²).
    "dqn_clipped": parse_graph(_DQN_CLIPPED),
    # Kumar et al. 2020, the weight as in that code: 0.5 δ² + 0.1 (logsumexp Q(s) − Q).
    "cql": parse_graph(_CQL),
}
