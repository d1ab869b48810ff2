"""DEAP: decorate the toolbox's evaluate."""

import random

from deap import algorithms, base, creator, tools
from terms import TERMS, loss, outputs

import ufh_cli as ufh


def main(generations: int = 20):
    random.seed(1)
    creator.create("Loss", base.Fitness, weights=(-1.0,))
    creator.create("Genes", list, fitness=creator.Loss)
    toolbox = base.Toolbox()
    toolbox.register("gene", random.randrange, 4)
    toolbox.register("individual", tools.initRepeat, creator.Genes, toolbox.gene, 2 * TERMS)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("mate", tools.cxTwoPoint)
    toolbox.register("mutate", tools.mutUniformInt, low=0, up=3, indpb=0.1)
    toolbox.register("select", tools.selTournament, tournsize=3)

    # DEAP wants tuples; a cache remembers them as they are.
    evaluate = ufh.functional_cache(outputs=outputs, mantissa_bits=24)(lambda genes: (loss(genes),))
    toolbox.register("evaluate", evaluate)

    algorithms.eaSimple(toolbox.population(60), toolbox, 0.6, 0.4, generations, verbose=False)
    return evaluate.stats()


if __name__ == "__main__":
    print(main())
