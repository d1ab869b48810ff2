"""Draws in compiled code, from a stream of one word's expansion."""

from __future__ import annotations

import numpy as np

from setups.autonumerics.compiled import cached_jit
from ufh_cli.core.compiled import splitmix64, word_below

_UNIT = 2.0**-53


@cached_jit
def below(stream, n):
    stream[0], word = splitmix64(stream[0])
    return np.int64(word_below(word, np.uint64(n)))


@cached_jit
def uniform(stream):
    stream[0], word = splitmix64(stream[0])
    return np.float64(word >> np.uint64(11)) * _UNIT


@cached_jit
def fresh_value(stream, scale):
    """±10^U(-scale, scale)."""
    value = 10.0 ** (scale * (2.0 * uniform(stream) - 1.0))
    return -value if below(stream, 2) == 0 else value
