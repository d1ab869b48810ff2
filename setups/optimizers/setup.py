"""Optimizers: the search that discovered Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from setups.optimizers import abstract, graph
from setups.optimizers.baselines import Baseline, baseline
from setups.optimizers.examples import make_examples
from setups.optimizers.execute import run
from setups.optimizers.export import optax_text, torch_text
from setups.optimizers.functions import FUNCTION_SETS, function_set
from setups.optimizers.kernel import train
from setups.optimizers.known import OPTIMIZERS, known_program, recognised
from setups.optimizers.mutation import MUTATIONS, mutated, random_program
from setups.optimizers.program import MAX_STATEMENTS, Program, size
from setups.optimizers.tasks import TASKS, Task, data_fingerprint, make_task
from setups.optimizers.text import format_program, parse_program
from ufh_cli.core.graph import Graph
from ufh_cli.core.names import nearest, one_of, weights
from ufh_cli.core.rng import Rng, cumulative
from ufh_cli.core.setup import Curves, Evaluation, Setup
from ufh_cli.files import write_text

INITIAL = (*OPTIMIZERS, "empty", "random")
_NO_LOSSES = np.empty(0)


class Optimizers(Setup[Program]):
    """Programs ``train(w, g, m, v, lr) -> update, m, v`` that train small tasks, evolved from AdamW.

    Parameters
    ----------
    tasks : tuple of str
        Names of training tasks; see `tasks`.
    starts : int
        From how many random starts each task is trained.
    noisy : bool
        Starts and batches differ from one evaluation to the next; else all programs see the same.
    initial : str
        What a search starts from: "adamw" as in the paper, another known optimizer, "empty" (a program that does
        nothing) or "random".
    random_length : int
        Statements of random programs.
    functions : str
        Which functions are inserted: "all", "paper" or "arithmetic"; see `functions.function_set`.
    mutations : tuple of str
        Names and, after a colon, weights: insert, delete, modify, and constant, which scales one constant.
    constants : str
        New constants: drawn from N(0, 1) as in the "paper", or 1 as in its "code".
    max_statements : int
        Longer programs are not proposed.
    structure : str
        What the structural key says of an m or v that no later update depends on: "step" counts it, as the original
        does, "loop" does not.
    hurdle_tasks, hurdle_fitness : int, float
        With `hurdle_tasks` above 0, these tasks are a first stage of each evaluation. Below `hurdle_fitness`, or where
        ``evaluation.hurdle_percentile`` stops the program, their fitness is its fitness.
    heldout_starts : int
        Starts of each held-out task in `reevaluate`.
    hash_steps, hash_weights : int
        N_E: the steps after each of which the weights are hashed, and how many weights there are.

    Notes
    -----
    The fitness on a task is L / (L + loss), where loss is the program's in validation and L that of the tuned AdamW
    (`baselines`): 0.5 is as good as AdamW, 1 a loss of 0. It is averaged over tasks and starts, and is 0 as soon as a
    weight is no finite number anywhere. The learning rate that a program gets follows a cosine with warm-up; its peak
    is such that a factor of 0.001 in the program makes it the tuned AdamW's. Costs are gradient steps; hashing takes
    about the time of one.
    """

    cost_unit: ClassVar[str] = "gradient steps"
    operations: ClassVar[tuple[str, ...]] = graph.NAMES
    hash_cost: float = 1.0

    def __init__(
        self,
        *,
        tasks: tuple[str, ...] = ("softmax", "mlp", "attention", "quadratic", "rosenbrock"),
        starts: int = 1,
        noisy: bool = False,
        initial: str = "adamw",
        random_length: int = 12,
        functions: str = "all",
        mutations: tuple[str, ...] = ("insert", "delete", "modify"),
        constants: str = "paper",
        max_statements: int = 60,
        structure: str = "step",
        hurdle_tasks: int = 0,
        hurdle_fitness: float = 0.0,
        heldout_starts: int = 1,
        hash_steps: int = 16,
        hash_weights: int = 24,
    ) -> None:
        _check_tasks(tasks)
        self._starts = int(_in_range("starts", starts, 1, 1000))
        self._noisy = noisy
        self._initial = one_of("initial", initial, INITIAL)
        self._longest = int(_in_range("max_statements", max_statements, 1, MAX_STATEMENTS))
        self._random_length = int(_in_range("random_length", random_length, 1, self._longest))
        if initial != "random" and size(known_program(initial)) > self._longest:
            raise ValueError(f"max_statements is {max_statements}, but the initial program {initial} is longer")
        self._functions = function_set(one_of("functions", functions, FUNCTION_SETS))
        self._mutations = cumulative(weights("mutations", mutations, MUTATIONS))
        self._unit_constants = one_of("constants", constants, ("paper", "code")) == "code"
        self._across_steps = one_of("structure", structure, ("step", "loop")) == "loop"
        self._hurdle_tasks = int(_in_range("hurdle_tasks", hurdle_tasks, 0, len(tasks) - 1))
        self._hurdle_fitness = _in_range("hurdle_fitness", hurdle_fitness, 0.0, 1.0)
        if hurdle_fitness > 0 and hurdle_tasks == 0:
            raise ValueError("hurdle_fitness needs hurdle_tasks above 0: the first stage that must reach it")
        self._heldout_starts = int(_in_range("heldout_starts", heldout_starts, 1, 1000))
        _in_range("hash_steps", hash_steps, 1, 1000)
        _in_range("hash_weights", hash_weights, 1, 10_000)
        self._examples = make_examples(hash_steps, hash_weights)
        self._tasks = [(make_task(name), baseline(name)) for name in tasks]
        self._names = tasks
        self.staged = hurdle_tasks > 0

    def random_candidate(self, rng: Rng) -> Program:
        """The initial program; only with ``initial="random"`` a random one."""
        if self._initial == "random":
            return random_program(rng.word(), self._random_length, self._functions, self._unit_constants)
        return known_program(self._initial)

    def mutate(self, candidate: Program, rng: Rng) -> Program:
        """A valid child, one mutation away."""
        return mutated(
            candidate, rng.word(), self._mutations, self._functions, self._unit_constants, self._longest
        )  # fmt: skip

    def hashable_outputs(self, candidate: Program) -> np.ndarray:
        """The weights after each of `hash_steps` steps on fixed gradients; float64 (hash_steps, hash_weights)."""
        return run(candidate, *self._examples)

    def graph(self, candidate: Program) -> Graph:
        """The statements that have an effect, with what m and v carry from step to step."""
        return graph.program_graph(candidate)

    def structural_key(self, candidate: Program) -> int:
        """The hash of the data flow behind update, m and v: the key of the paper's own cache."""
        return abstract.structural_key(candidate, self._across_steps)

    def evaluate(self, candidate: Program, rng: Rng) -> Evaluation:
        """Train all tasks; the cost is the number of steps taken."""
        stages = list(self.evaluate_in_stages(candidate, rng))
        return Evaluation(stages[-1].fitness, sum(stage.cost for stage in stages))

    def evaluate_in_stages(self, candidate: Program, rng: Rng) -> Iterator[Evaluation]:
        """First the `hurdle_tasks`, where there are any, then all; below `hurdle_fitness` the first is the last."""
        word = rng.word() if self._noisy else 0
        count = self._hurdle_tasks
        first, cost = self._fitnesses(candidate, self._tasks[:count], self._starts, word)
        if count:
            yield Evaluation(_mean(first), float(cost))
            if _mean(first) < self._hurdle_fitness or not first[-1]:
                return
        rest, cost = self._fitnesses(candidate, self._tasks[count:], self._starts, word + count)
        yield Evaluation(_mean([*first, *rest]) if rest[-1] else 0.0, float(cost))

    def _fitnesses(
        self, candidate: Program, tasks: Sequence[tuple[Task, Baseline]], starts: int, word: int
    ) -> tuple[list[float], int]:
        """The fitness on each task and start, up to the first where weights are no finite numbers; and the steps."""
        found: list[float] = []
        cost = 0
        for number, (task, reference) in enumerate(tasks):
            for start in range(starts):
                loss, steps = train(
                    candidate, *task.data(), task.steps, task.batch, reference.peak,
                    _start_word(word + number, start), _NO_LOSSES,
                )  # fmt: skip
                cost += steps
                found.append(reference.loss / (reference.loss + loss))
                if not np.isfinite(loss):
                    return [0.0] * len(found), cost
        return found, cost

    def reevaluate(self, candidate: Program, rng: Rng) -> float:
        """The fitness on the held-out tasks: other data, ten times as many steps, and ten times the weights."""
        tasks = [(make_task(name, True), baseline(name, True)) for name in self._names]
        return _mean(self._fitnesses(candidate, tasks, self._heldout_starts, rng.word())[0])

    def describe(self, candidate: Program) -> str:
        """The program as text; statements that nothing it returns needs, now or later, are marked."""
        needed = abstract.needed(candidate, across_steps=True)
        return format_program(candidate, lambda i: "" if needed[i] else "no effect")

    def details(self, candidate: Program, fitness: float) -> str:
        """The program without redundant statements, how many these are, and what known optimizer it is."""
        short = abstract.simplified(candidate, across_steps=True)
        live, whole = size(short), size(candidate)
        name = recognised(candidate)
        says = f"; {name}, but for its constants" if name else ""
        return f"{live} of its {whole} statements have an effect{says}:\n{format_program(short)}"

    def simplified(self, candidate: Program) -> Program:
        """The program without statements that nothing it returns needs; it behaves the same."""
        return abstract.simplified(candidate, across_steps=True)

    def redundancy(self, candidate: Program) -> float:
        """The fraction of statements that what the program returns does not need, by the paper's measure."""
        return 1.0 - float(abstract.needed(candidate).mean()) if candidate else 0.0

    def parse(self, text: str) -> Program:
        """The program that `text` describes, or the known one that it names; see `text`."""
        if text.strip().isidentifier():
            return known_program(one_of("a program that is named", text.strip(), OPTIMIZERS))
        return parse_program(text, self._longest)

    def learning_curves(self, candidate: Program, rng: Rng) -> Curves:
        """The loss of each batch along the search's tasks, beside those of AdamW, as given, and Lion."""
        word = rng.word() if self._noisy else 0
        known = {
            label: self._losses(known_program(name), word) for label, name in (("AdamW", "adamw"), ("Lion", "lion"))
        }
        beside = {task: {label: losses[task] for label, losses in known.items()} for task in self._names}
        return Curves("gradient steps", "training loss of the batch", self._losses(candidate, word), beside)

    def _losses(self, candidate: Program, word: int) -> dict[str, list[float]]:
        """The loss of each batch on each of the tasks, from one start."""
        found = {}
        for number, (task, reference) in enumerate(self._tasks):
            losses = np.empty(task.steps)
            start = _start_word(word + number, 0)
            train(candidate, *task.data(), task.steps, task.batch, reference.peak, start, losses)
            found[task.name] = losses.tolist()
        return found

    def export(self, candidate: Program, path: Path, rng: Rng) -> str:
        """Write the program as a module with a torch optimizer, and another beside it with an optax transformation."""
        short = self.simplified(candidate)
        other = path.with_name(f"{path.stem}_optax.py")
        write_text(path, torch_text(short))
        write_text(other, optax_text(short))
        return f"wrote {path} (FoundOptimizer, for torch) and {other} (found_optimizer, for optax)"

    def fingerprint(self) -> str:
        """A digest of the tasks' data."""
        tasks = [make_task(name, held_out) for name in self._names for held_out in (False, True)]
        return f"{'+'.join(self._names)}:{data_fingerprint(tasks)}"


def _check_tasks(names: Sequence[str]) -> None:
    if not names:
        raise ValueError(f"tasks: name at least one of {', '.join(TASKS)}")
    for name in names:
        if name not in TASKS:
            raise ValueError(f"tasks: unknown {name!r}; {nearest(name, TASKS)}")
    if len(set(names)) < len(names):
        raise ValueError(f"tasks: each may be named once, got {', '.join(names)}")


def _start_word(word: int, start: int) -> np.uint64:
    """What the weights of a start and its batches are drawn from."""
    return np.uint64((word + 0x9E3779B97F4A7C15 * (start + 1)) % 2**64)


def _mean(fitnesses: Sequence[float]) -> float:
    return float(sum(fitnesses) / len(fitnesses))


def _in_range(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value}")
    return value
