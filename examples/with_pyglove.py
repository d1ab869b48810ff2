"""PyGlove: its search with our cache and FCM, and its search space in our search."""

import pyglove as pg
import terms

import ufh_cli as ufh
from ufh_cli.library.pyglove import FunctionalCaching, FunctionalChange, PyGloveSetup

SPACE = pg.List([pg.oneof([0, 1, 2, 3]) for _ in range(2 * terms.TERMS)])


class Terms(PyGloveSetup):
    """Sums of terms, in PyGlove's words."""

    space = SPACE

    def fitness(self, example) -> float:
        return -terms.loss(example)

    def outputs(self, example):
        return terms.outputs(example)


def theirs(examples: int = 40):
    """PyGlove searches; returns examples asked for, and evaluated."""
    mutator = FunctionalChange(pg.evolution.mutators.Uniform(seed=1), SPACE, terms.outputs, 24)
    search = pg.evolution.regularized_evolution(mutator, population_size=20, tournament_size=5, seed=1)
    algorithm = FunctionalCaching(search, SPACE, terms.outputs, ufh.Cache(), 24)
    evaluated = 0
    for example, feedback in pg.sample(SPACE, algorithm, num_examples=examples):
        feedback(-terms.loss(example))
        evaluated += 1
    return examples, evaluated


def ours(candidates: int = 40):
    """ufh searches PyGlove's space; returns candidates proposed, and evaluated."""
    size = {"budget.candidates": candidates, "search.population_size": 20, "search.tournament_size": 5}
    result = ufh.run(Terms, technique="fec", trials=1, set=size, name="pyglove")
    print(result.to_markdown(), result.best["description"], sep="\n")
    (trial,) = result.experiments[0].trials
    return int(trial["candidates"]), int(trial["evaluations"])


if __name__ == "__main__":
    print("PyGlove's search: {} asked, {} evaluated".format(*theirs()))
    print("ufh's search: {} asked, {} evaluated".format(*ours()))
