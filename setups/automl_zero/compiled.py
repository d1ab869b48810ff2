"""How the kernels of the interpreter are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ufh_cli.core import compiled

_INLINED = ("decode.py", "execute.py", "lanes.py", "microcode.py", "operations.py", "runs.py")


def cached_jit(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk that is out of date as soon as any of the sources it inlines is."""
    sources = [*(Path(__file__).with_name(name) for name in _INLINED), Path(compiled.__file__)]
    return compiled.cached_jit(function, sources, **options)
