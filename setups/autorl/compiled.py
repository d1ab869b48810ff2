"""How the kernels of the fast engine are compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb

from ufh_cli.core import compiled

_SOURCES = (
    "adam.py", "control_kernel.py", "graph_kernel.py", "list_kernel.py", "microcode.py", "network_kernel.py",
    "scalar_kernel.py", "training_kernel.py",
)  # fmt: skip

# Parts of a compiled function: no cache of their own. As in numpy, a division by 0 is no error; that is also what lets
# loops with divisions run on vectors.
part = nb.njit(error_model="numpy", nogil=True)


def cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with a cache on disk that is out of date as soon as any of the kernels' sources is."""
    sources = [*(Path(__file__).with_name(name) for name in _SOURCES), Path(compiled.__file__)]
    return compiled.cached_jit(function, sources, error_model="numpy", nogil=True)
