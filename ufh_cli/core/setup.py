"""The contract that a setup fulfils: a search space, how to mutate in it, what a candidate is worth, how it behaves."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from ufh_cli.core.graph import Graph
from ufh_cli.core.rng import Rng

C = TypeVar("C")  # a candidate: immutable, picklable, small


TaskValues = tuple[float | None, ...]  # of each task its fitness, or None


class Evaluation(NamedTuple):
    """What one evaluation (Method 2) found. It travels whole: through workers, journal, caches and search methods.

    Attributes
    ----------
    fitness : float
        What methods of one objective maximise. NaN counts as minus infinity.
    cost : float
        What it took, in the setup's `cost_unit`, the hash not included.
    objectives : tuple of float
        All maximised; empty where the setup has but one. See `Setup.objectives`.
    early : float or None
        The fitness after the first stage, where there is a hurdle.
    stopped : bool
        A hurdle ended it after that stage, so that `early` is all that is known. Later candidates with its key are told
        the same, even where the hurdle has sunk since: a cache answers with what was found.
    tasks : tuple of float or None, or None
        Where tasks are cached apart: the fitness on each; None on one that was known before and not evaluated.
    refined : candidate or None
        The candidate with what the evaluation learnt, such as fitted constants; it takes the candidate's place. Its
        `Setup.describe` must be read back by `Setup.parse` without loss, for the journal keeps it so.
    """

    fitness: float
    cost: float
    objectives: tuple[float, ...] = ()
    early: float | None = None
    stopped: bool = False
    tasks: TaskValues | None = None
    refined: Any = None


class Objectives(NamedTuple):
    """The several objectives of a setup, all maximised.

    Attributes
    ----------
    names : tuple of str
        What each is, for tables and axes.
    reference : tuple of float
        The point from which the hypervolume is measured; what is not above it in each objective counts nothing.
    """

    names: tuple[str, ...]
    reference: tuple[float, ...]


def chosen_objectives(names: Sequence[str], reference: Mapping[str, float]) -> Objectives | None:
    """The objectives called `names`, of those that `reference` gives a coordinate each; None for no names.

    Raises
    ------
    ValueError
        With one clear line for an unknown or repeated name, or a single one.
    """
    if not names:
        return None
    for name in names:
        if name not in reference:
            raise ValueError(f"objectives: unknown {name!r}; possible are {', '.join(reference)}")
    if len(set(names)) < len(names) or len(names) < 2:
        raise ValueError(f"objectives: give two or more different ones of {', '.join(reference)}, or none")
    return Objectives(tuple(names), tuple(reference[name] for name in names))


class Curves(NamedTuple):
    """How something went along, for a figure.

    Attributes
    ----------
    x_label, y_label : str
        What is counted along, and what is measured.
    values : mapping of str to sequence of float
        For each curve its name and the measurements at 1, 2, 3, …
    beside : mapping of str to mapping of str to sequence of float
        For some of these names what is drawn beside them, by what it is called: how known candidates do.
    """

    x_label: str
    y_label: str
    values: Mapping[str, Sequence[float]]
    beside: Mapping[str, Mapping[str, Sequence[float]]] = {}


class Landmark(NamedTuple):
    """What is known of the objectives from elsewhere, to be drawn beside the fronts that a search found.

    Attributes
    ----------
    name : str
        What it is, for a legend.
    points : sequence of tuple of float
        In the order of `Setup.objectives`.
    joined : bool
        Whether the points are steps of one line, else marks of their own.
    """

    name: str
    points: Sequence[tuple[float, ...]]
    joined: bool = True


class Setup(ABC, Generic[C]):
    """Base class of setups. A subclass gives the six abstract methods; the rest is optional.

    Its constructor takes keyword-only options with a type and a default each: they become the keys of the section
    ``[options]`` of a configuration, checked by name and type. The constructor raises `ValueError` with one clear line
    when values do not fit.

    A setup knows nothing of techniques, search methods, files of results or processes. Instances are made once a
    process; nothing that a method does may change what a later call returns.

    Attributes
    ----------
    cost_unit : str
        The unit of `Evaluation.cost` and of `hash_cost`, for instance ``"simulated seconds"``.
    hash_cost : float
        The cost of computing `hashable_outputs` once.
    simulated_cost : bool
        True when evaluations are quick look-ups and costs are simulated: several workers in one trial are then
        simulated as well.
    free_reevaluation : bool
        True when `reevaluate` costs next to nothing, so that it can follow every improvement.
    costly : bool
        False when evaluations take so little time that it is quicker to repeat them than to keep a journal of them.
    few_structures : bool
        True when there are few enough different structural keys to remember them all, and they are much cheaper than
        hashable outputs: the functional key is then computed once for each (its cost is charged all the same).
    tasks : int
        Of how many tasks an evaluation consists whose fitnesses can be found, and cached, apart; 0 for one piece.
        Each array of `hashable_outputs` then has a row a task, that tells how a candidate behaves on it.
    staged : bool
        True when `evaluate_in_stages` has a cheap first stage, after which a hurdle may stop a candidate.
    operations : tuple of str
        The names of the operations that graphs of candidates consist of; see `graph`.
    objectives : Objectives or None
        Of a setup that, with its options, has several; None where `Evaluation.fitness` says all.
    data_actions : mapping of str to callable
        What ``ufh data ACTION SETUP`` can do: ``"fetch"``, ``"convert"``, ``"verify"``. Each takes
        ``source: Path | None`` and ``progress: Callable[[int, int | None], None]`` (done, total), and returns a
        sentence on what it did; `ValueError` with one clear line when it could not.
    prepared : str
        What `prepare` builds, in words.
    """

    cost_unit: ClassVar[str] = "evaluations"
    hash_cost: float = 0.0
    simulated_cost: ClassVar[bool] = False
    free_reevaluation: ClassVar[bool] = False
    costly: bool = True
    few_structures: ClassVar[bool] = False
    tasks: int = 0
    staged: bool = False
    operations: ClassVar[tuple[str, ...]] = ()
    objectives: Objectives | None = None
    data_actions: ClassVar[Mapping[str, Callable[..., str]]] = {}
    prepared: ClassVar[str] = "its data"

    @classmethod
    def prepare(cls, options: Mapping[str, Any], progress: Callable[[int, int | None], None]) -> None:
        """Build what the first instance with these `options` would have to wait for; by default there is nothing.

        Called before an instance is made. It calls `progress` (steps done, steps in all) only when it really builds
        something, and raises `ValueError` with one clear line when it cannot.
        """

    @abstractmethod
    def random_candidate(self, rng: Rng) -> C:
        """A random point of the search space."""

    @abstractmethod
    def mutate(self, candidate: C, rng: Rng) -> C:
        """A neighbour of `candidate`; it may behave the same."""

    @abstractmethod
    def hashable_outputs(self, candidate: C) -> np.ndarray | Sequence[np.ndarray]:
        """A float array, or several, that tell how `candidate` behaves on canonical examples (Method 3).

        Deterministic: fixed examples and fixed seeds, never a stream from outside.
        """

    @abstractmethod
    def evaluate(self, candidate: C, rng: Rng) -> Evaluation:
        """The fitness of `candidate` on the search's data (Method 2); all randomness comes from `rng`."""

    def evaluate_in_stages(self, candidate: C, rng: Rng) -> Iterator[Evaluation]:
        """What `evaluate` finds, with a cheap first stage before the whole; used where there is a hurdle.

        Yields two evaluations, or one where the first stage is the whole. The last fitness is that of `evaluate` with
        the same randomness; each cost is what was spent since the one before. The iterator may be dropped after the
        first, so work for the second belongs behind it.
        """
        yield self.evaluate(candidate, rng)

    def evaluate_tasks(self, candidate: C, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        """The fitness of `candidate` on each of the `tasks`, and what it took; only where there are tasks.

        It may be anything on tasks that are not `wanted`. On the others it depends neither on what else is wanted nor
        on more of `rng` than `evaluate` does: combined, all of them are what that finds.
        """
        raise ValueError("this setup's evaluations do not consist of tasks")

    def combine_tasks(self, fitnesses: Sequence[float]) -> float:
        """The fitness over all tasks, of the fitness on each."""
        raise ValueError("this setup's evaluations do not consist of tasks")

    def objectives_of(self, candidate: C, evaluation: Evaluation) -> tuple[float, ...]:
        """The objectives of `candidate`, of which `evaluation` tells how well it behaves; where there are several.

        A cache answers with the evaluation of another candidate that behaves alike. What the key does not know of, such
        as a candidate's size, is to be computed from `candidate` itself, here.
        """
        return evaluation.objectives

    def adopted(self, candidate: C, evaluation: Evaluation) -> C:
        """What takes the place of `candidate` when a cache answers with another's `evaluation`, which has a `refined`.

        A setup may hand on what was learnt there, such as fitted constants, so that a hit is as good as its fitness
        says. The structure, and so all that `objectives_of` counts, must stay that of `candidate`.
        """
        return candidate

    @abstractmethod
    def reevaluate(self, candidate: C, rng: Rng) -> float:
        """The fitness of `candidate` on data that the search never sees."""

    @abstractmethod
    def describe(self, candidate: C) -> str:
        """`candidate` as text for a person; `parse` reads it back where a setup has it."""

    def parse(self, text: str) -> C:
        """The candidate that `text` describes; `ValueError` with one clear line when it does not."""
        raise ValueError("this setup cannot read a candidate from text")

    def structural_key(self, candidate: C) -> Hashable:
        """A canonical form of the *representation* of `candidate`: the rival of the functional key (§6.3)."""
        return candidate

    def graph(self, candidate: C) -> Graph | None:
        """What of `candidate` has an effect, as a graph of `operations`, for guided search; None where there is none.

        Where structural keys are few, candidates with the same one must have isomorphic graphs.
        """
        return None

    def decisions(self) -> Sequence[int]:
        """How many options each of the categorical choices has that make up a candidate.

        For search methods that learn a policy over choices; empty when the space is not described so.
        """
        return ()

    def from_decisions(self, choices: Sequence[int]) -> C | None:
        """The candidate that these choices make up, one of each of `decisions`; None when it is not a valid one."""
        return None

    def draw(self, candidate: C, axes: Any) -> None:
        """Draw `candidate` on matplotlib's `axes`, for figures of equivalents; its description where not overridden."""
        axes.set_axis_off()
        axes.text(0.0, 1.0, self.describe(candidate), va="top", family="monospace", fontsize=7, wrap=True)

    def details(self, candidate: C, fitness: float) -> str:
        """What a person wants to know of a search's best candidate besides its description; "" for nothing."""
        return ""

    def form(self, candidate: C) -> str:
        """`describe` without what evaluations fit, such as constants: tells what several trials found alike."""
        return self.describe(candidate)

    def landmarks(self) -> Sequence[Landmark]:
        """What is known of the `objectives` from elsewhere, for ``ufh plot --kind front``; empty where nothing is."""
        return ()

    def redundancy(self, candidate: C) -> float:
        """The fraction of `candidate` without which it does the same, for ``ufh plot --kind redundancy``.

        NaN where the setup does not tell.
        """
        return math.nan

    def learning_curves(self, candidate: C, rng: Rng) -> Curves | None:
        """How one evaluation of `candidate` went along, for ``ufh plot --kind learning``; None where nothing learns."""
        return None

    def export(self, candidate: C, path: Path, rng: Rng) -> str:
        """Write what `candidate` amounts to in a form that other programs read, for ``ufh export``.

        Returns a sentence on what was written; `ValueError` with one clear line when it cannot be.
        """
        raise ValueError("this setup has nothing to export")

    def fingerprint(self) -> str:
        """Names the data behind evaluations, so that results on different data are told apart."""
        return ""

    def notice(self) -> str:
        """A line that every output shall carry, for instance that the data are not measured ones."""
        return ""
