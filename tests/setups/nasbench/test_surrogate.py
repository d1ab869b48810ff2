"""The embedded surrogate: what it predicts, for which representative of a cell, on every machine, and how well."""

from __future__ import annotations

import hashlib
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from setups.nasbench.calibration import (
    MODELS_PER_HASH,
    Report,
    calibration_report,
    load_reference,
    models_per_hash,
)
from setups.nasbench.features import (
    COST_NAMES,
    FEATURE_NAMES,
    cell_costs,
    cell_features,
    isomorphism_hashes,
)
from setups.nasbench.space import Space
from setups.nasbench.surrogate import IMAGES, Predictions, predict, training_seconds

CONV3, CONV1, POOL = 0, 1, 2


def code(operations: list[int], edges: list[tuple[int, int]]) -> int:
    """The cell of these interior operations and edges."""
    vertices = len(operations) + 2
    labels = sum(op * 3**i for i, op in enumerate(operations))
    return vertices << 29 | labels << 21 | sum(1 << (x + y * (y - 1) // 2) for x, y in edges)


def relabeled(cell: int) -> list[int]:
    """Every code of the same labelled graph with its interior vertices in another topological order."""
    n, labels = cell >> 29, (cell >> 21) & 255
    operations = [labels // 3**i % 3 for i in range(n - 2)]
    edges = [(x, y) for y in range(n) for x in range(y) if cell >> (x + y * (y - 1) // 2) & 1]
    result = []
    for order in permutations(range(1, n - 1)):
        place = [0, *order, n - 1]
        moved = [(place[x], place[y]) for x, y in edges]
        if all(x < y for x, y in moved):
            result.append(code([operations[order.index(v)] for v in range(1, n - 1)], moved))
    return result


@pytest.fixture(scope="module")
def some(space: Space) -> np.ndarray:
    return np.ascontiguousarray(space.cells[::1301])


@pytest.fixture(scope="module")
def predictions(space: Space) -> Predictions:
    return predict(space.cells)


@pytest.fixture(scope="module")
def report(reference: Path, space: Space, predictions: Predictions) -> Report:
    return calibration_report(predictions, space.cells, reference)


def test_same_numbers_for_every_representative(some: np.ndarray) -> None:
    groups = [np.unique(np.array(relabeled(int(cell)), np.uint32)) for cell in some[::6]]
    assert max(len(group) for group in groups) >= 6
    for group in groups:
        assert len(np.unique(isomorphism_hashes(group))) == 1
        assert len(np.unique(cell_features(group), axis=0)) == 1
        assert len(np.unique(cell_costs(group), axis=0)) == 1
        got = predict(group)
        assert (got.accuracy4 == got.accuracy4[:1]).all()
        assert (got.accuracy108 == got.accuracy108[:1]).all()
        assert (got.time4 == got.time4[:1]).all()
        assert (got.time108 == got.time108[:1]).all()


def test_every_class_has_a_hash_of_its_own(space: Space) -> None:
    assert len(np.unique(isomorphism_hashes(space.cells))) == len(space.cells)


def test_a_row_does_not_depend_on_its_neighbours(some: np.ndarray) -> None:
    whole, last = predict(some), predict(some[-1:])
    assert (whole.accuracy4[-1:] == last.accuracy4).all()
    assert (whole.accuracy108[-1:] == last.accuracy108).all()
    assert (whole.time108[-1:] == last.time108).all()


def test_shapes_and_ranges(some: np.ndarray) -> None:
    got = predict(some)
    for accuracy in (got.accuracy4, got.accuracy108):
        assert accuracy.shape == (len(some), 3, 2, 3)
        assert accuracy.dtype == np.float32
        counts = np.rint(accuracy.astype(float) * IMAGES)
        assert (accuracy == (counts / IMAGES).astype(np.float32)).all()
        assert counts.min() >= 0
        assert counts.max() <= IMAGES
    for time in (got.time4, got.time108):
        assert time.shape == (len(some), 3, 2)
        assert (time[..., 0] == time[..., 1] / 2).all()
        assert time.min() > 0
    assert predict(some[:0]).accuracy4.shape == (0, 3, 2, 3)


def test_features_of_a_cell_counted_by_hand() -> None:
    # input -> conv3 -> pool -> output, input -> conv1 -> pool, input -> output
    cell = code([CONV3, CONV1, POOL], [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (0, 4)])
    row = dict(zip(FEATURE_NAMES, cell_features(np.array([cell], np.uint32))[0].tolist(), strict=True))
    expected = {
        "vertices": 5,
        "edges": 6,
        "longest_path": 3,
        "shortest_path": 1,
        "paths": 3,
        "input_to_output": 1,
        "input_out_degree": 3,
        "output_in_degree": 1,
        "vertices_with_several_inputs": 2,
        "levels_widest": 2,
        "count_conv3x3": 1,
        "sum_over_paths_maxpool3x3": 2,
        "most_on_path_conv1x1": 1,
        "fewest_on_path_maxpool3x3": 0,
        "after_input_conv1x1": 1,
        "before_output_maxpool3x3": 1,
        "inputs_of_maxpool3x3": 2,
        "pair_conv3x3>maxpool3x3": 1,
        "pair_maxpool3x3>conv3x3": 0,
        "paths_without_convolution": 1,
        "sum_of_path_lengths": 7,
        "residual_triangles": 0,
    }
    assert {name: row[name] for name in expected} == expected


def test_costs_share_the_channels_among_the_feeders_of_the_output() -> None:
    # Two feeders of C/2 channels; the convolution before them has as many.
    cell = code([CONV3, CONV1, CONV1], [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)])
    row = dict(zip(COST_NAMES, cell_costs(np.array([cell], np.uint32))[0].tolist(), strict=True))
    assert row["channels_conv3x3"] == 30
    assert row["squared_channels_conv3x3"] == 900
    assert row["squared_channels_conv1x1"] == 1800
    assert row["channels_projected"] == 30
    assert row["channels_added"] == 0
    assert row["input_to_output"] == 0


def test_training_seconds_follow_the_formula() -> None:
    # One 3x3 convolution of C channels between input and output, over 3 stacks of 3 cells, written out.
    cell = code([CONV3], [(0, 1), (1, 2)])
    seconds = 0.0
    for channels, side in ((128, 32), (256, 16), (512, 8)):
        activations = channels * side**2 / 1e6
        seconds += 3 * (0.381 * 9 * channels * activations + (279 + 335) * activations)
    assert training_seconds(np.array([cell], np.uint32))[0] == pytest.approx(seconds + 3 * 86.7, rel=1e-12)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (np.array([1.0]), "uint32"),
        (np.zeros((2, 2), np.uint32), "one dimension"),
        (np.array([code([CONV3], [(0, 1), (1, 2)]), 0], np.uint32), r"cells\[1\] = 0 "),
        (np.array([code([CONV3], [(0, 1), (0, 2)])], np.uint32), "no pruned cell"),
        (np.array([2 << 29 | 1 << 21 | 1], np.uint32), "no pruned cell"),
        (np.array([2 << 29 | 1 << 5 | 1], np.uint32), "no pruned cell"),
    ],
)
def test_malformed_cells_are_refused(cells: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict(cells)


def test_models_per_hash_truncates() -> None:
    accuracy = np.full((4, 3, 2, 3), 0.5, np.float32)
    accuracy[1, 0, 1, 0] = 0.749  # the mantissas .000 and .011… share no bit but the implicit one
    accuracy[2, 0, 1, 2] = 0.9  # the test set is no part of the key
    accuracy[3, 1] = 0.9  # nor is run 1
    assert models_per_hash(accuracy, 1) == 4.0
    assert models_per_hash(accuracy, 2) == 2.0


def test_reference_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no nasbench101_public\.npz"):
        load_reference(tmp_path)


def test_the_model_is_small() -> None:
    import setups.nasbench

    (folder,) = setups.nasbench.__path__
    assert Path(folder, "surrogate_model.npz").stat().st_size < 300_000


def test_bits_are_the_same_everywhere(some: np.ndarray) -> None:
    got = predict(some)
    digest = hashlib.sha256(some.tobytes() + got.accuracy4.tobytes() + got.accuracy108.tobytes())
    digest.update(got.time4.tobytes() + got.time108.tobytes())
    assert digest.hexdigest() == "3eedd5367097b1a4afce89c85d0dd37c114f42bbdeded70b79019930146e563e"


def test_bits_of_the_whole_table(predictions: Predictions) -> None:
    digest = hashlib.sha256(predictions.accuracy4.tobytes() + predictions.accuracy108.tobytes())
    assert digest.hexdigest() == "28cf88bf3f58a4155c8cb12c72c304e5e64a41a15d8de9c8512b5eb675b8dd6c"


@pytest.mark.parametrize("bits", MODELS_PER_HASH)
def test_models_per_hash_as_in_the_paper(predictions: Predictions, bits: int) -> None:
    assert models_per_hash(predictions.accuracy4, bits) == pytest.approx(MODELS_PER_HASH[bits], rel=0.2)


def test_ranks_as_measured(report: Report) -> None:
    assert report["rank correlation, 108 epochs"][1] >= 0.94
    assert report["rank correlation, 108 epochs, best tenth"][1] >= 0.5
    assert report["rank correlation of 4 epochs with the measured, <= 5 vertices"][1] >= 0.8
    assert report["rank correlation of validation and test, 108 epochs, <= 5 vertices"][1] >= 0.99
    target, got = report["rank correlation of 4 with 108 epochs, <= 5 vertices"]
    assert got == pytest.approx(target, abs=0.05)


def test_distribution_after_108_epochs_as_measured(report: Report) -> None:
    for level in ("0.1", "0.25", "0.5", "0.75", "0.9", "0.99", "0.999"):
        target, got = report[f"quantile {level}, 108 epochs"]
        assert got == pytest.approx(target, abs=0.004)
    assert 0.940 <= report["maximum, 108 epochs"][1] <= 0.946
    for limit in ("0.935", "0.93", "0.92", "0.9", "0.8"):
        target, got = report[f"cells >= {limit}, 108 epochs"]
        assert got == pytest.approx(target, rel=0.1)
    assert 20 <= report["cells >= 0.94, 108 epochs"][1] <= 130
    for limit in ("0.11", "0.4", "0.7"):
        target, got = report[f"cells < {limit}, 108 epochs"]
        assert got == pytest.approx(target, rel=0.2)


def test_runs_differ_as_measured(report: Report) -> None:
    target, got = report["spread between runs, 108 epochs, <= 4 vertices"]
    assert got == pytest.approx(target, rel=0.25)
    target, got = report["spread between runs, 4 epochs, <= 4 vertices"]
    assert got == pytest.approx(target, rel=0.15)
    target, got = report["correlation of validation and test deviations, 108 epochs"]
    assert got == pytest.approx(target, abs=0.05)
    assert report["correlation of validation and test deviations, 4 epochs"][1] >= 0.99
    for name in ("validation - test, 108 epochs, 662 cells", "validation - test, 4 epochs"):
        target, got = report[name]
        assert got == pytest.approx(target, abs=0.001)


def test_distribution_after_4_epochs_as_measured(report: Report) -> None:
    for name in ("mean validation, 4 epochs", "standard deviation of validation, 4 epochs"):
        target, got = report[name]
        assert got == pytest.approx(target, abs=0.01)
    for level in ("0.01", "0.1", "0.5", "0.9", "0.99"):
        target, got = report[f"quantile {level} of validation, 4 epochs"]
        assert got == pytest.approx(target, abs=0.02)


def test_times_as_measured(report: Report) -> None:
    target, got = report["mean seconds, 108 epochs, 662 cells"]
    assert got == pytest.approx(target, rel=0.03)
    assert report["median relative error of the seconds, 662 cells"][1] < 0.1


def test_cells_that_were_measured_but_not_predicted_are_named(reference: Path, some: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not among those predicted"):
        calibration_report(predict(some), some, reference)
