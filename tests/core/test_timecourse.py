"""Time-courses: areas against an integral taken piece by piece, averages against numpy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import sem

from ufh_cli.core.timecourse import area_under_curve, average, on_grid

VALUES = st.floats(-100, 100)


@st.composite
def curves(draw: st.DrawFn, least: int = 1) -> tuple[list[float], list[float]]:
    """(costs ascending, repeated ones included; values, not always rising)."""
    costs = sorted(draw(st.lists(st.floats(0, 50) | st.integers(0, 5).map(float), min_size=least, max_size=10)))
    return costs, draw(st.lists(VALUES, min_size=len(costs), max_size=len(costs)))


def value_at(costs: list[float], values: list[float], t: float) -> float:
    """f(t) by looking through all points; before the first, NaN."""
    result = math.nan
    for cost, value in zip(costs, values, strict=True):
        if cost <= t:
            result = value
    return result


# ---- the area ----


@given(curves(), st.floats(0.01, 60))
def test_the_area_is_the_integral_of_the_step_function(curve: tuple, duration: float) -> None:
    costs, values = curve
    area = area_under_curve(costs, values, duration)
    if costs[0] > duration:
        assert math.isnan(area)
        return
    edges = sorted({0.0, duration, *(cost for cost in costs if cost < duration)})
    pieces = []
    for left, right in pairwise(edges):
        height = value_at(costs, values, left)
        # Before the first point the first value holds; with several points at that cost it is the first of them.
        pieces.append((right - left) * (values[0] if math.isnan(height) else height))
    assert area == pytest.approx(math.fsum(pieces) / duration, rel=1e-9, abs=1e-9)


def test_the_area_against_numeric_integration() -> None:
    costs, values = [2.0, 3.0, 7.0, 11.0], [0.1, 0.4, 0.45, 0.9]
    integral = quad(lambda t: value_at([0.0, *costs[1:]], values, t), 0, 10, points=costs[:3], limit=200)[0]
    assert area_under_curve(costs, values, 10.0) == pytest.approx(integral / 10)


def test_areas_by_hand() -> None:
    assert area_under_curve([4.0], [0.5], 10.0) == 0.5  # as if from the start
    assert area_under_curve([0.0, 5.0], [0.0, 1.0], 10.0) == 0.5
    assert area_under_curve([1.0, 5.0], [0.0, 1.0], 10.0) == 0.5
    assert area_under_curve([0.0, 5.0, 20.0], [0.0, 1.0, 100.0], 10.0) == 0.5  # too late to count
    assert area_under_curve([0.0, 10.0], [1.0, 100.0], 10.0) == 1.0  # at the very end: no width


def test_a_best_without_bounds_is_not_left_out() -> None:
    inf = math.inf
    assert area_under_curve([0.0, 5.0], [0.5, inf], 10.0) == inf
    assert area_under_curve([0.0, 10.0], [0.5, inf], 10.0) == 0.5  # for no part of the time
    assert area_under_curve([0.0, 4.0], [-inf, 0.5], 10.0) == 0.5  # as if from the start
    assert area_under_curve([0.0, 4.0], [-inf, inf], 10.0) == inf
    assert math.isnan(area_under_curve([0.0], [-inf], 10.0))


@given(curves(), st.floats(0.01, 60), st.floats(0.5, 4), st.floats(-5, 5))
def test_the_area_moves_with_the_curve(curve: tuple, duration: float, scale: float, shift: float) -> None:
    costs, values = curve
    area = area_under_curve(costs, values, duration)
    moved = area_under_curve([scale * cost for cost in costs], [value + shift for value in values], scale * duration)
    kept = sum(cost <= duration for cost in costs)
    if kept == sum(scale * cost <= scale * duration for cost in costs) and kept:
        assert moved == pytest.approx(area + shift, rel=1e-6, abs=1e-6)
        assert min(values) - 1e-9 <= area <= max(values) + 1e-9


@pytest.mark.parametrize(
    ("costs", "values", "duration"), [([], [], 5.0), ([1.0], [0.5], 0.0), ([1.0], [0.5], -1.0), ([6.0], [0.5], 5.0)]
)
def test_no_point_or_no_duration_has_no_area(costs: list[float], values: list[float], duration: float) -> None:
    assert math.isnan(area_under_curve(costs, values, duration))


def test_costs_and_values_belong_together() -> None:
    with pytest.raises(ValueError, match="argument"):
        area_under_curve([1.0, 2.0], [0.5], 5.0)


# ---- averages ----


@given(curves(least=0), st.lists(st.floats(0, 60) | st.integers(0, 5).map(float), max_size=10))
def test_on_a_grid_the_last_value_is_carried_forward(curve: tuple, grid: list[float]) -> None:
    expected = [value_at(*curve, t) for t in grid]
    assert np.array_equal(on_grid(*curve, np.array(grid, float)), expected, equal_nan=True)


def test_a_band_by_hand() -> None:
    band = average([([1.0, 3.0], [2.0, 4.0]), ([2.0], [8.0])], np.array([0.0, 1.0, 2.0, 2.5, 3.0, 99.0]))
    assert band.trials.tolist() == [0, 1, 2, 2, 2, 2]
    assert np.array_equal(band.mean, [np.nan, 2.0, 5.0, 5.0, 6.0, 6.0], equal_nan=True)
    assert np.allclose(band.sem, [np.nan, np.nan, 3.0, 3.0, 2.0, 2.0], equal_nan=True)
    assert band.grid.tolist() == [0.0, 1.0, 2.0, 2.5, 3.0, 99.0]


@given(st.lists(curves(), min_size=1, max_size=6), st.lists(st.floats(0, 60), min_size=1, max_size=6))
def test_a_band_is_numpys_mean_and_scipys_standard_error(trials: list[tuple], points: list[float]) -> None:
    band = average(trials, np.array(points))
    for place, t in enumerate(points):
        there = [value for value in (value_at(*curve, t) for curve in trials) if not math.isnan(value)]
        assert band.trials[place] == len(there)
        if there:
            assert band.mean[place] == pytest.approx(np.mean(there))
        else:
            assert math.isnan(band.mean[place])
        if len(there) > 1:
            assert band.sem[place] == pytest.approx(sem(there), abs=1e-9)
        else:
            assert math.isnan(band.sem[place])


@pytest.mark.parametrize("trials", [[], [([], [])]])
def test_a_band_of_nothing(trials: list) -> None:
    band = average(trials, np.array([0.0, 1.0]))
    assert band.trials.tolist() == [0, 0]
    assert np.isnan(band.mean).all()
    assert np.isnan(band.sem).all()
