"""Two places for one idea: choosing among mutations before they are hashed, and judging what no cache answers for."""

from __future__ import annotations

import math
import time

import numpy as np

from ufh_cli.core.guided.models import Model, Ranker, make_model
from ufh_cli.core.guided.order import is_better, point_of
from ufh_cli.core.guided.outputs import Outputs, output_row
from ufh_cli.core.guided.rules import Rule
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.core.guided.tally import Tally
from ufh_cli.core.per_task import PerTaskCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import Individual
from ufh_cli.core.setup import Setup
from ufh_cli.core.techniques import Technique
from ufh_cli.core.workers import SetupFailed


class Guide:
    """Guides the proposals of one trial.

    By structure the same number of mutations is drawn for every child, from the search's stream, whatever the model
    says; all other draws are from `rng`. So two trials with the same evaluations have the same children, however long
    a fit takes.

    Parameters
    ----------
    setup : Setup
        Mutates, and tells the graphs of candidates.
    settings : Guidance
        How.
    outputs : callable or None
        candidate -> hashable outputs, where the model sees those.
    structure : bool
        Whether it sees the structure.
    rng : Rng
        The models' own stream.
    """

    def __init__(
        self, setup: Setup, settings: Guidance, rng: Rng, *, outputs: Outputs | None = None, structure: bool = True
    ) -> None:
        self.settings = settings
        self.tally = Tally()
        self._setup = setup
        self._rng = rng
        self._model: Model | None = make_model(settings, setup, rng) if structure else None
        self._outputs = outputs
        self._width = 0  # columns of outputs, once they are known
        self._judge = Ranker(settings, rng)
        self._rule, self._judges_rule = Rule(settings), Rule(settings)
        self._objectives = 1 if setup.objectives is None else len(setup.objectives.names)
        self._learnt = 0
        self._owed = 0.0
        self._skipped = 0  # in a row

    @property
    def judges(self) -> bool:
        """Whether it wants to see candidates whose key is known."""
        return self._outputs is not None

    def child(self, parent: Individual, rng: Rng) -> Individual:
        """A child of `parent`; by structure, one of so many mutations."""
        start = time.perf_counter()
        settings, tally, mutate, origin = self.settings, self.tally, self._setup.mutate, parent.candidate
        taken, difference = 0, math.nan
        if self._model is None:
            mutations = [mutate(origin, rng)]
        else:
            mutations = [mutate(origin, rng) for _ in range(settings.tries)]
            if self._learnt >= settings.warmup:
                asked = self._is_asked()
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
        child.forecast = (difference, point_of(parent, self._objectives))
        tally.seconds += time.perf_counter() - start
        return child

    def see(self, individual: Individual) -> None:
        """The key of a candidate was computed just now; most of what is seen is never asked for."""
        assert self._outputs is not None
        individual.outputs = self._outputs(individual.candidate)

    def skips(self, child: Individual, parent: Individual) -> bool:
        """Whether `child`, which no cache answers for, is not worth its evaluation; both have been seen."""
        settings, tally = self.settings, self.tally
        if self._learnt < settings.warmup:
            return False
        start = time.perf_counter()
        score, own = self._judge.scores(np.stack([self._row(child), self._row(parent)])).tolist()
        child.forecast = (score - own, point_of(parent, self._objectives))
        tally.predictions += 1
        self._owed += settings.cost
        skipped = False
        if self._is_asked():
            (good,) = self._judges_rule.accepts([score], own)
            skipped = not good and self._skipped < settings.tries - 1
            tally.asked += self._skipped == 0
            tally.at_once += self._skipped == 0 and not skipped
            tally.skipped += skipped
        self._skipped = self._skipped + 1 if skipped else 0
        tally.seconds += time.perf_counter() - start
        return skipped

    def learn(self, individual: Individual) -> None:
        """An evaluation is finished; `SetupFailed` where the graph or the outputs of its candidate are of no use."""
        start = time.perf_counter()
        try:
            self._learn(individual)
        except MemoryError:
            raise
        except Exception as error:  # of every kind: graphs and outputs come from whoever wrote the setup
            raise SetupFailed.of("guided search, to learn from an evaluation,", error) from error
        self.tally.seconds += time.perf_counter() - start

    def _learn(self, individual: Individual) -> None:
        settings, point = self.settings, point_of(individual, self._objectives)
        if individual.forecast is not None:
            difference, of_parent = individual.forecast
            self.tally.outcome(difference, is_better(point, of_parent))
        self._learnt += 1
        refits = self._learnt >= settings.warmup and (self._learnt - settings.warmup) % settings.refit == 0
        if self._model is not None:
            self._model.learn(individual.candidate, point)
            if refits:
                self._model.refit()
        if self.judges:
            self._judge.learn(self._row(individual), point)
            if refits:
                self._judge.refit()

    def take_cost(self) -> float:
        """What predictions have cost since this was asked last."""
        owed, self._owed = self._owed, 0.0
        return owed

    def _is_asked(self) -> bool:
        """Now and then a candidate is let in whatever the model says, so that it also learns of others."""
        return not (self.settings.epsilon and self._rng.uniform() < self.settings.epsilon)

    def _choice(self, scores: list[float], own: float) -> int:
        """The place of the mutation that becomes the child."""
        if self.settings.choose == "best":
            return scores.index(max(scores))
        good = self._rule.accepts(scores, own)
        return good.index(True) if True in good else len(good) - 1

    def _row(self, individual: Individual) -> np.ndarray:
        """The columns of what was seen of an individual, made when they are first asked for."""
        if individual.row is None:
            assert individual.outputs is not None
            individual.row, individual.outputs = output_row(individual.outputs), None
            self._width = self._width or individual.row.size
            if individual.row.size != self._width:
                raise ValueError(
                    f"guided.features = outputs needs equally many hashable outputs of all candidates, "
                    f"got {individual.row.size} after {self._width}"
                )
        return individual.row


def make_guide(setup: Setup, technique: Technique, outputs: Outputs, rng: Rng) -> Guide:
    """The guide of one trial, of a technique that has guidance; `outputs` are the setup's hashable ones.

    Raises
    ------
    ValueError
        With one clear line, where there cannot be one.
    """
    settings = technique.guidance
    assert settings is not None
    features = settings.features
    if features == "auto":
        features = "structure" if setup.operations or settings.model in ("gnn", "oracle") else "outputs"
    if settings.model == "oracle":
        if not setup.simulated_cost:
            raise ValueError("guided.model = oracle evaluates every mutation: evaluations must be look-ups")
    elif settings.model == "gnn" and not setup.operations:
        raise ValueError(
            "guided.model = gnn: the setup tells no graphs of candidates; choose trees, which read outputs"
        )
    elif features != "outputs" and not setup.operations:
        raise ValueError(f"guided.features = {features}: the setup tells no graphs of candidates; it has outputs")
    if features != "structure" and isinstance(technique.cache, PerTaskCache):
        raise ValueError(f"guided.features = {features}: with keys per task only the structure guides")
    judged = None if features == "structure" else outputs
    return Guide(setup, settings, rng, outputs=judged, structure=features != "outputs")
