"""The shared hashing and search core: no files, no processes, no printing, no setup's name."""

from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import FunctionalHash, functional_key
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation, Setup

__all__ = [
    "AggregatingCache",
    "Evaluation",
    "ForgetfulCache",
    "FunctionalEquivalenceCache",
    "FunctionalHash",
    "Rng",
    "Setup",
    "functional_key",
]
