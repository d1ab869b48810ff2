"""How the kernels of the interpreter are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufh_cli.core import compiled

_INLINED = (
    "abstract.py", "cross_entropy.py", "execute.py", "functions.py", "gradients.py", "kernel.py", "program.py",
    "sequences.py",
)  # fmt: skip


def cached_jit(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk that is out of date as soon as any of the sources it inlines is."""
    sources = [*(Path(__file__).with_name(name) for name in _INLINED), Path(compiled.__file__)]
    return compiled.cached_jit(function, sources, error_model="numpy", **options)


def inlined_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, of a small function whose code becomes a part of whoever calls it."""
    return cached_jit(function, inline="always")
