"""The gradient step in TensorFlow, graph by graph as the original did it: the reference for the fast engine.

TensorFlow's own kernels and gradients decide what happens on ties, at infinities and at NaN. Importing this module
imports TensorFlow, which takes seconds: import it only where it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from setups.autorl.engine import Batch, EngineSettings
from setups.autorl.graph import FIRST, Graph, live, types
from setups.autorl.graph_kernel import draw_constants
from setups.autorl.operations import OPERATIONS, RANDOM
from setups.autorl.types import Type
from setups.tensorflow_runtime import load_tensorflow

tf = load_tensorflow()


class TensorFlowEngine:
    """Q network, target network and Adam, with the loss of one graph traced into one function.

    Parameters
    ----------
    graph : Graph
        A valid one.
    parameters : list of float32 array
        [w0, b0, w1, b1, …], weights as (in, out); both networks start from copies of them.
    settings : EngineSettings
    """

    def __init__(self, graph: Graph, parameters: Sequence[np.ndarray], settings: EngineSettings) -> None:
        self._loss = _Loss(graph)
        self._settings = settings
        self._network = [tf.Variable(p) for p in parameters]
        self._target = [tf.Variable(p) for p in parameters]
        self._moments = [(tf.Variable(np.zeros_like(p)), tf.Variable(np.zeros_like(p))) for p in parameters]
        self._steps = tf.Variable(0.0)
        # Traced at their first call; methods of one instance, so that each graph has functions of its own.
        self._traced_action = tf.function(self._greedy)
        self._traced_update = tf.function(self._adam_step)

    @property
    def parameters(self) -> list[np.ndarray]:
        """Copies of the Q network's parameters."""
        return [variable.numpy() for variable in self._network]

    def action(self, state: np.ndarray) -> int:
        """The action with the largest Q value at `state`, (state_size,) float32; the first of equals, never a NaN."""
        return int(self._traced_action(state[None, :]))

    def update(self, batch: Batch, word: int) -> float:
        """One Adam step on the batch mean of the loss, and that mean before it; NaN when a parameter is not finite."""
        return float(self._traced_update(*batch, self._loss.constants(word)))

    def loss_and_gradients(self, batch: Batch, word: int) -> tuple[float, list[np.ndarray]]:
        """The batch mean of the loss and its gradient for each parameter, computed eagerly; nothing changes."""
        tensors = [tf.constant(array) for array in (*batch, self._loss.constants(word))]
        loss, gradients = self._loss_and_gradients(*tensors)
        return float(loss), [gradient.numpy() for gradient in gradients]

    def copy_target(self) -> None:
        """Make the target network equal to the Q network."""
        for target, variable in zip(self._target, self._network, strict=True):
            target.assign(variable)

    def _greedy(self, states: Any) -> Any:
        return tf.argmax(_q_values(self._network, states), axis=1)[0]

    def _loss_and_gradients(
        self, states: Any, actions: Any, rewards: Any, discounts: Any, next_states: Any, constants: Any
    ) -> tuple[Any, list[Any]]:
        inputs = [
            self._network, actions, states, self._target, next_states, rewards[:, None], discounts[:, None], None
        ]  # fmt: skip
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self._loss(inputs, constants))
        return loss, tape.gradient(loss, self._network, unconnected_gradients="zero")

    def _adam_step(self, *batch_and_constants: Any) -> Any:
        settings = self._settings
        loss, gradients = self._loss_and_gradients(*batch_and_constants)
        steps = self._steps.assign_add(1.0)
        first_power, second_power = tf.pow(settings.beta1, steps), tf.pow(settings.beta2, steps)
        for variable, (first, second), gradient in zip(self._network, self._moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=first.handle, v=second.handle, beta1_power=first_power,
                beta2_power=second_power, lr=settings.learning_rate, beta1=settings.beta1, beta2=settings.beta2,
                epsilon=settings.epsilon, grad=gradient,
            )  # fmt: skip
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(variable)) for variable in self._network])
        return tf.where(finite, loss, np.float32(np.nan))


class _Loss:
    """A graph's value, for each example of a batch."""

    def __init__(self, graph: Graph) -> None:
        kinds = types(graph)
        self._nodes = [(i, graph[i - FIRST]) for i in live(graph)]
        # VECTOR and STATE have components: what is a product of FLOATs is a sum of products of them.
        self._summed = {
            i
            for i, node in self._nodes
            if OPERATIONS[node.operation].name in _SUMMED and kinds[node.inputs[0]] in (Type.VECTOR, Type.STATE)
        }
        draws = [i for i, node in self._nodes if node.operation in RANDOM]
        self._place_of_draw = {i: place for place, i in enumerate(draws)}
        uniform = [OPERATIONS[graph[i - FIRST].operation].name == "ConstantUniform" for i in draws]
        self._random = np.array([*enumerate(uniform)], np.int64).reshape(-1, 2)
        self._last = FIRST + len(graph) - 1

    def constants(self, word: int) -> np.ndarray:
        """What the live random nodes draw in an execution with this `word`."""
        constants = np.empty(len(self._random), np.float32)
        draw_constants(np.uint64(word), constants, self._random)
        return constants

    def __call__(self, inputs: Sequence[Any], constants: Any) -> Any:
        values = dict(enumerate(inputs))
        for i, (operation, operands) in self._nodes:
            if operation in RANDOM:
                values[i] = tf.reshape(constants[self._place_of_draw[i]], (1, 1))
            else:
                value = _FUNCTIONS[OPERATIONS[operation].name](*(values[j] for j in operands))
                values[i] = tf.reduce_sum(value, axis=-1, keepdims=True) if i in self._summed else value
        return values[self._last]


def _q_values(network: Sequence[Any], states: Any) -> Any:
    """A multilayer perceptron with ReLU between its layers."""
    value = states
    for layer in range(0, len(network), 2):
        if layer:
            value = tf.nn.relu(value)
        value = tf.matmul(value, network[layer]) + network[layer + 1]
    return value


def _selected(values: Any, actions: Any) -> Any:
    """By a product with one-hot rows, as in the original: a NaN elsewhere in the row shows."""
    return tf.reduce_sum(values * tf.one_hot(actions, values.shape[-1]), axis=-1, keepdims=True)


def _divergence(true: Any, predicted: Any) -> Any:
    """Keras' KLDivergence of each example."""
    true, predicted = (tf.clip_by_value(p, 1e-7, 1.0) for p in (true, predicted))
    return tf.reduce_sum(true * tf.math.log(true / predicted), axis=-1, keepdims=True)


def _over_actions(function: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda x: function(x, axis=-1, keepdims=True)


def _over_batch(function: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda x: function(x, axis=0, keepdims=True)


def _constant(value: float) -> Callable[[Any], Any]:
    return lambda _: tf.fill((1, 1), tf.constant(value, tf.float32))


# By the names in `OPERATIONS`. Values of one row (MeanBatch, constants) are broadcast by TensorFlow.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "QValueList": _q_values,
    "SelectList": _selected,
    "MaxList": _over_actions(tf.reduce_max),
    "ArgMaxList": lambda x: tf.argmax(x, axis=-1, output_type=tf.int32),
    "SumList": _over_actions(tf.reduce_sum),
    "MeanList": _over_actions(tf.reduce_mean),
    "StdList": _over_actions(tf.math.reduce_std),
    "LogSumExpList": _over_actions(tf.reduce_logsumexp),
    "Subtract": tf.subtract,
    "Add": tf.add,
    "MultiplyFloat": tf.multiply,
    "DotProduct": tf.multiply,
    "Max": tf.maximum,
    "Min": tf.minimum,
    "MaxFloat": tf.maximum,
    "AddGaussianNoise": tf.identity,
    "Abs": tf.abs,
    "MultiplyTenth": lambda x: x * 0.1,
    "Div": lambda x, y: x / (y + 1e-10),
    "DivV2": lambda x, y: x / (y + 1e-10),
    "L2Norm": tf.square,
    "L2Distance": lambda x, y: 0.5 * tf.square(x - y),
    "Softmax": tf.nn.softmax,
    "KLDiv": _divergence,
    "Entropy": lambda p: tf.reduce_sum(p * tf.math.log(p + 1e-8), axis=-1, keepdims=True),
    "Log": lambda x: tf.math.log(tf.abs(x) + 1e-12),
    "Exp": lambda x: tf.clip_by_value(tf.exp(x), -1e10, 1e10),
    "MeanBatch": _over_batch(tf.reduce_mean),
    "StdBatch": _over_batch(tf.math.reduce_std),
    "Constant0.5": _constant(0.5),
    "Constant0.2": _constant(0.2),
    "Constant0.1": _constant(0.1),
    "Constant0.01": _constant(0.01),
}
_SUMMED = frozenset({"DotProduct", "L2Norm", "L2Distance"})  # over the components of VECTOR and STATE
