"""Specs of NAS-Bench-101 for tests: named ones, random ones, and the peer package's view of them."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import strategies as st

from setups.nasbench.enumeration import MAX_EDGES, is_valid
from setups.nasbench.text import to_matrix_ops

SEVEN = 7 << 29
LABELS = 21
CHAIN = "input-1 1-output 1=maxpool3x3"
# Nine edges after pruning, and silent ones at vertex 4: nearly every added edge makes it invalid.
DENSE = (
    "input-1 input-2 input-5 1-2 1-4 1-output 2-3 2-4 2-5 3-4 3-output 5-output "
    "1=conv1x1-bn-relu 2=conv3x3-bn-relu 3=maxpool3x3 4=conv3x3-bn-relu 5=conv1x1-bn-relu"
)

raw_specs = st.builds(
    lambda labels, edges: SEVEN | labels << LABELS | edges, st.integers(0, 3**5 - 1), st.integers(0, 2**21 - 1)
)
valid_specs = raw_specs.filter(is_valid)


def peer_spec(peer: SimpleNamespace, spec: int):
    """The peer's view of a spec, and whether the benchmark accepts it."""
    model = peer.ModelSpec(*to_matrix_ops(spec))
    return model, bool(model.valid_spec and model.matrix.sum() <= MAX_EDGES)
