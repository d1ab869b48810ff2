"""Dominance, fronts, crowding and hypervolume, against pymoo and moocore and published vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufh_cli.core.front import Archive, crowding_distances, dominates, fronts, hypervolume, ranks

INF = math.inf
# A coarse grid makes duplicates, ties and dominated points common.
COARSE = st.integers(-2, 4).map(float)


def clouds(*widths: int, values=COARSE, most: int = 25):
    return st.sampled_from(widths).flatmap(
        lambda d: st.lists(st.tuples(*[values] * d), max_size=most).map(lambda rows: np.array(rows).reshape(-1, d))
    )


def places(front) -> set[int]:
    return set(map(int, front))


# ---- dominance and fronts ----


def test_published_fronts() -> None:
    found = fronts([(1, 1), (1, 2), (3, 4), (4, 3)])
    assert [places(front) for front in found] == [{2, 3}, {1}, {0}]


def test_published_order_of_crowding() -> None:
    distances = crowding_distances([(100, 1), (50, 10), (30, 30), (10, 50), (1, 100)])
    assert np.argsort(-distances, kind="stable").tolist() == [0, 4, 1, 3, 2]


@given(clouds(1, 2, 3, 4, values=COARSE | st.just(-INF)))
def test_ranks_are_what_dominance_says(points) -> None:
    rank = ranks(points)
    for i, r in enumerate(rank):
        above = [rank[j] for j in range(len(points)) if dominates(points[j], points[i])]
        assert r == max(above, default=-1) + 1


@pytest.mark.parametrize("d", [2, 3])
def test_fronts_agree_with_pymoo(d: int) -> None:
    sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting").NonDominatedSorting()
    rng = np.random.default_rng(d)
    for n in (1, 7, 60, 200):
        for points in (rng.normal(size=(n, d)), rng.integers(0, 4, (n, d)).astype(float)):
            assert [places(front) for front in fronts(points)] == [places(front) for front in sorting.do(-points)]


@pytest.mark.parametrize("d", [2, 3])
def test_crowding_agrees_with_pymoo(d: int) -> None:
    theirs = pytest.importorskip("pymoo.operators.survival.rank_and_crowding.metrics").calc_crowding_distance
    rng = np.random.default_rng(d)
    for n in (2, 3, 10, 100):  # a lone point is both ends, which pymoo does not say
        points = rng.normal(size=(n, d))
        ours = crowding_distances(points)
        # pymoo takes the mean over objectives, Deb et al. the sum.
        np.testing.assert_allclose(ours, theirs(-points, filter_out_duplicates=False) * d, rtol=1e-12)


def test_crowding_of_degenerate_fronts() -> None:
    assert crowding_distances(np.empty((0, 2))).tolist() == []
    assert crowding_distances([(1.0, 2.0)]).tolist() == [INF]
    assert crowding_distances([(1.0, 1.0)] * 4).tolist() == [0.0] * 4
    assert crowding_distances([(-INF, -INF)] * 3).tolist() == [0.0] * 3
    assert not np.isnan(crowding_distances([(-INF, 3.0), (0.0, 2.0), (1.0, 1.0), (INF, 0.0)])).any()
    assert not np.isnan(crowding_distances([(-1e308, 3.0), (0.0, 2.0), (1e308, 1.0)])).any()
    assert crowding_distances([(0.0, 5.0), (1.0, 5.0), (3.0, 5.0), (4.0, 5.0)]).tolist() == [INF, 0.75, 0.75, INF]


def test_equal_points_do_not_dominate_each_other() -> None:
    assert not dominates((1.0, -INF), (1.0, -INF))
    assert dominates((1.0, 2.0), (1.0, 1.0))
    assert not dominates((1.0, 1.0), (1.0, 2.0))
    assert ranks([(1.0, 2.0)] * 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("function", [ranks, crowding_distances, lambda points: hypervolume(points, (0.0, 0.0))])
def test_nan_is_refused(function) -> None:
    with pytest.raises(ValueError, match="NaN"):
        function([(0.0, 1.0), (math.nan, 2.0)])


def test_points_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        dominates((math.nan,), (1.0,))
    with pytest.raises(ValueError, match="2 and 1 objectives"):
        dominates((1.0, 2.0), (1.0,))


# ---- the hypervolume ----


@pytest.mark.parametrize("d", [1, 2, 3])
def test_hypervolume_agrees_with_moocore(d: int) -> None:
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(d)
    for n in (1, 2, 10, 80):
        directions = rng.random((n, d))
        front = directions / np.linalg.norm(directions, axis=1)[:, None]
        for points in (rng.normal(size=(n, d)), front, rng.integers(-1, 4, (n, d)).astype(float)):
            reference = rng.normal(size=d) / 4
            if d == 1:  # which moocore does not have
                expected = max(points.max() - reference[0], 0.0)
            else:
                expected = moocore.hypervolume(points, ref=reference, maximise=True)
            assert hypervolume(points, reference) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(clouds(1, 2, 3))
def test_hypervolume_counts_the_dominated_unit_cells(points) -> None:
    d = points.shape[1]
    corners = np.stack(np.meshgrid(*[np.arange(4)] * d), axis=-1).reshape(-1, d)
    covered = sum(bool((points >= corner + 1).all(axis=1).any()) for corner in corners)
    assert hypervolume(points, [0.0] * d) == covered


def test_hypervolume_of_degenerate_fronts() -> None:
    assert hypervolume([], (0.0, 0.0)) == 0.0
    assert hypervolume([], (0.0, 0.0, 0.0)) == 0.0
    assert hypervolume([(0.0, 5.0), (-1.0, 9.0), (-INF, 2.0)], (0.0, 0.0)) == 0.0
    assert hypervolume([(1.0, 1.0)] * 3, (0.0, 0.0)) == 1.0


@pytest.mark.parametrize(
    ("points", "reference", "message"),
    [
        ([(INF, 1.0)], (0.0, 0.0), "inf"),
        ([(1.0, 1.0)], (0.0, -INF), "finite"),
        ([(1.0, 1.0)], (0.0, math.nan), "finite"),
        ([(1.0, 1.0)], (0.0,), "shape"),
        ([(1.0,) * 4], (0.0,) * 4, "1, 2 and 3"),
        ([1.0, 2.0], (0.0, 0.0), "shape"),
    ],
)
def test_what_has_no_hypervolume_is_refused(points, reference, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hypervolume(points, reference)


# ---- the archive ----


@settings(max_examples=60)
@given(clouds(1, 2, 3, values=COARSE | st.just(-INF)))
def test_the_archive_holds_the_first_of_each_non_dominated_point(points) -> None:
    d = points.shape[1]
    archive: Archive[int] = Archive([0.0] * d)
    before = 0.0
    for number, point in enumerate(points):
        old = archive.points
        entered = archive.add(point, number)
        beaten = any(tuple(point) == p or dominates(p, point) for p in old)
        assert entered == (not beaten and -INF not in point)
        assert archive.hypervolume == hypervolume(archive.points, archive.reference) >= before
        before = archive.hypervolume
        assert entered or archive.points == old
    seen = [tuple(map(float, point)) for point in points if -INF not in point]
    front = {point for point in seen if not any(dominates(other, point) for other in seen)}
    assert archive.points == sorted(front)
    rows = [tuple(map(float, point)) for point in points]
    assert [payload for _, payload in archive] == [rows.index(point) for point in archive.points]
    assert len(archive) == len(front)


@given(st.permutations([(0.1 * i, math.sqrt(100.0 - i * i)) for i in range(11)]))
def test_the_hypervolume_of_an_archive_has_the_same_bits_in_any_order(points) -> None:
    archive: Archive[None] = Archive((-1.0, -1.0))
    for point in points:
        archive.add(point, None)
    assert archive.hypervolume == hypervolume(sorted(points), (-1.0, -1.0))


def test_an_archive_refuses_what_it_cannot_compare() -> None:
    archive: Archive[None] = Archive((0.0, 0.0))
    for point in ((math.nan, 1.0), (INF, 1.0)):
        with pytest.raises(ValueError, match="NaN or"):
            archive.add(point, None)
    with pytest.raises(ValueError, match="3 objectives"):
        archive.add((1.0, 2.0, 3.0), None)
    with pytest.raises(ValueError, match="1, 2 and 3"):
        Archive((0.0,) * 4)
    assert len(archive) == 0
    assert archive.hypervolume == 0.0
