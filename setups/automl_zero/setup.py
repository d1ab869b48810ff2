"""Setup B of the paper (Section 4.2): AutoML-Zero, the search for learning algorithms from scratch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, ClassVar, TypedDict

import numpy as np

from setups.automl_zero import effects, graph
from setups.automl_zero.block import TaskBlock, lanes_for, table_size
from setups.automl_zero.examples import NEURAL_NETWORK
from setups.automl_zero.images import load_images
from setups.automl_zero.mutation import mutated, random_program
from setups.automl_zero.operations import COSTS
from setups.automl_zero.program import Instruction, Memory, Program, check, function_sizes, operation_numbers, pack
from setups.automl_zero.space import MUTATIONS, Operations, Space, Triple, chosen_operations
from setups.automl_zero.structure import structure
from setups.automl_zero.tasks import (
    Task,
    classification_tasks,
    data_fingerprint,
    held_out_pairs,
    regression_tasks,
    search_pairs,
)
from setups.automl_zero.text import format_program, parse_program
from ufh_cli.core.graph import Graph
from ufh_cli.core.names import in_range, one_of, weights
from ufh_cli.core.rng import Rng, cumulative
from ufh_cli.core.setup import Evaluation, Setup, chosen_objectives

TASKS = ("binary", "linear", "nn2")
_COSTS: tuple[float, ...] = tuple(COSTS.tolist())
_MOST_BYTES = 4 * 2**30  # of data, and of what a program works on


class _Sizes(TypedDict):
    """Of the tasks of the search, or of those held out: how many, F, examples of each, and which."""

    count: int
    features: int
    train: int
    valid: int
    seed: int


class AutoMLZero(Setup[Program]):
    """Programs of three component functions, evolved on small learning tasks.

    The defaults are those of the lite configuration: pairs of scikit-learn's digits, from empty programs.

    Parameters
    ----------
    task : str
        "binary" (projected classification of pairs of classes), "linear" or "nn2" (regression).
    images : str
        Of "binary": "digits", "fashion-mnist", "cifar10", or an .npz file or a folder of them.
    features : int
        F, the size of vectors.
    tasks, train_examples, valid_examples : int
        D tasks for the search, and the examples of each.
    epochs : int
        Passes over the training examples; the fitness is the best epoch's.
    combine : str
        "mean" or "median" of the tasks' fitnesses.
    task_seed : int
        Which tasks; held-out tasks differ from those of the search whatever the seed.
    heldout_tasks, heldout_train_examples, heldout_valid_examples : int
        Tasks of `reevaluate`; 0 examples: as many as in the search.
    memory : tuple of three int
        Numbers of scalar, vector and matrix addresses.
    operations : str or tuple of three tuples of int
        "demo", "baseline", "paper", "all", or the numbers of the operations of InitializePass, ForwardPass and
        BackwardPass.
    min_sizes, max_sizes, initial_sizes : tuple of three int
        Numbers of instructions of InitializePass, ForwardPass and BackwardPass; bounds are inclusive.
    initial : str
        "noop" or "random": what programs consist of at first.
    mutations : tuple of str
        Names and, after a colon, weights; see `space.MUTATIONS`.
    mutation_probability : float
        Else a child is a copy.
    constants : str
        How constants change: "code" as in the original program, "paper" as in its paper.
    train_budget : float
        Programs that cost more than so many times the two-layer network's cost get fitness 0 unseen; 0: no
        such rule.
    hurdle_fitness, hurdle_tasks : float, int
        With `hurdle_tasks` above 0, these tasks are a first stage of each evaluation. Below `hurdle_fitness`, or
        where ``evaluation.hurdle_percentile`` stops the program, their fitness is its fitness.
    hash_examples : int
        N_E: training examples, and validation examples, of each task for `hashable_outputs`.
    hash_flags : bool
        Hash classification errors in validation as wrong or right, as the original does, rather than as
        distances.
    fixed_noise : bool
        Programs draw the same random numbers in every evaluation, which makes evaluations deterministic.
        Counting wrong hits (``cache.counterfactual``) among programs with random operations needs it: without
        it, equal programs differ in fitness, and right hits are counted as wrong.
    objectives : tuple of str
        Several of ``"fitness"`` and ``"instructions"`` (minus the number of those that an output depends on, of which
        the key does not know); none: the fitness alone. The hypervolume is measured from 0 and as many instructions
        as a program may have.

    Notes
    -----
    Costs are examples processed. `hash_cost` is always 2 N_E D, as if hashing ran to its end, although a run
    that stops early processes fewer; the cost of an evaluation counts only the examples that were processed.
    """

    cost_unit: ClassVar[str] = "examples"
    operations: ClassVar[tuple[str, ...]] = graph.NAMES

    def __init__(
        self,
        *,
        task: str = "binary",
        images: str = "digits",
        features: int = 8,
        tasks: int = 10,
        train_examples: int = 200,
        valid_examples: int = 100,
        epochs: int = 1,
        combine: str = "mean",
        task_seed: int = 0,
        heldout_tasks: int = 9,
        heldout_train_examples: int = 0,
        heldout_valid_examples: int = 0,
        memory: Triple = (5, 9, 2),
        operations: str | Operations = "baseline",
        min_sizes: Triple = (0, 0, 0),
        max_sizes: Triple = (6, 10, 22),
        initial_sizes: Triple = (0, 0, 0),
        initial: str = "noop",
        mutations: tuple[str, ...] = ("alter", "randomize_function", "insert", "remove"),
        mutation_probability: float = 0.9,
        constants: str = "code",
        train_budget: float = 0.0,
        hurdle_fitness: float = 0.0,
        hurdle_tasks: int = 0,
        hash_examples: int = 10,
        hash_flags: bool = False,
        fixed_noise: bool = False,
        objectives: tuple[str, ...] = (),
    ) -> None:
        self.space = Space(Memory(*memory), min_sizes, max_sizes, chosen_operations(operations))
        self._encoded_space = self.space.encoded()
        most = float(sum(self.space.max_sizes))
        self.objectives = chosen_objectives(objectives, {"fitness": 0.0, "instructions": -most})
        self._initial_sizes = _initial_sizes(self.space, initial_sizes)
        self._initial_random = one_of("initial", initial, ("noop", "random")) == "random"
        self._mutations = cumulative(weights("mutations", mutations, MUTATIONS))
        self._mutation_probability = in_range("mutation_probability", mutation_probability, 0.0, 1.0)
        self._paper_constants = one_of("constants", constants, ("code", "paper")) == "paper"
        self._median = one_of("combine", combine, ("mean", "median")) == "median"
        self._epochs = in_range("epochs", epochs, 1, 10**6)
        self._fixed_noise = fixed_noise
        self._hash_flags = hash_flags
        self._hurdle_fitness = in_range("hurdle_fitness", hurdle_fitness, 0.0, 1.0)

        one_of("task", task, TASKS)
        in_range("features", features, 1, 4096)
        _check_sizes("", tasks, train_examples, valid_examples, fewest_examples=1)
        _check_sizes("heldout_", heldout_tasks, heldout_train_examples, heldout_valid_examples, fewest_examples=0)
        in_range("hash_examples", hash_examples, 1, min(train_examples, valid_examples))
        _check_hurdle(hurdle_tasks, hurdle_fitness, tasks)
        in_range("task_seed", task_seed, 0, 2**63 - 1)
        in_range("train_budget", train_budget, 0.0, 1e9)
        search = _Sizes(count=tasks, features=features, train=train_examples, valid=valid_examples, seed=task_seed)
        held_out = search.copy()
        held_out["count"] = heldout_tasks
        held_out["train"] = heldout_train_examples or train_examples
        held_out["valid"] = heldout_valid_examples or valid_examples
        self._make_blocks(task, images, search, held_out, hurdle_tasks)
        self.staged = hurdle_tasks > 0
        self.tasks = 0 if self.staged else tasks
        self._hash_examples = hash_examples
        self.hash_cost = float(2 * hash_examples * tasks)
        self._cost_limit = train_budget * program_cost(parse_program(NEURAL_NETWORK, Memory(5, 9, 2)), train_examples)
        # Below about a millisecond an evaluation is repeated sooner than it is looked up in a journal.
        self.costly = tasks * epochs * (train_examples + valid_examples) >= 20_000

    def _make_blocks(self, task: str, images: str, search: _Sizes, held_out: _Sizes, hurdle_tasks: int) -> None:
        """The tasks of the search and those held out, and what programs are run on."""
        _check_bytes(search, held_out, self.space.memory.matrices)
        classification = task == "binary"
        self.search_tasks, self.held_out_tasks = _make_tasks(task, images, search, held_out)
        self._block = TaskBlock(self.search_tasks, classification=classification)
        lanes = lanes_for(search["features"], search["count"])  # for both, so that one kernel is compiled
        self._held_out_block = TaskBlock(self.held_out_tasks, classification=classification, lanes=lanes)
        self._hurdle_blocks = _hurdle_blocks(self.search_tasks, hurdle_tasks, classification)
        self._data_name = f"{task}:{images}" if classification else task

    def random_candidate(self, rng: Rng) -> Program:
        """A program of the initial sizes; its operations are random only with ``initial="random"``."""
        if self._initial_random:
            return random_program(self._initial_sizes, rng.word(), self._encoded_space)
        return pack([[Instruction(0)] * int(size) for size in self._initial_sizes])

    def mutate(self, candidate: Program, rng: Rng) -> Program:
        """A child with one mutation, or a copy."""
        return mutated(
            candidate,
            rng.word(),
            self._encoded_space,
            self._mutations,
            self._mutation_probability,
            self._paper_constants,
        )

    def hashable_outputs(self, candidate: Program) -> Sequence[np.ndarray]:
        """Absolute errors on the first `hash_examples` training and validation examples of each task (Section
        4.2).

        One float64 array (tasks, 2 * hash_examples), infinite from where a run stopped. All -1, which no error
        is, of a program that the train budget refuses: its fitness does not follow from its errors.

        Hashing and evaluating are two compiled calls: one would save 1 to 4 % of the time
        (``benchmarks/automl_zero_savings.py``).
        """
        count = self._hash_examples
        if self._refused(candidate):
            return (np.full((self._block.tasks, 2 * count), -1.0),)
        return (self._block.errors(candidate, count, count, flags=self._hash_flags),)

    def evaluate(self, candidate: Program, rng: Rng) -> Evaluation:
        """Train and validate on all tasks; the cost is the number of examples that were processed."""
        if self._refused(candidate):
            return Evaluation(0.0, 1.0)  # the original counts nothing; a cost of zero would let a search go on for ever
        if self._hurdle_blocks is None:
            if not self._median:
                return Evaluation(*self._block.fitness(candidate, self._word(rng), self._epochs))
            fitnesses, cost = self._block.fitnesses(candidate, self._word(rng), self._epochs)
            return Evaluation(self.combine_tasks(fitnesses), cost)
        stages = list(self.evaluate_in_stages(candidate, rng))
        return Evaluation(stages[-1].fitness, sum(stage.cost for stage in stages))

    def evaluate_in_stages(self, candidate: Program, rng: Rng) -> Iterator[Evaluation]:
        """First the `hurdle_tasks`, where there are any, then all; below `hurdle_fitness` the first is the last."""
        if self._hurdle_blocks is None or self._refused(candidate):
            yield self.evaluate(candidate, rng)
            return
        hurdle_block, rest_block = self._hurdle_blocks
        word = self._word(rng)
        first, cost = hurdle_block.fitnesses(candidate, word, self._epochs)
        fitness = self.combine_tasks(first)
        yield Evaluation(fitness, cost)
        if fitness < self._hurdle_fitness:
            return
        # Another word for the rest, so that its tasks do not repeat the random numbers of the first.
        rest, cost = rest_block.fitnesses(candidate, word ^ 0x9E3779B97F4A7C15, self._epochs)
        yield Evaluation(self.combine_tasks([*first, *rest]), cost)

    def evaluate_tasks(self, candidate: Program, rng: Rng, wanted: Sequence[bool]) -> tuple[Sequence[float], float]:
        """Train and validate on those tasks; they run together as lanes, so that few take as long as many."""
        if self._refused(candidate):
            return [0.0] * self.tasks, 1.0
        return self._block.fitnesses(candidate, self._word(rng), self._epochs, wanted)

    def combine_tasks(self, fitnesses: Sequence[float]) -> float:
        """Their mean, summed in their order, or their median."""
        if not self._median:
            return reduce(add, fitnesses, 0.0) / len(fitnesses)
        ordered = sorted(fitnesses)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2

    def objectives_of(self, candidate: Program, evaluation: Evaluation) -> tuple[float, ...]:
        """The fitness that was found, and minus the effective instructions of this very program."""
        values = {"fitness": evaluation.fitness, "instructions": -float(effects.live(candidate).sum())}
        return tuple(values[name] for name in self.objectives.names) if self.objectives else ()

    def _word(self, rng: Rng) -> int:
        """What seeds the random numbers of one evaluation."""
        return 0 if self._fixed_noise else rng.word()

    def _refused(self, candidate: Program) -> bool:
        """Whether `candidate` costs more than the train budget, where there is one."""
        return self._cost_limit > 0 and program_cost(candidate, self._block.train) > self._cost_limit

    def reevaluate(self, candidate: Program, rng: Rng) -> float:
        """The fitness on the held-out tasks: other pairs of classes, or other functions."""
        return self.combine_tasks(self._held_out_block.fitnesses(candidate, rng.word(), self._epochs)[0])

    def describe(self, candidate: Program) -> str:
        """The program as text; instructions without effect are marked.

        Marked is what can be replaced by a noop, alone, without any change of the errors that are hashed.
        """
        effective = effects.effective(candidate, self._outputs)
        return format_program(candidate, lambda i: "" if effective[i] else "no effect")

    def draw(self, candidate: Program, axes: Any) -> None:
        """The live instructions; those are pale that can be replaced by a noop, alone."""
        from setups.automl_zero.drawing import draw_program

        draw_program(candidate, effects.live(candidate), effects.effective(candidate, self._outputs), axes)

    def pruned(self, candidate: Program) -> Program:
        """The program without what has no effect on the errors that are hashed."""
        return effects.pruned(candidate, self._outputs)

    def _outputs(self, candidate: Program) -> np.ndarray:
        return self._block.errors(candidate, self._hash_examples, self._hash_examples)

    def parse(self, text: str) -> Program:
        """The program that `text` describes; see `text`."""
        program = parse_program(text, self.space.memory, self._block.features)
        check(program, self.space.memory)
        return program

    def structural_key(self, candidate: Program) -> tuple[bytes, bool]:
        """The live instructions, whatever addresses are called; and whether the train budget refuses the program."""
        return structure(candidate, self._block.features), self._refused(candidate)

    def graph(self, candidate: Program) -> Graph:
        """The live instructions: who writes what another reads."""
        return graph.program_graph(candidate)

    def fingerprint(self) -> str:
        """The kind of the tasks and a digest of all their data."""
        return f"{self._data_name}:{data_fingerprint([*self.search_tasks, *self.held_out_tasks])}"


def program_cost(program: Program, train_examples: int) -> float:
    """What training costs by the original's train budget: set-up, and for each example the two passes."""
    costs = [_COSTS[op] for op in operation_numbers(program)]
    setup, predict, _ = function_sizes(program)
    passes = sum(costs[setup : setup + predict]) + sum(costs[setup + predict :])
    return sum(costs[:setup]) + train_examples * passes


def _initial_sizes(space: Space, sizes: Triple) -> np.ndarray:
    for size, low, high in zip(sizes, space.min_sizes, space.max_sizes, strict=True):
        if not low <= size <= high:
            raise ValueError(
                f"initial_sizes must lie between min_sizes and max_sizes, got {size} where {low} to {high} fit"
            )
    return np.array(sizes, dtype=np.int64)


def _check_sizes(prefix: str, tasks: int, train_examples: int, valid_examples: int, *, fewest_examples: int) -> None:
    """Check the options of these names with `prefix` before them."""
    in_range(f"{prefix}tasks", tasks, 1, 10**5)
    in_range(f"{prefix}train_examples", train_examples, fewest_examples, 10**8)
    in_range(f"{prefix}valid_examples", valid_examples, fewest_examples, 10**8)


def _check_bytes(search: _Sizes, held_out: _Sizes, matrices: int) -> None:
    """Check that the data of all tasks, and matrices and random numbers in the kernel, are not too large."""
    features = search["features"]
    lanes = lanes_for(features, search["count"])
    groups = [(-(-sizes["count"] // lanes), sizes["train"] + sizes["valid"]) for sizes in (search, held_out)]
    rows = sum(lanes * count * examples for count, examples in groups)
    working = lanes * features**2 * (matrices + 1) + 2 * table_size(features)
    for what, numbers, remedy in (
        ("the tasks' data", rows * (features + 1), "fewer tasks, train_examples, valid_examples or features"),
        ("a program's matrices", working, "fewer features or matrices in memory"),
    ):
        if 8 * numbers > _MOST_BYTES:
            raise ValueError(
                f"{what} would take {8 * numbers / 2**30:,.1f} GiB, more than {_MOST_BYTES >> 30}; take {remedy}"
            )


def _check_hurdle(hurdle_tasks: int, hurdle_fitness: float, tasks: int) -> None:
    in_range("hurdle_tasks", hurdle_tasks, 0, tasks - 1)
    if hurdle_fitness > 0 and hurdle_tasks == 0:
        raise ValueError("hurdle_fitness needs hurdle_tasks above 0: the first stage that must reach it")


def _make_tasks(task: str, images: str, search: _Sizes, held_out: _Sizes) -> tuple[list[Task], list[Task]]:
    """The tasks of the search and the held-out tasks."""
    if task != "binary":
        return regression_tasks(task, **search, held_out=False), regression_tasks(task, **held_out, held_out=True)
    pixels, labels = load_images(images)
    return (
        classification_tasks(pixels, labels, search_pairs(labels), **search, held_out=False),
        classification_tasks(pixels, labels, held_out_pairs(labels), **held_out, held_out=True),
    )


def _hurdle_blocks(tasks: list[Task], hurdle_tasks: int, classification: bool) -> tuple[TaskBlock, TaskBlock] | None:
    """The tasks of the hurdle and the rest, where there is a hurdle."""
    if hurdle_tasks == 0:
        return None
    hurdle, rest = tasks[:hurdle_tasks], tasks[hurdle_tasks:]
    return TaskBlock(hurdle, classification=classification), TaskBlock(rest, classification=classification)
