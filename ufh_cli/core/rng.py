"""Random streams: 64-bit words, drawn fast enough for a loop of a hundred thousand candidates a second.

A search draws from PCG64 words taken in blocks. Compiled code does not receive the stream: it takes one word as a seed
and expands it itself (`compiled.splitmix64`), because handing a ``numpy.random.Generator`` to compiled code costs more
than all the rest of the call.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_BLOCK = 1024
_MASK = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15


class Rng:
    """A stream of random 64-bit words and the usual draws from it.

    Parameters
    ----------
    next_word : callable returning an int in [0, 2**64)
        Where the words come from. Use `from_seed` or `from_word` rather than the constructor.

    Attributes
    ----------
    word : callable
        ``rng.word()`` is the next 64-bit word, for instance the seed of a compiled function.
    """

    __slots__ = ("word",)

    def __init__(self, next_word: Callable[[], int]) -> None:
        self.word = next_word

    @classmethod
    def from_seed(cls, seed: int | Sequence[int] | np.random.SeedSequence) -> Rng:
        """A PCG64 stream; for a search or anything else that draws many words."""
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        raw = np.random.PCG64(seed).random_raw
        # Not a generator: one that several threads ask at once ends the interpreter. None never comes.
        return cls(chain.from_iterable(iter(lambda: raw(_BLOCK).tolist(), None)).__next__)

    @staticmethod
    def from_word(word: int) -> Rng:
        """A SplitMix64 stream seeded by one word: cheap to make, for one evaluation."""
        return _SplitMix(word)

    def integer(self, n: int) -> int:
        """Uniform in {0, …, n − 1}; the bias is below n / 2**64."""
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        return (self.word() * n) >> 64

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform in [low, high), with 53 random bits; other bounds than 0 and 1 may round to `high`."""
        return low + (high - low) * ((self.word() >> 11) * 2.0**-53)

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, uniformly."""
        return options[self.integer(len(options))]

    def sample(self, n: int, k: int) -> list[int]:
        """`k` different integers of {0, …, n − 1} in random order."""
        if not 0 <= k <= n:
            raise ValueError(f"cannot draw {k} different integers out of {n}")
        picked: dict[int, int] = {}  # a Fisher-Yates shuffle of which only the touched places are kept
        result = []
        for i in range(k):
            j = i + self.integer(n - i)
            result.append(picked.get(j, j))
            picked[j] = picked.get(i, i)
        return result

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put `items` in random order, in place."""
        items[:] = [items[i] for i in self.sample(len(items), len(items))]

    def generator(self) -> np.random.Generator:
        """A numpy Generator seeded by the next word, for draws of whole arrays."""
        return np.random.Generator(np.random.PCG64(self.word()))


def cumulative(weights: Sequence[float]) -> np.ndarray:
    """Cumulative probabilities, float64, of options that weigh so much; exactly 1 from the last that can be drawn on.

    Uniform numbers then choose the first option whose value is above them.
    """
    sums = np.cumsum(weights) / np.sum(weights)
    sums[np.flatnonzero(weights)[-1] :] = 1.0
    return sums


class _SplitMix(Rng):
    """The stream of one word; `word` is a method here, since an object is made in half the time of a closure."""

    __slots__ = ("_state",)

    def __init__(self, word: int) -> None:
        self._state = word

    def __reduce__(self) -> tuple[type[_SplitMix], tuple[int]]:
        return _SplitMix, (self._state,)

    def word(self) -> int:
        self._state = state = (self._state + GOLDEN) & _MASK
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)
