"""Setup C of the paper (Section 4.3): AutoRL, the search for losses that train reinforcement-learning agents."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np

from setups.autorl.agent import SCORES, Training, TrainingSettings, normalised
from setups.autorl.compiled_training import train
from setups.autorl.engine import Engine, EngineSettings, initial_parameters, network_sizes
from setups.autorl.environments import Environment, EnvironmentSpec, environment_spec, make
from setups.autorl.fast_engine import FastEngine
from setups.autorl.first_networks import CHOICES, first_networks
from setups.autorl.graph import FIRST, INPUTS, Graph, canonical, live
from setups.autorl.hashing import Hasher
from setups.autorl.hashing_inputs import make_probe
from setups.autorl.known import KNOWN
from setups.autorl.operations import OPERATIONS
from setups.autorl.space import Space, configuration
from setups.autorl.text import format_graph, parse_graph
from ufh_cli.core.graph import Graph as CandidateGraph
from ufh_cli.core.names import nearest, one_of
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Curves, Evaluation, Setup

_HASH_TIME = 0.085  # microseconds an example, on the machine and in the process in which `_step_time` was measured


class AutoRL(Setup[Graph]):
    """Loss graphs, worth as much as the agents that learn by them (Co-Reyes et al. 2021).

    The defaults are those of the lite configuration: a small network that learns CartPole in about a second.

    Parameters
    ----------
    environments : tuple of str
        Where an agent learns in the search, one after the other: ids of gymnasium or MiniGrid.
    trainings : int
        Trainings in each environment, with other first networks and seeds, whose mean counts. One, as in the paper, is
        a lottery in CartPole: there the first, untrained network may be good already.
    first_networks : {"random", "fixed"}
        Whether every training of `evaluate` starts from a fresh network, or the k-th one in an environment from the
        k-th of a fixed list, see `first_networks`; the rest stays random. `reevaluate` takes fresh ones in any case.
    training_hurdle : float
        When the first training in the first environment scores below this, that score is the fitness. 0: no hurdle.
    heldout_environments : tuple of str
        Where it learns as well in `reevaluate`; the search's environments, with other seeds, come first.
    heldout_trainings : int
        Trainings in each environment that `reevaluate` averages.
    lowest_returns, highest_returns : tuple of float
        Ranges of returns, a number for each environment (those held out last), to replace ufh's own; none: ufh's own.
    episodes, steps : int
        Length of a training in every environment; both 0: each environment's own, as in the paper.
    score : {"all", "last50"}
        Which episodes count: all (the paper) or the last 50, clipped to [0, 1] (the original code's default).
    combine : {"sum", "mean"}
        Of the environments' scores.
    hurdle : float
        Below this score in the first environment an agent is not tried in the others. 0: no hurdle.
    space : str
        One of `space.SPACES`: operations, first nodes and number of random nodes.
    original_offsets : bool
        Copy the original's off-by-one, which never takes a new node's predecessor as its input.
    engine : {"fast", "tensorflow"}
        Who computes gradient steps; both do the same, see `engine`.
    hidden : tuple of int
        Widths of the Q network's hidden layers.
    learning_rate : float
        Adam's.
    batch, replay, replay_start, update_every, target_every : int
        Transitions a gradient step, kept, and seen before the first one; environment steps a gradient step; gradient
        steps a copy of the target network.
    discount : float
        γ.
    epsilon_start, epsilon_end : float
        Probability of a random action, at first and in the end.
    epsilon_steps : int
        Environment steps between them; 0: each environment's own.
    hash_examples : int
        N_E: inputs that the loss is hashed on.
    hash_seeds : int
        N_S: networks that it is hashed with.

    Notes
    -----
    A cost is a number of environment steps. `hash_cost` is as many of them as take the time of a hash, by the times of
    benchmarks/autorl.py, with an environment that takes no time itself. An evaluation in which the loss or a parameter
    stops being finite ends there with fitness 0, the lowest: scores below it count as 0.
    """

    cost_unit: ClassVar[str] = "environment steps"
    operations: ClassVar[tuple[str, ...]] = (*INPUTS, *(operation.name for operation in OPERATIONS))

    def __init__(
        self,
        *,
        environments: tuple[str, ...] = ("CartPole-v0",),
        trainings: int = 1,
        first_networks: Literal["random", "fixed"] = "random",
        training_hurdle: float = 0.0,
        heldout_environments: tuple[str, ...] = (),
        heldout_trainings: int = 5,
        lowest_returns: tuple[float, ...] = (),
        highest_returns: tuple[float, ...] = (),
        episodes: int = 200,
        steps: int = 0,
        score: Literal["all", "last50"] = "all",
        combine: Literal["sum", "mean"] = "sum",
        hurdle: float = 0.0,
        space: str = "pre_graph_10",
        original_offsets: bool = False,
        engine: Literal["fast", "tensorflow"] = "fast",
        hidden: tuple[int, ...] = (64, 64),
        learning_rate: float = 1e-3,
        batch: int = 32,
        replay: int = 50_000,
        replay_start: int = 500,
        update_every: int = 2,
        target_every: int = 100,
        discount: float = 0.99,
        epsilon_start: float = 1.0,
        epsilon_end: float = 0.02,
        epsilon_steps: int = 0,
        hash_examples: int = 4096,
        hash_seeds: int = 1,
    ) -> None:
        _check_numbers(trainings, heldout_trainings, hurdle, training_hurdle, learning_rate)
        self._space = Space(configuration(space), original_offsets=original_offsets)
        if not environments:
            raise ValueError("environments names none; give one such as CartPole-v0")
        names = [*environments, *heldout_environments]
        ranges = _ranges(lowest_returns, highest_returns, len(names))
        made = [make(spec) for spec in _specs(names, ranges, episodes, steps)]
        self._environments, self._held_out = made[: len(environments)], made[len(environments) :]
        self._training = TrainingSettings(
            batch=batch,
            replay=replay,
            replay_start=replay_start,
            update_every=update_every,
            target_every=target_every,
            discount=discount,
            epsilon_start=epsilon_start,
            epsilon_end=epsilon_end,
            epsilon_steps=epsilon_steps,
        )
        for environment in made:
            _check_length(self._settings_for(environment), environment)
        self._engine_settings = EngineSettings(hidden=_widths(hidden), learning_rate=learning_rate)
        self._make_engine = _engine(engine)
        self._score: str = one_of("score", score, SCORES)
        self._mean = one_of("combine", combine, ("sum", "mean")) == "mean"
        self._hurdle = hurdle
        self._training_hurdle = training_hurdle
        self._trainings = trainings
        self._fixed = one_of("first_networks", first_networks, CHOICES) == "fixed"
        self._first_networks: dict[str, list[list[np.ndarray]]] = {}
        self._heldout_trainings = heldout_trainings
        self._hasher = Hasher(make_probe(examples=hash_examples, seeds=hash_seeds))
        step = _step_time(self._environments[0], self._engine_settings, batch, update_every)
        self.hash_cost = float(math.ceil(_HASH_TIME * hash_examples * hash_seeds / step))

    def random_candidate(self, rng: Rng) -> Graph:
        """The nodes of DQN (or those of the space) followed by random ones."""
        return self._space.random_graph(rng)

    def mutate(self, candidate: Graph, rng: Rng) -> Graph:
        """`candidate` with one node replaced."""
        return self._space.mutate(candidate, rng)

    def hashable_outputs(self, candidate: Graph) -> np.ndarray:
        """The loss of each of N_E inputs drawn once, with each of N_S networks, float32 (N_S · N_E, 1).

        A loss that is one number for a whole batch is taken on batches of 32 inputs, as many as are full.
        """
        return self._hasher.outputs(candidate)

    def evaluate(self, candidate: Graph, rng: Rng) -> Evaluation:
        """Train an agent in each environment; the fitness is made of its mean normalised returns."""
        scores: list[float] = []
        steps = 0
        for environment in self._environments:
            found = []
            for k in range(self._trainings):
                training = self._train(candidate, environment, rng, self._first_network(environment, k))
                steps += training.steps
                if training.diverged:
                    return Evaluation(0.0, float(steps))
                found.append(self._score_of(training, environment))
                if not scores and found[0] < self._training_hurdle:
                    return Evaluation(self._combined(found), float(steps))
            scores.append(sum(found) / len(found))
            if scores[0] < self._hurdle:
                break
        # Who fails at the hurdle keeps the score of the first environment alone, whatever the others would have given.
        return Evaluation(self._combined(scores), float(steps))

    def reevaluate(self, candidate: Graph, rng: Rng) -> float:
        """The mean score over other trainings, in the search's environments and in those held out."""
        scores = []
        for environment in [*self._environments, *self._held_out]:
            for _ in range(self._heldout_trainings):
                training = self._train(candidate, environment, rng)
                scores.append(0.0 if training.diverged else self._score_of(training, environment))
        return sum(scores) / len(scores)

    def learning_curves(self, candidate: Graph, rng: Rng) -> Curves:
        """The returns of one training in each environment, by episode."""
        curves = {}
        for environment in [*self._environments, *self._held_out]:
            training = self._train(candidate, environment, rng)
            curves[f"{environment.spec.id}{' (diverged)' if training.diverged else ''}"] = training.returns
        return Curves("episode", "return", curves)

    def describe(self, candidate: Graph) -> str:
        """The loss as a formula, and the nodes; those it does not need are marked dead."""
        return format_graph(candidate)

    def parse(self, text: str) -> Graph:
        """The graph of `describe`'s nodes, or a known loss by its name, such as ``dqn``."""
        name = text.strip()
        if name in KNOWN:
            return KNOWN[name]
        if name.isidentifier():
            raise ValueError(f"unknown loss {name!r}; {nearest(name, KNOWN)} (or give a graph's nodes)")
        return parse_graph(text)

    def structural_key(self, candidate: Graph) -> Any:
        """The nodes that the loss needs, however they are ordered."""
        return canonical(candidate)

    def graph(self, candidate: Graph) -> CandidateGraph:
        """The inputs and the nodes that the loss needs, it being the last."""
        needed = live(candidate)
        place = {node: number for number, node in enumerate([*range(FIRST), *needed])}
        operations = [*range(FIRST), *(FIRST + candidate[node - FIRST].operation for node in needed)]
        edges = [(place[giver], place[node]) for node in needed for giver in candidate[node - FIRST].inputs]
        return CandidateGraph(operations, edges)

    def draw(self, candidate: Graph, axes: Any) -> None:
        """The graph as in the paper's Figure 3."""
        from setups.autorl.drawing import draw_graph

        draw_graph(candidate, axes)

    def fingerprint(self) -> str:
        """The environments and gymnasium's version."""
        from gymnasium import __version__

        ids = ",".join(environment.spec.id for environment in [*self._environments, *self._held_out])
        return f"gymnasium {__version__}: {ids}"

    def notice(self) -> str:
        """Says which environments stand in for others."""
        said = (environment.spec.notice for environment in [*self._environments, *self._held_out])
        return "; ".join(dict.fromkeys(filter(None, said)))

    def _train(
        self, candidate: Graph, environment: Environment, rng: Rng, first_network: list[np.ndarray] | None = None
    ) -> Training:
        word = rng.word()  # drawn in any case: all else is then the same with fixed first networks and without
        parameters = first_network or initial_parameters(
            environment.state_size, environment.actions, self._engine_settings.hidden, word
        )
        engine = self._make_engine(candidate, parameters, self._engine_settings)
        return train(engine, environment, self._settings_for(environment), rng.word())

    def _first_network(self, environment: Environment, k: int) -> list[np.ndarray] | None:
        """What the k-th training of every candidate starts from; None: a fresh network."""
        if not self._fixed:
            return None
        name = environment.spec.id
        if name not in self._first_networks:
            self._first_networks[name] = first_networks(environment, self._engine_settings, self._trainings)
        return self._first_networks[name][k]

    def _combined(self, scores: list[float]) -> float:
        return sum(scores) / (len(self._environments) if self._mean else 1)

    def _settings_for(self, environment: Environment) -> TrainingSettings:
        spec: EnvironmentSpec = environment.spec
        return self._training._replace(
            episodes=spec.episodes,
            steps=spec.steps,
            epsilon_steps=self._training.epsilon_steps or spec.epsilon_steps,
        )

    def _score_of(self, training: Training, environment: Environment) -> float:
        return max(0.0, normalised(training.returns, environment.spec, score=self._score))


def _engine(name: str) -> type[Engine]:
    """The class of the engine of that name."""
    if one_of("engine", name, ("fast", "tensorflow")) == "fast":
        return FastEngine
    from setups.autorl.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine


def _specs(
    names: list[str], ranges: list[tuple[float, float] | None], episodes: int, steps: int
) -> list[EnvironmentSpec]:
    """What is known of these environments, which must all be different."""
    specs = [
        environment_spec(name, returns=one, episodes=episodes, steps=steps)
        for name, one in zip(names, ranges, strict=True)
    ]
    ids = [spec.id for spec in specs]
    twice = [one for one in ids if ids.count(one) > 1]
    if twice:
        raise ValueError(f"environments and heldout_environments must all be different; {twice[0]} is named twice")
    return specs


def _step_time(environment: Environment, settings: EngineSettings, batch: int, update_every: int) -> float:
    """About how many microseconds an environment step takes with its share of a gradient step."""
    sizes = network_sizes(environment.state_size, environment.actions, settings.hidden)
    weights = sum(inputs * outputs for inputs, outputs in pairwise(sizes))
    return 0.5 + (2.0 + 0.005 * weights) * batch / 32 / update_every


def _check_numbers(
    trainings: int, heldout_trainings: int, hurdle: float, training_hurdle: float, learning_rate: float
) -> None:
    for name, number in (("trainings", trainings), ("heldout_trainings", heldout_trainings)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    for name, score in (("hurdle", hurdle), ("training_hurdle", training_hurdle)):
        if not 0.0 <= score < 1.0:
            raise ValueError(f"{name} must be in [0, 1), got {score}")
    if not 0.0 < learning_rate < 1.0:
        raise ValueError(f"learning_rate must be between 0 and 1, got {learning_rate}")


def _check_length(settings: TrainingSettings, environment: Environment) -> None:
    limit = settings.step_limit(environment)  # refuses numbers that do not fit
    if settings.replay_start >= limit:
        raise ValueError(
            f"replay_start must be below the {limit:,} steps of a training in {environment.spec.id}, "
            f"or nothing is learnt; got {settings.replay_start:,}"
        )


def _ranges(lowest: tuple[float, ...], highest: tuple[float, ...], count: int) -> list[tuple[float, float] | None]:
    """The ranges of returns of the environments in order; None where ufh's own counts."""
    if not lowest and not highest:
        return [None] * count
    if len(lowest) != count or len(highest) != count:
        raise ValueError(
            f"lowest_returns and highest_returns must each have a number for each of the {count} environments, "
            f"got {len(lowest)} and {len(highest)}"
        )
    return list(zip(lowest, highest, strict=True))


def _widths(hidden: tuple[int, ...]) -> tuple[int, ...]:
    if not hidden or not all(1 <= width <= 8192 for width in hidden):
        raise ValueError(f"hidden must be widths of layers from 1 to 8192, such as 64, 64; got {list(hidden)}")
    return tuple(hidden)
