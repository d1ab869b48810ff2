"""Compilation whose cache on disk follows all the sources that go into the machine code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numba as nb

from ufh_cli.core import rng

_INLINED = ("decode.py", "execute.py", "lanes.py", "microcode.py", "operations.py")


def cached_jit(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk for functions that use code or tables of other modules.

    numba looks only at the file that defines `function` to tell whether what it has on disk is up to date.
    The name of a function is a part of what it looks up, so here that ends in a digest of the other sources.
    """
    function.__name__ = f"{function.__name__}_{_digest()}"
    function.__qualname__ = f"{function.__qualname__}_{_digest()}"
    return nb.njit(cache=True, **options)(function)


def source_digest(files: Iterable[Path]) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the contents of `files`, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


@cache
def _digest() -> str:
    return source_digest([*(Path(__file__).with_name(name) for name in _INLINED), Path(rng.__file__)])
