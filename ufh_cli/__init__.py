"""ufh: searches for machine-learning programs that do not evaluate the same behaviour twice.

For other loops: `functional_key` and `FunctionalHash` (outputs -> key), `functional_cache` (a decorator of what
evaluates), `Cache` and `SqliteCache` (where it remembers). They are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ufh_cli.compiled_code import find_folder

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "CacheStatistics",
    "FunctionalHash",
    "SqliteCache",
    "__version__",
    "functional_cache",
    "functional_key",
]

if TYPE_CHECKING:
    from ufh_cli.library.decorator import functional_cache as functional_cache
    from ufh_cli.library.keys import FunctionalHash as FunctionalHash
    from ufh_cli.library.keys import functional_key as functional_key
    from ufh_cli.library.memory import Cache as Cache
    from ufh_cli.library.sqlite import SqliteCache as SqliteCache
    from ufh_cli.library.statistics import CacheStatistics as CacheStatistics

temporary_cache = find_folder()  # before anything of ours imports numba

_WHERE = {
    "Cache": "memory",
    "CacheStatistics": "statistics",
    "FunctionalHash": "keys",
    "SqliteCache": "sqlite",
    "functional_cache": "decorator",
    "functional_key": "keys",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"ufh_cli.library.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
