"""NAS-Bench-101 as a setup: specs are mutated, their cells looked up in a table of measured or modelled accuracies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Literal

import numpy as np

from setups.data import Progress, data_directory
from setups.nasbench import data
from setups.nasbench.enumeration import LABELS_SHIFT, MAX_VERTICES, OPS, VERTICES_SHIFT, cell_graph, is_valid
from setups.nasbench.space import SPEC_BITS, SPEC_MASK, Space
from setups.nasbench.store import open_table
from setups.nasbench.table import Table
from setups.nasbench.text import describe, pad, parse
from ufh_cli.core.graph import Graph
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup, chosen_objectives

HALFWAY, FINAL = 0, 1
TRAIN, VALIDATION, TEST = 0, 1, 2

_DECISIONS = (2,) * LABELS_SHIFT + (len(OPS),) * (MAX_VERTICES - 2)
_REFERENCE = {"accuracy": 0.8, "seconds": -6000.0}
_SPACE_FILE = "space-v1.npy"


class NasBench(Setup[int]):
    """NAS-Bench-101 (setup D, §4.4): cells of a convolutional network, looked up in a table.

    A candidate is a spec, an unpruned graph of seven vertices as one integer (see `setups.nasbench.enumeration`), with
    the row of its cell in the table above its 32 bits: the compiled call that draws it looks up its cell as well. Its
    fitness is the validation accuracy after 108 epochs, its cost the simulated seconds of that training; the hashable
    outputs are four accuracies of the training of 4 epochs.

    Parameters
    ----------
    table : str
        ``"surrogate"`` (embedded, made by a model), ``"official"`` (once converted), or a table's folder.
    run : {"random", "0", "1", "2"}
        Which of the three trainings of a cell an evaluation looks up. A fixed one makes fitness deterministic.
    noise : float
        Standard deviation of Gaussian noise added to the fitness (§6.2.3).
    mutation_rate : float
        1 flips each of the 21 edges with probability 1/7 and changes each of the 5 operations with probability 1/5.
    objectives : tuple of str
        Several of ``"accuracy"`` (the fitness) and ``"seconds"`` (minus the seconds of a training of 108 epochs, which
        follow from the cell and are known without an evaluation); none: the accuracy alone. The hypervolume is
        measured from an accuracy of .8 and 6,000 seconds.
    """

    cost_unit: ClassVar[str] = "simulated seconds"
    hash_cost: float = 10.0
    simulated_cost: ClassVar[bool] = True
    free_reevaluation: ClassVar[bool] = True
    costly: bool = False
    few_structures: ClassVar[bool] = True
    operations: ClassVar[tuple[str, ...]] = (*OPS, "input", "output")
    prepared: ClassVar[str] = "the surrogate's table"
    data_actions: ClassVar[Mapping[str, Callable[..., str]]] = {
        "fetch": data.fetch_official,
        "convert": data.convert_official,
        "verify": data.verify_tables,
    }

    def __init__(
        self,
        *,
        table: str = "surrogate",
        run: Literal["random", "0", "1", "2"] = "random",
        noise: float = 0.0,
        mutation_rate: float = 1.0,
        objectives: tuple[str, ...] = (),
    ) -> None:
        if not 0.0 <= noise < np.inf:
            raise ValueError(f"noise must be a standard deviation of at least 0, got {noise}")
        if not 0.0 < mutation_rate <= 5.0:
            raise ValueError(f"mutation_rate must be above 0 and at most 5, got {mutation_rate}")
        self.objectives = chosen_objectives(objectives, _REFERENCE)
        self._table: Table = open_table(table)
        space = _space()
        if not np.array_equal(space.cells, self._table.cells):
            raise ValueError(f"the table in {self._table.path} does not hold exactly the cells of NAS-Bench-101")
        self._space = space
        self._runs = None if run == "random" else int(run)
        self._noise = noise
        self._mutation_rate = mutation_rate
        # In the authors' order: train before validation, the end before half-way.
        first = self._table.accuracy4[:, 0]
        order = [
            first[:, FINAL, TRAIN],
            first[:, HALFWAY, TRAIN],
            first[:, FINAL, VALIDATION],
            first[:, HALFWAY, VALIDATION],
        ]
        self._outputs = np.ascontiguousarray(np.stack(order, axis=1), dtype=np.float64)
        self._validation = np.ascontiguousarray(self._table.accuracy108[:, :, FINAL, VALIDATION], dtype=np.float64)
        self._seconds = np.ascontiguousarray(self._table.time108[:, :, FINAL], dtype=np.float64)
        self._test = self._table.accuracy108[:, :, FINAL, TEST]

    @classmethod
    def prepare(cls, options: Mapping[str, Any], progress: Progress) -> None:
        """Build the surrogate's table where it is asked for and not there yet."""
        if options.get("table", "surrogate") == "surrogate":
            open_table("surrogate", progress)

    def random_candidate(self, rng: Rng) -> int:
        """A random valid spec: each edge with probability 1/2, uniform operations, until valid."""
        return self._space.random_located(rng.word())

    def mutate(self, candidate: int, rng: Rng) -> int:
        """The authors' mutation of the unpruned spec, repeated until valid."""
        return self._space.mutate_located(candidate, rng.word(), self._mutation_rate)

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        """Four accuracies of run 0 of the 4-epoch training, shape (4,), float64 (§4.4)."""
        return self._outputs[candidate >> SPEC_BITS]

    def structural_key(self, candidate: int) -> int:
        """The isomorphism class of the pruned graph (§6.3): its row in the enumeration of all cells."""
        return candidate >> SPEC_BITS

    def graph(self, candidate: int) -> Graph:
        """The pruned graph of at most seven vertices."""
        return Graph(*cell_graph(self._space.cells[candidate >> SPEC_BITS]))

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        """Validation accuracy after 108 epochs, and the seconds of that training."""
        cell = candidate >> SPEC_BITS
        run = rng.integer(3) if self._runs is None else self._runs
        fitness = self._validation.item(cell, run)
        if self._noise:
            fitness += self._noise * float(rng.generator().standard_normal())
        return Evaluation(fitness, self._seconds.item(cell, run))

    def objectives_of(self, candidate: int, evaluation: Evaluation) -> tuple[float, ...]:
        """The accuracy that was found, and minus the seconds that this very cell takes."""
        cell = candidate >> SPEC_BITS
        values = {
            "accuracy": evaluation.fitness,
            "seconds": -self._seconds.item(cell, 0 if self._runs is None else self._runs),
        }
        return tuple(values[name] for name in self.objectives.names) if self.objectives else ()

    def reevaluate(self, candidate: int, rng: Rng) -> float:
        """Test accuracy after 108 epochs, the mean of the three trainings."""
        return float(self._test[candidate >> SPEC_BITS].mean(dtype=np.float64))

    def all_candidates(self) -> Iterable[int]:
        """One spec of each of the 423,624 cells."""
        return map(self._space.locate, map(pad, self._table.cells.tolist()))

    def describe(self, candidate: int) -> str:
        """The spec's edges and operations on one line."""
        return describe(candidate & SPEC_MASK)

    def parse(self, text: str) -> int:
        """The spec that `describe` would write as `text`."""
        return self._space.locate(parse(text))

    def decisions(self) -> Sequence[int]:
        """21 edges, absent or present, then 5 operations."""
        return _DECISIONS

    def from_decisions(self, choices: Sequence[int]) -> int | None:
        """The spec of these edges and operations, in the order of the code; None when it is not valid."""
        edges = labels = 0
        for present in reversed(choices[:LABELS_SHIFT]):
            edges = 2 * edges + present
        for operation in reversed(choices[LABELS_SHIFT:]):
            labels = len(OPS) * labels + operation
        spec = MAX_VERTICES << VERTICES_SHIFT | labels << LABELS_SHIFT | edges
        return self._space.locate(spec) if is_valid(spec) else None

    def draw(self, candidate: int, axes: Any) -> None:
        """The spec as a graph; what pruning takes away is drawn pale."""
        from setups.nasbench.drawing import draw_spec

        draw_spec(candidate & SPEC_MASK, axes)

    def fingerprint(self) -> str:
        """Names the table."""
        return f"nasbench table {self._table.fingerprint}"

    def notice(self) -> str:
        """Says so when the accuracies are modelled, or measured but not those that were published."""
        if self._table.source == "official":
            foreign = self._table.provenance.get("is_published_file") is False
            return "accuracies are of a file that is not the published one" if foreign else ""
        return "accuracies are of the embedded surrogate model, not NAS-Bench-101's measurements"


def _space() -> Space:
    """The search space, from the file that an earlier process left, else built and left for the next."""
    path = data_directory() / "nasbench" / _SPACE_FILE
    with suppress(OSError, ValueError):
        return Space.load(path)
    space = Space.build()
    with suppress(OSError):  # only a convenience: it is built in less than a second
        path.parent.mkdir(parents=True, exist_ok=True)
        space.save(path)
    return space
