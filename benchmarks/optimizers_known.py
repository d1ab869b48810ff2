"""AdamW and Lion, tuned on the same grid, beside a program that was found: on held-out tasks, or by size of batches.

    python benchmarks/optimizers_known.py lion:technique=fec --out held-out.png --table held-out.csv
    python benchmarks/optimizers_known.py --batches 8,16,32,64,128,256 --out batches.png --table batches.csv

With the name of results, their best program is trained as it is on the held-out tasks, and on Fashion-MNIST where that
is installed; printed are validation losses after training, `--out` draws the loss of the batch along it. With
`--batches`, AdamW and Lion train the task `mlp` with batches of these sizes, always for as many steps. Tuning has its
own starts; what is printed is of others, the same for all. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from setups.optimizers.adamw import train_adamw
from setups.optimizers.baselines import Baseline, baseline
from setups.optimizers.kernel import train
from setups.optimizers.known import known_program
from setups.optimizers.program import Program
from setups.optimizers.tasks import Task, make_task
from setups.optimizers.text import parse_program
from setups.optimizers.tune_baselines import adamw_losses, tuned

LION_DECAYS = (0.0, 0.1, 1.0, 10.0)  # ten times AdamW's, since its rates are a tenth
STARTS = range(5_000, 5_016)  # first words of the starts that are shown
WINDOW = 20  # steps of the mean that is drawn
NAMES = ("softmax", "mlp", "attention", "quadratic", "rosenbrock", "fashion")
COLUMNS = ("where", "AdamW", "± AdamW", "other", "loss", "± loss", "loss - AdamW's", "± difference")

Trainer = Callable[[Task, int, np.ndarray], float]  # task, start, where the losses go


def lion(beta2: float, decay: float) -> Program:
    """Lion with beta1 = 0.9; its rate is the schedule's value."""
    return parse_program(f"""
def train(w, g, m, v, lr):
  update = sign(interp(g, m, 0.9)) + w * {decay}
  m = interp(g, m, {beta2})
  update = update * lr
  return update, m, v
""")


def lion_losses(task: Task, rate: float, beta2: float, decay: float, words: range) -> np.ndarray:
    """Validation losses of Lion from the starts that `words` make."""
    program, none = lion(beta2, decay), np.empty(0)
    return np.array([_loss(program, task, rate, word, none) for word in words])


def _loss(program: Program, task: Task, peak: float, word: int, losses: np.ndarray) -> float:
    return train(program, *task.data(), task.steps, task.batch, peak, np.uint64(word), losses)[0]


def trainers(task: Task, adamw: Baseline, found: Program | None, starts: int) -> dict[str, Trainer]:
    """Who trains: AdamW as it was tuned, Lion tuned here, and, where a program was found, that and AdamW as given."""
    best = tuned(task, starts, 2, lion_losses, LION_DECAYS)
    program = lion(best.beta2, best.decay)
    print(f"  Lion tuned on {task.name}: rate {best.rate}, beta2 {best.beta2}, decay {best.decay}", flush=True)
    constants = (adamw.rate, adamw.beta2, adamw.decay)
    chosen: dict[str, Trainer] = {
        "AdamW": lambda task, word, losses: train_adamw(
            *task.data(), task.steps, task.batch, *constants, np.uint64(word), losses
        ),
        "Lion": lambda task, word, losses: _loss(program, task, best.rate, word, losses),
    }
    if found is not None:
        given = known_program("adamw")
        chosen["AdamW as given"] = lambda task, word, losses: _loss(given, task, adamw.peak, word, losses)
        chosen["found"] = lambda task, word, losses: _loss(found, task, adamw.peak, word, losses)
    return chosen


def trained(task: Task, trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Validation losses of all `STARTS`, and the mean over them of the batch's loss along the steps."""
    final, along = np.empty(len(STARTS)), np.empty((len(STARTS), task.steps))
    for place, word in enumerate(STARTS):
        final[place] = trainer(task, word, along[place])
    return final, along.mean(axis=0)


def compared(where: str, losses: dict[str, np.ndarray]) -> Iterator[list[Any]]:
    """Rows of the table: each of `losses` beside AdamW's, start by start."""
    first = losses["AdamW"]
    for name, values in losses.items():
        if name != "AdamW":
            difference = values - first
            numbers = [first.mean(), _error(first), name, values.mean(), _error(values)]
            yield [where, *numbers, difference.mean(), _error(difference)]


def _error(values: np.ndarray) -> float:
    """The standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(values.size))


def held_out(found: Program) -> tuple[list[list[Any]], dict[str, dict[str, np.ndarray]]]:
    """The table's rows, and for each task the curves of all."""
    rows: list[list[Any]] = []
    curves: dict[str, dict[str, np.ndarray]] = {}
    for name in NAMES:
        try:
            task = make_task(name, held_out=True)
        except ValueError as error:
            print(error)
            continue
        results = {
            label: trained(task, trainer) for label, trainer in trainers(task, baseline(name, True), found, 4).items()
        }
        rows += compared(name, {label: final for label, (final, _) in results.items()})
        curves[name] = {label: along for label, (_, along) in results.items()}
    return rows, curves


def by_batch(sizes: Sequence[int]) -> list[list[Any]]:
    """The table's rows; both optimizers are tuned for each size."""
    rows: list[list[Any]] = []
    for size in sizes:
        task = replace(make_task("mlp"), batch=size)
        adamw = tuned(task, 8, 2, adamw_losses)
        print(f"batches of {size}: AdamW's rate {adamw.rate}, beta2 {adamw.beta2}, decay {adamw.decay}")
        losses = {label: trained(task, trainer)[0] for label, trainer in trainers(task, adamw, None, 8).items()}
        rows += compared(str(size), losses)
    return rows


def draw_curves(curves: dict[str, dict[str, np.ndarray]], out: Path) -> None:
    """A panel a task; running means of the mean over starts."""
    from ufh_cli.figures.style import COLOURS, DASHES, figure

    with figure(out, "", rows=2, columns=-(-len(curves) // 2), width=11.0, height=6.4) as (fig, _):
        for axes, (name, lines) in zip(fig.axes, curves.items(), strict=False):
            for (label, along), colour, dash in zip(lines.items(), COLOURS, DASHES, strict=False):
                smooth = np.convolve(along, np.full(WINDOW, 1 / WINDOW), mode="valid")
                axes.plot(np.arange(WINDOW, along.size + 1), smooth, color=colour, linestyle=dash, label=label)
            axes.set_title(f"{name}, held out", fontsize=10)
            axes.set_xlabel("step")
            axes.set_ylabel(f"loss of the batch (mean of {WINDOW} steps)", fontsize=8)
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.tick_params(which="minor", labelleft=False)
        for axes in fig.axes[len(curves) :]:
            axes.set_axis_off()
        fig.axes[0].legend(fontsize=8)


def draw_batches(rows: Sequence[Sequence[Any]], out: Path) -> None:
    """Validation losses against the size of batches."""
    from ufh_cli.figures.style import COLOURS, DASHES, MARKERS, figure

    sizes = [int(row[0]) for row in rows]
    with figure(out, "") as (_, axes):
        for label, mean, error, place in (("AdamW", 1, 2, 0), ("Lion", 4, 5, 1)):
            axes.errorbar(
                sizes, [row[mean] for row in rows], yerr=[2 * row[error] for row in rows], label=label, capsize=3,
                color=COLOURS[place], linestyle=DASHES[place], marker=MARKERS[place],
            )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("images in a batch (100 steps)")
        axes.set_ylabel("validation loss on digits (mean ± 2 SEM)")
        axes.legend()


def best_program(name: str, results: Path) -> Program:
    """The best program of results."""
    from ufh_cli.analyses.best import best_candidate
    from ufh_cli.analyses.series import select

    setup, program = best_candidate(max(select(name, results), key=lambda one: one.column("best_fitness").max()))
    print(setup.details(program, 0.0))
    return program


def main() -> None:
    """Print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", help="results whose best program is shown")
    parser.add_argument("--batches", help="sizes of batches, divided by commas, in place of held-out tasks")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    if (arguments.name is None) == (arguments.batches is None):
        parser.error("give the name of results, or --batches")
    if arguments.batches:
        rows = by_batch([int(size) for size in arguments.batches.split(",")])
    else:
        rows, curves = held_out(best_program(arguments.name, arguments.results))
    table = [COLUMNS, *([f"{one:.4g}" if isinstance(one, float) else one for one in row] for row in rows)]
    for row in table:
        print("  ".join(f"{one:>14}" for one in row))
    if arguments.table:
        with arguments.table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
    if arguments.out:
        draw_batches(rows, arguments.out) if arguments.batches else draw_curves(curves, arguments.out)


if __name__ == "__main__":
    main()
