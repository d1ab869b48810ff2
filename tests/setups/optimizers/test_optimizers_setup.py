"""Tasks, fitness, keys, and what a person reads."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from setups.optimizers import Optimizers
from setups.optimizers.adamw import train_adamw
from setups.optimizers.baselines import baseline
from setups.optimizers.gradients import loss_and_gradient
from setups.optimizers.known import OPTIMIZERS, known_program
from setups.optimizers.tasks import TASKS, make_task
from setups.optimizers.text import parse_program
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng

QUICK = ("softmax", "quadratic", "rosenbrock")
NOTHING = known_program("empty")


@pytest.fixture(scope="module")
def quick():
    return Optimizers(tasks=QUICK)


def evaluate(setup, program, seed=0):
    return setup.evaluate(program, Rng.from_seed(seed))


def lines(*body):
    return parse_program(
        "\n".join(["def train(w, g, m, v, lr):", *(f"  {one}" for one in body), "  return update, m, v"])
    )


def task_here(name, held_out=False):
    """The task, where its images are on this machine."""
    try:
        return make_task(name, held_out)
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", TASKS)
def test_gradients_are_the_slopes_of_the_losses(name):
    task = task_here(name)
    rng = np.random.default_rng(3)
    w = 0.3 * rng.standard_normal(task.weights)
    x = np.zeros_like(task.x) if name == "rosenbrock" else task.x  # there the examples are the gradient's noise
    chosen, g, unused = rng.integers(len(x), size=7), np.empty_like(w), np.empty_like(w)

    def loss(weights):
        return loss_and_gradient(task.kind, task.sizes, x, task.y, chosen, weights, unused, True)

    assert loss_and_gradient(task.kind, task.sizes, x, task.y, chosen, w, g, True) == loss(w)
    for k in rng.integers(task.weights, size=12):
        step = np.zeros_like(w)
        step[k] = 1e-5
        assert (loss(w + step) - loss(w - step)) / 2e-5 == pytest.approx(g[k], rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", TASKS)
def test_the_table_is_what_tuned_adamw_gives(name):
    """The mean over other starts than those of the tuning lies within its error."""
    task, reference = task_here(name), baseline(name)
    constants = (reference.rate, reference.beta2, reference.decay)
    words = range(70_000, 70_016)
    losses = [
        train_adamw(*task.data(), task.steps, task.batch, *constants, np.uint64(word), np.empty(0)) for word in words
    ]
    spread = math.hypot(reference.error, np.std(losses, ddof=1) / 4)
    assert abs(np.mean(losses) - reference.loss) < 4 * spread


@pytest.mark.parametrize("name", TASKS)
def test_held_out_tasks_are_longer_and_have_other_data(name):
    small, large = task_here(name), task_here(name, held_out=True)
    assert large.steps == 10 * small.steps
    assert large.weights > small.weights or name == "softmax"
    assert not np.array_equal(small.valid_x, large.valid_x)
    known = {row.tobytes() for row in large.x} if name in ("softmax", "mlp") else set()
    assert not known & {row.tobytes() for row in large.valid_x}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty place for data, none of which is known beforehand."""
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    monkeypatch.setattr("setups.image_files.DEBIAN_FASHION_MNIST", tmp_path / "none")
    make_task.cache_clear()
    yield tmp_path
    make_task.cache_clear()


def test_without_its_images_a_task_is_refused_in_one_line(elsewhere):
    with pytest.raises(ValueError, match=r"^tasks: fashion needs Fashion-MNIST.*dataset-fashion-mnist[^\n]*$"):
        Optimizers(tasks=("softmax", "fashion"))


def test_fashion_is_averaged_and_divided_without_overlap(elsewhere):
    """Each image has a grey level of its own, which averages keep, in one of two squares of pixels."""
    arrays = {}
    for part, count, first in (("train", 6000, 0), ("test", 1200, 6000)):
        levels = np.arange(first, first + count)
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        images[:, 0:2, 2:4] = (levels % 256)[:, None, None]
        images[:, 26:28, 26:28] = (levels // 256)[:, None, None]
        arrays |= {f"x_{part}": images, f"y_{part}": (levels % 10).astype(np.uint8)}
    (elsewhere / "mnas").mkdir()
    np.savez(elsewhere / "mnas" / "fashion-mnist.npz", **arrays)
    sets = {}
    for held_out in (False, True):
        task = make_task("fashion", held_out)
        for name, x, y in (("train", task.x, task.y), ("valid", task.valid_x, task.valid_y)):
            assert x.shape[1] == 14 * 14
            levels = np.rint(255 * x[:, 1] + 256 * 255 * x[:, -1])
            np.testing.assert_array_equal(levels % 10, y)
            sets[name, held_out] = set(levels.tolist())
    assert sets["train", True] == sets["train", False] == set(range(5000))
    assert sets["valid", False] == set(range(5000, 5400))
    assert sets["valid", True] == set(range(6000, 7000))


def test_fitness_is_half_where_the_loss_is_that_of_adamw_and_grows_as_it_falls(quick):
    """Doing nothing is worst, and of factors of AdamW's rate one is best, in the middle."""
    rates = [0.0, 1e-5, 1e-4, 1e-3, 1e-1]
    found = [
        evaluate(
            quick,
            lines("x1 = square(g)", "m = interp(g, m, 0.9)", "v = interp(x1, v, 0.99)", "x2 = sqrt(v)", "u = m / x2",
                  f"x3 = lr * {rate}", "update = u * x3"),
        ).fitness
        for rate in rates
    ]  # fmt: skip
    assert found[0] == evaluate(quick, NOTHING).fitness
    assert found[0] < found[1] < found[2] < found[3] > found[4]
    assert 0.3 < found[3] < 0.6  # there is no bias correction


def test_cost_is_the_steps_taken_and_a_program_that_diverges_stops_at_once(quick):
    steps = sum(make_task(name).steps for name in QUICK)
    assert evaluate(quick, known_program("adamw")).cost == steps
    assert evaluate(quick, lines("update = g * 1e38"))[:2] == (0.0, 1.0)
    assert evaluate(quick, lines("update = log(m)"))[:2] == (0.0, 1.0)


def test_all_programs_see_the_same_unless_noise_is_wanted(quick):
    program = known_program("adamw")
    assert evaluate(quick, program, 1) == evaluate(quick, program, 2)
    noisy = Optimizers(tasks=("softmax", "quadratic"), noisy=True)
    assert evaluate(noisy, program, 1) != evaluate(noisy, program, 2)
    assert evaluate(noisy, program, 1) == evaluate(noisy, program, 1)


def test_starts_are_averaged_over():
    one, two = (Optimizers(tasks=("quadratic",), starts=count) for count in (1, 2))
    program = known_program("lion")
    assert evaluate(two, program).cost == 2 * evaluate(one, program).cost
    assert evaluate(two, program).fitness != evaluate(one, program).fitness


def test_below_the_hurdle_the_first_stage_is_the_last():
    setup = Optimizers(tasks=("quadratic", "softmax"), hurdle_tasks=1, hurdle_fitness=0.3)
    good, bad = known_program("adamw"), NOTHING
    stages = list(setup.evaluate_in_stages(good, Rng.from_seed(0)))
    assert [stage.cost for stage in stages] == [make_task(name).steps for name in ("quadratic", "softmax")]
    plain = Optimizers(tasks=("quadratic", "softmax")).evaluate(good, Rng.from_seed(0))
    assert stages[-1].fitness == pytest.approx(plain.fitness, rel=1e-12)
    (only,) = setup.evaluate_in_stages(bad, Rng.from_seed(0))
    assert only.cost == make_task("quadratic").steps


def test_the_functional_key_sees_through_what_the_structural_key_does_not(quick):
    key = FunctionalHash(mantissa_bits=26)
    pairs = [
        (("x = square(g)", "update = x * lr"), ("x = g * g", "update = lr * x")),
        (("x = lr * 0.5", "update = g * x"), ("x = g * 0.5", "update = x * lr")),
        (("x = g - g", "y = g * lr", "update = x + y"), ("update = g * lr",)),
        (("m = cosh(g)", "m = m * 2.0", "update = g * lr"), ("update = g * lr",)),
    ]
    for first, second in ((lines(*one), lines(*other)) for one, other in pairs):
        assert key(quick.hashable_outputs(first)) == key(quick.hashable_outputs(second))
        assert quick.structural_key(first) != quick.structural_key(second)
    found = {key(quick.hashable_outputs(known_program(name))) for name in OPTIMIZERS}
    assert len(found) == len(OPTIMIZERS)


def test_hashing_sees_small_decays_slow_averages_and_when_clipping_sets_in(quick):
    key = FunctionalHash(mantissa_bits=26)

    def of(*body):
        return key(quick.hashable_outputs(lines(*body)))

    assert of("x = w * 1e-4", "x = x + g", "update = x * lr") != of("update = g * lr")
    assert of("m = interp(g, m, 0.9999)", "update = m * lr") != of("m = interp(g, m, 0.99995)", "update = m * lr")
    for bound in (0.1, 1.0, 30.0):
        clipped = of(f"x = clip_by_global_norm(g, {bound})", "update = x * lr")
        assert clipped != of("update = g * lr")
        assert clipped != of("x = norm(g)", f"y = {bound} / x", "z = g * y", "update = z * lr")


def test_the_loops_structural_key_is_a_switch():
    dead = lines("update = g * lr", "m = cosh(update)")
    plain = lines("update = g * lr")
    step, loop = Optimizers(tasks=("quadratic",)), Optimizers(tasks=("quadratic",), structure="loop")
    assert step.structural_key(dead) != step.structural_key(plain)
    assert loop.structural_key(dead) == loop.structural_key(plain)


def test_known_optimizers_are_starting_points():
    """Each learns on every task; Program 4, made for clipped gradients, diverges on some."""
    setup = Optimizers()
    found = {name: evaluate(setup, known_program(name)).fitness for name in OPTIMIZERS}
    assert found.pop("program4") == 0.0
    assert all(0.1 < fitness < 0.5 for fitness in found.values()), found
    assert max(found, key=found.__getitem__) in ("lion", "adamw", "adam")


def test_what_a_person_reads(quick):
    program = lines(
        "x = square(g)", "update = interp(g, m, 0.8)", "update = sign(update)", "m = interp(g, m, 0.95)", "y = w * 0.2",
        "update = update + y", "z = lr * 0.0002", "update = update * z", "v = cosh(x)",
    )  # fmt: skip
    assert quick.describe(program).count("# no effect") == 2
    assert quick.parse(quick.describe(program)) is not None
    details = quick.details(program, 0.5)
    assert details.startswith("7 of its 9 statements have an effect; lion, but for its constants:")
    assert "cosh" not in details
    assert quick.redundancy(program) == 0.0  # v's cosh is returned
    assert quick.parse("lion") == known_program("lion")
    curves = quick.learning_curves(known_program("adamw"), Rng.from_seed(0))
    assert list(curves.values) == list(QUICK)
    assert len(curves.values["softmax"]) == make_task("softmax").steps
    assert curves.values["softmax"] == curves.beside["softmax"]["AdamW"] != curves.beside["softmax"]["Lion"]
    assert curves.values["softmax"][-1] < curves.values["softmax"][0]


def test_an_unknown_name_of_a_program_is_one_line(quick):
    with pytest.raises(ValueError, match=r"^a program that is named must be one of sgd, .*did you mean 'lion'\?$"):
        quick.parse("lionn")


def test_reevaluation_is_on_the_held_out_tasks():
    setup = Optimizers(tasks=("quadratic",))
    good = setup.reevaluate(known_program("adamw"), Rng.from_seed(0))
    assert 0.0 < setup.reevaluate(NOTHING, Rng.from_seed(0)) < good < 1.0


@pytest.mark.parametrize("initial", [*OPTIMIZERS, "empty"])
def test_a_search_starts_from_the_program_that_is_named(initial):
    setup = Optimizers(tasks=("quadratic",), initial=initial)
    assert setup.random_candidate(Rng.from_seed(0)) == known_program(initial)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ("softmax", "digts")}, "tasks: unknown 'digts'"),
        ({"tasks": ("softmax", "softmax")}, "tasks: each may be named once"),
        ({"tasks": ()}, "tasks: name at least one"),
        ({"initial": "adamv"}, "did you mean 'adam"),
        ({"functions": "some"}, "functions must be one of all, paper, arithmetic"),
        ({"constants": "ours"}, "constants must be one of paper, code"),
        ({"structure": "loops"}, "structure must be one of step, loop"),
        ({"mutations": ("swap",)}, "mutations: unknown 'swap'"),
        ({"starts": 0}, "starts must be between 1 and 1000"),
        ({"max_statements": 65}, "max_statements must be between 1 and 64"),
        ({"max_statements": 8, "random_length": 8}, "the initial program adamw is longer"),
        ({"random_length": 61}, "random_length must be between 1 and 60"),
        ({"hurdle_tasks": 5}, "hurdle_tasks must be between 0 and 4"),
        ({"hurdle_fitness": 0.5}, "hurdle_fitness needs hurdle_tasks above 0"),
        ({"hash_steps": 0}, "hash_steps must be between 1 and 1000"),
    ],
)
def test_bad_options_are_one_line(options, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        Optimizers(**options)
    assert "\n" not in str(caught.value)
