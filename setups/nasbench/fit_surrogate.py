"""Fit the surrogate's model to the public NAS-Bench-101 measurements and write `surrogate_model.npz`.

    python -m setups.nasbench.fit_surrogate --reference DIR

`DIR` holds ``nasbench101_public.npz``. Needs scikit-learn and scipy; a few minutes on one core. The model is a smooth
function of graph features: 20 % of the cells are held out first to measure how well it predicts cells it never saw,
then the shipped model is fitted to all. No measurement is stored.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from setups.nasbench import surrogate
from setups.nasbench.calibration import Reference, load_reference
from setups.nasbench.features import FEATURE_NAMES, cell_features

CHANCE = 0.1
_LEVELS_108 = (1e-5, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.06, *np.linspace(0.1, 0.9, 17), 0.94, 0.97, 0.985, 0.993)
_LEVELS_4 = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def failed_runs(test108: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How many of a cell's 3 runs ended at chance, shape (N,), 0 to 3, told from the mean of the 3 test accuracies.

    A failed run has accuracy .1, so the mean is near ``(.1 k + (3 - k) expected) / 3``: the nearest k, with a
    margin in favour of none.
    """
    k = np.arange(4)
    means = ((3 - k) * expected[:, None] + k * CHANCE) / 3
    return np.argmin(np.abs(means - test108[:, None]) + np.array([0.0, 0.04, 0.04, 0.02]), axis=1)


def boosted(features: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, **settings: Any) -> Any:
    """Gradient-boosted regression trees; `settings` are scikit-learn's."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(early_stopping=False, random_state=0, **settings)
    return model.fit(features, target, sample_weight=weight)


def boosted_logit(features: np.ndarray, failed: np.ndarray, **settings: Any) -> Any:
    """Boosted trees for the logit of the probability that one run fails; `failed` of 3 runs did."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = np.concatenate([np.arange(len(failed)), np.nonzero(failed)[0]])
    outcome = np.concatenate([np.zeros(len(failed), bool), np.ones(np.count_nonzero(failed), bool)])
    weight = np.concatenate([3 - failed, failed[failed > 0]]).astype(float)
    counted = weight > 0
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0, l2_regularization=5.0, **settings)
    return model.fit(features[rows][counted], outcome[counted], sample_weight=weight[counted])


def packed(model: Any, name: str, *, step: float) -> dict[str, np.ndarray]:
    """The trees as small integers in depth-first order; leaves in units of `step`. See `surrogate.forest_scores`."""
    columns: dict[str, list[int]] = {"feature": [], "split": [], "right": [], "value": []}
    starts = []
    for (tree,) in model._predictors:  # scikit-learn has no public way to read its trees
        starts.append(len(columns["feature"]))
        _append_tree(tree.nodes, 0, columns, step)
    base = float(np.ravel(model._baseline_prediction)[0])
    dtypes = {"feature": np.uint8, "split": np.uint8, "right": np.uint8, "value": np.int16}
    arrays = {f"{name}_{key}": np.array(columns[key], dtype) for key, dtype in dtypes.items()}
    arrays[f"{name}_start"] = np.array(starts, np.int32)
    arrays[f"{name}_scale"] = np.array([base, step])
    return arrays


def _append_tree(nodes: Any, index: int, columns: dict[str, list[int]], step: float) -> None:
    node = nodes[index]
    at = len(columns["feature"])
    if node["is_leaf"]:
        for key, value in (("feature", surrogate.LEAF), ("split", 0), ("right", 0)):
            columns[key].append(value)
        columns["value"].append(round(float(node["value"]) / step))
        return
    columns["feature"].append(int(node["feature_idx"]))
    columns["split"].append(int(np.floor(node["num_threshold"])))  # features are integers
    columns["right"].append(0)
    columns["value"].append(0)
    _append_tree(nodes, int(node["left"]), columns, step)
    columns["right"][at] = len(columns["feature"]) - at
    _append_tree(nodes, int(node["right"]), columns, step)


def fit_error108(features: np.ndarray, test108: np.ndarray, **settings: Any) -> tuple[Any, np.ndarray]:
    """Trees for the logarithm of the error of runs that did not fail, and the number of failed runs of each cell."""
    failed = np.where(test108 < 0.69, 1, 0)
    for _ in range(2):
        rough = boosted(
            features[failed == 0],
            np.log(1 - test108[failed == 0]),
            max_iter=150,
            max_leaf_nodes=31,
            learning_rate=0.15,
        )
        failed = failed_runs(test108, 1 - np.exp(rough.predict(features)))
    survivors = (3 * test108 - CHANCE * failed) / np.maximum(3 - failed, 1)
    usable = (failed < 3) & (survivors > 0.5) & (survivors < 0.95)
    log_error = np.log(1 - survivors[usable])
    return boosted(features[usable], log_error, (3 - failed[usable]) / 3, **settings), failed


def held_out(features: np.ndarray, test108: np.ndarray, settings: dict[str, Any]) -> dict[str, float]:
    """Rank correlation and residual on the 20 % of the cells that were not fitted, before any noise."""
    from scipy.stats import spearmanr

    order = np.random.default_rng(0).permutation(len(test108))
    test, train = order[: len(order) // 5], order[len(order) // 5 :]
    model, _ = fit_error108(features[train], test108[train], **settings)
    predicted, measured = -model.predict(features[test]), test108[test]
    best = measured >= np.quantile(test108, 0.9)
    return {
        "held_out_rank_correlation": float(spearmanr(predicted, measured)[0]),
        "held_out_rank_correlation_best_tenth": float(spearmanr(predicted[best], measured[best])[0]),
    }


def fit_curves(reference: Reference, failed: np.ndarray, model: dict[str, np.ndarray]) -> None:
    """Set the curves of `model`, so that, noise included, the surrogate's distributions are the measured ones.

    ``error108_curve`` and ``final4_curve`` (2, K) map what the trees say monotonically to the error after 108 epochs
    and to the accuracy of a run of 4; the trees alone spread too little. ``failure_curve`` (3, L) is the logistic
    function on a grid, shifted, and in its last row the spread of the random part of a cell's logit.
    """
    features = cell_features(reference.cells)
    grid = np.linspace(-14.0, 6.0, 81)
    shift, spread = _fitted_failures(surrogate.forest_scores(features, model, "failure"), failed)
    model["failure_curve"] = np.stack([grid, 1 / (1 + np.exp(-(grid + shift))), np.full(len(grid), spread)])
    levels = np.array(_LEVELS_108)
    target = np.quantile(1 - reference.test108[failed == 0], levels)
    at = np.quantile(surrogate.forest_scores(features, model, "error108"), levels)
    early = np.quantile(reference.early_validation, _LEVELS_4)
    model["error108_curve"] = np.stack([at, target])
    model["final4_curve"] = np.stack([early, early])
    for _ in range(12):
        outcome = surrogate.predict(reference.cells, model)
        final = outcome.accuracy108[:, :, 1, 2].astype(float)
        error = 1 - final[final.min(axis=1) > 0.12].mean(axis=1)
        _move(model["error108_curve"][1], target / np.quantile(error, levels))
        accuracy = outcome.accuracy4[reference.early_index, :, 1, 1].astype(float).mean(axis=1)
        _move(model["final4_curve"][1], early / np.quantile(accuracy, _LEVELS_4))


def _move(curve: np.ndarray, ratio: np.ndarray) -> None:
    """Multiply in place by a damped ratio and keep the curve strictly increasing."""
    curve *= ratio**0.6
    curve[:] = np.maximum.accumulate(curve) + np.arange(len(curve)) * 1e-7


def _fitted_failures(logit: np.ndarray, failed: np.ndarray) -> tuple[float, float]:
    """Shift and spread of the logit for which as many cells as measured have 1, 2 and 3 failed runs."""
    measured = np.bincount(failed, minlength=4)[1:] / len(failed)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()
    best = (np.inf, 0.0, 0.0)
    for spread in np.arange(0.0, 3.01, 0.1):
        for shift in np.arange(-2.0, 1.01, 0.05):
            p = 1 / (1 + np.exp(-(logit[::7, None] + shift + spread * nodes)))
            got = np.array([(w * (p**k) * (1 - p) ** (3 - k)) @ weights for k, w in ((1, 3), (2, 3), (3, 1))]).mean(1)
            loss = float((np.log(got / measured) ** 2).sum())
            best = min(best, (loss, shift, spread))
    return best[1], best[2]


def fit(reference: Reference) -> dict[str, np.ndarray]:
    """The whole model, as arrays of plain numbers."""
    from scipy.special import ndtri

    cells = reference.cells
    features = cell_features(cells)
    settings: dict[str, Any] = {
        "max_iter": 260,
        "max_leaf_nodes": 63,
        "learning_rate": 0.13,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
    }
    scores = held_out(features, reference.test108, settings)
    error108, failed = fit_error108(features, reference.test108, **settings)
    prone = boosted_logit(features, failed, max_iter=50, max_leaf_nodes=15, learning_rate=0.15, min_samples_leaf=100)
    small: dict[str, Any] = {"max_iter": 90, "max_leaf_nodes": 8, "learning_rate": 0.08, "min_samples_leaf": 10}
    final4 = boosted(features[reference.early_index], reference.early_validation, **small)
    halfway4 = boosted(features[reference.half_index], reference.half_validation, **small)
    model = {
        **packed(error108, "error108", step=2.0**-14),
        **packed(prone, "failure", step=2.0**-10),
        **packed(final4, "final4", step=2.0**-15),
        **packed(halfway4, "halfway4", step=2.0**-15),
        "feature_names": np.array(FEATURE_NAMES),
        **{name: np.array(value) for name, value in scores.items()},
    }
    knots = ndtri(np.arange(1025) / 1024)
    knots[[0, -1]] = -4.0, 4.0
    model["normal"] = knots
    fit_curves(reference, failed, model)
    return model


def main() -> None:
    """Fit, write the model beside this file and print what the held-out cells say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, required=True, help="directory of nasbench101_public.npz")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("surrogate_model.npz"))
    arguments = parser.parse_args()
    model = fit(load_reference(arguments.reference))
    np.savez_compressed(arguments.output, **model)  # type: ignore[arg-type]
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")
    for name, value in model.items():
        if value.ndim == 0:
            print(f"{name} {float(value):.4f}")


if __name__ == "__main__":
    main()
