"""The tasks that programs are trained on: linear and two-layer regression, and projected binary
classification.

Made as the original makes them (AutoML-Zero paper, Sections 4.1 and 4.2), from numpy's random numbers rather
than the original's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

# Pairs of classes that the original keeps for the final evaluation.
HELD_OUT_PAIRS = ((0, 5), (0, 9), (1, 8), (2, 9), (3, 5), (3, 6), (3, 8), (4, 6), (8, 9))


class Task(NamedTuple):
    """One data set.

    Attributes
    ----------
    train_features, valid_features : float64 array (examples, F)
    train_labels, valid_labels : float64 array (examples,)
        In classification 1.0 or 0.0.
    """

    train_features: np.ndarray
    train_labels: np.ndarray
    valid_features: np.ndarray
    valid_labels: np.ndarray


def regression_tasks(
    kind: str, count: int, *, features: int, train: int, valid: int, seed: int, held_out: bool
) -> list[Task]:
    """Tasks ``"linear"`` (y = w x) or ``"nn2"`` (y = u relu(M x)); all of x, w, u and M are drawn from N(0,
    1).

    In "nn2", rows 0 and 2 of M and elements 0 and 2 of u are 0, as in the original, where F is at least 4.
    """
    tasks = []
    for i in range(count):
        rng = np.random.default_rng([seed, int(held_out), i])
        inputs = rng.standard_normal((train + valid, features))
        if kind == "linear":
            labels = inputs @ rng.standard_normal(features)
        else:
            hidden, output = rng.standard_normal((features, features)), rng.standard_normal(features)
            if features >= 4:
                hidden[[0, 2]] = 0.0
                output[[0, 2]] = 0.0
            labels = np.maximum(inputs @ hidden.T, 0.0) @ output
        tasks.append(Task(inputs[:train], labels[:train], inputs[train:], labels[train:]))
    return tasks


def search_pairs(labels: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of classes for the search: all but those held out."""
    classes = [int(label) for label in np.unique(labels)]
    return [pair for pair in combinations(classes, 2) if pair not in HELD_OUT_PAIRS]


def held_out_pairs(labels: np.ndarray) -> list[tuple[int, int]]:
    """The held-out pairs whose classes occur in `labels`."""
    classes = {int(label) for label in np.unique(labels)}
    return [pair for pair in HELD_OUT_PAIRS if classes.issuperset(pair)]


def classification_tasks(
    images: np.ndarray,
    labels: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    count: int,
    *,
    features: int,
    train: int,
    valid: int,
    seed: int,
    held_out: bool,
) -> list[Task]:
    """Projected binary classification of pairs of classes.

    The pairs are taken in random order, all before any is repeated; each task has its own split and
    projection. As in the original: a stratified split, a Gaussian projection to F dimensions, standardised by
    the training examples; the label is 1 for the lower class.

    Raises
    ------
    ValueError
        When there is no pair, or too few images of one.
    """
    if not pairs:
        raise ValueError(
            "the images have no pair of classes for these tasks; AutoML-Zero's pairs are of classes 0 to 9"
        )
    stream = int(held_out)
    order = np.random.default_rng([seed, stream]).permutation(len(pairs))
    tasks = []
    for i in range(count):
        pair = pairs[order[i % len(pairs)]]
        rng = np.random.default_rng([seed, stream, i])
        chosen, targets = _stratified(labels, pair, train, valid, rng)
        projected = images[chosen].astype(np.float64) @ rng.standard_normal((images.shape[1], features))
        mean, deviation = projected[:train].mean(axis=0), projected[:train].std(axis=0)
        projected = (projected - mean) / np.where(deviation > 0.0, deviation, 1.0)
        tasks.append(Task(projected[:train], targets[:train], projected[train:], targets[train:]))
    return tasks


def _stratified(
    labels: np.ndarray, pair: tuple[int, int], train: int, valid: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training, then validation examples, and their targets; both have the classes in proportion."""
    members = [rng.permutation(np.flatnonzero(labels == label)) for label in pair]
    total = len(members[0]) + len(members[1])
    if train + valid > total:
        raise ValueError(
            f"classes {pair[0]} and {pair[1]} have {total} images; {train} + {valid} examples were asked for"
        )
    share = len(members[0]) / total
    first_train, first_valid = round(train * share), round((train + valid) * share)
    counts = ((first_train, train - first_train), (first_valid - first_train, valid - first_valid + first_train))
    parts = []
    taken = [0, 0]
    for amounts in counts:
        indices = [members[k][taken[k] : taken[k] + amounts[k]] for k in range(2)]
        taken = [taken[k] + amounts[k] for k in range(2)]
        parts.append(rng.permutation(np.concatenate(indices)))
    chosen = np.concatenate(parts)
    return chosen, (labels[chosen] == min(pair)).astype(np.float64)


def data_fingerprint(tasks: Sequence[Task]) -> str:
    """Twelve hexadecimal digits of the SHA-256 of all arrays."""
    digest = hashlib.sha256()
    for task in tasks:
        for array in task:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()[:12]
