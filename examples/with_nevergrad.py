"""Nevergrad: decorate the function that is minimised."""

import nevergrad as ng
from terms import TERMS, loss, outputs

import ufh_cli as ufh


def main(budget: int = 200):
    evaluate = ufh.functional_cache(outputs=outputs, mantissa_bits=24)(loss)
    space = ng.p.Tuple(*[ng.p.Choice(range(4)) for _ in range(2 * TERMS)])
    space.random_state.seed(1)
    optimizer = ng.optimizers.DiscreteOnePlusOne(parametrization=space, budget=budget)
    for _ in range(budget):
        candidate = optimizer.ask()
        optimizer.tell(candidate, evaluate(candidate.value))
    return evaluate.stats()


if __name__ == "__main__":
    print(main())
