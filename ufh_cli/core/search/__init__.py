"""Search methods: one file each, all with the same two calls, ask and tell."""

from ufh_cli.core.search.base import Individual, SearchMethod
from ufh_cli.core.search.nsga2 import Nsga2
from ufh_cli.core.search.ppo import ProximalPolicyOptimization
from ufh_cli.core.search.random_search import RandomSearch
from ufh_cli.core.search.regularized_evolution import RegularizedEvolution
from ufh_cli.core.search.tournament import TournamentSelection

SEARCH_METHODS: dict[str, type[SearchMethod]] = {
    "regularized_evolution": RegularizedEvolution,
    "tournament": TournamentSelection,
    "random_search": RandomSearch,
    "nsga2": Nsga2,
    "ppo": ProximalPolicyOptimization,
}

__all__ = [
    "SEARCH_METHODS",
    "Individual",
    "Nsga2",
    "ProximalPolicyOptimization",
    "RandomSearch",
    "RegularizedEvolution",
    "SearchMethod",
    "TournamentSelection",
]
