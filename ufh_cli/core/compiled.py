"""Compilation whose cache on disk follows all the sources that go into the machine code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba as nb


def cached_jit(function: Callable[..., Any], sources: Iterable[Path], **options: Any) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk for functions that use code or tables of other modules.

    numba looks only at the file that defines `function` to tell whether what it has on disk is up to date.
    The name of a function is a part of what it looks up, so here that ends in a digest of `sources`, the other files.
    """
    digest = source_digest(sources)
    function.__name__ = f"{function.__name__}_{digest}"
    function.__qualname__ = f"{function.__qualname__}_{digest}"
    return nb.njit(cache=True, **options)(function)


def source_digest(files: Iterable[Path]) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the contents of `files`, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
