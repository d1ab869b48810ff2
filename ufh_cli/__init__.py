"""ufh: searches for machine-learning programs that do not evaluate the same behaviour twice.

For other loops: `functional_key` and `FunctionalHash` (outputs -> key), `functional_cache` (a decorator of what
evaluates), `Cache` and `SqliteCache` (where it remembers).

For notebooks and scripts: `run` a search, `load` and `load_all` results; what they return is a `Result`. Who writes a
search space needs `Setup`, `Evaluation` and `Rng`, perhaps `Objectives` and `Graph`. All are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ufh_cli.compiled_code import find_folder

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "CacheStatistics",
    "Evaluation",
    "FunctionalHash",
    "Graph",
    "Objectives",
    "Result",
    "Rng",
    "Setup",
    "SqliteCache",
    "__version__",
    "functional_cache",
    "functional_key",
    "load",
    "load_all",
    "run",
]

if TYPE_CHECKING:
    from ufh_cli.api.result import Result as Result
    from ufh_cli.api.run import load as load
    from ufh_cli.api.run import load_all as load_all
    from ufh_cli.api.run import run as run
    from ufh_cli.core.graph import Graph as Graph
    from ufh_cli.core.rng import Rng as Rng
    from ufh_cli.core.setup import Evaluation as Evaluation
    from ufh_cli.core.setup import Objectives as Objectives
    from ufh_cli.core.setup import Setup as Setup
    from ufh_cli.library.decorator import functional_cache as functional_cache
    from ufh_cli.library.keys import FunctionalHash as FunctionalHash
    from ufh_cli.library.keys import functional_key as functional_key
    from ufh_cli.library.memory import Cache as Cache
    from ufh_cli.library.sqlite import SqliteCache as SqliteCache
    from ufh_cli.library.statistics import CacheStatistics as CacheStatistics

temporary_cache = find_folder()  # before anything of ours imports numba

_WHERE = {
    "Cache": "library.memory",
    "CacheStatistics": "library.statistics",
    "Evaluation": "core.setup",
    "FunctionalHash": "library.keys",
    "Graph": "core.graph",
    "Objectives": "core.setup",
    "Result": "api.result",
    "Rng": "core.rng",
    "Setup": "core.setup",
    "SqliteCache": "library.sqlite",
    "functional_cache": "library.decorator",
    "functional_key": "library.keys",
    "load": "api.run",
    "load_all": "api.run",
    "run": "api.run",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"ufh_cli.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
