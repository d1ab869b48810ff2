"""How far the surrogate's statistics are from those measured on the real NAS-Bench-101.

    python -m setups.nasbench.calibration --reference DIR

`DIR` holds ``nasbench101_public.npz``, the part of the measurements that is public without the official file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from setups.nasbench.features import isomorphism_hashes
from setups.nasbench.surrogate import IMAGES, Predictions, predict

FILE = "nasbench101_public.npz"
UNKNOWN = 65535
COLUMNS = (
    "cell_delta",
    "test108_sum3",
    "ec5_index",
    "ec5_counts",
    "nb5_val_sum3",
    "nb5_test_sum3",
    "nb7run_index",
    "nb7run_time108",
    "nb7run_val108_sum3",
)

MODELS_PER_HASH = {
    1: 1291.537,
    2: 353.609,
    3: 81.061,
    4: 16.933,
    5: 3.945,
    6: 1.608,
    7: 1.153,
    8: 1.038,
    24: 1.003,
}
"""Cells a hash by mantissa bits, in the real table (the paper's Figure 10, left)."""

Report = dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Public measurements; accuracies are fractions.

    Attributes
    ----------
    cells : uint32 array, shape (N,)
        Cell codes; the other attributes' ``*_index`` are rows of it.
    test108 : float64 array, shape (N,)
        Test accuracy after 108 epochs, mean of 3 runs.
    early_index, early_validation, early_test : arrays, shape (M,)
        Means of 3 runs at 4 epochs, cells of at most 5 vertices.
    final_validation, final_test : float64 arrays, shape (M,)
        The same cells at 108 epochs; NaN where unknown.
    half_index, half_validation : arrays, shape (H,)
        An independent training of every cell of at most 5 vertices, half-way through 4 epochs.
    seconds_index, seconds : arrays, shape (S,)
        Official 108-epoch training times.
    official_validation : float64 array, shape (S,)
        Official 108-epoch validation accuracy of the same cells, mean of 3 runs.
    """

    cells: np.ndarray
    test108: np.ndarray
    early_index: np.ndarray
    early_validation: np.ndarray
    early_test: np.ndarray
    final_validation: np.ndarray
    final_test: np.ndarray
    half_index: np.ndarray
    half_validation: np.ndarray
    seconds_index: np.ndarray
    seconds: np.ndarray
    official_validation: np.ndarray


def load_reference(directory: Path) -> Reference:
    """Read the public measurements from `directory` or its folder ``nasbench101``.

    Raises
    ------
    ValueError
        If the directory has no such file or the file lacks a column.
    """
    path = directory / FILE
    if not path.is_file():
        path = directory / "nasbench101" / FILE
    if not path.is_file():
        raise ValueError(f"no {FILE} in {directory}: name the directory that holds the public measurements")
    with np.load(path, allow_pickle=False) as archive:
        missing = [name for name in COLUMNS if name not in archive.files]
        if missing:
            raise ValueError(f"{path} lacks the column {missing[0]!r}")
        raw = {name: archive[name] for name in COLUMNS}
    known = (raw["nb5_val_sum3"][:, 0] != UNKNOWN) & (raw["nb5_test_sum3"][:, 0] != UNKNOWN)
    validation, test = (
        np.where(raw[name] == UNKNOWN, np.nan, raw[name] / (3 * IMAGES)) for name in ("nb5_val_sum3", "nb5_test_sum3")
    )
    return Reference(
        cells=np.cumsum(raw["cell_delta"].astype(np.uint64)).astype(np.uint32),
        test108=raw["test108_sum3"] / (3 * IMAGES),
        early_index=raw["ec5_index"][known].astype(np.int64),
        early_validation=validation[known, 0],
        early_test=test[known, 0],
        final_validation=validation[known, 3],
        final_test=test[known, 3],
        half_index=raw["ec5_index"].astype(np.int64),
        half_validation=raw["ec5_counts"][:, 1, 1] / IMAGES,
        seconds_index=raw["nb7run_index"].astype(np.int64),
        seconds=raw["nb7run_time108"].astype(float),
        official_validation=raw["nb7run_val108_sum3"] / (3 * IMAGES),
    )


def models_per_hash(accuracy4: np.ndarray, mantissa_bits: int) -> float:
    """Cells divided by distinct keys: run 0 at 4 epochs, mantissas truncated to `mantissa_bits` bits.

    Parameters
    ----------
    accuracy4 : array, shape (N, runs, 2 [half-way, final], 3 [train, validation, test])
    mantissa_bits : int, 1 to 52
    """
    outputs = accuracy4[:, 0, ::-1, :2].transpose(0, 2, 1).reshape(len(accuracy4), 4).astype(np.float64)
    words = np.ascontiguousarray(outputs).view(np.uint64) >> np.uint64(52 - mantissa_bits)
    keys = np.ascontiguousarray(words).view([("", np.uint64)] * 4)
    return len(keys) / len(np.unique(keys))


def calibration_report(predictions: Predictions, cells: np.ndarray, reference_dir: Path | str) -> Report:
    """Statistics of the real table and of the surrogate, by name: (target, got).

    Parameters
    ----------
    predictions : Predictions
        Of every cell of the space.
    cells : uint32 array, shape (N,)
        The cells predicted, in any order and any representative.
    reference_dir : path
        The directory of ``nasbench101_public.npz``.

    Raises
    ------
    ValueError
        If a cell of the measurements is not among `cells`.
    """
    reference = load_reference(Path(reference_dir))
    rows = _matching_rows(reference.cells, cells)
    accuracy4 = predictions.accuracy4[rows].astype(np.float64)
    accuracy108 = predictions.accuracy108[rows].astype(np.float64)
    report: Report = {}
    report.update(_distribution108(reference, accuracy108[:, :, 1, 2].mean(axis=1)))
    report.update(_runs108(reference, accuracy108))
    report.update(_runs4(reference, accuracy4))
    report.update(_early(reference, accuracy4, accuracy108[:, :, 1, 2].mean(axis=1)))
    report.update(_times(reference, predictions, rows))
    for bits, target in MODELS_PER_HASH.items():
        report[f"models per hash, {bits} bits"] = (target, models_per_hash(predictions.accuracy4, bits))
    return report


def _matching_rows(wanted: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """For each wanted cell the row of its isomorphism class in `cells`."""
    keys = isomorphism_hashes(cells)
    order = np.argsort(keys)
    needle = isomorphism_hashes(wanted)
    rows = order[np.minimum(np.searchsorted(keys[order], needle), len(cells) - 1)]
    missing = np.nonzero(keys[rows] != needle)[0]
    if len(missing):
        raise ValueError(f"{len(missing)} measured cells are not among those predicted, first {wanted[missing[0]]}")
    return rows


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(a, b)[0])


def _distribution108(reference: Reference, test: np.ndarray) -> Report:
    measured = reference.test108
    best = measured >= np.quantile(measured, 0.9)
    report = {
        "rank correlation, 108 epochs": (1.0, _rank_correlation(test, measured)),
        "rank correlation, 108 epochs, best tenth": (1.0, _rank_correlation(test[best], measured[best])),
        "mean, 108 epochs": (float(measured.mean()), float(test.mean())),
        "maximum, 108 epochs": (float(measured.max()), float(test.max())),
    }
    for level in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999):
        report[f"quantile {level:g}, 108 epochs"] = (
            float(np.quantile(measured, level)),
            float(np.quantile(test, level)),
        )
    for limit in (0.94, 0.935, 0.93, 0.92, 0.9, 0.8):
        report[f"cells >= {limit:g}, 108 epochs"] = (float((measured >= limit).sum()), float((test >= limit).sum()))
    for limit in (0.11, 0.4, 0.7):
        report[f"cells < {limit:g}, 108 epochs"] = (float((measured < limit).sum()), float((test < limit).sum()))
    return report


def _runs108(reference: Reference, accuracy: np.ndarray) -> Report:
    final = accuracy[:, :, 1, :]
    sound = final[:, :, 2].min(axis=1) > 0.12
    small = (reference.cells >> np.uint32(29)) <= 4
    deviation = (final - final.mean(axis=1, keepdims=True))[sound]
    correlation = float(np.corrcoef(deviation[..., 1].ravel(), deviation[..., 2].ravel())[0, 1])
    mean = final.mean(axis=1)
    rows = reference.seconds_index
    official = reference.official_validation - reference.test108[rows]
    known = np.isfinite(reference.final_validation) & np.isfinite(reference.final_test)
    gap = float(np.median((reference.final_validation - reference.final_test)[known]))
    early = reference.early_index
    return {
        "spread between runs, 108 epochs, <= 4 vertices": (
            0.0025,
            float(final[small & sound, :, 1].std(axis=1, ddof=1).mean()),
        ),
        "correlation of validation and test deviations, 108 epochs": (0.65, correlation),
        "validation - test, 108 epochs, <= 5 vertices": (gap, float(np.median((mean[:, 1] - mean[:, 2])[early]))),
        "validation - test, 108 epochs, 662 cells": (
            float(np.median(official)),
            float(np.median((mean[:, 1] - mean[:, 2])[rows])),
        ),
        "rank correlation of validation and test, 108 epochs, <= 5 vertices": (
            0.995,
            _rank_correlation(mean[early, 1], mean[early, 2]),
        ),
    }


def _runs4(reference: Reference, accuracy: np.ndarray) -> Report:
    small = (reference.cells >> np.uint32(29)) <= 4
    final = accuracy[:, :, 1, :]
    deviation = final - final.mean(axis=1, keepdims=True)
    together = np.corrcoef(deviation[..., 1].ravel(), deviation[..., 2].ravel())[0, 1]
    spread = accuracy[small, :, :, 1].std(axis=1, ddof=1).mean(axis=0)
    return {
        "spread between runs, 4 epochs, <= 4 vertices": (0.054, float(spread[1])),
        "spread between runs, half-way (target: after 1 epoch), <= 4 vertices": (0.012, float(spread[0])),
        "correlation of validation and test deviations, 4 epochs": (0.997, float(together)),
    }


def _early(reference: Reference, accuracy: np.ndarray, test108: np.ndarray) -> Report:
    rows = reference.early_index
    measured = reference.early_validation
    mean = accuracy[rows, :, 1, :].mean(axis=1)
    got = mean[:, 1]
    report = {
        "mean validation, 4 epochs": (float(measured.mean()), float(got.mean())),
        "standard deviation of validation, 4 epochs": (float(measured.std()), float(got.std())),
        "validation - test, 4 epochs": (
            float(np.median(measured - reference.early_test)),
            float(np.median(got - mean[:, 2])),
        ),
        "train / validation, 4 epochs": (1.003, float(np.median(mean[:, 0] / got))),
        "rank correlation of 4 epochs with the measured, <= 5 vertices": (1.0, _rank_correlation(got, measured)),
        "rank correlation of 4 with 108 epochs, <= 5 vertices": (
            _rank_correlation(measured, reference.test108[rows]),
            _rank_correlation(got, test108[rows]),
        ),
    }
    for level in (0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0):
        target = float(np.quantile(measured, level))
        report[f"quantile {level:g} of validation, 4 epochs"] = (target, float(np.quantile(got, level)))
    return report


def _times(reference: Reference, predictions: Predictions, rows: np.ndarray) -> Report:
    seconds = predictions.time108[rows][:, :, 1].mean(axis=1)
    got, measured = seconds[reference.seconds_index], reference.seconds
    return {
        "mean seconds, 108 epochs, 662 cells": (float(measured.mean()), float(got.mean())),
        "median relative error of the seconds, 662 cells": (0.0, float(np.median(np.abs(got / measured - 1)))),
        "mean seconds, 108 epochs, all cells": (1924.0, float(seconds.mean())),
    }


def main() -> None:
    """Predict every measured cell and print target and outcome side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, help=f"directory of {FILE}")
    directory = parser.parse_args().reference
    cells = load_reference(directory).cells
    for name, (target, got) in calibration_report(predict(cells), cells, directory).items():
        print(f"{name:70s} {target:12.4f} {got:12.4f}")


if __name__ == "__main__":
    main()
