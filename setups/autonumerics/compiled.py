"""How the kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufh_cli.core import compiled

_INLINED = ("operations.py", "draws.py", "run_kernel.py", "canonical_kernel.py", "fit_kernel.py")


def cached_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk that is out of date as soon as any of the sources it inlines is.

    Division follows IEEE 754 (no exception on zero): programs divide by what they like.
    """
    sources = [*(Path(__file__).with_name(name) for name in _INLINED), Path(compiled.__file__)]
    return compiled.cached_jit(function, sources, error_model="numpy")
