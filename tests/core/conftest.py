"""What the tests of the core share: two small search spaces, a search method that keeps a record, a trial to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

from ufh_cli.core.graph import Graph
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.core.search import SEARCH_METHODS, Individual, SearchMethod
from ufh_cli.core.setup import Evaluation, Setup
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import Budget, Streams, Trial, functional_keys
from ufh_cli.core.workers import SimulatedWorkers, Workers

settings.register_profile("compiled", deadline=None)  # the first call of compiled code takes long
settings.load_profile("compiled")

Digits = tuple[int, ...]


class DigitsSetup(Setup[Digits]):
    """Rows of digits of which only the first `active` matter; a mutation redraws one digit, which may stay the same.

    Costs are multiples of 1/4, so that sums of them are exact.

    Parameters
    ----------
    hashed : int or None
        How many digits the hashable outputs show; fewer than `active` of them make collisions.
    failing : int
        Every failing-th behaviour has the fitness NaN; 0 for none.
    noise : float
        Half the width of the evaluations' noise.
    draws : int
        Words that an evaluation draws for nothing.
    """

    hash_cost = 0.25
    simulated_cost = True
    operations = tuple("0123456789")

    def __init__(
        self,
        *,
        digits: int = 5,
        base: int = 4,
        active: int = 3,
        hashed: int | None = None,
        failing: int = 0,
        noise: float = 0.0,
        draws: int = 0,
    ) -> None:
        self.digits, self.base, self.active = digits, base, active
        self.hashed = active if hashed is None else hashed
        self.failing, self.noise, self.draws = failing, noise, draws
        self.mutations = 0
        self.hashes = 0
        self.evaluated: list[tuple[Digits, float, float]] = []  # candidate, fitness, cost
        self.words: list[int] = []  # the first word of each evaluation's stream

    def random_candidate(self, rng: Rng) -> Digits:
        return tuple(rng.integer(self.base) for _ in range(self.digits))

    def mutate(self, candidate: Digits, rng: Rng) -> Digits:
        self.mutations += 1
        place = rng.integer(self.digits)
        return (*candidate[:place], rng.integer(self.base), *candidate[place + 1 :])

    def hashable_outputs(self, candidate: Digits) -> Sequence[np.ndarray]:
        self.hashes += 1
        return [np.array(candidate[: self.hashed] or (0,), float)]

    def true_fitness(self, candidate: Digits) -> float:
        """A rugged landscape on the active digits, in [0, 1)."""
        code = 0
        for digit in candidate[: self.active]:
            code = code * self.base + digit
        if self.failing and code % self.failing == 0:
            return math.nan
        return Rng.from_word(code).uniform()

    def cost_of(self, candidate: Digits) -> float:
        return 1.0 + candidate[0] + 0.5 * candidate[-1]

    def evaluate(self, candidate: Digits, rng: Rng) -> Evaluation:
        self.words.append(rng.word())
        for _ in range(self.draws):
            rng.word()
        fitness = self.true_fitness(candidate)
        if self.noise:
            fitness += rng.uniform(-self.noise, self.noise)
        outcome = Evaluation(fitness, self.cost_of(candidate))
        self.evaluated.append((candidate, *outcome[:2]))
        return outcome

    def reevaluate(self, candidate: Digits, rng: Rng) -> float:
        return -self.true_fitness(candidate)

    def describe(self, candidate: Digits) -> str:
        return "".join(map(str, candidate))

    def graph(self, candidate: Digits) -> Graph:
        """The digits in a row, each with its place."""
        edges = [(place, place + 1) for place in range(self.digits - 1)]
        return Graph(candidate, edges, [[float(place)] for place in range(self.digits)])

    def decisions(self) -> Sequence[int]:
        return [self.base] * self.digits

    def from_decisions(self, choices: Sequence[int]) -> Digits:
        return tuple(choices)


class LadderSetup(Setup[int]):
    """A candidate is the number of mutations that led to it; every `step` of them change the behaviour.

    Parameters
    ----------
    costs : sequence of float
        What the evaluations cost, in turn and again from the first.
    fitness : float or None
        The fitness of all; None is the candidate itself.
    """

    hash_cost = 0.25
    simulated_cost = True

    def __init__(self, *, step: int = 1, costs: Sequence[float] = (1.0,), fitness: float | None = None) -> None:
        self.step, self.costs, self.fitness = step, costs, fitness
        self.mutations = 0
        self.hashes = 0
        self.evaluated: list[tuple[int, float, float]] = []

    def random_candidate(self, rng: Rng) -> int:
        return 0

    def mutate(self, candidate: int, rng: Rng) -> int:
        self.mutations += 1
        return candidate + 1

    def hashable_outputs(self, candidate: int) -> Sequence[np.ndarray]:
        self.hashes += 1
        return [np.array([candidate // self.step], float)]

    def evaluate(self, candidate: int, rng: Rng) -> Evaluation:
        fitness = float(candidate) if self.fitness is None else self.fitness
        outcome = Evaluation(fitness, self.costs[len(self.evaluated) % len(self.costs)])
        self.evaluated.append((candidate, *outcome[:2]))
        return outcome

    def reevaluate(self, candidate: int, rng: Rng) -> float:
        return float(candidate)

    def describe(self, candidate: int) -> str:
        return str(candidate)


class Recorded(SearchMethod):
    """Passes on to another search method and remembers what went through."""

    def __init__(self, search: SearchMethod) -> None:
        self.search = search
        self.needs_keys = search.needs_keys
        self.parents: list[Individual | None] = []
        self.told: list[Individual] = []

    def start(self, setup: Setup) -> None:
        self.search.start(setup)

    def ask(self, rng: Rng) -> Individual | None:
        parent = self.search.ask(rng)
        self.parents.append(parent)
        return parent

    def tell(self, individual: Individual) -> None:
        self.told.append(individual)
        self.search.tell(individual)

    @property
    def sequence(self) -> list[object]:
        """The candidates in the order in which they were told; serially, the order in which they were proposed."""
        return [individual.candidate for individual in self.told]


class Clock:
    """Observes a trial: the clock and the counters after each candidate."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.counters: list[tuple[int, int, int]] = []

    def __call__(self, trial) -> None:
        self.times.append(trial.workers.clock)
        result = trial.result
        self.counters.append((result.candidates, result.evaluations, result.cache_hits))


def make_search(name: str, population: int = 8, tournament: int = 3) -> SearchMethod:
    if name in ("random_search", "ppo"):
        return SEARCH_METHODS[name]()
    if name == "nsga2":
        return SEARCH_METHODS[name](population_size=population)  # type: ignore[call-arg]
    return SEARCH_METHODS[name](population_size=population, tournament_size=tournament)  # type: ignore[call-arg]


def run_trial(
    setup: Setup,
    technique: str = "none",
    *,
    search: str | SearchMethod = "regularized_evolution",
    seed: int = 0,
    trial: int = 0,
    workers: int | Workers = 1,
    cost: float = math.inf,
    candidates: int | None = None,
    target: float | None = None,
    options: dict | None = None,
    warm: Sequence[tuple] = (),
    **trial_options: object,
) -> SimpleNamespace:
    """Run one trial on `setup`; `options` are the technique's, `warm` what its cache knows beforehand."""
    streams = Streams.of(seed, trial)
    record = Recorded(make_search(search) if isinstance(search, str) else search)
    trial_options.setdefault("key", functional_keys(setup, FunctionalHash()))
    trial_options.setdefault("key_cost", setup.hash_cost)
    wrappers = make_technique(technique, rng=streams.cache, **(options or {}))
    if wrappers.cache is not None:
        wrappers.cache.warm(warm)
    result = Trial(
        setup,
        record,
        wrappers,
        streams=streams,
        budget=Budget(cost=cost, candidates=candidates, target_fitness=target),
        workers=SimulatedWorkers(setup, workers) if isinstance(workers, int) else workers,
        **trial_options,
    ).run()
    return SimpleNamespace(result=result, record=record, sequence=record.sequence, setup=setup, cache=wrappers.cache)


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The classes and functions of this file; for the whole session, so that hypothesis accepts it."""
    return SimpleNamespace(
        Digits=DigitsSetup, Ladder=LadderSetup, Recorded=Recorded, Clock=Clock, run=run_trial, make_search=make_search
    )
