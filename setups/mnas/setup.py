"""Setup A of the paper (Section 4.1): MNAS, the search for image classifiers that are accurate and quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from setups.data import Progress
from setups.mnas import training
from setups.mnas.cost_model import LATENCY_MS, latency_ms
from setups.mnas.hashing import OUTPUT_IMAGES, outputs
from setups.mnas.images import FETCHED, Images, fetch_images, load_images
from setups.mnas.layers import Layer, layers
from setups.mnas.measured_latency import measured_latency_ms
from setups.mnas.space import (
    OPS,
    SKIPS,
    Architecture,
    decisions,
    from_decisions,
    lite_space,
    mutate,
    paper_space,
    random_architecture,
    reference_architecture,
)
from setups.mnas.text import Row, format_architecture, parse_architecture, table
from setups.mnas.training import TrainingSettings
from ufh_cli.core.graph import Graph
from ufh_cli.core.names import one_of
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup

_MOST_TRAININGS = 64  # at once, in memory
_HASHED_IMAGE = 10.0  # training examples that take as long


def fetch_all(*, source: Path | None, progress: Progress) -> str:
    """Get the image data sets that keras has a loader for, those that are not there yet."""
    found, errors = [], []
    for number, name in enumerate(FETCHED):
        progress(number, len(FETCHED))
        try:
            found.append(f"{name}: {fetch_images(name)}\nnext: ufh run mnas --set options.images={name}")
        except ValueError as error:
            errors.append(str(error))
    if not found:
        raise ValueError("; ".join(errors))
    return "\n".join([*found, *errors])


class Mnas(Setup[Architecture]):
    """Convolutional networks of MnasNet's factorised hierarchical space (Tan et al. 2019), trained in tensorflow.

    The fitness is accuracy × (latency / target)^w on images held out of the training set. The defaults are those of the
    lite configuration: small networks on scikit-learn's digits, trained in a second or two.

    Parameters
    ----------
    images : str
        "digits", "fashion-mnist", "cifar10", or an .npz file or folder; see `images.load_images`.
    train_images, valid_images, test_images : int
        At most so many in each set; 0 for all, of `valid_images` for a quarter of the training images.
    size : {"lite", "paper"}
        The base network: 7 narrow blocks for small images, or MobileNetV2's at full depth.
    width : float
        Multiplies the base network's numbers of channels.
    base : {"mobilenet_v2", "mnasnet_a1"}
        Of the size "paper": the network that layers and filters are relative to.
    steps, batch_size : int
        Training's length, and examples a step.
    learning_rate : float
        Adam's, at its highest.
    trainings : int
        The fitness is the mean of so many trainings, each from other initial weights and with the images in another
        order; each costs its examples. Re-evaluation trains once.
    latency : {"model", "measured"}
        By the cost model, the same everywhere; or measured on this machine, which is not reproducible.
    latency_repeats : int
        Of "measured": calls whose median it is.
    latency_target : float
        T in milliseconds; 0 for the latency of the base network by the cost model.
    latency_weight : float
        w; doubling the latency at -0.07 weighs as much as 5 % of accuracy (Tan et al. 2019).
    hash_examples : int
        N_E: images of the training batch before the outputs are hashed; the outputs are on 10 others.
    hash_steps : int
        Training steps before.

    Notes
    -----
    A cost is a number of images seen in training. `hash_cost` counts each image of the hash, its 10 outputs included,
    as ten: eagerly and in double precision it takes about so much longer (``benchmarks/mnas.py``: the hash takes 6 %
    of the time of an evaluation in the lite configuration).
    """

    cost_unit: ClassVar[str] = "training examples"
    operations: ClassVar[tuple[str, ...]] = ("input", *OPS)
    data_actions: ClassVar[Mapping[str, Callable[..., str]]] = {"fetch": fetch_all}

    def __init__(
        self,
        *,
        images: str = "digits",
        train_images: int = 0,
        valid_images: int = 0,
        test_images: int = 0,
        size: Literal["lite", "paper"] = "lite",
        width: float = 0.25,
        base: Literal["mobilenet_v2", "mnasnet_a1"] = "mobilenet_v2",
        steps: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        trainings: int = 1,
        latency: Literal["model", "measured"] = "model",
        latency_repeats: int = 101,
        latency_target: float = 0.0,
        latency_weight: float = -0.07,
        hash_examples: int = 10,
        hash_steps: int = 1,
    ) -> None:
        _check_counts(steps=steps, batch_size=batch_size, latency_repeats=latency_repeats)
        if not 1 <= trainings <= _MOST_TRAININGS:
            raise ValueError(f"trainings must be from 1 to {_MOST_TRAININGS}, got {trainings}")
        _check_numbers(learning_rate, latency_target, latency_weight)
        self._measured = one_of("latency", latency, ("model", "measured")) == "measured"
        one_of("size", size, ("lite", "paper"))
        self._images: Images = load_images(images, train=train_images, valid=valid_images, test=test_images)
        available = len(self._images.train)
        if not 1 <= hash_examples <= available - OUTPUT_IMAGES or not 0 <= hash_steps <= steps:
            raise ValueError(
                f"hash_examples must be from 1 to {available - OUTPUT_IMAGES} and hash_steps from 0 to {steps} "
                f"(steps), got {hash_examples} and {hash_steps}"
            )
        _, side, _, channels = self._images.train.shape
        shape = {"image_size": side, "image_channels": channels, "classes": self._images.classes, "width": width}
        self._space = paper_space(**shape, base=base) if size == "paper" else lite_space(**shape)
        self._settings = TrainingSettings(
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            hash_steps=hash_steps,
            hash_examples=hash_examples,
        )
        self._trainings = trainings
        self._repeats = latency_repeats
        self._weight = latency_weight
        # By the model also where latencies are measured: every process must have the same target.
        self._target = latency_target or latency_ms(self._space, reference_architecture(self._space))
        self.hash_cost = _HASHED_IMAGE * (hash_steps * hash_examples + OUTPUT_IMAGES)

    def random_candidate(self, rng: Rng) -> Architecture:
        """Every choice of every block uniform."""
        return random_architecture(self._space, rng)

    def mutate(self, candidate: Architecture, rng: Rng) -> Architecture:
        """One parameter of one block altered (Section 4.1)."""
        return mutate(self._space, candidate, rng)

    def hashable_outputs(self, candidate: Architecture) -> np.ndarray:
        """Softmax outputs on 10 images after `hash_steps` steps of training, float64 (10, classes) (Section 4.1)."""
        return outputs(self._space, self._layers(candidate), self._images, self._settings)

    def evaluate(self, candidate: Architecture, rng: Rng) -> Evaluation:
        """Train the network `trainings` times; its mean accuracy on images held out of training."""
        seeds = [_seed(rng) for _ in range(self._trainings)]
        found = training.train_each(self._space, self._layers(candidate), self._images, self._settings, seeds)
        accuracy = sum(one.validation_accuracy for one in found) / len(found)
        return Evaluation(accuracy * self._factor(candidate), float(sum(one.examples for one in found)))

    def reevaluate(self, candidate: Architecture, rng: Rng) -> float:
        """The same for the test set, after training from other initial weights."""
        accuracy = training.reevaluate(self._space, self._layers(candidate), self._images, self._settings, _seed(rng))
        return accuracy * self._factor(candidate)

    def describe(self, candidate: Architecture) -> str:
        """A block a line; choices without function are named."""
        return format_architecture(self._space, candidate)

    def parse(self, text: str) -> Architecture:
        """The architecture that `describe` would write as `text`."""
        return parse_architecture(self._space, text)

    def details(self, candidate: Architecture, fitness: float) -> str:
        """The network as a table: blocks, parameters, multiply-adds, then its accuracy and latency."""
        rows = [Row(*(name.replace("_", " ") for name in Row._fields)), *table(self._space, candidate)]
        latency = self._latency(candidate)
        how = "measured" if self._measured else "by the cost model"
        known = not self._measured and np.isfinite(fitness)
        said = f"accuracy {fitness / self._factor(candidate):.4f} on held-out images, " if known else ""
        return f"{_aligned(rows)}\n{said}latency {latency:.3g} ms ({how}; target {self._target:.3g} ms)"

    def structural_key(self, candidate: Architecture) -> tuple[Layer, ...]:
        """The layers that do something: choices without function do not matter."""
        return self._layers(candidate)

    def graph(self, candidate: Architecture) -> Graph:
        """The image and the layers in a row; of each its kernel, stride, channels, expansion, SE ratio and skip."""
        chain = self._layers(candidate)
        values = [[one.kernel, one.stride, one.outputs, one.expansion, one.se, SKIPS.index(one.skip)] for one in chain]
        operations = [0, *(self.operations.index(one.op) for one in chain)]
        return Graph(operations, [(place, place + 1) for place in range(len(chain))], [[0.0] * 6, *values])

    def decisions(self) -> Sequence[int]:
        """Seven choices for each block."""
        return decisions(self._space)

    def from_decisions(self, choices: Sequence[int]) -> Architecture:
        """The architecture of these choices; every one is valid."""
        return from_decisions(self._space, choices)

    def draw(self, candidate: Architecture, axes: Any) -> None:
        """The stack of blocks, as in the paper's Figure 1."""
        from setups.mnas.drawing import draw_architecture

        draw_architecture(self._space, candidate, axes)

    def export(self, candidate: Architecture, path: Path, rng: Rng) -> str:
        """Train the network once more and write it as a Keras model; it takes images as they are in the source."""
        from setups.mnas.export import check_path, save_keras

        check_path(path)  # before the training, not after it
        network = self._layers(candidate)
        trained = training.train(self._space, network, self._images, self._settings, _seed(rng))
        standard = (self._images.mean, self._images.spread)
        save_keras(self._space, network, trained.weights, path, standard)
        return f"wrote {path}: accuracy {trained.validation_accuracy:.4f} on held-out images, after a new training"

    def fingerprint(self) -> str:
        """The images, and where a latency comes from."""
        latency = "measured" if self._measured else f"by the model {'/'.join(map(str, LATENCY_MS))}"
        return f"{self._images.fingerprint}, latency {latency}"

    def notice(self) -> str:
        """Says so when results cannot be reproduced."""
        return "latencies were measured on this machine and are not reproducible" if self._measured else ""

    def _layers(self, candidate: Architecture) -> tuple[Layer, ...]:
        return layers(self._space, candidate)

    def _latency(self, candidate: Architecture) -> float:
        if self._measured:
            return measured_latency_ms(self._space, self._layers(candidate), self._repeats)
        return latency_ms(self._space, candidate)

    def _factor(self, candidate: Architecture) -> float:
        """What the accuracy is multiplied by (Tan et al. 2019, Section 3)."""
        return (self._latency(candidate) / self._target) ** self._weight


def _check_counts(**counts: int) -> None:
    for name, number in counts.items():
        if not 1 <= number <= 10**9:
            raise ValueError(f"{name} must be from 1 to 1,000,000,000, got {number}")


def _check_numbers(learning_rate: float, latency_target: float, latency_weight: float) -> None:
    if not 0.0 < learning_rate < 10.0:
        raise ValueError(f"learning_rate must be above 0 and below 10, got {learning_rate}")
    if not 0.0 <= latency_target < np.inf:
        raise ValueError(f"latency_target must be a number of milliseconds, 0 for the base network's: {latency_target}")
    if not -10.0 <= latency_weight <= 0.0:
        raise ValueError(f"latency_weight must be from -10 to 0, got {latency_weight}")


def _seed(rng: Rng) -> int:
    return rng.word() >> 1


def _aligned(rows: Sequence[Row]) -> str:
    """The rows as text, words to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = 3  # columns of words
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
