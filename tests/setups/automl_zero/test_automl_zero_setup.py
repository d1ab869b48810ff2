"""The setup: keys of equivalent programs, fitness, cost, options and configurations."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from setups.automl_zero import AutoMLZero
from setups.automl_zero.examples import LINEAR, NEURAL_NETWORK
from setups.automl_zero.program import Memory, function_sizes, pack
from setups.automl_zero.setup import program_cost
from setups.automl_zero.text import parse_program
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.testing import CHECKS

CONFIGS = Path(__file__).parents[3] / "configs"

SMALL = {
    "task": "linear", "features": 4, "tasks": 4, "train_examples": 50, "valid_examples": 30, "heldout_tasks": 3,
    "memory": (8, 10, 3), "operations": "demo", "max_sizes": (10, 10, 10),
}  # fmt: skip


def make(**changes):
    return AutoMLZero(**(SMALL | changes))


@pytest.fixture(scope="module")
def setup():
    return make()


@pytest.fixture(scope="module")
def key(setup):
    functional_hash = FunctionalHash(mantissa_bits=27)
    return lambda text: functional_hash(setup.hashable_outputs(setup.parse(text)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "options",
    [
        {"initial": "random", "initial_sizes": (3, 3, 3)},
        {"task": "nn2", "operations": "paper", "initial": "random", "initial_sizes": (3, 6, 6)},
        {
            "initial": "random", "initial_sizes": (3, 6, 6),
            "train_budget": 0.45, "hurdle_fitness": 0.2, "hurdle_tasks": 1,
        },
        {"operations": "paper", "initial": "random", "initial_sizes": (3, 6, 6), "hurdle_tasks": 2},
        {"initial": "random", "initial_sizes": (3, 6, 6), "train_budget": 0.45, "combine": "median"},
    ],
    ids=["demo", "paper", "budget and hurdle", "first stage", "budget and median"],
)  # fmt: skip
def test_conformance(check, options):
    check(lambda: make(**options))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance_of_the_defaults(check):
    check(AutoMLZero)


EQUIVALENT = {
    "dead code": LINEAR.replace("  s1 = dot(v1, v0)", "  s4 = s2 * s2\n  m2 = outer(v0, v0)\n  s1 = dot(v1, v0)"),
    "noop": LINEAR.replace("  s3 = s0 - s1", "  noop\n  s3 = s0 - s1"),
    "dead random numbers": LINEAR.replace("  s1 = dot", "  v5 = gaussian(0.0, 1.0)\n  s1 = dot"),
    "commuted": LINEAR.replace("  s3 = s2 * s3\n  v2 = s3 * v0", "  s3 = s3 * s2\n  v2 = s3 * v0"),
    "renamed": LINEAR.replace("s2", "s7").replace("s3", "s5").replace("v1", "v8").replace("v2", "v3"),
    "plus zero": LINEAR.replace("  s3 = s0 - s1", "  s3 = s0 - s1\n  s3 = s3 + s6"),
    "overwritten": LINEAR.replace("  s3 = s0 - s1", "  s3 = s1 / s1\n  s3 = s0 - s1"),
    "times one": LINEAR.replace("  v1 = v1 + v2", "  s5 = 1.0\n  v2 = s5 * v2\n  v1 = v1 + v2"),
    "set up twice": LINEAR.replace("  s2 = 0.01", "  s2 = 0.5\n  s2 = 0.01"),
}

DIFFERENT = {
    "another constant": LINEAR.replace("0.01", "0.0101"),
    "another gradient": LINEAR.replace("s3 = s0 - s1", "s3 = s1 - s0"),
    "no learning": LINEAR.replace("  v1 = v1 + v2", ""),
    "another prediction": LINEAR.replace("  s1 = dot(v1, v0)", "  s1 = dot(v1, v0)\n  s1 = s1 + s2"),
    "learning with the updated error": LINEAR.replace("s3 = s2 * s3\n  v2 = s3 * v0", "v2 = s3 * v0\n  s3 = s2 * s3"),
}


@pytest.mark.parametrize("name", EQUIVALENT)
def test_equivalent_programs_share_a_key(key, name):
    assert EQUIVALENT[name] != LINEAR
    assert key(EQUIVALENT[name]) == key(LINEAR)


@pytest.mark.parametrize("name", DIFFERENT)
def test_near_misses_have_another_key(key, name):
    assert DIFFERENT[name] != LINEAR
    assert key(DIFFERENT[name]) != key(LINEAR)


def test_reordered_independent_instructions_share_a_key(key):
    network = NEURAL_NETWORK.replace(
        "  v2 = gaussian(0.0, 0.1)\n  m0 = gaussian(0.0, 0.1)", "  v2[1] = 0.3\n  m0[1, 2] = 0.4"
    )
    reordered = network.replace("  s2 = s2 + s4\n  v6 = s4 * v4", "  v6 = s4 * v4\n  s2 = s2 + s4")
    assert reordered != network
    assert key(reordered) == key(network)


def test_random_programs_hash_alike_and_by_their_distribution(key):
    assert key(NEURAL_NETWORK) == key(NEURAL_NETWORK.replace("v6", "v9"))
    assert key(NEURAL_NETWORK) != key(NEURAL_NETWORK.replace("gaussian(0.0, 0.1)", "gaussian(0.0, 0.2)"))


def test_code_that_acts_in_validation_only(setup, key):
    """Section 3.2: BackwardPass undoes in training what ForwardPass does; only validation tells."""
    sneaky = LINEAR.replace("  s2 = 0.01", "  s2 = 0.01\n  s4 = 1.0")
    sneaky = sneaky.replace("  s1 = dot(v1, v0)", "  s1 = dot(v1, v0)\n  s1 = s1 * s4\n  s4 = 0.5")
    sneaky = sneaky.replace("  v1 = v1 + v2", "  v1 = v1 + v2\n  s4 = 1.0")
    (plain,), (odd,) = (setup.hashable_outputs(setup.parse(text)) for text in (LINEAR, sneaky))
    assert np.array_equal(plain[:, :10], odd[:, :10])
    assert not np.array_equal(plain[:, 11:], odd[:, 11:])
    assert key(sneaky) != key(LINEAR)


def test_hash_shapes():
    program = parse_program(LINEAR, Memory(8, 10, 3))
    (whole,) = make().hashable_outputs(program)
    assert whole.shape == (4, 20)
    assert make(hash_examples=7).hashable_outputs(program)[0].shape == (4, 14)
    assert make(hash_examples=7).hash_cost == 4 * 14


def test_flags_or_distances_are_hashed():
    options = {"task": "binary", "features": 8, "train_examples": 50, "valid_examples": 30}
    program = parse_program(LINEAR, Memory(8, 10, 3))
    raw, flags = (make(hash_flags=flag, **options).hashable_outputs(program)[0] for flag in (False, True))
    assert np.array_equal(raw[:, :10], flags[:, :10])
    assert set(flags[:, 10:].ravel().tolist()) <= {0.0, 1.0}
    assert np.array_equal(raw[:, 10:] > 0.5, flags[:, 10:] == 1.0)


def fitness_of_tasks(setup, program):
    return np.array(setup.evaluate_tasks(program, Rng.from_word(0), [True] * len(setup.search_tasks))[0])


def test_fitness_is_the_mean_or_median_of_the_tasks(setup):
    program = setup.parse(LINEAR)
    each = fitness_of_tasks(setup, program)
    assert len(set(each.tolist())) == 4
    assert setup.evaluate(program, Rng.from_word(0)).fitness == pytest.approx(each.mean(), rel=1e-15)
    assert make(combine="median").evaluate(program, Rng.from_word(0)).fitness == pytest.approx(np.median(each))


def test_cost_counts_examples(setup):
    assert setup.evaluate(setup.parse(LINEAR), Rng.from_word(0)).cost == 4 * (50 + 30)
    assert make(epochs=3).evaluate(setup.parse(LINEAR), Rng.from_word(0)).cost == 3 * 4 * (50 + 30)
    diverging = setup.parse("def Setup():\n s2 = 1e3\ndef Predict():\n s1 = s1 + s2\ndef Learn():\n")
    assert setup.evaluate(diverging, Rng.from_word(0))[:2] == (0.0, 4.0)  # each task stops at its first example


def test_hurdle_stops_bad_programs_early_and_leaves_good_ones_alone(setup):
    hurdled = make(hurdle_fitness=0.5, hurdle_tasks=2)
    good, bad = setup.parse(LINEAR), pack([[], [], []])
    assert hurdled.evaluate(good, Rng.from_word(0))[:2] == pytest.approx(setup.evaluate(good, Rng.from_word(0))[:2])
    fitness, cost = hurdled.evaluate(bad, Rng.from_word(0))[:2]
    assert cost == 2 * (50 + 30)
    assert fitness == pytest.approx(fitness_of_tasks(setup, bad)[:2].mean())
    assert fitness < 0.5


def test_the_first_stage_is_the_fitness_on_the_first_tasks():
    staged = make(hurdle_tasks=3)
    program = staged.parse(LINEAR)
    first, whole = staged.evaluate_in_stages(program, Rng.from_word(0))
    each = fitness_of_tasks(staged, program)
    assert first[:2] == (pytest.approx(each[:3].mean(), rel=1e-15), 3 * (50 + 30))
    assert whole[:2] == (pytest.approx(each.mean(), rel=1e-15), 50 + 30)
    assert staged.staged
    assert not make().staged


def test_train_budget_refuses_costly_programs():
    limited = make(train_budget=1.0)
    network, costly = limited.parse(NEURAL_NETWORK), limited.parse(NEURAL_NETWORK + "  m2 = 1 / m2\n")
    assert program_cost(network, 50) < program_cost(costly, 50)
    assert limited.evaluate(network, Rng.from_word(0)).fitness > 0.0
    assert limited.evaluate(costly, Rng.from_word(0))[:2] == (0.0, 1.0)
    assert make().evaluate(costly, Rng.from_word(0)).fitness > 0.0


def test_programs_on_both_sides_of_the_train_budget_have_different_keys():
    """They may behave alike, but only one of them is evaluated: a cache must not give one the other's fitness."""
    limited = make(train_budget=1.0)
    cheap = limited.parse(NEURAL_NETWORK)
    refused, another = (limited.parse(NEURAL_NETWORK + f"  m2 = 1 / m{i}\n") for i in (1, 2))
    functional_hash = FunctionalHash(mantissa_bits=27)

    def key_of(setup, program):
        return functional_hash(setup.hashable_outputs(program))

    assert key_of(make(), cheap) == key_of(make(), refused)
    assert key_of(limited, cheap) == key_of(make(), cheap)
    assert key_of(limited, cheap) != key_of(limited, refused)
    assert key_of(limited, another) == key_of(limited, refused)
    assert limited.hashable_outputs(refused)[0].shape == limited.hashable_outputs(cheap)[0].shape


def test_reevaluation_uses_tasks_that_the_search_never_sees(setup):
    program = setup.parse(LINEAR)
    seen = {task.train_features.tobytes() for task in setup.search_tasks}
    unseen = {task.train_features.tobytes() for task in setup.held_out_tasks}
    assert not seen & unseen
    assert setup.reevaluate(program, Rng.from_word(0)) != setup.evaluate(program, Rng.from_word(0)).fitness


def test_fixed_noise_makes_evaluations_deterministic():
    noisy, fixed = make(), make(fixed_noise=True)
    program = noisy.parse(NEURAL_NETWORK)
    assert noisy.evaluate(program, Rng.from_word(1)) != noisy.evaluate(program, Rng.from_word(2))
    assert fixed.evaluate(program, Rng.from_word(1)) == fixed.evaluate(program, Rng.from_word(2))


def test_first_programs(setup):
    assert function_sizes(setup.random_candidate(Rng.from_word(0))) == (0, 0, 0)
    noops = make(initial_sizes=(1, 2, 3)).random_candidate(Rng.from_word(0))
    assert noops == parse_program(
        "def Setup():\nnoop\ndef Predict():\nnoop\nnoop\ndef Learn():\n" + "noop\n" * 3, Memory(8, 10, 3)
    )
    rng = Rng.from_seed(0)
    different = {make(initial="random", initial_sizes=(2, 2, 2)).random_candidate(rng) for _ in range(20)}
    assert len(different) == 20


def test_description_marks_what_has_no_effect_and_reads_back(setup):
    padded = LINEAR.replace("  s3 = s0 - s1", "  m2 = outer(v0, v0)\n  s3 = s0 - s1\n  s3 = s3 + s6")
    program = setup.parse(padded)
    text = setup.describe(program)
    marked = [line.split("#")[0].strip() for line in text.splitlines() if line.endswith("# no effect")]
    assert marked == ["m2 = outer(v0, v0)", "s3 = s3 + s6"]
    assert setup.parse(text) == program
    assert setup.pruned(program) == setup.parse(LINEAR)


def test_fingerprint_follows_the_data():
    prints = {make().fingerprint(), make(task_seed=1).fingerprint(), make(task="nn2").fingerprint()}
    assert len(prints) == 3
    assert make(operations="paper").fingerprint() in prints


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "lineer"}, "did you mean 'linear'"),
        ({"features": 0}, "features must be between 1"),
        ({"tasks": 0}, "tasks must be"),
        ({"train_examples": 0}, "train_examples must be"),
        ({"hash_examples": 31}, "hash_examples must be between 1 and 30"),
        ({"memory": (100, 10, 3)}, "2 to 64 scalars"),
        ({"max_sizes": (1, 2, 9999)}, "BackwardPass cannot have"),
        ({"initial_sizes": (11, 0, 0)}, "initial_sizes must lie"),
        ({"initial": "rand"}, "did you mean 'random'"),
        ({"operations": "demos"}, "did you mean 'demo'"),
        ({"mutations": ("altr",)}, "did you mean 'alter'"),
        ({"mutation_probability": 1.5}, "mutation_probability must be"),
        ({"mutation_probability": float("nan")}, "mutation_probability must be"),
        ({"hurdle_tasks": 4, "hurdle_fitness": 0.5}, "hurdle_tasks must be between 0 and 3"),
        ({"hurdle_fitness": 0.5}, "hurdle_fitness needs hurdle_tasks"),
        ({"combine": "max"}, "combine must be one of"),
        ({"train_examples": 10**8, "tasks": 1000}, "tasks' data would take .* GiB, more than 4; take fewer tasks"),
        ({"heldout_valid_examples": 10**8, "heldout_tasks": 10**5}, "tasks' data would take"),
        ({"features": 4096, "memory": (8, 10, 64), "train_examples": 30}, "matrices would take .* GiB"),
        ({"task": "binary", "images": "nowhere"}, "neither a file nor a folder; known are cifar10, digits"),
        ({"task": "binary", "train_examples": 5000}, "examples were asked for"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message) as error:
        make(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("automl_zero*.toml")), ids=lambda path: path.stem)
def test_configurations_spell_out_every_option(path):
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    options = config["options"]
    defaults = AutoMLZero.__init__.__kwdefaults__
    assert set(options) >= set(defaults) - {"images"}
    if options.get("images") != "cifar10":
        AutoMLZero(**options)
    assert config["hash"]["mantissa_bits"] == 27


def test_defaults_are_those_of_the_lite_configuration():
    lite = tomllib.loads((CONFIGS / "automl_zero-lite.toml").read_text(encoding="utf-8"))
    assert AutoMLZero.__init__.__kwdefaults__ == {
        name: tuple(value) if isinstance(value, list) else value for name, value in lite["options"].items()
    }


def test_importing_the_setup_is_cheap():
    code = "import sys, setups.automl_zero; print([m for m in ('sklearn', 'keras', 'tensorflow') if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CONFIGS.parent
    )
    assert output.stdout.strip() == "[]"
