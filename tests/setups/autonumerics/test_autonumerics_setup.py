"""The setup: the conformance suite, published programs, keys, fits, bad input."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from setups.autonumerics import AutoNumerics
from setups.autonumerics.published import PUBLISHED as PROGRAMS
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.testing import CHECKS

CONFIGS = Path(__file__).parents[3] / "configs"
SMALL = {"starts": 1, "lawson": 10}

F2, F3, F5, F10 = PROGRAMS.values()
PUBLISHED = [(F2, 2, 4.1384e-2), (F3, 3, 1.22661e-3), (F5, 5, 6.33863e-6), (F10, 10, 3.556e-15)]


@pytest.fixture(scope="module")
def relative():
    return AutoNumerics()


@pytest.fixture(scope="module")
def absolute():
    return AutoNumerics(error="absolute")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "options",
    [{}, {"starts": 3}, {"error": "ulp"}, {"sqrt": True, "fma": True, "function": "cos", "error": "absolute"}],
    ids=["defaults", "starts", "float32", "all operations"],
)
def test_conformance(check, options):
    check(lambda: AutoNumerics(**(SMALL | options)))


@pytest.mark.parametrize(("text", "operations", "error"), PUBLISHED, ids=["f2", "f3", "f5", "f10"])
def test_published_programs_have_their_operations_and_their_error(absolute, text, operations, error):
    program = absolute.parse(text)
    assert program.operations == operations
    # f10's constants are known to 17 digits only, which its error of 3.6e-15 feels.
    found = 10 ** -absolute.digits(program)
    assert found == pytest.approx(error, rel=1e-2 if operations == 10 else 1e-4)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (F2, 1.53), (F3, 3.06), (f"v = {F3.replace('/', '* 1 /')}; v*v", 3.66), (F5, 5.36),
        ("c1*x + c2", 1.53), ("c1 + x*(c2 + x*c3)", 2.76), ("c + x*(c + x*(c + x*c))", 4.13),
        ("c + x*(c + x*(c + x*(c + x*c)))", 5.59), ("c + x*(c + x*(c + x*(c + x*(c + x*c))))", 7.13),
    ],
)  # fmt: skip
def test_fits_reach_the_digits_of_the_best_known_coefficients(relative, text, digits):
    """The table of best known forms, and minimax polynomials; all start where the text says, or at random."""
    program = relative.parse(text)
    best = max(relative.evaluate(program, Rng.from_word(word)).fitness for word in range(6))
    assert best == pytest.approx(digits, abs=0.02)


def test_the_fit_never_makes_a_program_worse(relative):
    rng = Rng.from_seed(3)
    program = relative.parse(F5)
    for _ in range(8):
        program = relative.mutate(program, rng)
        fitted = relative.fitted(program, Rng.from_word(1))
        assert relative.digits(fitted) >= relative.digits(program) - 0.02


def test_the_fitness_is_that_of_the_fitted_coefficients_in_many_digits(relative):
    program = relative.parse("c1 + x*(c2 + x*c3)")
    fitness = relative.evaluate(program, Rng.from_word(1)).fitness
    assert relative.reevaluate(program, Rng.from_word(1)) == pytest.approx(fitness, abs=1e-3)


def test_extended_precision_is_not_the_machines(relative):
    """x + 1e17 - 1e17 is x in enough digits, and noise in float64."""
    sure = AutoNumerics(function=f"{__name__}:identity", low=1.0, high=2.0)
    program = sure.parse("a = x*x + 1e17; b = x*x + 1e17; (a - x*x) * x / 1e17")
    assert sure.digits(program) > 15.9
    assert sure.digits(sure.parse("a = 1e17 + x*1e-3; x*(a/a)")) == 30.0


def identity(x):
    return x


@pytest.fixture(scope="module")
def key(relative):
    functional_hash = FunctionalHash(mantissa_bits=40)
    return lambda text: functional_hash(relative.hashable_outputs(relative.parse(text)))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("c1*x + c2", "c1 + x*c2"),
        ("x - c1", "x + c1"),
        ("x / c1", "c1*x"),
        ("(x + c1) + c2", "x + c1"),
        ("c1/(c2/x)", "c1*x"),
        ("c1 - (c2 - x)", "x + c1"),
        ("c1*c2 + x/(c3 + c4)", "c1*x + c2"),
        ("u = x*x; u*u", "x^4"),
        ("x*x + x*x", "u = x*x; u + u"),
        ("x/x + x", "c1 + x"),
        ("sqrt(c1)*x", "c1*x"),
        ("fma(c1, c2, x)", "c1 + x"),
        ("fma(x, c1, c2)", "fma(c1, x, c2)"),
    ],
)
def test_what_is_written_otherwise_is_one_program(relative, key, text, other):
    one, two = relative.parse(text), relative.parse(other)
    assert one.code == two.code
    assert relative.structural_key(one) == relative.structural_key(two)
    assert key(text) == key(other)


@pytest.mark.parametrize(
    ("text", "other"), [("c1 + c2*x", "c1*(x + c2)"), ("x*(x*x)", "x*x"), ("c1/x", "c1*x"), ("x - c1/x", "x + c1/x")]
)
def test_different_families_have_different_keys(key, text, other):
    assert key(text) != key(other)


def test_the_functional_key_sees_what_the_structure_hides(relative, key):
    """Equal functions of another form, with another number of operations: why the key must not stand for the cost."""
    short, long = "x*x*x", "u = x*x; u*u/x"
    assert key(short) == key(long)
    assert relative.structural_key(relative.parse(short)) != relative.structural_key(relative.parse(long))
    assert relative.parse(short).operations == 2
    assert relative.parse(long).operations == 3


def test_coefficients_do_not_change_the_key(relative, key):
    assert key("2.0 + 3.0*x") == key("-7.0 + 0.5*x")


def test_children_stay_within_the_limits_and_reach_them():
    setup = AutoNumerics(max_operations=4, max_coefficients=2, mutations=("insert:2", "remove:1", "rewire:2", "behind"))
    rng = Rng.from_seed(5)
    program = setup.random_candidate(rng)
    sizes, numbers = set(), set()
    for _ in range(2000):
        program = setup.mutate(program, rng)
        sizes.add(program.operations)
        numbers.add(program.coefficients)
    assert max(sizes) == 4
    assert max(numbers) == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"function": "exp3"}, "did you mean 'exp'"),
        ({"function": "no_module_here:f", "low": 0.0, "high": 1.0}, "cannot be imported"),
        ({"function": "math:pi", "low": 0.0, "high": 1.0}, "cannot be called"),
        ({"function": "mpmath:gamma"}, "needs an interval"),
        ({"function": "mpmath:gamma", "low": -2.0, "high": 1.0}, "x = -2.0"),
        ({"function": "ln", "low": -1.0, "high": 1.0}, "not finite at x = -1.0"),
        ({"function": "ln"}, 'choose options.error = "absolute"'),
        ({"low": 1.0, "high": 1.0}, "is empty"),
        ({"low": 2.0, "high": 1.0}, "is empty"),
        ({"low": 0.0, "high": math.inf}, "not finite"),
        ({"max_operations": 0}, "max_operations must be between 1"),
        ({"max_coefficients": 0}, "max_coefficients must be between 1"),
        ({"fit": "lmm"}, "did you mean 'lm'"),
        ({"error": "digits"}, "error must be one of"),
        ({"mutations": ("insert:0", "remove")}, "insert must have a weight above 0"),
        ({"mutations": ("insert", "remov")}, "did you mean 'remove'"),
        ({"starts": 0}, "starts must be between"),
        ({"short_steps": -1}, "short_steps must be between"),
        ({"fit_points": 4}, "fit_points must be between"),
    ],
)
def test_options_that_cannot_be_are_one_line(options, complaint):
    with pytest.raises(ValueError, match=r".") as caught:
        AutoNumerics(**options)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("autonumerics*.toml")), ids=lambda path: path.stem)
def test_configurations_fit(path):
    setup = AutoNumerics(**tomllib.loads(path.read_text())["options"])
    assert np.isfinite(setup.evaluate(setup.parse("c1*x + c2"), Rng.from_word(0)).fitness)
