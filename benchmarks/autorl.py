"""How fast do agents learn by a loss graph? The compiled engine against the same gradient step in TensorFlow.

    python benchmarks/autorl.py [--episodes N] [--rounds N]

First hashing a loss, and, old and new in turn, the trainings of an evaluation in the lite configuration step by step
through gymnasium and in the compiled loop, which find the same to the last bit. Then two tables: gradient steps a
second of DQN and DQNClipped, and a whole evaluation of DQN on CartPole-v0. Both engines run in this process on one
thread, in turns; seconds are of processor time, so that other work on the machine counts little.

Gradient steps are fed the same batches, recorded while the fast engine trained an agent. Whole evaluations start from
the same word and hence follow the same trajectory until rounding first changes an action; from there on trajectories
are alike in kind only. So the evaluation in TensorFlow is given as many environment steps, and so takes as many
gradient steps, as the fast one took for its episodes. Tracing the graph is part of it. The fast engine's one-off
compilation is not.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from setups.autorl.agent import Training, TrainingSettings, train
from setups.autorl.compiled_training import train as compiled_train
from setups.autorl.engine import Batch, Engine, EngineSettings, initial_parameters
from setups.autorl.environments import ENVIRONMENTS, Environment, make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.graph import Graph
from setups.autorl.hashing import Hasher
from setups.autorl.hashing_inputs import make_probe
from setups.autorl.known import KNOWN
from setups.autorl.space import Space, configuration
from setups.autorl.tensorflow_engine import TensorFlowEngine
from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.rng import Rng

ENVIRONMENT = "CartPole-v0"
WORD = 20
BATCHES = 1500  # recorded, of which those from late in the training are the ones with small moments


class Setting(NamedTuple):
    """Rows of the tables."""

    name: str
    engine: EngineSettings
    training: TrainingSettings


def settings() -> tuple[Setting, Setting]:
    """The paper's, which are the defaults, and those of configs/autorl-lite.toml."""
    options = make_config(*read_config("autorl", "autorl-lite")).options
    hidden = tuple(options["hidden"])
    training = TrainingSettings(**{name: options[name] for name in TrainingSettings._fields})
    if not training.epsilon_steps:
        training = training._replace(epsilon_steps=ENVIRONMENTS[ENVIRONMENT].epsilon_steps)
    lite = Setting("lite", EngineSettings(hidden=hidden, learning_rate=options["learning_rate"]), training)
    return Setting("paper", EngineSettings(), TrainingSettings()), lite


def _title(setting: Setting) -> str:
    return f"{setting.name}: {'x'.join(str(width) for width in setting.engine.hidden)}"


def make_engine(kind: type[Engine], loss: str, setting: Setting) -> Engine:
    environment = make(ENVIRONMENT)
    parameters = initial_parameters(environment.state_size, environment.actions, setting.engine.hidden, WORD)
    return kind(KNOWN[loss], parameters, setting.engine)


def recorded_batches(setting: Setting) -> list[Batch]:
    """What an agent with DQN learns from."""
    batches: list[Batch] = []

    class Recording(FastEngine):
        def update(self, batch: Batch, word: int) -> float:
            batches.append(Batch(*(array.copy() for array in batch)))
            return super().update(batch, word)

    steps = setting.training.replay_start + BATCHES * setting.training.update_every
    training = setting.training._replace(episodes=0, steps=steps)
    train(make_engine(Recording, "dqn", setting), make(ENVIRONMENT), training, WORD)
    return batches[-BATCHES:]


def feed(engine: Engine, batches: list[Batch], target_every: int) -> float:
    """Processor seconds of one gradient step on each batch, with the copies of the target network."""
    start = time.process_time()
    for number, batch in enumerate(batches, 1):
        engine.update(batch, number)
        if number % target_every == 0:
            engine.copy_target()
    return time.process_time() - start


def gradient_step_rows(rounds: int) -> Iterator[str]:
    """Gradient steps a second, the best of `rounds`, and how far the parameters of both engines then are apart."""
    yield f"{'gradient steps/s':<20}{'loss':<14}{'fast':>9}{'TensorFlow':>12}{'ratio':>8}{'apart after 20':>17}"
    for setting in settings():
        batches = recorded_batches(setting)
        for loss in ("dqn", "dqn_clipped"):
            engines = [make_engine(kind, loss, setting) for kind in (FastEngine, TensorFlowEngine)]
            for engine in engines:
                feed(engine, batches[:20], 100)  # compiles and traces
            apart = max(
                float(np.abs(a - b).max()) for a, b in zip(*(engine.parameters for engine in engines), strict=True)
            )
            seconds = [min(feed(engine, batches, 100) for _ in range(rounds)) for engine in engines]
            fast, peer = (len(batches) / s for s in seconds)
            yield f"{_title(setting):<20}{loss:<14}{fast:>9.0f}{peer:>12.0f}{fast / peer:>7.1f}x{apart:>17.1e}"


def evaluate(kind: type[Engine], setting: Setting, training: TrainingSettings) -> tuple[float, float, Training]:
    """Processor seconds, seconds of the clock, and what became of the agent."""
    environment = make(ENVIRONMENT)
    processor, clock = time.process_time(), time.perf_counter()
    result = train(make_engine(kind, "dqn", setting), environment, training, WORD)
    return time.process_time() - processor, time.perf_counter() - clock, result


def evaluation_rows(episodes: int | None) -> Iterator[str]:
    """A whole training with DQN."""
    yield (
        f"{'evaluation':<20}{'engine':<14}{'seconds':>9}{'(clock)':>12}{'ratio':>8}"
        f"{'env steps':>11}{'gradients':>11}{'mean of last 100':>18}"
    )
    for setting in settings():
        fast = evaluate(FastEngine, setting, setting.training._replace(episodes=episodes or setting.training.episodes))
        steps = fast[2].steps
        peer = evaluate(TensorFlowEngine, setting, setting.training._replace(episodes=0, steps=steps))
        for name, (processor, clock, result) in (("fast", fast), ("TensorFlow", peer)):
            last = float(np.mean(result.returns[-100:]))
            yield (
                f"{_title(setting):<20}{name:<14}{processor:>9.2f}{clock:>12.2f}{processor / fast[0]:>7.1f}x"
                f"{result.steps:>11}{result.updates:>11}{last:>18.0f}"
            )


def hashing_rows(rounds: int, graphs: int = 300) -> Iterator[str]:
    """Milliseconds of a hash: known losses and random graphs of the paper's space."""
    losses = [*KNOWN.values(), *random_losses(graphs)]
    (seconds,) = _in_turn([Hasher(make_probe(examples=4096, seeds=1)).outputs], losses, rounds)
    yield f"{'hash of 4096 inputs':<24}{'losses':>8}{'mean ms':>10}{'99 %':>8}"
    for name, rows in (("known", slice(0, len(KNOWN))), ("random", slice(len(KNOWN), None)), ("all", slice(None))):
        found = seconds[rows] * 1e3
        yield f"{name:<24}{len(found):>8}{found.mean():>10.3f}{np.percentile(found, 99):>8.3f}"


def training_rows(rounds: int, graphs: int = 30) -> Iterator[str]:
    """Milliseconds of the trainings of an evaluation, old and new in turn, without a hurdle."""
    count = make_config(*read_config("autorl", "autorl-lite")).options["trainings"]
    _, lite = settings()
    losses = [*KNOWN.values(), *random_losses(graphs)]
    title = f"{_title(lite)}, {count} trainings"
    yield f"{title:<28}{'environment':<14}{'losses':>8}{'step by step ms':>17}{'compiled ms':>13}{'ratio':>8}"
    for name in (ENVIRONMENT, "Acrobot-v1"):
        ways = [partial(trainings, way, make(name), lite, count) for way in (train, compiled_train)]
        if any(ways[0](loss) != ways[1](loss) for loss in losses[:3]):
            raise SystemExit(f"the two loops differ in {name}")
        old, new = _in_turn(ways, losses, rounds)
        for kind, rows in (("known", slice(0, len(KNOWN))), ("all", slice(None))):
            yield (
                f"{kind:<28}{name:<14}{len(old[rows]):>8}{old[rows].mean() * 1e3:>17.1f}{new[rows].mean() * 1e3:>13.1f}"
                f"{old[rows].sum() / new[rows].sum():>7.2f}x"
            )


def trainings(
    way: Callable[..., Training], environment: Environment, setting: Setting, count: int, loss: Graph
) -> list[Training]:
    """One after the other, each with its own first network and seed."""
    shape = (environment.state_size, environment.actions, setting.engine.hidden)
    return [
        way(FastEngine(loss, initial_parameters(*shape, word), setting.engine), environment, setting.training, word)
        for word in range(count)
    ]


def random_losses(count: int) -> list[Graph]:
    """Of the paper's space."""
    space, rng = Space(configuration("pre_graph_10")), Rng.from_seed(0)
    return [space.random_graph(rng) for _ in range(count)]


def _in_turn(ways: Sequence[Callable[[Graph], object]], losses: list[Graph], rounds: int) -> np.ndarray:
    """Processor seconds of each way for each loss, (ways, losses), the best of `rounds`."""
    seconds = np.full((len(ways), len(losses)), np.inf)
    for way in ways:
        way(losses[0])  # loads what is compiled
    for _ in range(rounds):
        for k, loss in enumerate(losses):
            for i, way in enumerate(ways):
                start = time.process_time()
                way(loss)
                seconds[i, k] = min(seconds[i, k], time.process_time() - start)
    return seconds


def on_one_thread() -> None:
    """Start again unless BLAS was told to use one thread, which it reads when it is loaded."""
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, sys.orig_argv)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, help="of a whole evaluation, by default each setting's own")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    arguments = parser.parse_args()
    on_one_thread()
    for table in (hashing_rows, training_rows):
        for row in table(arguments.rounds):
            print(row, flush=True)
        print()
    for row in gradient_step_rows(arguments.rounds):
        print(row, flush=True)
    print()
    for row in evaluation_rows(arguments.episodes):
        print(row, flush=True)


if __name__ == "__main__":
    main()
