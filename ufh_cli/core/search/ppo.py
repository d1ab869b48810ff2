"""Proximal policy optimisation: a policy over the choices that make up a candidate, learnt from the fitnesses told."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ufh_cli.core.rng import Rng
from ufh_cli.core.search.base import Individual, SearchMethod
from ufh_cli.core.setup import Setup

# The first fitnesses set the scale of advantages for the whole search. Were it the recent spread, a policy that has
# nearly settled would take ever smaller differences for large ones, and the entropy bonus could not hold it open.
_SCALE_FROM = 100
_LARGEST_ADVANTAGE = 3.0  # mean absolute deviations; one failed training must not undo many updates


class _Episode(Individual):
    """An individual with the choices that made it, and how probable each was when it was drawn."""

    is_next = True

    def __init__(self, candidate: object, choices: np.ndarray, probabilities: np.ndarray) -> None:
        super().__init__(candidate)
        self.choices = choices
        self.probabilities = probabilities


class ProximalPolicyOptimization(SearchMethod):
    """PPO (Schulman et al. 2017) on independent categorical policies, one for each of `Setup.decisions` (§6.1).

    A candidate is one step: all decisions are drawn, the fitness is the reward. The objective is PPO's clipped one plus
    an entropy bonus, the baseline an exponential moving average of the fitnesses, the optimiser Adam. Choices that make
    up no valid candidate cost nothing and are drawn again. The configuration behind the paper's Figure 8 is not public;
    this is ours.

    Parameters
    ----------
    learning_rate : float
        Adam's step on the logits.
    batch_size : int
        Fitnesses to an update.
    epochs : int
        Gradient steps to an update.
    clip : float
        ε: how far the ratio of new to old probability may usefully move from 1.
    entropy_bonus : float
        Weight of the mean entropy of the policies, in nats, against advantages in mean absolute deviations of
        the first 100 fitnesses.
    baseline_decay : float
        Of the moving average of the fitness.
    max_draws : int
        Draws without a valid candidate after which a search gives up.
    """

    has_parents: ClassVar[bool] = False

    def __init__(
        self,
        *,
        learning_rate: float = 0.03,
        batch_size: int = 10,
        epochs: int = 4,
        clip: float = 0.2,
        entropy_bonus: float = 2.0,
        baseline_decay: float = 0.95,
        max_draws: int = 100_000,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("epochs", epochs), ("max_draws", max_draws)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0.0 < learning_rate < np.inf:
            raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
        if not 0.0 < clip < 1.0:
            raise ValueError(f"clip must be between 0 and 1, got {clip}")
        if not 0.0 <= entropy_bonus < np.inf:
            raise ValueError(f"entropy_bonus must be at least 0, got {entropy_bonus}")
        if not 0.0 <= baseline_decay < 1.0:
            raise ValueError(f"baseline_decay must be in [0, 1), got {baseline_decay}")
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip = clip
        self.entropy_bonus = entropy_bonus
        self.baseline_decay = baseline_decay
        self.max_draws = max_draws
        self._baseline = 0.0
        self._spread = 0.0
        self._told = 0
        self._batch: list[tuple[_Episode, float]] = []
        self._decayed = np.ones(2)  # what is left of the moments' start at zero

    def start(self, setup: Setup) -> None:
        """Begin with uniform policies; `ValueError` when `setup` does not describe its decisions."""
        decisions = list(setup.decisions())
        if not decisions:
            raise ValueError(f"ppo needs a setup that describes its decisions; {type(setup).__name__} does not")
        if min(decisions) < 1:
            raise ValueError(f"every decision needs at least one option, but {type(setup).__name__} has one with none")
        from ufh_cli.core.search import ppo_compiled  # numba comes with searches alone

        self._compiled = ppo_compiled
        self._from_decisions = setup.from_decisions
        self._ends = np.cumsum(np.array(decisions, np.int64))
        self._logits = np.zeros(int(self._ends[-1]))
        self._moments = np.zeros((2, self._logits.size))
        self._policies = np.empty_like(self._logits)
        self._compiled.softmax(self._logits, self._ends, self._policies)

    @property
    def policies(self) -> list[np.ndarray]:
        """The probabilities of each decision's options."""
        return np.split(self._policies.copy(), self._ends[:-1])

    def ask(self, rng: Rng) -> Individual:
        """A valid candidate drawn from the policies.

        Raises
        ------
        ValueError
            When `max_draws` draws in a row were not valid.
        """
        for _ in range(self.max_draws):
            choices, probabilities = self._compiled.draw(self._policies, self._ends, rng.word())
            candidate = self._from_decisions(choices.tolist())
            if candidate is not None:
                return _Episode(candidate, choices, probabilities)
        raise ValueError(f"ppo: none of {self.max_draws} draws in a row was a valid candidate")

    def tell(self, individual: Individual) -> None:
        """Take in a fitness, in whatever order; every `batch_size` of them the policies are updated."""
        if not isinstance(individual, _Episode):
            raise TypeError("ppo can only be told of individuals that it was asked for")
        fitness = individual.fitness
        if np.isfinite(fitness):
            self._told += 1
            if self._told == 1:
                self._baseline = fitness
            deviation = fitness - self._baseline
            self._baseline += (1.0 - self.baseline_decay) * deviation
            if self._told <= _SCALE_FROM:
                self._spread += (abs(deviation) - self._spread) / self._told
            advantage = deviation / self._spread if self._spread > 0.0 else 0.0
        else:
            advantage = -_LARGEST_ADVANTAGE if fitness < 0 else _LARGEST_ADVANTAGE
        self._batch.append((individual, min(max(advantage, -_LARGEST_ADVANTAGE), _LARGEST_ADVANTAGE)))
        if len(self._batch) == self.batch_size:
            self._update()
            self._batch.clear()

    def _update(self) -> None:
        choices = np.array([episode.choices for episode, _ in self._batch])
        probabilities = np.array([episode.probabilities for episode, _ in self._batch])
        advantages = np.array([advantage for _, advantage in self._batch])
        for _ in range(self.epochs):
            self._compiled.ascend(
                (self._logits, self._policies, self._ends),
                (self._moments, self._decayed),
                (choices, probabilities, advantages),
                (self.learning_rate, self.clip, self.entropy_bonus),
            )
