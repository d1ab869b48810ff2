"""The filter before the key: of several mutations of a parent the model picks the one that becomes its child."""

from __future__ import annotations

import math
import time
from collections import deque

import numpy as np

from ufh_cli.core.guided.models import make_model
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.guided.tally import Tally
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.setup import Setup

_REMEMBERED = 200  # predictions that a quantile is of


class Guide:
    """Guides the proposals of one trial.

    The same number of mutations is drawn for every child, from the search's stream, whatever the model says; all other
    draws are from `rng`. So two trials with the same evaluations have the same children, however long a fit takes.

    Parameters
    ----------
    setup : Setup
        Mutates, and tells the graphs of candidates.
    settings : Guidance
        How.
    rng : Rng
        The model's own stream.
    """

    def __init__(self, setup: Setup, settings: Guidance, rng: Rng) -> None:
        self.settings = settings
        self.tally = Tally()
        self._setup = setup
        self._rng = rng
        self._model = make_model(settings, setup, rng)
        self._learnt = 0
        self._owed = 0.0
        self._latest: deque[float] = deque(maxlen=_REMEMBERED)

    def child(self, parent: Individual, rng: Rng) -> Individual:
        """A child of `parent`, one of so many mutations."""
        start = time.perf_counter()
        settings, tally, mutate, origin = self.settings, self.tally, self._setup.mutate, parent.candidate
        mutations = [mutate(origin, rng) for _ in range(settings.tries)]
        taken, difference = 0, math.nan
        if self._learnt >= settings.warmup:
            asked = not (settings.epsilon and self._rng.uniform() < settings.epsilon)
            if not asked:
                mutations = mutations[:1]  # it is taken, and only the forecast is of interest
            *scores, own = self._model.scores(origin, mutations)
            if asked:
                taken = self._choice(scores, own)
            difference = scores[taken] - own
            tally.predictions += len(scores)
            tally.rejected += taken
            tally.asked += asked
            tally.at_once += asked and taken == 0
            self._owed += settings.cost * len(scores)
        child = Individual(mutations[taken])
        child.forecast = (difference, parent.fitness)
        tally.seconds += time.perf_counter() - start
        return child

    def learn(self, individual: Individual) -> None:
        """An evaluation is finished."""
        start = time.perf_counter()
        settings = self.settings
        if individual.forecast is not None:
            difference, parent_fitness = individual.forecast
            self.tally.outcome(difference, individual.fitness > parent_fitness)
        self._model.learn(individual.candidate, individual.fitness)
        self._learnt += 1
        if self._learnt >= settings.warmup and (self._learnt - settings.warmup) % settings.refit == 0:
            self._model.refit()
        self.tally.seconds += time.perf_counter() - start

    def take_cost(self) -> float:
        """What predictions have cost since this was asked last."""
        owed, self._owed = self._owed, 0.0
        return owed

    def _choice(self, scores: list[float], own: float) -> int:
        """The place of the mutation that becomes the child."""
        settings = self.settings
        if settings.choose == "best":
            return scores.index(max(scores))
        if settings.accept == "better":
            good = [score > own for score in scores]
        elif settings.accept == "not-worse":
            good = [score >= own - settings.margin for score in scores]
        else:
            least = float(np.quantile(self._latest, settings.quantile)) if self._latest else -math.inf
            good = [score > least for score in scores]
            self._latest.extend(scores)
        return good.index(True) if True in good else len(good) - 1


def make_guide(setup: Setup, settings: Guidance, rng: Rng) -> Guide:
    """The guide of one trial.

    Raises
    ------
    ValueError
        With one clear line, where there cannot be one.
    """
    if setup.objectives is not None:
        raise ValueError("guided learns an order of fitnesses; with several objectives there is none")
    if settings.model == "oracle":
        if not setup.simulated_cost:
            raise ValueError("guided.model = oracle evaluates every mutation: evaluations must be look-ups")
    elif not setup.operations:
        raise ValueError("guided needs graphs of candidates (Setup.operations and graph), which the setup has not")
    return Guide(setup, settings, rng)
