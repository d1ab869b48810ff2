"""For compiled code: random words, and a cache on disk that follows all the sources that go into the machine code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba as nb
from numba.core import event

from ufh_cli import compiling
from ufh_cli.core.rng import GOLDEN

_LEAN: dict[str, Any] = {"no_cfunc_wrapper": True}  # for calls from C, of which there are none; a 14th of compiling


class _Listener(event.Listener):
    """Hears of everything that numba compiles, and not of what it finds on disk."""

    def on_start(self, event: event.Event) -> None:
        compiling.began(event.data["dispatcher"].py_func)

    def on_end(self, event: event.Event) -> None:
        compiling.ended()


event.register("numba:compile", _Listener())


def cached_jit(function: Callable[..., Any], sources: Iterable[Path], **options: Any) -> Callable[..., Any]:
    """`numba.njit` with a cache on disk for functions that use code or tables of other modules.

    numba looks only at the file that defines `function` to tell whether what it has on disk is up to date.
    The name of a function is a part of what it looks up, so here that ends in a digest of `sources`, the other files.
    """
    digest = source_digest(sources)
    function.__name__ = f"{function.__name__}_{digest}"
    function.__qualname__ = f"{function.__qualname__}_{digest}"
    return nb.njit(cache=True, **(_LEAN | options))(function)


def source_digest(files: Iterable[Path]) -> str:
    """Twelve hexadecimal digits of the SHA-256 of the contents of `files`, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


@nb.njit("Tuple((uint64, uint64))(uint64)", cache=True, inline="always")
def splitmix64(state):
    """For compiled code: (next state, a random 64-bit word). The same words as `Rng.from_word`."""
    state = state + nb.uint64(GOLDEN)
    z = (state ^ (state >> nb.uint64(30))) * nb.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> nb.uint64(27))) * nb.uint64(0x94D049BB133111EB)
    return state, z ^ (z >> nb.uint64(31))


@nb.njit("uint64(uint64, uint64)", cache=True, inline="always")
def word_below(word, n):
    """For compiled code: a random word scaled to {0, …, n − 1}, for n < 2**32; the bias is below 2**-32 · n."""
    return ((word >> nb.uint64(32)) * n) >> nb.uint64(32)


@nb.njit(cache=True)
def put(source, target):
    """For compiled code: copy `source` into `target` of the same size; both have one axis.

    ``target[:] = source`` does the same, but has the words of an error compiled with it, for 1.5 seconds.
    """
    for i in range(source.size):
        target[i] = source[i]


@nb.njit(cache=True)
def below(stream, n):
    """For compiled code: uniform in {0, …, n − 1}, for n < 2**32; advances the state in ``stream[0]``, a uint64."""
    stream[0], word = splitmix64(stream[0])
    return nb.int64(word_below(word, nb.uint64(n)))


@nb.njit(cache=True)
def uniform(stream):
    """For compiled code: uniform in [0, 1), of 53 random bits; advances the state in ``stream[0]``, a uint64."""
    stream[0], word = splitmix64(stream[0])
    return nb.float64(word >> nb.uint64(11)) * 2.0**-53
