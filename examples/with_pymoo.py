"""pymoo: the problem asks the cache, and duplicates are those that behave alike."""

import numpy as np
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.duplicate import HashDuplicateElimination
from pymoo.core.problem import ElementwiseProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize
from terms import TERMS, loss, outputs

import ufh_cli as ufh


def main(duplicates_by_behaviour: bool = True):
    evaluate = ufh.functional_cache(outputs=outputs, mantissa_bits=24)(loss)

    class Terms(ElementwiseProblem):
        def __init__(self):
            super().__init__(n_var=2 * TERMS, n_obj=1, xl=0, xu=3, vtype=int)

        def _evaluate(self, x, out, *args, **kwargs):
            out["F"] = evaluate(x)

    def key(individual):
        # pymoo applies this function to its own result once more.
        return individual if isinstance(individual, int) else evaluate.key(np.asarray(individual.X, int))

    algorithm = GA(
        pop_size=40,
        sampling=IntegerRandomSampling(),
        crossover=SBX(vtype=float, repair=RoundingRepair()),
        mutation=PM(vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=HashDuplicateElimination(key) if duplicates_by_behaviour else True,
    )
    minimize(Terms(), algorithm, ("n_gen", 15), seed=1)
    return evaluate.stats()


if __name__ == "__main__":
    print(main(False))
    print(main(True))
