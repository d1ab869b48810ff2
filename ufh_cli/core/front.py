"""Several objectives at once: dominance, fronts, crowding and the hypervolume, all of them maximised."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

T = TypeVar("T")
Point = tuple[float, ...]


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better; equal points do not dominate each other.

    Raises
    ------
    ValueError
        When the points differ in length, or hold NaN, which cannot be compared.
    """
    if len(a) != len(b):
        raise ValueError(f"points of {len(a)} and {len(b)} objectives cannot be compared")
    if any(math.isnan(value) for value in (*a, *b)):
        raise ValueError("an objective is NaN")
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def dominance(points: ArrayLike) -> np.ndarray:
    """Of points, shape (n, d), without NaN: whether each dominates each other, bool, shape (n, n)."""
    values = _matrix(points)
    n = len(values)
    not_worse = np.ones((n, n), bool)
    better = np.zeros((n, n), bool)
    for column in values.T:
        not_worse &= column[:, None] >= column
        better |= column[:, None] > column
    return not_worse & better


def ranks(points: ArrayLike) -> np.ndarray:
    """The front that each point belongs to: 0 for the non-dominated, 1 for those that only they dominate, and so on.

    O(n log n) for one or two objectives; for more, quadratic in time and memory (a matrix of pairs), which is
    quickest up to a few thousand points.

    Parameters
    ----------
    points : array, shape (n, d)
        May hold infinities, not NaN.

    Returns
    -------
    array of int, shape (n,)
    """
    values = _matrix(points)
    n = len(values)
    if n and values.shape[1] <= 2:
        return _ranks_of_pairs(values[:, 0], values[:, -1])
    wins = dominance(values)
    dominators = wins.sum(axis=0)
    result = np.full(n, -1)
    front, rank = np.flatnonzero(dominators == 0), 0
    while front.size:
        result[front] = rank
        dominators -= wins[front].sum(axis=0)
        front, rank = np.flatnonzero((dominators == 0) & (result < 0)), rank + 1
    return result


def _ranks_of_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`ranks` in a plane: from right to left, each point is below all that dominate it.

    Of the points seen, all of which are further right or above, a front holds one that dominates the next just when
    the highest in it is as high; and the highest of a better front is never lower.
    """
    result = np.empty(len(first), int)
    highest: list[float] = []  # of each front, with the sign changed, so in ascending order
    before, rank = None, 0
    for place in np.lexsort((-second, -first)).tolist():
        point = first[place], second[place]
        if point != before:  # equal ones do not dominate each other
            rank = bisect_right(highest, -point[1])
            highest[rank : rank + 1] = [-point[1]]
            before = point
        result[place] = rank
    return result


def fronts(points: ArrayLike) -> list[np.ndarray]:
    """The places of the points of each front, best front first; within a front in the given order (see `ranks`)."""
    rank = ranks(points)
    return [np.flatnonzero(rank == r) for r in range(rank.max(initial=-1) + 1)]


def crowding_distances(points: ArrayLike) -> np.ndarray:
    """How far apart the neighbours of each point of a front are (Deb et al. 2002); larger is lonelier.

    The sum over objectives of the distance between the two neighbours, in units of the objective's range. The first
    and the last point of an objective have infinity; of equal ones only the one given first, or last, has. An
    objective in which all agree says nothing. Infinite values count as the farthest finite ones.

    Parameters
    ----------
    points : array, shape (n, d)
        One front; may hold infinities, not NaN.

    Returns
    -------
    array of float, shape (n,)
    """
    values = _matrix(points)
    n = len(values)
    if n <= 2:
        return np.full(n, np.inf)
    result = np.zeros(n)
    for column in values.T:
        finite = column[np.isfinite(column)]
        if column.min() == column.max():
            continue
        order = np.argsort(column, kind="stable")
        if finite.size and finite.min() < finite.max():
            low, high = finite.min(), finite.max()
            scaled = (np.clip(column, low, high) / 2 - low / 2) / (high / 2 - low / 2)  # halves: no range overflows
            result[order[1:-1]] += scaled[order[2:]] - scaled[order[:-2]]
        result[order[[0, -1]]] = np.inf
    return result


def hypervolume(points: ArrayLike, reference: Sequence[float]) -> float:
    """The volume that the points dominate above the reference point, exact but for rounding.

    Dominated and equal points, and those that are not above the reference in every objective, add nothing. The result
    does not depend on the order of the points. Two objectives are swept in O(n log n), three cut into slices in O(n²).

    Parameters
    ----------
    points : array, shape (n, d) with d of 1, 2 or 3
        −inf is below every reference; +inf and NaN are refused.
    reference : sequence of d finite floats

    Raises
    ------
    ValueError
        For other numbers of objectives, NaN, +inf, or a reference that is not finite.
    """
    corner = _reference(reference)
    values = _matrix(points, len(corner))
    if np.isposinf(values).any():
        raise ValueError("an objective is +inf: the hypervolume would have no end")
    above: list[Point] = [tuple(row) for row in values[(values > corner).all(axis=1)].tolist()]
    if len(corner) == 1:
        return max((x - corner[0] for (x,) in above), default=0.0)
    if len(corner) == 2:
        return _area(_staircase(above), corner)
    return _volume(above, corner)


class Archive(Generic[T]):
    """The non-dominated of all points seen, each with what it belongs to.

    Of equal points the first stays. A point that does not enter changes nothing and costs O(log n) with two
    objectives, O(n) with more.

    Parameters
    ----------
    reference : sequence of 1 to 3 finite floats
        Where the hypervolume begins. Points that are not above it are kept all the same, but add nothing to it.

    Raises
    ------
    ValueError
        For a reference of more objectives, or one that is not finite.
    """

    def __init__(self, reference: Sequence[float]) -> None:
        self.reference = _reference(reference)
        self._points: list[Point] = []  # ascending; with two objectives the second one therefore descends
        self._payloads: list[T] = []
        self._hypervolume: float | None = 0.0

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[tuple[Point, T]]:
        """The points with their payloads, in ascending order of the first objective (then of the second, …)."""
        return iter(zip(self._points, self._payloads, strict=True))

    @property
    def points(self) -> list[Point]:
        return list(self._points)

    @property
    def hypervolume(self) -> float:
        """Of the points above the reference: a function of the points alone, whatever way they came.

        Not a running sum: its rounding would depend on the order, and a known front's hypervolume could be missed as a
        target by the last bit. It is computed when asked for after a change.
        """
        if self._hypervolume is None:
            if len(self.reference) == 2:
                r, s = self.reference
                self._hypervolume = _area([p for p in self._points if p[0] > r and p[1] > s], self.reference)
            else:
                self._hypervolume = hypervolume(self._points, self.reference)
        return self._hypervolume

    def add(self, point: Sequence[float], payload: T) -> bool:
        """Take a point in, unless one that is there dominates or equals it; drop those that it dominates.

        Returns
        -------
        bool
            Whether it entered. A point with −inf, a failed evaluation, never does.

        Raises
        ------
        ValueError
            For NaN, +inf, or another number of objectives than the reference has.
        """
        new = tuple(map(float, point))
        if len(new) != len(self.reference):
            raise ValueError(f"a point of {len(new)} objectives, but the reference has {len(self.reference)}")
        if not all(value < math.inf for value in new):
            raise ValueError(f"an objective is NaN or +inf: {new}")
        if -math.inf in new:
            return False
        place = bisect_left(self._points, new)
        if len(new) <= 2:
            first = self._room(new, place)
            if first is None:
                return False
            self._points[first:place] = [new]
            self._payloads[first:place] = [payload]
        else:
            # What dominates a point, or equals it, is not before it in this order; what it dominates is not behind.
            if any(all(map(float.__ge__, old, new)) for old in self._points[place:]):
                return False
            kept = [i for i in range(place) if not all(map(float.__le__, self._points[i], new))]
            self._points[:place] = [*(self._points[i] for i in kept), new]
            self._payloads[:place] = [*(self._payloads[i] for i in kept), payload]
        self._hypervolume = None
        return True

    def _room(self, new: Point, place: int) -> int | None:
        """With one or two objectives: the place from which on, up to `place`, points are dominated; None: it is."""
        if place < len(self._points) and self._points[place][-1] >= new[-1]:
            return None
        first = place
        while first and self._points[first - 1][-1] <= new[-1]:
            first -= 1
        return first


def _matrix(points: ArrayLike, width: int | None = None) -> np.ndarray:
    values = np.asarray(points, float)
    if values.size == 0:
        return np.empty((len(values), width or 0))
    if values.ndim != 2 or (width is not None and values.shape[1] != width):
        raise ValueError(f"points must have the shape (n, {width or 'd'}), got {values.shape}")
    if np.isnan(values).any():
        raise ValueError("an objective is NaN")
    return values


def _reference(reference: Sequence[float]) -> Point:
    corner = tuple(map(float, reference))
    if not 1 <= len(corner) <= 3:
        raise ValueError(f"the hypervolume is known for 1, 2 and 3 objectives, got {len(corner)}")
    if not all(map(math.isfinite, corner)):
        raise ValueError(f"the reference point must be finite, got {corner}")
    return corner


def _staircase(points: list[Point]) -> list[Point]:
    """The non-dominated ones of two objectives, ascending in the first, without repeats."""
    steps: list[Point] = []
    for point in sorted(points, reverse=True):
        if not steps or point[1] > steps[-1][1]:
            steps.append(point)
    steps.reverse()
    return steps


def _area(steps: Sequence[Point], corner: Point) -> float:
    """Of an ascending staircase above the corner; summed without a rounding of its own."""
    left, bottom = corner[0], corner[1]
    strips = []
    for x, y in steps:
        strips.append((x - left) * (y - bottom))
        left = x
    return math.fsum(strips)


def _volume(points: list[Point], corner: Point) -> float:
    """From the top of the third objective down: between two levels the cut is the staircase of all points above."""
    descending = sorted(points, key=lambda point: point[2], reverse=True)
    levels = [*(point[2] for point in descending), corner[2]][1:]
    steps: list[Point] = []
    slices = []
    for (x, y, top), bottom in zip(descending, levels, strict=True):
        place = bisect_left(steps, (x, y))
        if place == len(steps) or steps[place][1] < y:
            first = place
            while first and steps[first - 1][1] <= y:
                first -= 1
            steps[first:place] = [(x, y)]
        if top > bottom:
            slices.append(_area(steps, corner) * (top - bottom))
    return math.fsum(slices)
