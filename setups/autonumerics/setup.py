"""AutoNumerics-Zero (Real et al. 2023): the search for programs that compute a function in few operations."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from setups.autonumerics.cma import fit_by_cma
from setups.autonumerics.drawing import draw_error
from setups.autonumerics.export import write_function
from setups.autonumerics.fit_kernel import best_start, fit, largest_error
from setups.autonumerics.functions import end_points, exact, inner_points, make_function
from setups.autonumerics.mutation import MUTATIONS, Limits, mutated
from setups.autonumerics.operations import (
    ADD,
    COEFFICIENT,
    DIVIDE,
    FUSED,
    MOST_COEFFICIENTS,
    MOST_OPERATIONS,
    MULTIPLY,
    NAMES,
    SQUARE_ROOT,
    SUBTRACT,
)
from setups.autonumerics.program import EMPTY, Program, code_array, to_vertices, value_array
from setups.autonumerics.reference import digits_of, reference_values
from setups.autonumerics.run_kernel import run
from setups.autonumerics.single import POINTS, ULP_AT_ONE, grid, largest_ulps
from setups.autonumerics.text import format_program, parse_program
from ufh_cli.core.graph import Graph
from ufh_cli.core.names import in_range, one_of, weights
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Landmark, Objectives, Setup

REEVALUATION_POINTS = 4096
_HASH_POINTS = 12
_DRAWN_POINTS = 1000
_ROWS = 1 + MOST_COEFFICIENTS + MOST_OPERATIONS


class AutoNumerics(Setup[Program]):
    """Expressions of few operations that approximate a function; the fitness is digits, -log10 of the largest error.

    Parameters
    ----------
    function : str
        One of `functions.NAMES`, or ``module:name`` of a function of an mpmath number.
    low, high : float
        The interval; both 0 for the one that comes with a known function.
    error : str
        "relative", "absolute", or "ulp": of a program that runs in float32, in units of the true value's last place
        times 2**-23, so that an error of one unit is 6.92 digits.
    objectives : int
        1: digits alone, as many as `max_operations` allow. 2: digits and -operations, for ``--search nsga2``.
    max_operations, max_coefficients : int
        Limits of what is proposed.
    sqrt, fma : bool
        Whether there are square roots, and fused multiply-adds, besides +, -, * and /.
    mutations : tuple of str
        Names and, after a colon, weights: insert a vertex on an edge (above 0), remove one, rewire an edge, and insert
        a vertex behind another, for all that use it.
    mutate_again : float
        The probability of a further change after each change of one child.
    scale : float
        Fresh coefficients are ±10^U(-scale, scale).
    fit : str
        "lm": Levenberg–Marquardt, then Lawson's reweighting. "cma": CMA-ES, as the paper; some hundred times as costly.
    steps, lawson : int
        Of "lm": at most so many steps of each; all of them and `short_steps` 0 is no fit, the best of random draws.
    generations : int
        Of "cma": at most so many.
    inherit : bool
        Whether children start from the coefficients that their parent's fit found, else from its parent's own.
    starts, short_steps : int
        Of "lm": short fits of so many steps, the first from the candidate's own coefficients, the others from random
        ones; only the best goes on. They are the first stage for ``evaluation.hurdle_percentile``.
    fit_points, error_points : int
        Points that coefficients are fitted on, and that the error is measured on.

    Notes
    -----
    Costs are executions: a program run on one point once; derivatives count as two. Programs above `max_operations`
    are not proposed; where one is given as text, its fitness is what it is.
    """

    cost_unit: ClassVar[str] = "program executions"
    operations: ClassVar[tuple[str, ...]] = NAMES
    hash_cost: float = float(2 * _HASH_POINTS)
    costly: bool = False

    def __init__(
        self,
        *,
        function: str = "exp2",
        low: float = 0.0,
        high: float = 0.0,
        error: str = "relative",
        objectives: int = 1,
        max_operations: int = 10,
        max_coefficients: int = 8,
        sqrt: bool = False,
        fma: bool = False,
        mutations: tuple[str, ...] = ("insert:1", "remove:4", "rewire:6", "behind:1"),
        mutate_again: float = 0.3,
        scale: float = 1.0,
        fit: str = "lm",
        steps: int = 40,
        lawson: int = 30,
        generations: int = 1000,
        inherit: bool = True,
        starts: int = 4,
        short_steps: int = 8,
        fit_points: int = 32,
        error_points: int = 256,
    ) -> None:
        in_range("objectives", objectives, 1, 2)
        in_range("max_operations", max_operations, 1, MOST_OPERATIONS)
        in_range("max_coefficients", max_coefficients, 1, MOST_COEFFICIENTS)
        in_range("mutate_again", mutate_again, 0.0, 0.95)
        in_range("scale", scale, 0.0, 64.0)
        in_range("steps", steps, 0, 10_000)
        in_range("lawson", lawson, 0, 10_000)
        in_range("generations", generations, 1, 100_000)
        in_range("starts", starts, 1, 1000)
        in_range("short_steps", short_steps, 0, 1000)
        in_range("fit_points", fit_points, 8, 4096)
        in_range("error_points", error_points, fit_points, 100_000)
        self._cma = one_of("fit", fit, ("lm", "cma")) == "cma"
        self.relative = one_of("error", error, ("relative", "absolute", "ulp")) == "relative"
        self.single = error == "ulp"
        self._kind = error
        if objectives == 2:
            self.objectives = Objectives(("digits", "-operations"), (0.0, -(max_operations + 1.0)))
        chances = np.array(weights("mutations", mutations, MUTATIONS))
        if chances[0] == 0:
            raise ValueError("mutations: insert must have a weight above 0, or every program stays empty")
        kinds = [COEFFICIENT, ADD, SUBTRACT, MULTIPLY, DIVIDE] + [SQUARE_ROOT] * sqrt + [FUSED] * fma
        self._limits = Limits(max_operations, max_coefficients, np.array(kinds), chances, mutate_again, scale)
        self.function = make_function(function, low, high)
        self._fit_data = self._data(end_points(self.function, fit_points))
        self._error_data = self._data(end_points(self.function, error_points))
        self._inherit = inherit
        self._steps, self._lawson, self._starts = steps, lawson, starts
        self._generations, self._short_steps = generations, short_steps
        self.staged = not self._cma
        self._slots = np.empty((_ROWS, fit_points))
        self._adjoints = np.empty((_ROWS, fit_points))
        self._error_slots = np.empty((_ROWS, error_points))
        self._hash_points, self._hash_values = _hash_inputs(self.function.low, self.function.high)

    def _data(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, what the function is there, and what errors are multiplied by."""
        targets = np.array([float(value) for value in exact(self.function, points)])
        return points, targets, self._scale(targets)

    def _scale(self, targets: np.ndarray) -> np.ndarray:
        if self.single:
            return ULP_AT_ONE / np.spacing(np.abs(targets).astype(np.float32)).astype(np.float64)
        if not self.relative:
            return np.ones(len(targets))
        if np.abs(targets).min() < 1e-6 * np.abs(targets).max() or np.ptp(np.sign(targets)) > 0:
            raise ValueError(
                f"{self.function.name} is zero in its interval, where no relative error is possible; "
                'choose options.error = "absolute"'
            )
        return 1.0 / np.abs(targets)

    def random_candidate(self, rng: Rng) -> Program:
        """The empty program, f(x) = x, with one mutation: as good as nothing."""
        return self.mutate(EMPTY, rng)

    def mutate(self, candidate: Program, rng: Rng) -> Program:
        """A child with a vertex more or less, or an edge that comes from elsewhere, in canonical form."""
        return mutated(candidate, rng.word(), self._limits)

    def hashable_outputs(self, candidate: Program) -> np.ndarray:
        """Outputs on 12 fixed points, some beyond the interval, with two sets of fixed coefficients; float64 (2, 12).

        They tell the family of functions, whatever its coefficients, and do not know the number of operations.
        Coefficients are numbered in canonical order and differ from each other: one number for all would take
        c + c*x and c*(1 + x) for the same.
        """
        code, k = code_array(candidate), candidate.coefficients
        outputs = np.empty((2, _HASH_POINTS))
        slots = np.empty((1 + k + len(code), _HASH_POINTS))
        for row, values in zip(outputs, self._hash_values, strict=True):
            row[:] = slots[run(code, values[:k], self._hash_points, slots)]
        return outputs

    def structural_key(self, candidate: Program) -> Hashable:
        """The canonical graph without its coefficients."""
        return candidate.code, candidate.coefficients

    def graph(self, candidate: Program) -> Graph:
        """x, the coefficients with their values, and the operations."""
        vertices = to_vertices(candidate)
        edges = [(giver, place) for place, vertex in enumerate(vertices) for giver in vertex.inputs]
        return Graph([vertex.kind for vertex in vertices], edges, [[vertex.value] for vertex in vertices])

    def evaluate(self, candidate: Program, rng: Rng) -> Evaluation:
        """Fit the coefficients; the fitness is the digits that are right on all error points.

        `refined` is the candidate with the fitted coefficients, from which its children start.
        """
        *before, last = self.evaluate_in_stages(candidate, rng)
        return last._replace(cost=last.cost + before[0].cost) if before else last

    def evaluate_in_stages(self, candidate: Program, rng: Rng) -> Iterator[Evaluation]:
        """First short fits from all starts, then the best of them goes on to the end; "cma" has one stage."""
        code, values = code_array(candidate), value_array(candidate).copy()
        word = rng.word()
        if not self._cma and len(values):
            values, worst, cost = self._screened(code, values, word)
            yield self._found(candidate, values, worst, cost)
        values, worst, cost = self._finished(code, values, word)
        yield self._found(candidate, values, worst, cost)

    def _found(self, candidate: Program, values: np.ndarray, worst: float, cost: float) -> Evaluation:
        refined = candidate.with_values(values) if self._inherit and len(values) else None
        return Evaluation(digits_of(worst), cost, refined=refined)

    def adopted(self, candidate: Program, evaluation: Evaluation) -> Program:
        """`candidate` with the coefficients that were fitted for another of its family, where there are as many.

        Equal keys number them alike.
        """
        refined = evaluation.refined
        return Program(candidate.code, refined.values) if len(refined.values) == len(candidate.values) else candidate

    def objectives_of(self, candidate: Program, evaluation: Evaluation) -> tuple[float, ...]:
        """Digits from the evaluation, which may be another program's of the same key; operations from the structure."""
        return evaluation.fitness, -float(candidate.operations)

    def fitted(self, candidate: Program, rng: Rng) -> Program:
        """`candidate` with the coefficients that an evaluation of it finds."""
        code, values, word = code_array(candidate), value_array(candidate).copy(), rng.word()
        if not self._cma and len(values):
            values, _, _ = self._screened(code, values, word)
        values, _, _ = self._finished(code, values, word)
        return candidate.with_values(values)

    def _screened(self, code: np.ndarray, own: np.ndarray, word: int) -> tuple[np.ndarray, float, float]:
        """(coefficients, largest error on the fit points, cost) of the best of the short fits."""
        values, worst, passes = best_start(
            code, own, *self._fit_data, self._starts, np.uint64(word), self._limits.scale, self._short_steps,
            self._slots, self._adjoints,
        )  # fmt: skip
        return values, worst, passes * len(self._fit_data[0])

    def _finished(self, code: np.ndarray, values: np.ndarray, word: int) -> tuple[np.ndarray, float, float]:
        """(coefficients, largest error on the error points, cost) of the fit that goes on from `values`."""
        if self._cma and len(values):
            passes = fit_by_cma(code, values, *self._fit_data, self._generations, word, self._slots)
        else:
            _, passes = fit(code, values, *self._fit_data, self._steps, self._lawson, self._slots, self._adjoints)
        if self.single:
            points = self._error_data[0].astype(np.float32)
            program = Program(code.tobytes(), values.tobytes())
            worst = ULP_AT_ONE * largest_ulps(program, self.function, points)
        else:
            worst = largest_error(code, values, *self._error_data, self._error_slots)
        return values, worst, passes * len(self._fit_data[0]) + len(self._error_data[0])

    def reevaluate(self, candidate: Program, rng: Rng) -> float:
        """Digits on 4,096 other points, of the fitted program run in 40 decimal digits: rounding plays no part.

        With ``error = "ulp"`` on 2**20 points, run in float32.
        """
        return self.digits(self.fitted(candidate, rng))

    def digits(self, program: Program, count: int = 0) -> float:
        """Digits of `program` with its own coefficients, on `count` points (0: as many as `reevaluate` takes)."""
        if self.single:
            return digits_of(ULP_AT_ONE * largest_ulps(program, self.function, grid(self.function, count or POINTS)))
        return digits_of(self.largest_error(program, inner_points(self.function, count or REEVALUATION_POINTS)))

    def largest_error(self, program: Program, points: np.ndarray) -> float:
        """The largest error of `program` with its own coefficients on `points`, computed with 40 decimal digits."""
        errors = np.abs(self.errors(program, points))
        return float(errors.max()) if np.isfinite(errors).all() else math.inf

    def errors(self, program: Program, points: np.ndarray) -> np.ndarray:
        """The errors of `program` on `points`, float64, computed with 40 decimal digits; NaN where it has no value."""
        truths = exact(self.function, points)
        errors = np.full(len(points), math.nan)
        for i, (value, truth) in enumerate(zip(reference_values(program, points), truths, strict=True)):
            if value is not None:
                errors[i] = float((value - truth) / abs(truth) if self.relative else value - truth)
        return errors

    def describe(self, candidate: Program) -> str:
        """The program as a formula; see `text`."""
        return format_program(candidate)

    def form(self, candidate: Program) -> str:
        """The formula with its coefficients left open."""
        return format_program(candidate, open_coefficients=True)

    def parse(self, text: str) -> Program:
        """The canonical program of a formula."""
        return parse_program(text)

    def details(self, candidate: Program, fitness: float) -> str:
        """The fitted formula, its operations and digits, and textbook forms of at most as many operations beside it."""
        from setups.autonumerics.classical import best_of_each

        program = self.fitted(candidate, Rng.from_word(0))
        lines = [
            f"{program.operations} operations, {self.digits(program):.2f} digits ({self._kind} error): "
            f"{self.function.name}(x): {format_program(program)}"
        ]
        lines += [
            f"  {form.name} in {form.program.operations} operations: {form.digits:.2f} digits"
            for form in best_of_each(self, program.operations)
        ]
        if self.single:
            ulps = largest_ulps(program, self.function, grid(self.function))
            lines.append(f"  in float32: {ulps:.2f} ULP at most on 2**20 points")
        return "\n".join(lines)

    def landmarks(self) -> Sequence[Landmark]:
        """The textbook's forms within the limits, and for 2^x the published programs."""
        from setups.autonumerics.classical import landmarks

        return landmarks(self, self._limits.operations) if self.objectives else ()

    def draw(self, candidate: Program, axes: Any) -> None:
        """The error of the fitted program over the interval; a minimax fit reaches its largest error many times."""
        program = self.fitted(candidate, Rng.from_word(0))
        points = end_points(self.function, _DRAWN_POINTS)
        draw_error(axes, points, self.errors(program, points), self._kind, format_program(program))

    def export(self, candidate: Program, path: Path, rng: Rng) -> str:
        """Write a function in Python (.py) or C (.c) with the fitted coefficients and a proven bound of its error."""
        program = self.fitted(candidate, rng)
        sentence = self._known_error(program)
        name = "".join(c if c.isalnum() else "_" for c in self.function.name)
        comment = f"{self.function.name}(x) in {program.operations} operations; {sentence}."
        write_function(program, path, f"approximate_{name}", comment, single=self.single)
        return f"wrote {path}: {program.operations} operations, {sentence}"

    def _known_error(self, program: Program) -> str:
        """What can be said of the error of `program` with its own coefficients, proven where possible."""
        from setups.autonumerics.bounds import proven_bound

        low, high = self.function.low, self.function.high
        if self.single:
            ulps = largest_ulps(program, self.function, grid(self.function))
            return f"error in float32 on [{low!r}, {high!r}]: {ulps:.3f} ULP at most on 2**20 points"
        seen = self.largest_error(program, inner_points(self.function, REEVALUATION_POINTS))
        proven = proven_bound(program, self.function, seen, relative=self.relative) if math.isfinite(seen) else None
        if proven is None:
            return f"{self._kind} error on [{low!r}, {high!r}]: {seen:.4e} on {REEVALUATION_POINTS} points, not proven"
        bound = proven[0] * 1.00005  # what is cut off in print must not make it less
        return f"{self._kind} error on [{proven[1]!r}, {high!r}]: at most {bound:.4e}, proven over the reals"

    def fingerprint(self) -> str:
        """The function and its interval."""
        return f"{self.function.name} on [{self.function.low!r}, {self.function.high!r}]"


def _hash_inputs(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (12,) around the interval, and two sets of coefficients (2, most), of fixed random numbers."""
    generator = np.random.Generator(np.random.PCG64(20231211))
    points = low + (high - low) * generator.uniform(-0.5, 1.5, _HASH_POINTS)
    values = generator.uniform(0.5, 2.0, (2, MOST_COEFFICIENTS)) * generator.choice([-1.0, 1.0], (2, MOST_COEFFICIENTS))
    return points, values
