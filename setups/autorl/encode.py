"""Encoding a loss graph as a program of integers (`microcode`) for a batch size and a network.

Only what the loss depends on is encoded, and what is the same is computed once: a network on the same states, any
operation on the same operands. Whether a value depends on the Q network's parameters is known here too, so that the
backward pass touches nothing else; the target network is not trained, but a state that it is given may depend on them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from setups.autorl import microcode as mc
from setups.autorl.graph import FIRST, INPUT_TYPES, INPUTS, Graph, live, types
from setups.autorl.network_kernel import ALIGNMENT
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.types import Type

_ELEMENTWISE = {
    "SelectList": mc.SELECT, "SumList": mc.SAME, "Subtract": mc.SUBTRACT, "Add": mc.ADD, "MultiplyFloat": mc.MULTIPLY,
    "DotProduct": mc.MULTIPLY, "Max": mc.MAXIMUM, "Min": mc.MINIMUM, "MaxFloat": mc.MAXIMUM, "Abs": mc.ABSOLUTE,
    "MultiplyTenth": mc.TENTH, "Div": mc.DIVIDE, "DivV2": mc.DIVIDE, "L2Norm": mc.SQUARE, "L2Distance": mc.HALF_SQUARE,
    "KLDiv": mc.DIVERGENCE, "Entropy": mc.INFORMATION, "Log": mc.LOGARITHM, "Exp": mc.EXPONENTIAL,
}  # fmt: skip
_OF_ROWS = {
    "MaxList": mc.LARGEST, "ArgMaxList": mc.ARG_LARGEST, "MeanList": mc.MEAN, "StdList": mc.DEVIATION,
    "LogSumExpList": mc.LOG_SUM_EXP, "Softmax": mc.SOFTMAX,
}  # fmt: skip
_OF_BATCHES = {"MeanBatch": mc.BATCH_MEAN, "StdBatch": mc.BATCH_DEVIATION}
_CONSTANTS = {"Constant0.5": 0.5, "Constant0.2": 0.2, "Constant0.1": 0.1, "Constant0.01": 0.01}
_RANDOM = {"ConstantGaussian": 0, "ConstantUniform": 1}

_CODES = {NUMBERS[name]: code for table in (_ELEMENTWISE, _OF_ROWS, _OF_BATCHES) for name, code in table.items()}
_ALWAYS_SUMMED = frozenset(NUMBERS[name] for name in ("SelectList", "SumList", "KLDiv", "Entropy"))
_SUMMED_IF_VECTOR = frozenset(NUMBERS[name] for name in ("DotProduct", "L2Norm", "L2Distance"))
_SHAPED = (mc.SOFTMAX, mc.BATCH_MEAN, mc.BATCH_DEVIATION)  # of those: a result for each column
_VECTORS = (Type.STATE, Type.VECTOR)

_Q_PARAM, _S_TM1, _S_T = (INPUTS.index(name) for name in ("q_param", "s_tm1", "s_t"))


class Value(NamedTuple):
    """Where a node's value (rows, columns) is in the memory.

    Attributes
    ----------
    offset, rows, columns : int
        One row stands for all rows of the batch.
    learns : bool
        Whether it has a gradient with respect to the Q network's parameters.
    """

    offset: int
    rows: int
    columns: int
    learns: bool = False


class Program(NamedTuple):
    """An encoded graph.

    Attributes
    ----------
    codes : int64 array
    memory : int
        How many floats it runs on.
    inputs : dict of int to Value
        The graph's inputs action, s_tm1, s_t, reward and discount by their index: what is set before each run.
    loss : Value
    constants : list of (int, float)
        Offsets of values that never change, and these: set once.
    random : list of (int, int)
        Offset of each live random constant, and whether it is uniform, not normal: set before a run.
    """

    codes: np.ndarray
    memory: int
    inputs: dict[int, Value]
    loss: Value
    constants: list[tuple[int, float]]
    random: list[tuple[int, int]]


def encode(graph: Graph, rows: int, sizes: tuple[int, ...], *, trains: bool = True, given: bool = False) -> Program:
    """The program of `graph` for batches of `rows` transitions.

    Parameters
    ----------
    graph : Graph
    rows : int
    sizes : tuple of int
        `engine.network_sizes`: numbers of a state, widths of the hidden layers, actions.
    trains : bool
        False leaves out the memory of the backward pass: only for ``FORWARD``.
    given : bool
        Whether what `encode_networks` computes is set before a run: only for ``FORWARD``.

    Raises
    ------
    ValueError
        When the graph is ill-typed or its last node is not a FLOAT.
    """
    kinds = types(graph)
    if not graph or kinds[-1] is not Type.FLOAT:
        found = f"a {kinds[-1].name}" if graph else "no node"
        raise ValueError(f"the last node of a loss graph must be a FLOAT, got {found}")
    encoder = Encoder(sizes)
    inputs = encoder.inputs(rows)
    if given:
        encoder.networks(inputs)
        encoder.skip()
    values = dict(inputs)
    for k in live(graph):
        operation, operands = graph[k - FIRST]
        if OPERATIONS[operation].name == "QValueList":
            values[k] = encoder.network(mc.Q if operands[0] == _Q_PARAM else mc.TARGET, values[operands[1]])
        else:
            known = [values[i] for i in operands if i in values]  # not the input of constants, which has no value
            values[k] = encoder.apply(operation, kinds[operands[0]], known)
    return encoder.finish(values[FIRST + len(graph) - 1], inputs, trains=trains)


def encode_networks(rows: int, sizes: tuple[int, ...]) -> Program:
    """The program of all that a loss may ask of the networks first; its memory starts like that of all losses."""
    encoder = Encoder(sizes)
    inputs = encoder.inputs(rows)
    return encoder.finish(encoder.networks(inputs), inputs, trains=False)


class Encoder:
    """Lays out values in memory and writes the instructions that compute them.

    Parameters
    ----------
    sizes : tuple of int
        `engine.network_sizes`.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self._sizes = sizes
        self._end = 0
        self._instructions: list[list[int]] = []
        self._known: dict[tuple[int, ...], Value] = {}
        self._constants: list[tuple[int, float]] = []
        self._random: list[tuple[int, int]] = []

    def value(self, rows: int, columns: int, learns: bool = False) -> Value:
        """Room for a value."""
        offset = self._end
        self._end += aligned(rows * columns)
        return Value(offset, rows, columns, learns)

    def inputs(self, rows: int) -> dict[int, Value]:
        """Room for the inputs that have a value, by their index."""
        columns = {Type.STATE: self._sizes[0], Type.ACTION: 1, Type.FLOAT: 1}
        return {k: self.value(rows, columns[kind]) for k, kind in enumerate(INPUT_TYPES) if kind in columns}

    def networks(self, inputs: dict[int, Value]) -> Value:
        """The outputs of the Q network on s_tm1 and on s_t, then those of the target network; the last of them."""
        return [self.network(net, inputs[state]) for net in (mc.Q, mc.TARGET) for state in (_S_TM1, _S_T)][-1]

    def skip(self) -> None:
        """Do not compute what has been asked for so far: it is set before a run."""
        self._instructions.clear()

    def network(self, net: int, state: Value) -> Value:
        """The Q values of network `net` (``Q`` or ``TARGET``) in the states `state`."""
        return self._emit(mc.NETWORK, state, state, self._sizes[-1], learns=net == mc.Q or state.learns, net=net)

    def apply(self, operation: int, kind: Type, operands: list[Value]) -> Value:
        """Any other operation, by its number; `kind` is the type of its first operand."""
        name = OPERATIONS[operation].name
        if name == "AddGaussianNoise":  # the identity, as in the original
            return operands[0]
        if name in _CONSTANTS or name in _RANDOM:
            return self._constant(name)
        x, y = operands[0], operands[-1]
        code = _CODES[operation]
        if code >= mc.MEAN:
            return self._emit(code, x, x, x.columns if code in _SHAPED else 1)
        summed = operation in _ALWAYS_SUMMED or (operation in _SUMMED_IF_VECTOR and kind in _VECTORS)
        return self._emit(code, x, y, 1 if summed else max(x.columns, y.columns), summed=summed)

    def finish(self, loss: Value, inputs: dict[int, Value], *, trains: bool = True) -> Program:
        """The program whose loss is `loss`."""
        trains = trains and loss.learns
        self._keep_wanted(loss, trains)
        values = self._end
        self._place_hidden()
        shift, rows = self._end, max([loss.rows, *(v.rows for v in self._known.values())])
        places = []
        if trains:
            self._end += values
            layer = aligned(rows * max(self._sizes[:-1]))
            for size in (layer, layer, parameter_count(self._sizes)):
                places.append(self._end)
                self._end += size
        layers = layer_table(self._sizes)
        header = [len(self._instructions), len(layers), loss.offset, loss.rows, int(trains), values, shift]
        header += places or [0, 0, 0]
        rows_of_codes = [np.array(header), layers.ravel(), np.array(self._instructions, np.int64).ravel()]
        codes = np.concatenate(rows_of_codes).astype(np.int64)
        return Program(codes, self._end, inputs, loss, self._constants, self._random)

    def _constant(self, name: str) -> Value:
        value = self.value(1, 1)
        if name in _RANDOM:
            self._random.append((value.offset, _RANDOM[name]))
        else:
            self._constants.append((value.offset, _CONSTANTS[name]))
        return value

    def _emit(
        self,
        code: int,
        x: Value,
        y: Value,
        columns: int,
        *,
        summed: bool = False,
        learns: bool | None = None,
        net: int = 0,
    ) -> Value:
        key = (code, summed, x.offset, y.offset, net)
        if key in self._known:
            return self._known[key]
        y_learns = y.learns and code < mc.SELECT
        if learns is None:
            learns = (x.learns or y_learns) and code != mc.ARG_LARGEST
        height = max(x.rows, y.rows)
        out = self.value(1 if code in (mc.BATCH_MEAN, mc.BATCH_DEVIATION) else height, columns, learns)
        instruction = [0] * mc.FIELDS
        instruction[mc.CODE], instruction[mc.OUT] = code, out.offset
        instruction[mc.HEIGHT], instruction[mc.COLUMNS] = height, max(x.columns, y.columns)
        instruction[mc.SUMMED], instruction[mc.NET] = int(summed), net
        instruction[mc.X : mc.Y] = _strides(x)
        instruction[mc.Y : mc.WANTED] = _strides(y)
        instruction[mc.WANTED] = int(x.learns) + 2 * int(y_learns)
        self._instructions.append(instruction)
        self._known[key] = out
        return out

    def _keep_wanted(self, loss: Value, trains: bool) -> None:
        """Strike gradients that nothing asks for: of what the loss depends on only through an arg max."""
        wanted = {loss.offset} if trains else set()
        tuned = False
        for instruction in reversed(self._instructions):
            if instruction[mc.OUT] not in wanted:
                instruction[mc.WANTED] = 0
                continue
            if instruction[mc.WANTED] & 1:
                wanted.add(instruction[mc.X])
            if instruction[mc.WANTED] & 2:
                wanted.add(instruction[mc.Y])
            if instruction[mc.CODE] == mc.NETWORK and instruction[mc.NET] == mc.Q:
                instruction[mc.TUNED] = mc.ACCUMULATED if tuned else mc.SET
                tuned = True

    def _place_hidden(self) -> None:
        """Room for the values of hidden layers: shared by the networks that have no backward pass."""
        shared, keeping = self._end, []
        for instruction in self._instructions:
            if instruction[mc.CODE] != mc.NETWORK:
                continue
            size = sum(aligned(instruction[mc.HEIGHT] * width) for width in self._sizes[1:-1])
            if instruction[mc.TUNED] or instruction[mc.WANTED]:
                keeping.append((instruction, size))
            else:
                instruction[mc.HIDDEN] = shared
                self._end = max(self._end, shared + size)
        for instruction, size in keeping:
            instruction[mc.HIDDEN] = self._end
            self._end += size


def layer_table(sizes: tuple[int, ...]) -> np.ndarray:
    """int64 (layers, 4): inputs, outputs, offset of the weights, offset of the biases among the parameters."""
    rows, offset = [], 0
    for inputs, outputs in pairwise(sizes):
        weights, biases = offset, offset + aligned(inputs * outputs)
        rows.append((inputs, outputs, weights, biases))
        offset = biases + aligned(outputs)
    return np.array(rows, np.int64)


def parameter_count(sizes: tuple[int, ...]) -> int:
    """How long the row of a network's parameters is, the gaps that align them included."""
    _, outputs, _, biases = (int(number) for number in layer_table(sizes)[-1])
    return biases + aligned(outputs)


def _strides(value: Value) -> list[int]:
    return [value.offset, value.columns if value.rows > 1 else 0, int(value.columns > 1)]


def aligned(size: int) -> int:
    """`size` rounded up to whole units of `ALIGNMENT`, in Python."""
    return -(-size // ALIGNMENT) * ALIGNMENT
