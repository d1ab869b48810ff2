"""PyGlove: its search with our cache and FCM, and its search space in our search."""

import pyglove as pg
from terms import TERMS, loss, outputs

import ufh_cli as ufh
from ufh_cli.core.budget import Budget
from ufh_cli.core.search import RegularizedEvolution
from ufh_cli.core.streams import Streams
from ufh_cli.core.techniques import make_technique
from ufh_cli.core.trial import functional_keys, run_trial
from ufh_cli.library.pyglove import FunctionalCaching, FunctionalChange, PyGloveSetup

SPACE = pg.List([pg.oneof([0, 1, 2, 3]) for _ in range(2 * TERMS)])


def theirs(examples: int = 60):
    """PyGlove searches; returns examples asked for, and evaluated."""
    mutator = FunctionalChange(pg.evolution.mutators.Uniform(seed=1), SPACE, outputs, 24)
    search = pg.evolution.regularized_evolution(mutator, population_size=20, tournament_size=5, seed=1)
    algorithm = FunctionalCaching(search, SPACE, outputs, ufh.Cache(), 24)
    evaluated = 0
    for example, feedback in pg.sample(SPACE, algorithm, num_examples=examples):
        feedback(-loss(example))
        evaluated += 1
    return examples, evaluated


def ours(candidates: int = 60):
    """ufh searches PyGlove's space."""
    setup = PyGloveSetup(SPACE, lambda example: -loss(example), outputs)
    streams = Streams.of(1, 0)
    result = run_trial(
        setup,
        RegularizedEvolution(population_size=20, tournament_size=5),
        make_technique("fec", rng=streams.cache),
        key=functional_keys(setup, ufh.FunctionalHash(mantissa_bits=24)),
        key_cost=0.0,
        streams=streams,
        budget=Budget(candidates=candidates),
    )
    return result.candidates, result.evaluations


if __name__ == "__main__":
    print("PyGlove's search: {} asked, {} evaluated".format(*theirs()))
    print("ufh's search: {} asked, {} evaluated".format(*ours()))
