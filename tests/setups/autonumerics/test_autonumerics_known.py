"""Against what is known: textbook forms, proven bounds, another CMA-ES, compilers, many digits."""

import math
import shutil
import subprocess

import cma
import mpmath
import numpy as np
import pytest

from setups.autonumerics import AutoNumerics
from setups.autonumerics.bounds import proven_bound
from setups.autonumerics.classical import best_of_each, minimax_form, pade, polynomial, rational, taylor
from setups.autonumerics.cma import CmaEs
from setups.autonumerics.functions import NAMES, end_points, inner_points, make_function
from setups.autonumerics.reference import reference_values
from setups.autonumerics.remez import minimax
from setups.autonumerics.single import grid, largest_ulps, truths
from ufh_cli.core.rng import Rng

F3 = "-8.0/(x - 3.0) - 1.0"
EXPORTED = "u = x + 25.6/x; 17.7/(u - 8.8) + sqrt(x + 4.0)"


@pytest.fixture(scope="module")
def setup():
    return AutoNumerics()


@pytest.mark.parametrize(("degree", "error"), [(5, 8.536e-5), (8, 5.465e-8), (10, 2.358e-10)])
def test_taylor(setup, degree, error):
    program = taylor(setup.function, degree, 0.0)
    assert program.operations == 2 * degree
    assert 10 ** -setup.digits(program) == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize(("degree", "error"), [(1, 3.539e-3), (2, 6.994e-6), (3, 5.986e-9)])
def test_pade(setup, degree, error):
    program = pade(setup.function, degree, 0.5)
    assert program.operations == 4 * degree
    assert 10 ** -setup.digits(program) == pytest.approx(error, rel=1e-3)


MINIMAX = [  # of 2^x on [0, 1], relative, as Real et al.'s baselines have them; quotients, then polynomials
    (1, 1, 8.672e-4), (2, 2, 4.340e-7), (3, 3, 9.310e-11), (4, 4, 1.109e-14), (5, 5, 8.412e-19),
    (5, 0, 7.494e-8), (6, 0, 1.856e-9), (7, 0, 4.021e-11), (8, 0, 7.744e-13), (9, 0, 1.342e-14),
]  # fmt: skip


@pytest.mark.parametrize(("degree", "below", "error"), MINIMAX)
def test_minimax_quotients_and_polynomials(setup, degree, below, error):
    assert minimax(setup.function, degree, below, relative=True).error == pytest.approx(error, rel=6e-4)


@pytest.mark.parametrize(("degree", "below"), [(3, 0), (5, 0), (2, 2), (3, 3)])
def test_minimax_forms_have_the_error_of_the_exchange_and_fits_end_close_to_it(setup, degree, below):
    least = minimax(setup.function, degree, below, relative=True).error
    form = minimax_form(setup, degree, below)
    assert form.operations == (4 if below else 2) * degree
    assert setup.largest_error(form, inner_points(setup.function, 2000)) == pytest.approx(least, rel=1e-4)
    start = pade(setup.function, degree, 0.5) if below else taylor(setup.function, degree, 0.5)
    fitted = setup.largest_error(setup.fitted(start, Rng.from_word(0)), inner_points(setup.function, 2000))
    assert least <= fitted < 1.1 * least


def test_where_the_exchange_finds_nothing_a_fit_stands_in():
    setup = AutoNumerics(function="airy", error="absolute")
    with pytest.raises(ArithmeticError):
        minimax(setup.function, 1, 1, relative=False)
    assert setup.digits(minimax_form(setup, 1, 1)) > 0.3


def test_a_quotient_of_polynomials_means_what_it_says():
    program = rational([2.0, 4.0, 6.0], [3.0, 5.0, 2.0])
    points = np.array([0.25, 0.5, 2.0])
    expected = (2 + 4 * points + 6 * points**2) / (3 + 5 * points + 2 * points**2)
    assert np.allclose([float(value) for value in reference_values(program, points)], expected, rtol=1e-14)
    assert polynomial([1.0, 2.0, 3.0]).operations == 4


def test_textbook_forms_cost_no_more_than_asked(setup):
    found = best_of_each(setup, 8)
    assert {form.name for form in found} == {"Taylor", "Padé", "minimax polynomial", "minimax rational"}
    assert all(form.program.operations <= 8 for form in found)
    digits = {form.name: form.digits for form in found}
    assert digits["minimax rational"] > digits["Padé"]
    assert digits["minimax polynomial"] > digits["Taylor"]


@pytest.mark.parametrize("text", ["c1*x + c2", "c1/(c2 + x) + c3", "c1 + x*(c2 + x*(c3 + x*c4))"])
@pytest.mark.parametrize("error", ["relative", "absolute"])
def test_a_proven_bound_is_above_the_error_and_close_to_it(text, error):
    setup = AutoNumerics(error=error)
    program = setup.fitted(setup.parse(text), Rng.from_word(3))
    seen = setup.largest_error(program, end_points(setup.function, 3000))
    bound, low = proven_bound(program, setup.function, seen, relative=error == "relative")
    assert seen <= bound <= 1.02 * seen
    assert 0 < low < 1e-8


@pytest.mark.parametrize("name", ["exp", "log2", "ln", "sin", "cos"])
def test_bounds_of_other_functions(name):
    setup = AutoNumerics(function=name, error="absolute")
    program = setup.fitted(setup.parse("c1 + x*(c2 + x*(c3 + x*c4))"), Rng.from_word(3))
    seen = setup.largest_error(program, end_points(setup.function, 1000))
    bound, _ = proven_bound(program, setup.function, seen, relative=False)
    assert seen <= bound <= 1.02 * seen


def test_a_pole_that_points_miss_is_no_bound(setup):
    """Between two of 4,096 points nothing is seen; the proof looks everywhere."""
    points = inner_points(setup.function, 4096)
    pole = float(points[2000] + points[2001]) / 2
    fitted = setup.fitted(setup.parse("c1 + x*(c2 + x*c3)"), Rng.from_word(3))
    program = setup.parse(f"{setup.describe(fitted)} + 1e-12/(x - {pole!r})")
    seen = setup.largest_error(program, points)
    assert seen < 2e-3
    assert proven_bound(program, setup.function, seen, relative=True) is None


def test_what_cannot_be_proven_says_so(tmp_path):
    setup = AutoNumerics(function="erf", error="absolute")
    sentence = setup.export(setup.parse("c1*x + c2"), tmp_path / "f.py", Rng.from_word(0))
    assert "not proven" in sentence


@pytest.mark.parametrize("name", NAMES)
def test_functions_are_finite_on_their_intervals_and_can_be_fitted(name):
    setup = AutoNumerics(function=name, error="absolute", starts=3)
    cubic = setup.evaluate(setup.parse("c1 + x*(c2 + x*(c3 + x*c4))"), Rng.from_word(5)).fitness
    line = setup.evaluate(setup.parse("c1 + x*c2"), Rng.from_word(5)).fitness
    assert cubic > line > 0


def test_truths_are_those_of_the_standard_library():
    for name, known in [("exp2", math.exp2), ("log2", math.log2), ("ln", math.log), ("erf", math.erf)]:
        function = make_function(name, 0.0, 0.0)
        assert float(function.truth(mpmath.mpf("1.25"))) == pytest.approx(known(1.25), rel=1e-15)


def _ellipsoid(samples):
    return (samples**2 * 10.0 ** np.arange(samples.shape[1])).sum(axis=1)


def test_cma_is_as_quick_as_the_package():
    """Losses after the same number of generations on an ellipsoid, median of seeds: within a factor of ten."""

    def ours(seed):
        strategy = CmaEs(np.ones(4), 0.3, 16, np.random.default_rng(seed))
        for _ in range(60):
            strategy.tell(_ellipsoid(strategy.ask()))
        return _ellipsoid(strategy.mean[None])[0]

    def theirs(seed):
        options = {"popsize": 16, "seed": seed + 1, "verbose": -9, "CMA_active": False}
        strategy = cma.CMAEvolutionStrategy(np.ones(4), 0.3, options)
        for _ in range(60):
            samples = strategy.ask()
            strategy.tell(samples, _ellipsoid(np.array(samples)).tolist())
        return _ellipsoid(np.array(strategy.mean)[None])[0]

    first, second = (np.median([np.log10(run(seed)) for seed in range(7)]) for run in (ours, theirs))
    assert first < -5
    assert abs(first - second) < 1.0 + 0.15 * abs(second)


def test_cma_fits_what_levenberg_marquardt_fits_at_a_higher_cost():
    program = AutoNumerics().parse(F3)
    by_lm = AutoNumerics(starts=1).evaluate(program, Rng.from_word(2))
    by_cma = AutoNumerics(starts=1, fit="cma").evaluate(program, Rng.from_word(2))
    assert by_cma.fitness == pytest.approx(by_lm.fitness, abs=0.1)
    assert by_cma.cost > 10 * by_lm.cost


def test_exported_python_computes_the_program(setup, tmp_path):
    path = tmp_path / "f.py"
    sentence = setup.export(setup.parse(F3), path, Rng.from_word(2))
    scope: dict = {}
    exec(path.read_text(), scope)
    points = np.linspace(0.01, 1.0, 500)
    errors = np.abs(scope["approximate_exp2"](points) / np.exp2(points) - 1)
    assert "proven" in sentence
    bound = float(sentence.split("at most ")[1].split(",")[0])
    assert errors.max() <= bound
    assert bound < 8.9e-4


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_exported_c_computes_the_program(setup, tmp_path):
    source = tmp_path / "f.c"
    setup.export(setup.parse(EXPORTED), source, Rng.from_word(2))
    program = setup.fitted(setup.parse(EXPORTED), Rng.from_word(2))
    source.write_text(
        source.read_text() + '\n#include <stdio.h>\nint main(void) { printf("%.17g\\n", approximate_exp2(0.625)); }\n'
    )
    subprocess.run(["cc", "-O1", "-o", str(tmp_path / "f"), str(source), "-lm"], check=True)
    found = float(subprocess.run([str(tmp_path / "f")], capture_output=True, text=True, check=True).stdout)
    assert found == pytest.approx(float(reference_values(program, [0.625])[0]), rel=1e-13)


@pytest.mark.parametrize(
    ("name", "complaint"), [("f.txt", "ends in .py or .c"), ("none/f.c", "no folder"), ("folder.c", "cannot write")]
)
def test_export_refuses(setup, tmp_path, name, complaint):
    (tmp_path / "folder.c").mkdir()
    with pytest.raises(ValueError, match=complaint):
        setup.export(setup.parse("c1*x + c2"), tmp_path / name, Rng.from_word(0))


def test_details_show_the_textbook_beside(setup):
    text = setup.details(setup.parse(F3), 3.06)
    assert "3 operations, 3.06 digits" in text
    assert "minimax polynomial in 2 operations: 1.5" in text


def test_the_error_curve_touches_its_largest_error_once_more_than_there_are_coefficients(setup):
    """Chebyshev's alternation: the fit of a quadratic is minimax."""
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    setup.draw(setup.parse("c1 + x*(c2 + x*c3)"), axes)
    curve = axes.lines[-1].get_ydata()
    peaks = [0.0]
    for error in curve:  # the largest of each run of one sign
        if error * peaks[-1] < 0:
            peaks.append(error)
        elif abs(error) > abs(peaks[-1]):
            peaks[-1] = error
    assert len(peaks) == 4
    assert min(map(abs, peaks)) > 0.93 * max(map(abs, peaks))


@pytest.mark.parametrize(("degree", "ulps"), [(5, 2.42), (6, 1.22), (7, 1.25)])
def test_minimax_polynomials_in_float32(setup, degree, ulps):
    """Horner's scheme without fused operations on 2**20 points; the last bits of coefficients matter a little."""
    program = minimax_form(setup, degree, 0)
    assert largest_ulps(program, setup.function, grid(setup.function)) == pytest.approx(ulps, abs=0.1)


def test_f10_is_no_program_for_float32():
    single = AutoNumerics(error="ulp")
    text = """u = x + 5783.5330096027765 / x
    (501.10494991027866 / (-250.55247494972059 + (15141.981176922711 / u + u)) - -0.99999999999999956)^8"""
    program = single.parse(text)
    assert largest_ulps(program, single.function, grid(single.function)) == pytest.approx(13.7, abs=0.3)


def test_in_float32_fitness_is_that_of_rounded_operations():
    single = AutoNumerics(error="ulp")
    program = single.parse("c1 + x*(c2 + x*(c3 + x*(c4 + x*(c5 + x*c6))))")
    found = single.evaluate(program, Rng.from_word(0)).fitness
    ulps = 2.0**23 / 10**found
    assert 1.0 < ulps < 2.5
    assert single.reevaluate(program, Rng.from_word(0)) == pytest.approx(found, abs=0.2)


def test_a_coefficient_beyond_float32_is_no_error_but_infinitely_wrong(recwarn):
    single = AutoNumerics(error="ulp")
    assert largest_ulps(single.parse("x + 1e60"), single.function, grid(single.function, 100)) == math.inf
    assert not recwarn.list


def test_exported_c_of_the_float32_mode_is_of_float(tmp_path):
    single = AutoNumerics(error="ulp")
    sentence = single.export(single.parse("c1 + x*c2"), tmp_path / "f.c", Rng.from_word(0))
    assert "float approximate_exp2(float x)" in (tmp_path / "f.c").read_text()
    assert "ULP" in sentence


def test_errors_in_ulp_need_a_smooth_function():
    with pytest.raises(ValueError, match="not smooth enough"):
        truths(make_function(f"{__name__}:kink", 0.0, 1.0), np.float32([0.5]))


def kink(x):
    return abs(x - 0.3)
