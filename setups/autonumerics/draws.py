"""Draws in compiled code, from a stream of one word's expansion."""

from __future__ import annotations

from setups.autonumerics.compiled import cached_jit
from ufh_cli.core.compiled import below, uniform


@cached_jit
def fresh_value(stream, scale):
    """±10^U(-scale, scale)."""
    value = 10.0 ** (scale * (2.0 * uniform(stream) - 1.0))
    return -value if below(stream, 2) == 0 else value
