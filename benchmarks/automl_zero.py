"""Speed of the AutoML-Zero setup against hand-written code, a straightforward numpy interpreter and the original.

    python benchmarks/automl_zero.py [--no-search] [--repeats N]

prints microseconds of processor time a program and task, for two hand-written programs, and candidates a
second of whole searches of the demo through the project's trial loop. "By hand" is the limit of any interpreter,
measured in turns with ours: the same program in C (`automl_zero_by_hand.c`), for ten tasks at once and for one.
The C++ figures were measured elsewhere: on a 2.5 GHz Xeon, and on an AMD EPYC with AVX-512 (a tenth to validate).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from automl_zero_by_hand import by_hand

from setups.automl_zero.block import TaskBlock
from setups.automl_zero.examples import LINEAR, NEURAL_NETWORK
from setups.automl_zero.operations import OPERATIONS, SCALAR_CONSTANT
from setups.automl_zero.program import Instruction, Memory, Program, unpack
from setups.automl_zero.tasks import Task, regression_tasks
from setups.automl_zero.text import parse_program
from ufh_cli.core.rng import Rng

# (program, error, F) -> microseconds of the C++ for 100 + 100, 1,000 + 100, 8,000 + 1,000 examples, and the
# hash of 10 + 10 that its functional equivalence cache runs. Where two measurements exist, the faster.
CPP_XEON = {
    ("linear", "RMS", 4): (3.58, 24.9, 200.0, 0.43),
    ("nn2", "RMS", 4): (9.8, 71.9, 570.0, 1.43),
    ("linear", "ACC", 4): (6.5, 42.5, 344.0, 0.66),
    ("nn2", "ACC", 4): (14.1, 93.0, 743.0, 1.90),
    ("linear", "RMS", 16): (5.40, 36.4, 300.0, 0.67),
    ("nn2", "RMS", 16): (48.5, 336.0, 2718.0, 8.6),
    ("linear", "ACC", 16): (8.6, 57.0, 465.0, 0.97),
    ("nn2", "ACC", 16): (54.7, 374.0, 2930.0, 9.1),
}
CPP_EPYC = {
    ("linear", "RMS", 4): (3.00, 21.3, 172.0, 1.59),
    ("nn2", "RMS", 4): (8.54, 63.8, 501.0, 2.47),
    ("linear", "RMS", 16): (4.24, 30.0, 235.0, 1.74),
    ("nn2", "RMS", 16): (26.6, 189.0, 1528.0, 5.66),
}
CPP_CANDIDATES_PER_SECOND = {"fec": (27_000, 36_200), "none": (18_000, 28_900)}  # Xeon, EPYC
SIZES = ((100, 100), (1000, 100), (8000, 1000))
TASKS = 10


class NumpyMachine:
    """A straightforward interpreter: one numpy call an instruction, one task at a time.

    Parameters
    ----------
    program : Program
    memory : Memory
    features : int
    fixed_order : bool
        Sum in the order of `setups.automl_zero.execute`, for comparing bits; else as numpy likes.
    table : float64 array (2, size), optional
        Uniform and Gaussian numbers to draw in order; by default they come from a numpy Generator.
    """

    def __init__(
        self,
        program: Program,
        memory: Memory,
        features: int,
        *,
        fixed_order: bool = False,
        table: np.ndarray | None = None,
    ) -> None:
        self.features = features
        self.cells = {
            "s": [np.float64(0.0)] * memory.scalars,
            "v": [np.zeros(features) for _ in range(memory.vectors)],
            "m": [np.zeros((features, features)) for _ in range(memory.matrices)],
        }
        self._fixed_order = fixed_order
        self._sum = _sum_pairwise if fixed_order else np.sum
        self._dot = (lambda a, b: _sum_pairwise(a * b)) if fixed_order else np.dot
        self._draw = _draws(table)
        self._functions = [[self._compiled(i) for i in function if i.op] for function in unpack(program)]

    def run(self, function: int) -> None:
        """Execute InitializePass (0), ForwardPass (1) or BackwardPass (2)."""
        for step in self._functions[function]:
            step()

    def _compiled(self, instruction: Instruction) -> Callable[[], None]:
        operation = OPERATIONS[instruction.op]
        out = self.cells[operation.out]
        inputs = [
            (self.cells[kind], address)
            for kind, address in ((operation.in1, instruction.in1), (operation.in2, instruction.in2))
            if kind
        ]
        if instruction.op >= SCALAR_CONSTANT:
            return lambda: self._assign(instruction)
        apply = self._function(instruction.op)
        place = instruction.out
        if len(inputs) == 1:
            ((a, i),) = inputs

            def step() -> None:
                out[place] = apply(a[i])
        else:
            (a, i), (b, j) = inputs

            def step() -> None:
                out[place] = apply(a[i], b[j])

        return step

    def _assign(self, instruction: Instruction) -> None:
        """Constants and random numbers."""
        op, constants, n = instruction.op, instruction.constants, self.features
        kind, cells = OPERATIONS[op].out, self.cells[OPERATIONS[op].out]
        if op == SCALAR_CONSTANT:
            cells[instruction.out] = np.float64(constants[0])
        elif op < 59:
            value = cells[instruction.out].copy()
            value[tuple(int(np.float32(n) * np.float32(c)) for c in constants[:-1])] = constants[-1]
            cells[instruction.out] = value
        else:
            shape = {"s": (), "v": (n,), "m": (n, n)}[kind]
            first, second = constants
            numbers = self._draw(op >= 62, int(np.prod(shape))).reshape(shape)
            cells[instruction.out] = first + (second if op >= 62 else second - first) * numbers

    def _function(self, op: int) -> Callable[..., np.ndarray]:
        """What operation `op` computes."""
        dot, total, n = self._dot, self._sum, self.features
        if op in _ELEMENTARY:
            return _ELEMENTARY[op]
        return {
            18: np.multiply, 29: np.multiply,
            19: lambda s: np.full(n, s),
            21: lambda v: np.sqrt(dot(v, v)),
            27: dot,
            28: np.multiply.outer,
            31: self._product,
            32: lambda v: np.repeat(v[:, None], n, axis=1),
            33: lambda v: np.repeat(v[None, :], n, axis=0),
            34: lambda m: np.sqrt(total((m * m).ravel())),
            35: lambda m: np.array([np.sqrt(dot(column, column)) for column in m.T]),
            36: lambda m: np.array([np.sqrt(dot(row, row)) for row in m]),
            37: np.transpose,
            43: self._product,
            50: lambda v: total(v) / n,
            51: lambda m: total(m.ravel()) / (n * n),
            52: lambda m: np.array([total(row) / n for row in m]),
            53: lambda m: np.array([self._deviation(row) for row in m]),
            54: self._deviation,
            55: lambda m: self._deviation(m.ravel()),
        }[op]  # fmt: skip

    def _product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of a matrix with a vector or a matrix."""
        if not self._fixed_order:
            return a @ b
        columns = b.T if b.ndim == 2 else b[None]
        result = np.array([[self._dot(row, column) for column in columns] for row in a])
        return result if b.ndim == 2 else result[:, 0]

    def _deviation(self, x: np.ndarray) -> np.float64:
        mean = self._sum(x) / x.size
        return np.sqrt(self._sum(x * x) / x.size - mean * mean)


def _sum_pairwise(x: np.ndarray) -> np.float64:
    while x.size >= 4:
        whole = x.size // 4 * 4
        quads = x[:whole].reshape(-1, 4)
        x = np.append((quads[:, :2] + quads[:, 2:]).ravel(), x[whole:])
    return np.add.accumulate(x)[-1]


def _draws(table: np.ndarray | None) -> Callable[[bool, int], np.ndarray]:
    if table is None:
        rng = np.random.default_rng(0)
        return lambda gaussian, count: rng.standard_normal(count) if gaussian else rng.random(count)
    place = 0

    def draw(gaussian: bool, count: int) -> np.ndarray:
        nonlocal place
        numbers = table[int(gaussian), np.arange(place, place + count) % table.shape[1]]
        place = (place + count) % table.shape[1]
        return numbers

    return draw


def _c_library(function: Callable[[float], float]) -> Callable[[np.float64], np.float64]:
    """`function` of `math` with C's results instead of exceptions."""

    def apply(x: np.float64) -> np.float64:
        try:
            return np.float64(function(float(x)))
        except OverflowError:
            return np.float64(np.inf)
        except ValueError:
            return np.float64(-np.inf if function is math.log and x == 0.0 else np.nan)

    return apply


def _heaviside(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0.0, 1.0, 0.0)


_ELEMENTARY_NAMES = ("sin", "cos", "tan", "asin", "acos", "atan", "exp", "log")
_ELEMENTARY = {
    **dict.fromkeys((1, 23, 39), np.add), **dict.fromkeys((2, 24, 40), np.subtract),
    **dict.fromkeys((3, 25, 41), np.multiply), **dict.fromkeys((4, 26, 42), np.divide),
    **dict.fromkeys((5, 22, 38), np.abs), **dict.fromkeys((6, 20, 30), lambda x: 1.0 / x),
    **{7 + i: _c_library(getattr(math, name)) for i, name in enumerate(_ELEMENTARY_NAMES)},
    15: lambda s: np.float64(s >= 0.0), 16: _heaviside, 17: _heaviside,
    **dict.fromkeys((44, 45), lambda a, b: np.where(b < a, b, a)), 46: lambda a, b: np.where(a < b, a, b),
    **dict.fromkeys((47, 48), lambda a, b: np.where(a < b, b, a)), 49: lambda a, b: np.where(a > b, a, b),
}  # fmt: skip


def evaluate_with_numpy(
    machine: NumpyMachine,
    task: Task,
    *,
    classification: bool,
    train: int,
    valid: int,
    orders: Sequence[np.ndarray] | None = None,
) -> tuple[float, list[float], list[float]]:
    """(fitness, training errors, validation errors) of one run; errors end before the example that stops it.

    `orders` are the indices of the training examples in the order of each epoch, by default one epoch of the
    first `train`. The fitness is the best epoch's of those that were completed, else 0.
    """
    train_errors: list[float] = []
    valid_errors: list[float] = []
    best = 0.0
    with np.errstate(all="ignore"):
        machine.run(0)
        for order in orders or [np.arange(train)]:
            if not _train_with_numpy(machine, task, order, classification, train_errors):
                break
            loss = _validate_with_numpy(machine, task, valid, classification, valid_errors)
            if loss is None:
                break
            mean = loss / valid
            best = max(best, 1.0 - mean if classification else 1.0 - 2.0 / np.pi * np.arctan(np.sqrt(mean)))
    return best, train_errors, valid_errors


def _train_with_numpy(
    machine: NumpyMachine, task: Task, order: np.ndarray, classification: bool, errors: list[float]
) -> bool:
    """Train on the examples of one epoch and add their errors to `errors`; False when that stopped."""
    scalars, vectors = machine.cells["s"], machine.cells["v"]
    for x, y in zip(task.train_features[order], task.train_labels[order], strict=True):
        vectors[0], scalars[0] = x, np.float64(0.0)
        machine.run(1)
        if classification:
            scalars[1] = 1.0 / (1.0 + np.exp(-scalars[1]))
        error = abs(y - scalars[1])
        if not error <= 100.0:
            return False
        errors.append(float(error))
        scalars[0] = y
        machine.run(2)
    return True


def _validate_with_numpy(
    machine: NumpyMachine, task: Task, valid: int, classification: bool, errors: list[float]
) -> float | None:
    """The loss over the first `valid` examples, whose errors are added to `errors`; None when that stopped."""
    scalars, vectors = machine.cells["s"], machine.cells["v"]
    loss = 0.0
    for x, y in zip(task.valid_features[:valid], task.valid_labels[:valid], strict=True):
        vectors[0], scalars[0] = x, np.float64(0.0)
        machine.run(1)
        if classification:
            p = 1.0 / (1.0 + np.exp(-scalars[1]))
            error, wrong = abs(y - p), float((y > 0.5) != (p > 0.5))
            loss += wrong
        else:
            error = abs(y - scalars[1])
            loss += error * error
            if not error <= 100.0:
                return None
        errors.append(float(error))
    return loss


def _microseconds(calls: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Processor time of each call, the best of `repeats` rounds of about 20 ms, in turns."""
    rounds, best = [], [math.inf] * len(calls)
    for call in calls:
        call()
        started = time.process_time()
        call()
        rounds.append(max(1, int(0.02 / max(time.process_time() - started, 1e-7))))
    for _ in range(repeats):
        for place, (call, count) in enumerate(zip(calls, rounds, strict=True)):
            started = time.process_time()
            for _ in range(count):
                call()
            best[place] = min(best[place], (time.process_time() - started) / count * 1e6)
    return best


def _tasks(features: int, train: int, valid: int, classification: bool) -> list[Task]:
    tasks = regression_tasks("linear", TASKS, features=features, train=train, valid=valid, seed=0, held_out=False)
    if classification:
        tasks = [Task(a, (b > 0).astype(float), c, (d > 0).astype(float)) for a, b, c, d in tasks]
    return tasks


def interpreter_rows(repeats: int) -> Iterator[str]:
    """The table of microseconds a program and task."""
    titles = ("ours", "by hand", "one task", "numpy", "C++ Xeon", "C++ EPYC")
    yield f"{'program':<8}{'error':<6}{'F':>3}  {'examples':<12}" + "".join(f"{title:>10}" for title in titles)
    memory = Memory(8, 14, 3)
    for (name, error, features), xeon in CPP_XEON.items():
        program = parse_program(LINEAR if name == "linear" else NEURAL_NETWORK, memory)
        classification = error == "ACC"
        for column, (train, valid) in enumerate((*SIZES, (10, 10))):
            tasks = _tasks(features, train, valid, classification)
            block = TaskBlock(tasks, classification=classification)
            hashing = train == 10
            ours = partial(block.errors, program, 10, 10) if hashing else partial(block.fitness, program, 1)
            hands = [by_hand(name, some, classification=classification, word=1) for some in (tasks, tasks[:1])]
            hands = [hand for hand in hands if hand is not None and not hashing]
            for hand in hands:
                np.testing.assert_allclose(hand()[0], block.fitnesses(program, 1)[0][0], rtol=1e-6)
            measured = _microseconds([ours, *hands], repeats)
            started = time.process_time()
            machine = NumpyMachine(program, memory, features)
            evaluate_with_numpy(machine, tasks[0], classification=classification, train=train, valid=valid)
            plain = (time.process_time() - started) * 1e6
            ten, hand_ten, hand_one = (*measured, math.nan, math.nan)[:3]
            epyc = CPP_EPYC.get((name, error, features), (math.nan,) * 4)[column]
            figures = (ten / TASKS, hand_ten / TASKS, hand_one, plain, xeon[column], epyc)
            examples = "hash 10+10" if hashing else f"{train}+{valid}"
            cells = (f"{'–' if math.isnan(figure) else f'{figure:.2f}':>10}" for figure in figures)
            yield f"{name:<8}{error:<6}{features:>3}  {examples:<12}" + "".join(cells)


def search_rows(candidates: int, repeats: int) -> Iterator[str]:
    """Candidates a second of processor time of the demo, everything counted."""
    from setups.automl_zero import AutoMLZero
    from ufh_cli.configuration.schema import make_config, make_search, read_config
    from ufh_cli.core.hashing import FunctionalHash
    from ufh_cli.core.techniques import make_technique
    from ufh_cli.core.trial import Budget, Streams, functional_keys, run_trial

    config = make_config(*read_config("automl_zero", "automl_zero-demo"))
    setup = AutoMLZero(**config.options)
    setup.evaluate(setup.random_candidate(Rng.from_seed(0)), Rng.from_seed(0))
    key = functional_keys(setup, FunctionalHash(mantissa_bits=config.hash.mantissa_bits))
    titles = ("ours", "hits", "C++ Xeon", "C++ EPYC")
    yield f"{'demo search':<16}" + "".join(f"{title:>10}" for title in titles) + "   (candidates a second)"
    for technique, (xeon, epyc) in CPP_CANDIDATES_PER_SECOND.items():
        rate, hits = 0.0, 0.0
        for trial in range(repeats):
            streams = Streams.of(0, trial)
            started = time.process_time()
            result = run_trial(
                setup,
                make_search(config),
                make_technique(technique, rng=streams.cache),
                key=key,
                key_cost=setup.hash_cost,
                streams=streams,
                budget=Budget(candidates=candidates),
            )
            rate, hits = max((rate, hits), (candidates / (time.process_time() - started), result.hit_fraction))
        yield f"{technique:<16}{rate:>10.0f}{hits:>10.2f}{xeon:>10}{epyc:>10}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-search", action="store_true", help="only the interpreter")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each measurement, of which the best counts")
    parser.add_argument("--candidates", type=int, default=50_000, help="of each search")
    arguments = parser.parse_args()
    for row in interpreter_rows(arguments.repeats):
        print(row, flush=True)
    if not arguments.no_search:
        print()
        for row in search_rows(arguments.candidates, arguments.repeats):
            print(row, flush=True)


if __name__ == "__main__":
    main()
