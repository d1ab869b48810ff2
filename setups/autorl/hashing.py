"""The functional hash's outputs of many losses on the same fixed inputs: what they share is computed once.

Inputs, and what the fixed networks say of the states among them, do not depend on the loss. They stand at the start of
the memory that a loss is run in, and stay there for the next one.
"""

from __future__ import annotations

import numpy as np

from setups.autorl import hashing_inputs
from setups.autorl import microcode as mc
from setups.autorl.encode import Program, aligned, encode, encode_networks
from setups.autorl.engine import Batch
from setups.autorl.graph import Graph
from setups.autorl.graph_kernel import draw_constants, run
from setups.autorl.workspace import Workspace, aligned_zeros, pack

_BATCH = 32  # examples that a loss is taken on which is one number for a whole batch, as in training: of few mantissa
# bits, a single number would be the same for many losses that differ
_NO_OPTIMIZER = np.zeros(6)


class Hasher:
    """The outputs of losses on the fixed inputs of the functional hash (§4.3).

    Parameters
    ----------
    probe : hashing_inputs.Probe
    """

    def __init__(self, probe: hashing_inputs.Probe) -> None:
        self._probe = probe
        self._examples = len(probe.batch.rewards)
        self._whole = _Shared(probe, self._examples)
        self._batches: _Shared | None = None

    def outputs(self, graph: Graph) -> np.ndarray:
        """The loss of each example with each set of networks, float32 (values, 1), not rounded.

        The values of all examples (or of batches of them, where a loss is one number a batch) with the first networks,
        then those with the next; infinite and NaN ones stay as they are.

        Raises
        ------
        ValueError
            When the graph is no loss.
        """
        program = self._whole.encode(graph)
        if program.loss.rows > 1 or self._examples <= _BATCH:
            return self._whole.outputs(program)
        if self._batches is None:
            self._batches = _Shared(self._probe, _BATCH)
        return self._batches.outputs(self._batches.encode(graph))


class _Shared:
    """What all losses share on batches of `rows` examples, one after another of the probe's, as many as are full."""

    def __init__(self, probe: hashing_inputs.Probe, rows: int) -> None:
        self._rows = rows
        self._words = [networks.word for networks in probe.networks]
        self._weights = [
            pack(networks.q, networks.target, hashing_inputs.SIZES, np.float32) for networks in probe.networks
        ]
        firsts = range(0, len(probe.batch.rewards) - rows + 1, rows)
        batches = [Batch(*(values[first : first + rows] for values in probe.batch)) for first in firsts]
        self._starts = [[self._start(batch, weights) for batch in batches] for weights in self._weights]
        self._memory = aligned_zeros(0, np.float32)
        self._there: np.ndarray | None = None

    def encode(self, graph: Graph) -> Program:
        """The program of `graph`, for which the networks' outputs are given."""
        return encode(graph, self._rows, hashing_inputs.SIZES, trains=False, given=True)

    def outputs(self, program: Program) -> np.ndarray:
        """Those of all networks and batches, one below the other."""
        if len(self._memory) < program.memory:
            self._memory, self._there = aligned_zeros(2 * program.memory, np.float32), None
        memory, loss = self._memory, program.loss
        for offset, value in program.constants:
            memory[offset] = value
        found = []
        for weights, word, starts in zip(self._weights, self._words, self._starts, strict=True):
            if program.random:
                draw_constants(np.uint64(word), memory, np.array(program.random))
            for start in starts:
                if self._there is not start:
                    memory[: len(start)] = start
                    self._there = start
                run(program.codes, weights, memory, _NO_OPTIMIZER, mc.FORWARD)
                found.append(memory[loss.offset : loss.offset + loss.rows].copy())
        return np.concatenate(found)[:, None]

    def _start(self, batch: Batch, weights: np.ndarray) -> np.ndarray:
        """The start of the memory: the inputs, and what the networks say of the states among them."""
        program = encode_networks(self._rows, hashing_inputs.SIZES)
        workspace = Workspace(program)
        workspace.load(batch, 0)
        run(program.codes, weights, workspace.memory, _NO_OPTIMIZER, mc.FORWARD)
        return workspace.memory[: program.loss.offset + aligned(program.loss.rows * program.loss.columns)]
