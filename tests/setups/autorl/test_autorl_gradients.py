"""Derivatives: finite differences of every operation and of networks, and TensorFlow's rules where none exists.

The kernels run in double precision here, so that a finite difference is good to eight digits.
"""

import math

import numpy as np
import pytest

from setups.autorl import microcode as mc
from setups.autorl.encode import Encoder
from setups.autorl.engine import Batch, EngineSettings, initial_parameters
from setups.autorl.fast_engine import FastEngine
from setups.autorl.graph_kernel import run
from setups.autorl.operations import NUMBERS, OPERATIONS
from setups.autorl.text import parse_graph
from setups.autorl.types import Type
from setups.autorl.workspace import pack

ROWS, SIZES = 5, (3, 6, 7, 4)
COLUMNS = {Type.FLOAT: 1, Type.VECTOR: 5, Type.STATE: SIZES[0], Type.ACTION: 1, Type.LIST: SIZES[-1]}
COLUMNS[Type.PROB] = COLUMNS[Type.LIST]
NUMERIC = (Type.FLOAT, Type.VECTOR, Type.STATE, Type.LIST, Type.PROB)


class Case:
    """One operation on operands that learn; the loss is the mean over rows of a random mixture of its entries."""

    def __init__(self, name, kinds, rows, seed=0):
        encoder = Encoder(SIZES)
        self.kinds = [kind for kind in kinds if kind not in (Type.PARAM, Type.CONSTANT)]
        self.operands = [
            encoder.value(height, COLUMNS[kind], kind is not Type.ACTION)
            for height, kind in zip(rows, self.kinds, strict=False)
        ]
        rng = np.random.default_rng(seed)
        if name == "QValueList":
            out = encoder.network(mc.TARGET, self.operands[0])
        else:
            out = encoder.apply(NUMBERS[name], kinds[0], self.operands)
        self.out = out
        mixture = encoder.value(out.rows, out.columns)
        loss = encoder.apply(NUMBERS["DotProduct"], Type.STATE, [out, mixture])
        self.program = encoder.finish(loss, {})
        self.memory = np.zeros(self.program.memory)
        self._at(self.memory, mixture)[...] = rng.uniform(0.5, 2.0, (out.rows, out.columns))
        parameters = [rng.normal(size=p.shape) for p in initial_parameters(SIZES[0], SIZES[-1], SIZES[1:-1], 1)]
        self.weights = pack(parameters, parameters, SIZES, np.float64)
        for kind, view in zip(self.kinds, self.values(), strict=False):
            view[...] = self._draw(kind, view.shape, rng)

    @staticmethod
    def _draw(kind, shape, rng):
        if kind is Type.ACTION:
            return rng.integers(SIZES[-1], size=shape)
        if kind is Type.PROB:
            values = rng.uniform(0.1, 1.0, shape)
            return values / values.sum(1, keepdims=True)
        return rng.uniform(0.3, 3.0, shape) * rng.choice([-1.0, 1.0], shape)  # no divisor is near 0

    @staticmethod
    def _at(memory, value):
        return memory[value.offset : value.offset + value.rows * value.columns].reshape(value.rows, value.columns)

    def values(self):
        return [self._at(self.memory, value) for value in self.operands]

    def loss(self, task=mc.FORWARD):
        return run(self.program.codes, self.weights, self.memory, np.zeros(6), task)

    def gradients(self):
        self.loss(mc.GRADIENTS)
        shift = self.program.codes[mc.SHIFT]
        return [self._at(self.memory[shift:], value).copy() for value in self.operands]


CASES = [
    (operation.name, kinds, rows)
    for operation in OPERATIONS
    for kinds in operation.signatures
    if Type.CONSTANT not in kinds and operation.name not in ("ArgMaxList", "AddGaussianNoise")
    for rows in ([(ROWS, ROWS), (1, ROWS), (ROWS, 1)] if len(kinds) == 2 and kinds[0] is not Type.PARAM else [(ROWS,)])
]


@pytest.mark.parametrize(("name", "kinds", "rows"), CASES)
def test_finite_differences(name, kinds, rows):
    case = Case(name, kinds, rows)
    exact = case.gradients()
    for kind, view, gradient in zip(case.kinds, case.values(), exact, strict=False):
        if kind is Type.ACTION:
            continue
        numeric = np.empty(view.shape)
        for place in np.ndindex(view.shape):
            kept, step = view[place], 1e-6
            view[place] = kept + step
            above = case.loss()
            view[place] = kept - step
            numeric[place] = (above - case.loss()) / (2.0 * step)
            view[place] = kept
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)
        assert np.any(numeric) or name.startswith(("Max", "Min"))  # a single row may lose against all others


def test_every_operation_was_differentiated():
    without = {"ArgMaxList", "AddGaussianNoise"} | {o.name for o in OPERATIONS if (Type.CONSTANT,) in o.signatures}
    assert {name for name, _, _ in CASES} == {operation.name for operation in OPERATIONS} - without


def gradients_at(name, kinds, *values):
    """The gradients, one a row, of the sum of an operation's results with respect to these operands."""
    case = Case(name, kinds, [len(value) for value in values])
    case.memory[:] = 1.0
    for view, value in zip(case.values(), values, strict=True):
        view[...] = np.reshape(value, view.shape)
    return [gradient * case.program.loss.rows for gradient in case.gradients()]


FLOATS = (Type.FLOAT, Type.FLOAT)
LIST = (Type.LIST,)


def test_the_first_of_equals_takes_the_gradient():
    for name in ("Max", "Min"):
        first, second = gradients_at(name, FLOATS, [2.0], [2.0])
        assert (first.item(), second.item()) == (1.0, 0.0)
    assert gradients_at("MaxFloat", (Type.FLOAT, Type.LIST), [0.0], [[0.0, 1.0, -1.0, 0.0]])[0].item() == 3.0


def test_equal_largest_entries_share_the_gradient():
    assert gradients_at("MaxList", LIST, [[3.0, 1.0, 3.0, 3.0]])[0].tolist() == [[1 / 3, 0.0, 1 / 3, 1 / 3]]


def test_absolute_value_is_flat_at_zero():
    assert gradients_at("Abs", FLOATS[:1], [0.0, -1.0, 2.0])[0].ravel().tolist() == [0.0, -1.0, 1.0]
    assert gradients_at("Log", FLOATS[:1], [0.0])[0].item() == 0.0


def test_clipped_values_are_flat_unless_they_overflow():
    flat, steep, overflown = gradients_at("Exp", FLOATS[:1], [30.0, 1.0, 800.0])[0].ravel()
    assert flat == 0.0
    assert steep == pytest.approx(math.e)
    assert math.isnan(overflown)  # 0 · ∞, as in TensorFlow
    truth, predicted = gradients_at("KLDiv", (Type.PROB, Type.PROB), [[0.0, 2.0, 0.5, 0.5]], [[0.5, 0.5, -1.0, 9.0]])
    assert (truth[0] != 0.0).tolist() == [False, False, True, True]
    assert (predicted[0] != 0.0).tolist() == [True, True, False, False]


def test_the_root_of_zero_has_a_gradient_only_where_one_arrives():
    assert np.isnan(gradients_at("StdList", LIST, [[1.0, 1.0, 1.0, 1.0]])[0]).all()
    graph = parse_graph(
        "list = QValueList(q_param, s_tm1)\nconstant_row = MeanBatch(reward)\ndeviation = StdBatch(constant_row)\n"
        "q = SelectList(list, action)\nmeans = MeanBatch(q)\nspread = StdBatch(means)\n"
        "zero = DotProduct(deviation, spread)\nloss = Add(q, zero)\n"
    )
    loss, gradients = FastEngine(graph, *network()).loss_and_gradients(batch_of(0), 0)
    assert math.isfinite(loss)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def network(hidden=SIZES[1:-1], word=3):
    rng = np.random.default_rng(word)
    shapes = initial_parameters(SIZES[0], SIZES[-1], hidden, word)
    return [rng.normal(0.0, 0.6, p.shape) for p in shapes], EngineSettings(hidden=hidden)


def batch_of(seed, rows=ROWS):
    rng = np.random.default_rng(seed)
    states, next_states = rng.normal(size=(2, rows, SIZES[0]))
    return Batch(states, rng.integers(SIZES[-1], size=rows), rng.normal(size=rows), rng.uniform(size=rows), next_states)


# One network on the given states; on several; on states that themselves depend on Q values, through either network;
# through every kind of list operation; and with all that at once cut off by an arg max.
LOSSES = {
    "one": "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\nloss = L2Distance(q, reward)\n",
    "two": "l = QValueList(q_param, s_tm1)\nm = QValueList(q_param, s_t)\nq = SelectList(l, action)\n"
    "b = LogSumExpList(m)\nloss = L2Distance(q, b)\n",
    "nested": "l = QValueList(q_param, s_tm1)\nq = MeanList(l)\ns = MultiplyFloat(q, s_t)\n"
    "m = QValueList(q_param, s)\nb = StdList(m)\nloss = DotProduct(b, q)\n",
    "target": "l = QValueList(q_param, s_tm1)\nq = SumList(l)\ns = MultiplyFloat(q, s_t)\nr = MeanBatch(s)\n"
    "m = QValueList(q_targ_param, r)\nb = MaxList(m)\nloss = Subtract(b, reward)\n",
    "double": "l = QValueList(q_param, s_tm1)\nq = SelectList(l, action)\nn = QValueList(q_param, s_t)\n"
    "a = ArgMaxList(n)\nt = QValueList(q_targ_param, s_t)\nb = SelectList(t, a)\nloss = L2Distance(q, b)\n",
    "batch": "l = QValueList(q_param, s_tm1)\np = Softmax(l)\ne = Entropy(p)\nd = StdBatch(e)\nm = MeanBatch(e)\n"
    "loss = Div(m, d)\n",
}


TARGET_WORD = 9  # some have no live unit on a single state


@pytest.mark.parametrize("hidden", [(), (6,), (6, 7), (4, 5, 3)])
@pytest.mark.parametrize("name", LOSSES)
def test_parameters_by_finite_differences(name, hidden):
    parameters, settings = network(hidden)
    target = network(hidden, word=TARGET_WORD)[0]
    batch = batch_of(1)

    def engine_at(values):
        return FastEngine(parse_graph(LOSSES[name]), values, settings, target=target, dtype=np.float64)

    gradients = engine_at(parameters).loss_and_gradients(batch, 0)[1]
    rng = np.random.default_rng(0)
    assert any(np.any(gradient) for gradient in gradients)
    for _ in range(6):  # along random directions in the space of all parameters
        direction = [rng.normal(size=p.shape) for p in parameters]
        ends = []
        for sign in (1e-6, -1e-6):
            moved = engine_at([p + sign * d for p, d in zip(parameters, direction, strict=True)])
            ends.append(moved.losses(batch, 0).mean())
        expected = (ends[0] - ends[1]) / 2e-6
        found = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True))
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_single_precision_agrees_with_double(name):
    parameters, settings = network((32, 24))
    parameters = [p.astype(np.float32) for p in parameters]
    batch = Batch(*(a.astype(np.float32) if a.dtype == np.float64 else a for a in batch_of(2, rows=32)))
    single, double = (
        FastEngine(parse_graph(LOSSES[name]), parameters, settings, dtype=dtype).loss_and_gradients(batch, 0)
        for dtype in (np.float32, np.float64)
    )
    assert single[0] == pytest.approx(double[0], rel=1e-4)
    size = math.sqrt(sum(float((g**2).sum()) for g in double[1]))
    for ours, exact in zip(single[1], double[1], strict=True):
        assert ours.dtype == np.float32
        assert np.abs(ours - exact).max() < 1e-4 * size
