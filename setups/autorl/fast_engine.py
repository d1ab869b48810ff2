"""The fast engine: a loss graph's training step as one call of compiled code.

A new graph costs its encoding, some tenths of a millisecond, and no compilation. The first use in an installation
compiles the interpreter once; from then on it is loaded from numba's cache on disk. Matrix products are BLAS calls:
let a process that shares the machine with others have ``OPENBLAS_NUM_THREADS=1`` in its environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from setups.autorl import microcode as mc
from setups.autorl.encode import aligned, encode, layer_table
from setups.autorl.engine import Batch, EngineSettings, network_sizes
from setups.autorl.graph import Graph
from setups.autorl.graph_kernel import run
from setups.autorl.network_kernel import greedy_action
from setups.autorl.workspace import Workspace, aligned_zeros, pack, parameter_views


class FastEngine:
    """An `engine.Engine` in compiled code.

    Parameters
    ----------
    graph : Graph
        The loss: well-typed, the last node a FLOAT.
    parameters : list of arrays
        w0 (in, out), b0 (out,), w1, … of the Q network at the start; copied.
    settings : EngineSettings
    target : list of arrays, optional
        Those of the target network when they are others.
    dtype : float32 or float64
        Double precision is for checking derivatives; it is compiled apart.

    Raises
    ------
    ValueError
        When the graph is no loss, or the parameters do not have the shapes that `settings.hidden` asks for.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: Sequence[np.ndarray],
        settings: EngineSettings,
        *,
        target: Sequence[np.ndarray] | None = None,
        dtype: type = np.float32,
    ) -> None:
        self._graph = graph
        self._sizes = _checked_sizes(parameters, settings.hidden)
        self._layers = layer_table(self._sizes)
        if target is not None and _checked_sizes(target, settings.hidden) != self._sizes:
            raise ValueError("the target network must have the sizes of the Q network")
        self._weights = pack(parameters, parameters if target is None else target, self._sizes, dtype)
        self._q = self._weights[mc.Q]
        self._optimizer = np.array([settings.learning_rate, settings.beta1, settings.beta2, settings.epsilon, 1.0, 1.0])
        self._work = aligned_zeros(sum(aligned(size) for size in self._sizes), dtype)
        self._state = self._work[: self._sizes[0]]
        self._lay_out(1)

    @property
    def parameters(self) -> list[np.ndarray]:
        """The Q network's parameters, copied: w0 (in, out), b0 (out,), w1, …"""
        return [view.copy() for view in parameter_views(self._q, self._sizes)]

    def action(self, state: np.ndarray) -> int:
        """The action of the largest Q value in `state` (S,): the first one on ties; a NaN never wins."""
        self._state[:] = state
        return greedy_action(self._layers, self._q, self._work)

    def update(self, batch: Batch, word: int) -> float:
        """One Adam step; the mean loss before it, or NaN when a parameter became infinite or NaN."""
        self._load(batch, word)
        return run(self._codes, self._weights, self._memory, self._optimizer, mc.STEP)

    def loss_and_gradients(self, batch: Batch, word: int) -> tuple[float, list[np.ndarray]]:
        """The mean loss and its gradient with respect to each of `parameters`; changes neither them nor Adam."""
        self._load(batch, word)
        loss = run(self._codes, self._weights, self._memory, self._optimizer, mc.GRADIENTS)
        return loss, [view.copy() for view in parameter_views(self._weights[mc.GRADIENT], self._sizes)]

    def losses(self, batch: Batch, word: int) -> np.ndarray:
        """What the mean is taken of: the last node's value, (N, 1), or (1, 1) when it is one for the whole batch."""
        self._load(batch, word)
        run(self._codes, self._weights, self._memory, self._optimizer, mc.FORWARD)
        return self._workspace.losses()

    def copy_target(self) -> None:
        """Make the target network equal to the Q network."""
        self._weights[mc.TARGET] = self._weights[mc.Q]

    def arrays(self, rows: int) -> tuple[np.ndarray, ...]:
        """What compiled code that trains on batches of `rows` transitions works on, not copied.

        The first eight parameters of `training_kernel.learn`, in its order.
        """
        if self._shape != (rows, self._sizes[0]):
            self._lay_out(rows)
        workspace = self._workspace
        places = (workspace.places, workspace.random)
        return (self._codes, self._weights, self._optimizer, self._memory, *places, self._layers, self._work)

    def _lay_out(self, rows: int) -> None:
        """Encode the graph for batches of `rows` transitions."""
        self._workspace = Workspace(encode(self._graph, rows, self._sizes), self._weights.dtype.type)
        self._codes, self._memory = self._workspace.codes, self._workspace.memory
        self._shape = (rows, self._sizes[0])

    def _load(self, batch: Batch, word: int) -> None:
        if batch.states.shape != self._shape or batch.next_states.shape != self._shape:
            rows = len(batch.states)
            wanted = (rows, self._sizes[0])
            if not rows or batch.states.shape != wanted or batch.next_states.shape != wanted:
                raise ValueError(
                    f"a batch wants states and next states of shape (N, {self._sizes[0]}) with N at least 1, "
                    f"got {batch.states.shape} and {batch.next_states.shape}"
                )
            self._lay_out(rows)
        self._workspace.load(batch, word)


def _checked_sizes(parameters: Sequence[np.ndarray], hidden: Sequence[int]) -> tuple[int, ...]:
    """The network's sizes, when `parameters` fit `hidden`."""
    shapes = [np.shape(values) for values in parameters]
    if len(shapes) != 2 * (len(hidden) + 1) or len(shapes[0]) != 2 or len(shapes[-1]) != 1:
        raise ValueError(f"hidden layers {tuple(hidden)} want {2 * (len(hidden) + 1)} arrays, got shapes {shapes}")
    sizes = network_sizes(shapes[0][0], shapes[-1][0], hidden)
    wanted = [shape for n, m in pairwise(sizes) for shape in ((n, m), (m,))]
    if shapes != wanted:
        raise ValueError(f"parameters of shapes {wanted} are wanted, got {shapes}")
    return sizes
