"""The training tasks: what an optimizer is evaluated on.

Each has two sizes: the small one of the search, and one ten times as long and, where that means something, as wide, on
other data, of the re-evaluation. All are fixed; their sizes are part of their names' meaning, and so of the
baselines that were tuned on them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np

from setups.image_files import kept_images
from setups.images import digits
from setups.optimizers.gradients import ATTENTION, MLP, QUADRATIC, ROSENBROCK, SOFTMAX

TASKS = ("softmax", "mlp", "attention", "quadratic", "rosenbrock", "mlp64", "fashion")
_LONGER = 10


@dataclass(frozen=True, eq=False)
class Task:
    """One task.

    Attributes
    ----------
    name : str
    kind : int
        Which loss; see `gradients`.
    sizes : int64 array (2,)
        Hidden units or dimensions, and classes or tokens; 0 where there are none.
    x, y, valid_x, valid_y : float64 arrays (examples, features) and (examples,)
    offset, scale : float64 arrays (weights,)
        Of the normal distribution that the weights start from.
    steps, batch : int
    """

    name: str
    kind: int
    sizes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    valid_x: np.ndarray
    valid_y: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    steps: int
    batch: int

    @property
    def weights(self) -> int:
        """How many weights are trained."""
        return self.scale.size

    def data(self) -> tuple:
        """The arguments of `kernel.train` from the kind to the scales."""
        arrays = (self.x, self.y, self.valid_x, self.valid_y, self.offset, self.scale)
        return (self.kind, self.sizes, *arrays)


@cache
def make_task(name: str, held_out: bool = False) -> Task:
    """The task of that name: that of the search, or the held-out one.

    Raises
    ------
    ValueError
        In one line, where its images are not on this machine.
    """
    longer = _LONGER if held_out else 1
    if name == "softmax":
        return _network(name, SOFTMAX, 0, 60 * longer, 16, held_out)
    if name in ("mlp", "fashion"):
        return _network(name, MLP, 16 * longer, 100 * longer, 16, held_out)
    if name == "mlp64":
        return _network(name, MLP, 16 * longer, 100 * longer, 64, held_out)
    if name == "attention":
        return _attention(held_out)
    return _quadratic(held_out) if name == "quadratic" else _rosenbrock(held_out)


Labelled = tuple[np.ndarray, np.ndarray]  # images, flat, with pixels in [0, 1], and labels


@cache
def _digits(held_out: bool) -> tuple[Labelled, Labelled]:
    """Of scikit-learn's digits 1,000 that train, and 400 that validate or, held out, the 397 others."""
    images, labels = digits()
    order = np.random.Generator(np.random.PCG64(20230213)).permutation(len(labels))
    images, labels = images[order] / 16.0, labels[order]
    valid = slice(1400, None) if held_out else slice(1000, 1400)
    return (images[:1000], labels[:1000]), (images[valid], labels[valid])


def _fashion(held_out: bool) -> tuple[Labelled, Labelled]:
    """Of Fashion-MNIST 5,000 training images, and 400 others of these or, held out, 1,000 of its test set."""
    arrays = kept_images("fashion-mnist")
    if arrays is None:
        raise ValueError(
            "tasks: fashion needs Fashion-MNIST, which is not here: install Debian's package dataset-fashion-mnist, or "
            'fetch it by "ufh data fetch mnas"'
        )
    images, labels = _averaged(arrays["x_train"][:5400]), arrays["y_train"][:5400]
    valid = (images[5000:], labels[5000:])
    if held_out:
        valid = _averaged(arrays["x_test"][:1000]), arrays["y_test"][:1000]
    return (images[:5000], labels[:5000]), valid


def _averaged(images: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 pixels: of 28 x 28 images from 0 to 255 flat ones of 14 x 14 in [0, 1]."""
    return images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196) / 255.0


def _network(name: str, kind: int, hidden: int, steps: int, batch: int, held_out: bool) -> Task:
    """A classifier of images."""
    (x, y), (valid_x, valid_y) = _fashion(held_out) if name == "fashion" else _digits(held_out)
    features, classes = x.shape[1], 10
    layers = [(features, hidden), (hidden, classes)] if hidden else [(features, classes)]
    scale = np.concatenate([part for a, b in layers for part in (np.full(a * b, a**-0.5), np.zeros(b))])
    return _task(name, kind, (hidden, classes), x, y, valid_x, valid_y, scale, steps, batch)


def _attention(held_out: bool) -> Task:
    """Find the marked token: of 8 in 6 places, held out of 12 in 12; a fifth of the labels is drawn at random."""
    tokens, length, d, steps = (12, 12, 16, 1600) if held_out else (8, 6, 8, 160)
    rng = np.random.default_rng([8, int(held_out)])
    x = rng.integers(tokens, size=(1400, length)).astype(np.float64)
    marked = rng.integers(length, size=len(x))
    y = x[np.arange(len(x)), marked].copy()
    x[np.arange(len(x)), marked] += tokens
    wrong = rng.random(len(x)) < 0.2
    y[wrong] = rng.integers(tokens, size=wrong.sum())
    scale = np.concatenate([np.full((tokens + 1) * d, 1.0), np.full(3 * d * d + d * tokens, d**-0.5)])
    return _task("attention", ATTENTION, (d, tokens), x[:1000], y[:1000], x[1000:], y[1000:], scale, steps, 8)


def _quadratic(held_out: bool) -> Task:
    """Linear regression on rotated features whose variances span four decades, with noisy labels."""
    d, steps = (100, 1000) if held_out else (20, 100)
    rng = np.random.default_rng([9, int(held_out)])
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    x = (rng.standard_normal((1400, d)) * 10.0 ** np.linspace(0.5, -1.5, d)) @ rotation
    y = x @ rng.standard_normal(d)
    noise = 0.3 * rng.standard_normal(1000)
    return _task(
        "quadratic", QUADRATIC, (0, 0), x[:1000], y[:1000] + noise, x[1000:], y[1000:], np.full(d, 0.1), steps, 16
    )


def _rosenbrock(held_out: bool) -> Task:
    """Rosenbrock's function from about -0.7 on, gradients with a little noise."""
    d, steps = (20, 2000) if held_out else (2, 200)
    rng = np.random.default_rng([10, int(held_out)])
    x = 0.5 * rng.standard_normal((1000, d))
    zeros = np.zeros(len(x))
    return _task("rosenbrock", ROSENBROCK, (0, 0), x, zeros, x[:1], zeros[:1], np.full(d, 0.3), steps, 1, offset=-0.7)


def _task(
    name: str, kind: int, sizes: tuple[int, int], x: np.ndarray, y: np.ndarray, valid_x: np.ndarray,
    valid_y: np.ndarray, scale: np.ndarray, steps: int, batch: int, offset: float = 0.0,
) -> Task:  # fmt: skip
    x, y, valid_x, valid_y = (np.ascontiguousarray(one, dtype=np.float64) for one in (x, y, valid_x, valid_y))
    return Task(name, kind, np.array(sizes), x, y, valid_x, valid_y, np.full(scale.size, offset), scale, steps, batch)


def data_fingerprint(tasks: list[Task]) -> str:
    """A digest of all data of `tasks`."""
    digest = hashlib.sha256()
    for task in tasks:
        for array in (task.x, task.y, task.valid_x, task.valid_y):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(f"{task.name} {task.steps} {task.batch}".encode())
    return digest.hexdigest()[:12]
