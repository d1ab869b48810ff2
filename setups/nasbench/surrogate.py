"""A surrogate of the NAS-Bench-101 table: accuracies and times of every cell, predicted and not measured.

Boosted trees over graph features (`features.py`) give four smooth quantities of a cell: its error after 108 epochs, how
prone its trainings are to fail, and its accuracy at the middle and the end of 4 epochs. Seeded noise adds what a
table of real trainings has on top: what the features do not explain of a cell, the spread between its 3 runs, and the
differences between the training, validation and test images. The noise is seeded by the hash of the
isomorphism class, so any representative of a cell gets the same numbers. `fit_surrogate.py` fits the model,
`calibration.py` compares the outcome with the public measurements.

Only + - * / and square roots, integers and tables are used, in a fixed order, and accuracies end as counts: no bit
depends on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numba as nb
import numpy as np

from setups.data import Progress
from setups.nasbench.features import (
    CHANNEL_UNIT,
    FEATURE_NAMES,
    cell_costs,
    cell_features,
    isomorphism_hashes,
    mixed,
    validated_cells,
)
from setups.nasbench.table import RUNS
from ufh_cli.core.compiled import splitmix64

IMAGES = 9984
"""Images an accuracy is measured on, in each of the training, validation and test sets (39 batches of 256)."""

FORESTS = ("error108", "failure", "final4", "halfway4")
CURVES = ("error108_curve", "final4_curve", "failure_curve", "normal")
LEAF = 255
"""In a tree's `feature` column: not a split but a leaf."""

# A network that answers one class whatever the image gets that class's share: images of each class in the evaluated
# part of the training, validation and test sets, read off such networks in EC-NAS-Bench. A training that ran into NaN
# answers class 0 ever after.
CLASS_IMAGES = np.array(
    [
        [970, 1010, 999],
        [999, 995, 1000],
        [1001, 976, 997],
        [1025, 1002, 997],
        [935, 1024, 997],
        [1028, 949, 999],
        [979, 1021, 1000],
        [1003, 1012, 998],
        [1029, 979, 1000],
        [1015, 1016, 997],
    ],
    np.uint16,
)

# --- 108 epochs; relative to the error (1 - accuracy) ---------------------------------------------------------------
_CELL_SD_108 = 0.012  # of a cell, beyond its features (in the logarithm of the error, before the calibration curve)
_RUN_SD_108 = 0.030  # between runs
_SHARED_108 = 0.65  # correlation of the validation and test deviations of one run
_VALIDATION_CELL_SD = 0.013  # of a cell's validation error given its test error
_VALIDATION_RATIO = np.array([[0.068, 0.075, 0.083, 0.092, 0.108, 0.135], [0.912, 0.916, 0.923, 0.933, 0.952, 0.966]])
_TRAIN_ERROR = np.array([[0.0, 0.09, 0.12, 0.144, 0.182, 0.9], [0.0, 0.0, 0.0004, 0.004, 0.045, 0.88]])
# Half-way is set from the three whole records that public documentation prints, not from statistics; no search uses it.
_HALFWAY_FACTOR_108 = 2.75  # error after 54 epochs, at a high learning rate, by the error after 108
_HALFWAY_SD_108 = 0.15
_HALFWAY_TRAIN_108 = 0.70  # training error by test error
_HALFWAY_VALIDATION_108 = 0.965

# --- 4 epochs -------------------------------------------------------------------------------------------------------
# The share gives the 0.3 % of equal keys at 24 mantissa bits (the paper's Figure 10, left).
_FAILURE_SHARE_4 = 0.45  # of the probability that a 108-epoch run fails: that it has failed within two epochs
_RUN_SD_4 = np.array([[0.10, 0.25, 0.45, 0.58, 0.67, 0.80], [0.012, 0.052, 0.075, 0.068, 0.040, 0.02]])
_CELL_SD_4 = 0.8  # of a cell beyond its features, by the spread between runs
_TEST_RATIO_4 = 0.9915  # test by validation accuracy
_TRAIN_RATIO_4 = (0.975, 0.07)  # training by validation accuracy, at accuracy 0 and its slope
_OWN_SD = (1.3, 0.72, 0.72)  # of a set's own deviation, by the binomial standard deviation of a count

# Half-way through 4 epochs many networks still answer (nearly) one class: their accuracy is a mixture of that class's
# share and of what was learnt, the signal. These are chosen by hand so that the paper's table of models per hash
# comes out, within the shape that EC-NAS-Bench's trainings have.
_SIGNAL_SCALE = 0.22  # the official trainings are slower than EC-NAS-Bench's, to which the trees are fitted
_SIGNAL_SD = 0.4  # of the signal's cube root, relative
_SIGNAL_SHARES = (0.4, 0.4, 0.2)  # of that variance: the run's final accuracy, the cell, the run
_SIGNAL_MOST = 0.9  # the signal is at most this share of the final one: accuracy seldom falls
_SIGNAL_MIXED = 0.05  # above this signal no trace of a preferred class remains
_UNLEARNT_SD = 0.06  # accuracy of an arbitrary answer to all images

# --- times: seconds of 108 epochs for one unit of each of the columns of `cell_costs` ---------------------------------
_STACK_MACS = 9 * 128 * 128 * 32 * 32  # C² · side² over the 9 cells: the same in each of the three stacks
_STACK_ACTIVATIONS = 3 * (128 * 32 * 32 + 256 * 16 * 16 + 512 * 8 * 8)
_OUTPUT_PROJECTION_MACS = 3 * 128 * 128 * 32 * 32 + (128 + 512) * 256 * 16 * 16 + (256 + 1024) * 512 * 8 * 8
_MAC = _STACK_MACS / CHANNEL_UNIT**2 / 1e6
_ACTIVATION = _STACK_ACTIVATIONS / CHANNEL_UNIT / 1e6
_SECONDS = np.array(
    [
        0.381 * 9 * _MAC,
        279 * _ACTIVATION,
        0.311 * _MAC,
        335 * _ACTIVATION,
        178 * _ACTIVATION,
        295 * _ACTIVATION,
        5.32 * _OUTPUT_PROJECTION_MACS / 1e6,
        86.7,
    ]
)
_TIME_SD = (0.003, 0.0015)  # between runs, of 4 and of 108 epochs


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The surrogate's rows for N cells.

    Attributes
    ----------
    accuracy4, accuracy108 : float32 array, shape (N, 3 runs, 2 [half-way, final], 3 [train, validation, test])
        Correct images out of 9,984 as a fraction.
    time4, time108 : float64 array, shape (N, 3 runs, 2 [half-way, final])
        Seconds of training.
    """

    accuracy4: np.ndarray
    time4: np.ndarray
    accuracy108: np.ndarray
    time108: np.ndarray


def predict(
    cells: np.ndarray,
    model: dict[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """The surrogate's accuracies and times of `cells`.

    Parameters
    ----------
    cells : uint32 array, shape (N,)
        Cell codes (`features.py`); any representative of an isomorphism class gives the same numbers.
    model : dict of arrays, optional
        As `load_model` returns it; by default the shipped one.
    progress : callable, optional
        Called after each forest, which take nearly all of the time, with (forests done, forests in all).

    Raises
    ------
    ValueError
        If `cells` are not well-formed cell codes.
    """
    cells = validated_cells(cells)
    model = load_model() if model is None else model
    features = cell_features(cells)
    smooth = {}
    for done, name in enumerate(FORESTS, 1):
        smooth[name] = forest_scores(features, model, name)
        if progress is not None:
            progress(done, len(FORESTS))
    hashes = isomorphism_hashes(cells)
    n = len(cells)
    counts = np.empty((2, n, RUNS, 2, 3), np.uint16)
    _accuracies108(
        hashes,
        smooth["error108"],
        smooth["failure"],
        model["error108_curve"],
        model["failure_curve"],
        model["normal"],
        counts[1],
    )
    _accuracies4(
        hashes,
        smooth["final4"],
        smooth["halfway4"],
        smooth["failure"],
        model["final4_curve"],
        model["failure_curve"],
        model["normal"],
        counts[0],
    )
    accuracies = (np.arange(IMAGES + 1) / IMAGES).astype(np.float32)[counts]
    times = np.empty((2, n, RUNS, 2))
    _times(hashes, training_seconds(cells), model["normal"], times)
    return Predictions(accuracy4=accuracies[0], time4=times[0], accuracy108=accuracies[1], time108=times[1])


def load_model() -> dict[str, np.ndarray]:
    """The arrays of the shipped model.

    Raises
    ------
    ValueError
        If the file lacks an array or its trees are not well-formed.
    """
    with resources.files(__package__).joinpath("surrogate_model.npz").open("rb") as file:
        archive: Any = np.load(file, allow_pickle=False)
        model = {name: archive[name] for name in archive.files}
    parts = ("feature", "split", "right", "value", "start", "scale")
    wanted = [f"{forest}_{part}" for forest in FORESTS for part in parts]
    missing = [name for name in [*wanted, *CURVES, "feature_names"] if name not in model]
    if missing:
        raise ValueError(f"the surrogate's model lacks the array {missing[0]!r}")
    if tuple(model["feature_names"]) != FEATURE_NAMES:
        raise ValueError("the surrogate's model was fitted to other features: run setups.nasbench.fit_surrogate again")
    for forest in FORESTS:
        lengths = {len(model[f"{forest}_{part}"]) for part in parts[:4]}
        feature, start = model[f"{forest}_feature"], model[f"{forest}_start"]
        columns = feature[feature != LEAF]
        if len(lengths) != 1 or columns.max() >= len(FEATURE_NAMES) or start.min() < 0 or start.max() >= len(feature):
            raise ValueError(f"the surrogate's trees {forest!r} are damaged: columns of {sorted(lengths)} nodes")
    return model


def training_seconds(cells: np.ndarray) -> np.ndarray:
    """Expected seconds of a 108-epoch training, shape (N,): linear in the multiply-adds and activations of a cell.

    The coefficients were fitted to public measurements of 108-epoch training times, see `results/surrogate.md`.
    """
    costs = cell_costs(cells)
    seconds = np.zeros(len(costs))
    for column, coefficient in enumerate(_SECONDS):
        seconds += costs[:, column] * coefficient
    return seconds


def forest_scores(features: np.ndarray, model: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Sum of a forest's leaves and its base, shape (N,), float64; the sum is of integers, hence exact."""
    total = _leaf_sums(features, *(model[f"{name}_{part}"] for part in ("feature", "split", "right", "value", "start")))
    base, step = model[f"{name}_scale"]
    return base + step * total


@nb.njit(cache=True, nogil=True)
def _leaf_sums(features, feature, split, right, value, start):
    """Every tree's leaf for every cell, summed; blocks of cells so that they and the tree stay in the cache."""
    total = np.zeros(len(features), np.int64)
    block = 512
    for begin in range(0, len(features), block):
        end = min(begin + block, len(features))
        for tree in range(len(start)):
            root = start[tree]
            for i in range(begin, end):
                node = root
                while feature[node] != LEAF:
                    # Depth-first order: the left child follows its parent, `right` is the distance to the other.
                    node += 1 if features[i, feature[node]] <= split[node] else nb.int64(right[node])
                total[i] += value[node]
    return total


@nb.njit(cache=True, inline="always")
def _normal(state, knots):
    """(Next state, a standard normal deviate within ±4): the inverse distribution function, linear between knots."""
    state, word = splitmix64(state)
    position = nb.int64(word >> nb.uint64(54))
    fraction = nb.float64((word >> nb.uint64(1)) & nb.uint64(0x1FFFFFFFFFFFFF)) * 2.0**-53
    return state, knots[position] + fraction * (knots[position + 1] - knots[position])


@nb.njit(cache=True, inline="always")
def _uniform(state):
    """(Next state, a number in [0, 1))."""
    state, word = splitmix64(state)
    return state, nb.float64(word >> nb.uint64(11)) * 2.0**-53


@nb.njit(cache=True)
def _interpolated(x, curve):
    """Piecewise linear through the points of `curve` (2, K); beyond the ends the last piece is prolonged."""
    k = 1
    while k < curve.shape[1] - 1 and x > curve[0, k]:
        k += 1
    slope = (curve[1, k] - curve[1, k - 1]) / (curve[0, k] - curve[0, k - 1])
    return curve[1, k - 1] + slope * (x - curve[0, k - 1])


@nb.njit(cache=True)
def _clipped(x, low, high):
    return min(max(x, low), high)


@nb.njit(cache=True, inline="always")
def _count(accuracy):
    return nb.int64(_clipped(accuracy, 0.0, 1.0) * IMAGES + 0.5)


@nb.njit(cache=True)
def _failure_probability(score, cell_deviation, curve):
    """Curve: the logit's grid, the probability; its random part makes the failures of a cell's runs go together."""
    x = _clipped(score + cell_deviation, curve[0, 0], curve[0, -1])
    return _clipped(_interpolated(x, curve), 0.0, 1.0)


@nb.njit(cache=True, nogil=True)
def _accuracies108(hashes, log_errors, failure, error_curve, failure_curve, normal, counts):
    shared, own = np.sqrt(_SHARED_108), np.sqrt(1.0 - _SHARED_108)
    for i in range(len(hashes)):
        state = mixed(hashes[i], nb.uint64(108))
        state, cell = _normal(state, normal)
        state, prone = _normal(state, normal)
        state, validation_cell = _normal(state, normal)
        error = max(_interpolated(log_errors[i] + _CELL_SD_108 * cell, error_curve), 0.03)
        risk = _failure_probability(failure[i], failure_curve[2, 0] * prone, failure_curve[:2])
        knee = _clipped(error, 0.068, 0.135)
        validation = error * _interpolated(knee, _VALIDATION_RATIO) * (1.0 + _VALIDATION_CELL_SD * validation_cell)
        for run in range(RUNS):
            state, luck = _uniform(state)
            state, together = _normal(state, normal)
            state, a = _normal(state, normal)
            state, b = _normal(state, normal)
            state, c = _normal(state, normal)
            state, half = _normal(state, normal)
            state, half_a = _normal(state, normal)
            state, half_b = _normal(state, normal)
            if luck < risk:
                counts[i, run, :, :] = CLASS_IMAGES[0]
                continue
            test_error = _clipped(error * (1.0 + _RUN_SD_108 * (shared * together + own * a)), 0.0, 0.9)
            validation_error = _clipped(validation * (1.0 + _RUN_SD_108 * (shared * together + own * b)), 0.0, 0.9)
            train_error = _interpolated(test_error, _TRAIN_ERROR) * (1.0 + 0.15 * c)
            halfway = min(error * _HALFWAY_FACTOR_108 * (1.0 + _HALFWAY_SD_108 * half), 0.9)
            counts[i, run, 0, 0] = _count(1.0 - halfway * _HALFWAY_TRAIN_108 * (1.0 + 0.02 * half_a))
            counts[i, run, 0, 1] = _count(1.0 - halfway * _HALFWAY_VALIDATION_108 * (1.0 + 0.02 * half_b))
            counts[i, run, 0, 2] = _count(1.0 - halfway)
            counts[i, run, 1, 0] = _count(1.0 - train_error)
            counts[i, run, 1, 1] = _count(1.0 - validation_error)
            counts[i, run, 1, 2] = _count(1.0 - test_error)


@nb.njit(cache=True)
def _sets_of(state, accuracy, mixing, class_images, normal, counts):
    """Fill the counts (train, validation, test) of one network; `mixing` 1: no preferred class. Returns the state."""
    for k in range(3):
        ratio = 1.0
        if k == 0:
            ratio = _TRAIN_RATIO_4[0] + _TRAIN_RATIO_4[1] * accuracy
        elif k == 2:
            ratio = _TEST_RATIO_4
        constant = class_images[k] / IMAGES - 0.1
        expected = accuracy * (1.0 + mixing * (ratio - 1.0)) + (1.0 - mixing) * constant
        state, own = _normal(state, normal)
        spread = np.sqrt(max(expected * (1.0 - expected), 0.0) / IMAGES * mixing)
        counts[k] = _count(max(expected + _OWN_SD[k] * spread * own, 0.04))
    return state


@nb.njit(cache=True, nogil=True)
def _accuracies4(hashes, finals, halfways, failure, final_curve, failure_curve, normal, counts):
    by_final, by_cell, by_run = np.sqrt(_SIGNAL_SHARES[0]), np.sqrt(_SIGNAL_SHARES[1]), np.sqrt(_SIGNAL_SHARES[2])
    for i in range(len(hashes)):
        state = mixed(hashes[i], nb.uint64(4))
        state, cell = _normal(state, normal)
        state, prone = _normal(state, normal)
        state, signal_cell = _normal(state, normal)
        risk = _FAILURE_SHARE_4 * _failure_probability(failure[i], failure_curve[2, 0] * prone, failure_curve[:2])
        sd = max(_interpolated(_clipped(finals[i], 0.10, 0.80), _RUN_SD_4), 0.01)
        mean = finals[i] + _CELL_SD_4 * sd * cell
        sd = max(_interpolated(_clipped(mean, 0.10, 0.80), _RUN_SD_4), 0.01)
        for run in range(RUNS):
            state, luck = _uniform(state)
            state, deviation = _normal(state, normal)
            state, other = _normal(state, normal)
            state, unlearnt = _normal(state, normal)
            state, word = splitmix64(state)
            state, mixing = _uniform(state)
            if luck < risk:
                counts[i, run, :, :] = CLASS_IMAGES[0]
                continue
            final = max(_interpolated(mean + sd * deviation, final_curve), 0.1)
            other = by_final * deviation + by_cell * signal_cell + by_run * other
            root = max(1.0 + _SIGNAL_SD * other, 0.0)
            signal = _SIGNAL_SCALE * (halfways[i] - 0.1) * root * root * root
            signal = _clipped(signal, 0.0, _SIGNAL_MOST * (final - 0.1))
            learnt = min(signal / _SIGNAL_MIXED, 1.0)
            square = mixing * mixing
            mixing = max(learnt, square * square * square * square)
            unlearnt *= 1.0 + 0.1 * unlearnt * unlearnt
            halfway = 0.1 + signal + _UNLEARNT_SD * mixing * (1.0 - learnt) * unlearnt
            images = CLASS_IMAGES[nb.int64(word >> nb.uint64(32)) % 10]
            state = _sets_of(state, halfway, mixing, images, normal, counts[i, run, 0])
            state = _sets_of(state, final, 1.0, images, normal, counts[i, run, 1])


@nb.njit(cache=True, nogil=True)
def _times(hashes, seconds, normal, times):
    for i in range(len(hashes)):
        state = mixed(hashes[i], nb.uint64(60))
        for budget in range(2):
            share = 4.0 / 108.0 if budget == 0 else 1.0
            for run in range(RUNS):
                state, deviation = _normal(state, normal)
                times[budget, i, run, 1] = seconds[i] * share * (1.0 + _TIME_SD[budget] * deviation)
                times[budget, i, run, 0] = 0.5 * times[budget, i, run, 1]
