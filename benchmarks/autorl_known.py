"""Do agents learn with the losses that people wrote? At the paper's settings, on one core.

    python benchmarks/autorl_known.py                                   # CartPole-v0, four losses, three seeds: minutes
    python benchmarks/autorl_known.py --environment LunarLander-v2 --losses dqn --seeds 1
    python benchmarks/autorl_known.py --out curves.png --table curves.csv

Prints the mean return of the first and the last 100 episodes of each training, which `--table` keeps; `--out` draws the
means of each 20 episodes. This is no comparison of speed: see autorl.py for that.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from setups.autorl import AutoRL
from ufh_cli.configuration.schema import read_config
from ufh_cli.core.rng import Rng

EVERY = 20  # episodes of a point of the curve


def main() -> None:
    parser = argparse.ArgumentParser(description="Learning curves of known losses.")
    parser.add_argument("--environment", default="CartPole-v0")
    parser.add_argument("--losses", default="dqn,ddqn,dqn_reg,dqn_clipped")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    options = read_config("autorl", "autorl")[0]["options"]
    options |= {"environments": arguments.environment, "heldout_environments": "", "hurdle": 0.0}
    setup = AutoRL(**options)
    curves: dict[tuple[str, int], np.ndarray] = {}
    rows = []
    print("loss          seed  episodes  first 100   last 100   seconds")
    for loss in arguments.losses.split(","):
        for seed in range(arguments.seeds):
            start = time.process_time()
            (returns,) = setup.learning_curves(setup.parse(loss), Rng.from_seed([seed, 0])).values.values()
            taken = time.process_time() - start
            first, last = np.mean(returns[:100]), np.mean(returns[-100:])
            print(f"{loss:12s} {seed:5d} {len(returns):9,d} {first:10.1f} {last:10.1f} {taken:9.1f}", flush=True)
            rows.append([loss, seed, len(returns), f"{first:.1f}", f"{last:.1f}"])
            curves[loss, seed] = np.array([np.mean(returns[i : i + EVERY]) for i in range(0, len(returns), EVERY)])
    if arguments.table:
        with arguments.table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["loss", "seed", "episodes", "mean return of the first 100", "of the last 100"])
            writer.writerows(rows)
    if arguments.out:
        draw(curves, arguments.environment, arguments.out)


def draw(curves: dict[tuple[str, int], np.ndarray], environment: str, out: Path) -> None:
    """A line a training, a colour and a dash a loss."""
    from ufh_cli.figures.style import COLOURS, DASHES, figure

    losses = list(dict.fromkeys(loss for loss, _ in curves))
    with figure(out, "") as (_, axes):
        for (loss, seed), points in curves.items():
            place = losses.index(loss)
            style = {"color": COLOURS[place], "linestyle": DASHES[place], "label": loss if seed == 0 else None}
            axes.plot(EVERY * np.arange(1, points.size + 1), points, **style)
        axes.set_xlabel("episode")
        axes.set_ylabel(f"return in {environment} (mean of {EVERY} episodes)")
        axes.legend()


if __name__ == "__main__":
    main()
