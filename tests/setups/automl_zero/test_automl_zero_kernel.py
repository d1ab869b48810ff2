"""The compiled machine against a straightforward one, and what hand-written programs learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setups.automl_zero.block import TaskBlock, hash_table, table_size
from setups.automl_zero.effects import live
from setups.automl_zero.examples import LINEAR, NEURAL_NETWORK
from setups.automl_zero.lanes import WIDTHS
from setups.automl_zero.mutation import random_program
from setups.automl_zero.operations import OPERATIONS
from setups.automl_zero.program import Instruction, Memory, constant_count, pack, unpack
from setups.automl_zero.space import Space, chosen_operations
from setups.automl_zero.tasks import Task, regression_tasks
from setups.automl_zero.text import parse_program
from ufh_cli.core.rng import Rng

MEMORY = Memory(4, 5, 3)
WORDS = st.integers(0, 2**64 - 1)
EXACT = (*range(7), *range(15, 59))  # all but elementary functions and random numbers
FUSABLE = (1, 2, 3, 18, 19, 23, 24, 27, 28, 29, 31, 32, 33, 39, 40, 43)  # products, and what can finish them


def tasks_of(features, count=3, train=12, valid=6, kind="linear", seed=5):
    return regression_tasks(kind, count, features=features, train=train, valid=valid, seed=seed, held_out=False)


def program_from(word, sizes, operations):
    space = Space(MEMORY, (0, 0, 0), (99, 99, 99), chosen_operations([operations] * 3))
    return random_program(np.array(sizes), word, space.encoded())


def empty_with(line):
    return f"def Setup():\ndef Predict():\n{line}\ndef Learn():\n"


sizes = st.tuples(st.integers(0, 8), st.integers(0, 10), st.integers(0, 10))


@pytest.mark.parametrize("features", [1, 3, 4, 8, 16])
@pytest.mark.parametrize("operations", [EXACT, FUSABLE], ids=["all", "fusable"])
@settings(max_examples=40, deadline=None)
@given(word=WORDS, sizes=sizes)
def test_bits_equal_those_of_the_reference(reference, operations, features, word, sizes):
    program = program_from(word, sizes, operations)
    tasks = tasks_of(features)
    block = TaskBlock(tasks, classification=False)
    (fitnesses, _), errors = block.fitnesses(program, 0), block.errors(program, 12, 6)
    assert block.fitness(program, 0)[0] == np.add.accumulate(fitnesses)[-1] / 3
    for i, task in enumerate(tasks):
        machine = reference.NumpyMachine(program, MEMORY, features, fixed_order=True)
        fitness, train, valid = reference.evaluate_with_numpy(machine, task, classification=False, train=12, valid=6)
        assert fitnesses[i] == pytest.approx(fitness, rel=1e-14)
        assert errors[i, : len(train)].tolist() == train
        assert errors[i, 12 : 12 + len(valid)].tolist() == valid
        assert np.isinf(errors[i, len(train) : 12]).all()
        assert np.isinf(errors[i, 12 + len(valid) :]).all()


@pytest.mark.parametrize("features", [3, 4, 9])
@pytest.mark.parametrize("operation", [OPERATIONS[i] for i in (*range(1, 7), *range(15, 65))], ids=lambda o: o.number)
def test_every_operation_on_its_own(reference, operation, features):
    """On random operands; a vector or matrix that comes out is reduced to the prediction by products with v0."""
    first, second = {"": 0, "s": 2, "v": 1, "m": 0}, {"": 0, "s": 3, "v": 2, "m": 1}
    draws = [
        Instruction(62 + k, out=place[kind], constants=(0.5, 1.0))
        for k, kind in enumerate("svm")
        for place in (first, second)
    ]
    constants = {1: (0.7,), 2: (0.4, 0.7), 3: (0.4, 0.7, 0.3)}.get(constant_count(operation.number), ())
    out = {"s": 1, "v": 3, "m": 2}[operation.out]
    tested = Instruction(operation.number, first[operation.in1], second[operation.in2], out, constants)
    from_matrix, from_vector = Instruction(31, 2, 0, 3), Instruction(27, 3, 0, 1)
    reduction = {"s": [], "v": [from_vector], "m": [from_matrix, from_vector]}[operation.out]
    read = {(operation.in1, tested.in1), (operation.in2, tested.in2)}
    setup = [draw for draw in draws if (OPERATIONS[draw.op].out, draw.out) in read]  # dead ones would not draw
    program = pack([setup, [tested, *reduction], []])
    tasks = tasks_of(features)
    errors = TaskBlock(tasks, classification=False).errors(program, 10, 5)
    for i, task in enumerate(tasks):
        machine = reference.NumpyMachine(program, MEMORY, features, fixed_order=True, table=hash_table(features))
        _, train, valid = reference.evaluate_with_numpy(machine, task, classification=False, train=10, valid=5)
        recorded = errors[i][np.isfinite(errors[i])]
        assert recorded.size > 0
        assert recorded.tolist() == train + valid


@settings(max_examples=60, deadline=None)
@given(word=WORDS, sizes=sizes)
def test_hashing_draws_from_the_fixed_table_by_live_instructions_only(reference, word, sizes):
    program = program_from(word, sizes, [1, 2, 3, 4, 18, 23, 27, 28, 31, 39, *range(56, 65)])
    alive = iter(live(program))
    living = pack([[i for i in function if next(alive)] for function in unpack(program)])
    tasks = tasks_of(3)
    errors = TaskBlock(tasks, classification=False).errors(program, 10, 5)
    machine = reference.NumpyMachine(living, MEMORY, 3, fixed_order=True, table=hash_table(3))
    _, train, valid = reference.evaluate_with_numpy(machine, tasks[0], classification=False, train=10, valid=5)
    recorded = errors[0][np.isfinite(errors[0])]
    assert recorded.tolist() == train + valid


@settings(max_examples=60, deadline=None)
@given(word=WORDS, sizes=sizes)
def test_results_do_not_depend_on_the_number_of_lanes(word, sizes):
    program = program_from(word, sizes, range(59))
    tasks = tasks_of(3, count=13)
    few, *others = (TaskBlock(tasks, classification=False, lanes=lanes) for lanes in WIDTHS)
    for more in others:
        assert few.fitnesses(program, 0) == more.fitnesses(program, 0)
        assert np.array_equal(few.errors(program, 12, 6), more.errors(program, 12, 6))


@settings(max_examples=60, deadline=None)
@given(word=WORDS, sizes=sizes, wanted=st.lists(st.booleans(), min_size=10, max_size=10))
def test_a_task_does_not_depend_on_which_others_are_run(word, sizes, wanted):
    block = TaskBlock(tasks_of(4, count=10), classification=False, lanes=4)
    program = program_from(word, sizes, range(65))
    (whole, all_examples), (some, examples) = (block.fitnesses(program, word, 2, asked) for asked in (None, wanted))
    alone = [block.fitnesses(program, word, 2, [task == one for task in range(10)]) for one in np.flatnonzero(wanted)]
    assert some == [fitness if asked else 0.0 for fitness, asked in zip(whole, wanted, strict=True)]
    assert examples == sum(one for _, one in alone)
    assert all(wanted) <= (examples == all_examples)


@pytest.mark.parametrize("lanes", [0, 1, 2, 6, 12, 32, -4])
def test_other_numbers_of_lanes_are_refused(lanes):
    with pytest.raises(ValueError, match=f"lanes must be one of 4, 8, 10, 16; got {lanes}"):
        TaskBlock(tasks_of(2), classification=False, lanes=lanes)


@pytest.mark.parametrize("features", [1, 8, 16])
def test_small_hash_tables_hold_many_matrices(features):
    assert table_size(features) >= 32 * features**2


@pytest.mark.parametrize("features", [17, 32, 100, 128, 256])
def test_large_hash_tables_do_not_repeat_matrices(features):
    size = table_size(features)
    assert math.gcd(size, features) == 1
    assert size > 4 * features**2
    assert hash_table(features).shape == (2, size)
    assert np.array_equal(hash_table(features)[:, :8192], hash_table(4))


@pytest.mark.parametrize(
    "function", [np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.exp, np.log], ids=lambda f: f.__name__
)
def test_elementary_functions(function):
    # A training label of 0 with features of 0.5, where every function is defined, so that training never
    # stops the run.
    x = np.array([-3.0, -1.0, -0.25, 0.0, 1e-300, 0.5, 1.0, 1.25, 3.0])
    program = parse_program(empty_with(f"s1 = mean(v0)\ns1 = {function.__name__}(s1)"), MEMORY)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.abs(function(x))
    for value, wanted in zip(x, expected, strict=True):
        task = Task(np.full((1, 1), 0.5), np.zeros(1), np.full((1, 1), value), np.zeros(1))
        error = TaskBlock([task], classification=False).errors(program, 1, 1)[0, 1]
        assert error == pytest.approx(wanted, rel=1e-14) if wanted <= 100.0 else np.isinf(error)


@settings(max_examples=50, deadline=None)
@given(st.floats(-800, 800))
def test_sigmoid_of_classification(x):
    task = Task(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), np.zeros(1))
    program = parse_program(empty_with(f"s1 = {x!r}"), MEMORY)
    error = TaskBlock([task], classification=True).errors(program, 1, 1)[0, 0]
    with np.errstate(over="ignore"):
        assert error == pytest.approx(1.0 / (1.0 + np.exp(-np.float64(x))), rel=1e-15)


def test_each_lane_stops_on_its_own():
    """A task whose labels are too far off gets fitness 0; the others are as without it."""
    tasks = tasks_of(2, count=3)
    far = tasks[1]._replace(train_labels=np.where(np.arange(12) == 4, 1e3, tasks[1].train_labels))
    program = parse_program(LINEAR, MEMORY)
    alone, all_examples = TaskBlock(tasks, classification=False).fitnesses(program, 0)
    mixed, examples = TaskBlock([tasks[0], far, tasks[2]], classification=False).fitnesses(program, 0)
    assert mixed == [alone[0], 0.0, alone[2]]
    assert all_examples - examples == 12 + 6 - 5  # five training examples were started


def test_linear_program_learns_linear_tasks():
    tasks = tasks_of(4, count=3, train=1000, valid=100)
    program = parse_program(LINEAR, MEMORY)
    assert min(TaskBlock(tasks, classification=False).fitnesses(program, 0)[0]) > 0.999


def test_network_learns_what_the_linear_program_cannot():
    tasks = tasks_of(4, count=4, train=4000, valid=100, kind="nn2")
    block = TaskBlock(tasks, classification=False)
    memory = Memory(5, 9, 2)
    linear, network = (block.fitness(parse_program(t, memory), 7)[0] for t in (LINEAR, NEURAL_NETWORK))
    assert network > linear + 0.05


def shuffled(word, train, epochs):
    """The order of each epoch: the first as the examples lie, then shuffled in place by Fisher and Yates."""
    rng, order = Rng.from_word(word ^ 0x5851F42D4C957F2D), np.arange(train)
    yield order.copy()
    for _ in range(1, epochs):
        for i in range(train - 1, 0, -1):
            j = (rng.word() >> 32) * (i + 1) >> 32
            order[[i, j]] = order[[j, i]]
        yield order.copy()


@settings(max_examples=40, deadline=None)
@given(word=WORDS, rate=st.sampled_from([0.01, 0.3, 0.9]))
def test_epochs_are_shuffled_and_the_best_counts(reference, word, rate):
    """At a high rate training diverges: the fitness falls from epoch to epoch, or a later one stops the run."""
    tasks = tasks_of(3, train=9, valid=5)
    program = parse_program(LINEAR.replace("0.01", str(rate)), MEMORY)
    for epochs in (1, 2, 4, 8):
        fitnesses, processed = TaskBlock(tasks, classification=False).fitnesses(program, word, epochs)
        examples = 0
        for i, task in enumerate(tasks):
            machine = reference.NumpyMachine(program, MEMORY, 3, fixed_order=True)
            fitness, train, valid = reference.evaluate_with_numpy(
                machine, task, classification=False, train=9, valid=5, orders=list(shuffled(word, 9, epochs))
            )
            assert fitnesses[i] == pytest.approx(fitness, rel=1e-14)
            done = len(train) + len(valid)
            examples += done + (done < epochs * (9 + 5))  # the example that stops a run was begun
        assert processed == examples


def test_a_run_that_stops_in_a_later_epoch_keeps_its_best():
    tasks = tasks_of(3, train=9, valid=5)
    program = parse_program(LINEAR.replace("0.01", "0.9"), MEMORY)
    block = TaskBlock(tasks, classification=False)
    (once, _), (often, examples) = (block.fitnesses(program, 1, epochs) for epochs in (1, 50))
    assert examples < 50 * 3 * (9 + 5)  # some stopped
    assert min(once) > 0.0
    assert (np.array(often) >= once).all()


def test_more_epochs_never_harm():
    tasks = tasks_of(4, count=4, train=50, valid=50, kind="nn2")
    block = TaskBlock(tasks, classification=False)
    program = parse_program(NEURAL_NETWORK, Memory(5, 9, 2))
    (once, examples), (often, more_examples) = block.fitnesses(program, 3, 1), block.fitnesses(program, 3, 5)
    assert (np.array(often) >= once).all()
    assert sum(often) > sum(once)
    assert more_examples == 5 * examples
    assert (often, more_examples) == block.fitnesses(program, 3, 5)


GRADIENT = """
def InitializePass():
{constants}
  s3 = 0.05
def ForwardPass():
  v3 = dot(m0, v0)
  v3 = v3 + v1
  v4 = maximum(v3, v5)
  s1 = dot(v4, v2)
def BackwardPass():
  s4 = s0 - s1
  s4 = s3 * s4
  v6 = s4 * v4
  v7 = s4 * v2
  v8 = heaviside(v3)
  v7 = v8 * v7
  v2 = v2 + v6
  v1 = v1 + v7
  m1 = outer(v7, v0)
  m0 = m0 + m1
"""


def test_learning_step_follows_the_gradient():
    """One step of a two-layer network against central differences of the squared error."""
    n, rate = 3, 0.05
    rng = np.random.default_rng(0)
    theta = np.float32(rng.normal(size=n * n + 2 * n)).astype(float)  # m0, v1, v2
    theta[n * n : n * n + n] = [1.0, 2.0, 0.5]  # biases that keep most units on
    lines = [f"  m0[{i}, {j}] = {float(theta[i * n + j])!r}" for i in range(n) for j in range(n)]
    lines += [f"  v{1 + k}[{i}] = {float(theta[n * n + k * n + i])!r}" for k in range(2) for i in range(n)]
    program = parse_program(GRADIENT.format(constants="\n".join(lines)), Memory(5, 9, 2), n)
    train_x, train_y, probes = rng.normal(size=(1, n)), rng.normal(size=1), rng.normal(size=(20, n))

    def predict(parameters, x):
        m, bias, out = parameters[: n * n].reshape(n, n), parameters[n * n : n * n + n], parameters[n * n + n :]
        return np.maximum(x @ m.T + bias, 0.0) @ out

    def loss(parameters):
        return 0.5 * float((train_y - predict(parameters, train_x))[0]) ** 2

    step = 1e-6
    gradient = [(loss(theta + step * e) - loss(theta - step * e)) / (2 * step) for e in np.eye(theta.size)]
    expected = np.abs(predict(theta - rate * np.array(gradient), probes))
    task = Task(train_x, train_y, probes, np.zeros(20))
    errors = TaskBlock([task], classification=False).errors(program, 1, 20)[0]
    np.testing.assert_allclose(errors[1:], expected, rtol=1e-6, atol=1e-8)
    assert not np.allclose(errors[1:], np.abs(predict(theta, probes)), rtol=1e-3)


def test_random_numbers_have_the_right_distribution_and_follow_the_seed():
    text = "def Setup():\n  v1 = {}\ndef Predict():\n  s1 = dot(v1, v0)\ndef Learn():\n"
    pick = np.eye(1, 33, 7)  # features that pick one element of v1 as the prediction
    tasks = [Task(pick, np.zeros(1), np.roll(pick, k, axis=1), np.zeros(1)) for k in range(400)]
    block = TaskBlock(tasks, classification=False)

    def draws(form, word):
        fitnesses, _ = block.fitnesses(parse_program(text.format(form), MEMORY), word)
        return np.tan((1.0 - np.array(fitnesses)) * np.pi / 2.0)  # |prediction|

    uniform, gaussian = draws("uniform(0.25, 0.75)", 1), draws("gaussian(0.0, 0.5)", 1)
    assert 0.25 <= uniform.min() < 0.27
    assert 0.73 < uniform.max() <= 0.75
    assert np.sqrt((gaussian**2).mean()) == pytest.approx(0.5, rel=0.15)
    assert len(set(gaussian.tolist())) == 400  # every task draws its own
    assert np.array_equal(gaussian, draws("gaussian(0.0, 0.5)", 1))
    assert not np.array_equal(gaussian, draws("gaussian(0.0, 0.5)", 2))


CONSTANTS = (0.1, -0.3, 0.7, 1 / 3, -2.9, 1e-3, 12.34567)
SPREADS = {
    "vector": "s1 = std(v1)",
    "matrix": "s1 = std(m0)",
    "rows": "v2 = std(m0, axis=1)\ns1 = mean(v2)",
    "rows that differ": "v2 = std(m1, axis=1)\ns1 = mean(v2)",
    "columns": "m2 = transpose(m2)\nv2 = std(m2, axis=1)\ns1 = mean(v2)",
    "a product": "v3 = dot(m0, v1)\ns1 = std(v3)",
    "an outer product": "m0 = outer(v1, v1)\ns1 = std(m0)",
}


@pytest.mark.parametrize("features", [4, 8, 16])
@pytest.mark.parametrize("what", SPREADS)
def test_constants_do_not_spread(features, what):
    """As in the original their deviation is exactly 0, not a rounding error or the NaN of a negative variance."""
    rng = np.random.default_rng(features)
    operands = "v1 = broadcast(s2)\nm0 = rows(v1)\nm1 = columns(v0)\nm2 = rows(v0)\n"
    text = operands + SPREADS[what]
    for value in CONSTANTS:
        program = parse_program(f"def Setup():\ns2 = {value!r}\ndef Predict():\n{text}\ndef Learn():\n", MEMORY)
        tasks = [Task(rng.normal(size=(6, features)), np.zeros(6), rng.normal(size=(6, features)), np.zeros(6))] * 3
        block = TaskBlock(tasks, classification=False)
        assert not block.errors(program, 6, 6).any()
        assert set(block.fitnesses(program, 0)[0]) == {1.0}


@pytest.mark.parametrize("features", [2, 3, 5, 7, 12, 16, 17])
def test_sums_of_every_size_are_those_of_the_numbers(features):
    tasks = tasks_of(features, count=2)
    text = "s1 = dot(v0, v0)\nm0 = outer(v0, v0)\ns2 = norm(m0)\ns1 = s1 - s2"
    program = parse_program(empty_with(text + "\ns2 = mean(v0)\ns1 = s1 + s2"), MEMORY)
    errors = TaskBlock(tasks, classification=False).errors(program, 1, 6)[:, 1:]
    for task, row in zip(tasks, errors, strict=True):
        np.testing.assert_allclose(row, np.abs(task.valid_labels - task.valid_features.mean(axis=1)), atol=1e-12)
