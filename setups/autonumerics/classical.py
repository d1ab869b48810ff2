"""The textbook's forms: Taylor, Padé and the minimax fits, as programs, so that operations are counted alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from setups.autonumerics.functions import DIGITS, Function, middle_of
from setups.autonumerics.operations import ADD, COEFFICIENT, DIVIDE, MULTIPLY, X
from setups.autonumerics.program import Program, Vertex, from_vertices
from setups.autonumerics.published import PUBLISHED
from setups.autonumerics.remez import minimax
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Landmark

if TYPE_CHECKING:
    from setups.autonumerics.setup import AutoNumerics

HIGHEST_DEGREE = 12
_OF_PUBLISHED = "exp2 on [0.0, 1.0]"
_POINTS = 1000  # that digits are told on


class Classical(NamedTuple):
    """A textbook form with its coefficients: its name, the program, and the digits that are right."""

    name: str
    program: Program
    digits: float


def polynomial(coefficients: Sequence[float]) -> Program:
    """Horner's scheme; coefficients of 1, x, x², …"""
    return rational(coefficients, [1.0])


def rational(numerator: Sequence[float], denominator: Sequence[float]) -> Program:
    """Two of Horner's schemes and a division; the highest coefficient of a denominator with x becomes 1."""
    vertices = [Vertex(X)]

    def add(kind: int, *inputs: int, value: float = 0.0) -> int:
        vertices.append(Vertex(kind, inputs, value))
        return len(vertices) - 1

    def horner(coefficients: Sequence[float], monic: bool) -> int:
        place = add(COEFFICIENT, value=float(coefficients[-1]))
        for number, value in enumerate(reversed(coefficients[:-1])):
            place = 0 if monic and number == 0 else add(MULTIPLY, place, 0)
            place = add(ADD, place, add(COEFFICIENT, value=float(value)))
        return place

    scale = denominator[-1]
    top = horner([value / scale for value in numerator], False)
    if len(denominator) == 1:
        return from_vertices(vertices, top)
    below = horner([value / scale for value in denominator], True)
    return from_vertices(vertices, add(DIVIDE, top, below))


def taylor_coefficients(function: Function, degree: int, at: float) -> list[Any]:
    """Of (x - at)**k for k from 0 to `degree`, as mpmath numbers."""
    import mpmath

    with mpmath.workdps(DIGITS):
        return mpmath.taylor(function.truth, mpmath.mpf(at), degree)


def taylor(function: Function, degree: int, at: float) -> Program:
    """Taylor's polynomial around `at`, written in powers of x."""
    return polynomial(_shifted(taylor_coefficients(function, degree, at), at))


def pade(function: Function, degree: int, at: float) -> Program:
    """Padé's quotient of two polynomials of `degree` around `at`, in powers of x."""
    import mpmath

    with mpmath.workdps(DIGITS):
        top, below = mpmath.pade(taylor_coefficients(function, 2 * degree, at), degree, degree)
    return rational(_shifted(top, at), _shifted(below, at))


def _shifted(coefficients: Sequence[Any], at: float) -> list[Any]:
    """Coefficients in x of a polynomial in x - at."""
    import mpmath

    with mpmath.workdps(DIGITS):
        result: list[Any] = [mpmath.mpf(0)]
        for value in reversed(list(coefficients)):
            above = [mpmath.mpf(0), *result]
            result = [high - at * low for high, low in zip(above, [*result, mpmath.mpf(0)], strict=True)]
            result[0] += value
        return result[: len(list(coefficients))]


def minimax_form(setup: AutoNumerics, degree: int, below: int) -> Program:
    """The quotient of polynomials of `degree` and `below` (0: a polynomial) with the least maximum error.

    Where the exchange does not find it, a fit that starts from Taylor's or Padé's coefficients.
    """
    try:
        best = minimax(setup.function, degree, below, relative=setup.relative)
    except ArithmeticError:
        middle = middle_of(setup.function)
        start = pade(setup.function, degree, middle) if below else taylor(setup.function, degree, middle)
        return setup.fitted(start, Rng.from_word(0))
    return rational(_shifted(best.numerator, best.middle), _shifted(best.denominator, best.middle))


def _forms(setup: AutoNumerics, operations: int) -> Iterator[tuple[str, Callable[[], Program]]]:
    """Of a polynomial of degree n 2n operations, of a quotient of two 4n."""
    function, middle = setup.function, middle_of(setup.function)
    for n in range(1, min(HIGHEST_DEGREE, operations // 2) + 1):
        yield "Taylor", partial(taylor, function, n, middle)
        yield "minimax polynomial", partial(minimax_form, setup, n, 0)
        if 4 * n <= operations:
            yield "Padé", partial(pade, function, n, middle)
            yield "minimax rational", partial(minimax_form, setup, n, n)


def classical_forms(setup: AutoNumerics, operations: int) -> list[Classical]:
    """All textbook forms of at most so many operations whose digits can be told, those of a name by operations."""
    import mpmath

    found = []
    for name, make in _forms(setup, operations):
        try:
            program = make()
        except (ArithmeticError, ValueError, mpmath.NoConvergence):
            continue  # a singular Padé table, or too large a program
        found.append(Classical(name, program, setup.digits(program, _POINTS)))
    return sorted(found, key=lambda form: (form.name, form.program.operations))


def best_of_each(setup: AutoNumerics, operations: int) -> list[Classical]:
    """Of each name, the form with the most digits among those of at most so many operations."""
    best: dict[str, Classical] = {}
    for form in classical_forms(setup, operations):
        if form.name not in best or form.digits > best[form.name].digits:
            best[form.name] = form
    return list(best.values())


def landmarks(setup: AutoNumerics, operations: int) -> list[Landmark]:
    """The digits of textbook forms of at most so many operations, as lines, and for 2^x the published programs'."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for form in classical_forms(setup, operations):
        lines.setdefault(form.name, []).append((form.digits, -float(form.program.operations)))
    found = [Landmark(name, points) for name, points in lines.items()]
    if setup.fingerprint() == _OF_PUBLISHED:
        programs = [setup.parse(text) for text in PUBLISHED.values()]
        points = [(setup.digits(program), -float(program.operations)) for program in programs]
        found.append(Landmark("published (Real et al. 2023)", points, joined=False))
    return found
