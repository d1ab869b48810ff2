"""Choosing a parent: the best of a random subset."""

from __future__ import annotations

import numba as nb
import numpy as np

from ufh_cli.core.compiled import splitmix64, word_below

_SCANNED = 32  # tournaments up to this size look for a place among those drawn by scanning them
_SIGNATURE = nb.int64(nb.float64[:, ::1], nb.int64, nb.uint64)


@nb.njit("int64(int64[::1], int64)", cache=True, inline="always")
def _slot(table, place):
    """Where `place` is, or belongs, in an open-addressed table of 2^k slots, of which −1 marks the empty ones."""
    mask = table.size - 1
    slot = np.int64((np.uint64(place) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask
    while table[slot] >= 0 and table[slot] != place:
        slot = (slot + 1) & mask
    return slot


@nb.njit(_SIGNATURE, cache=True)
def _tournament_winner(merit, size, word):
    """The place of the best of `size` different places drawn at random; of equals, any with the same chance.

    Parameters
    ----------
    merit : array of float64, shape (population, 2)
        Of each place its fitness, and what decides between equally fit ones: higher is better.
    size : int
        How many take part; at most the population.
    word : int
        A random 64-bit word, which decides the draw.
    """
    n = merit.shape[0]
    state = word
    scanned = size <= _SCANNED
    slots = size if scanned else 4
    while slots < 2 * size and not scanned:
        slots *= 2
    drawn = np.full(slots, -1)  # in order, or at least half empty and by hash, so that a large draw takes O(size) too
    winner, equals = np.int64(-1), 0
    for i in range(size):
        # Floyd's sampling: each subset is equally likely, and no array as long as the population is touched.
        top = np.int64(n - size + i)
        state, draw = splitmix64(state)
        place = np.int64(word_below(draw, np.uint64(top + 1)))
        if scanned:
            taken = False
            for j in range(i):
                taken |= drawn[j] == place
            place = top if taken else place
            drawn[i] = place
        else:
            slot = _slot(drawn, place)
            if drawn[slot] == place:
                place = top  # larger than all drawn before
                slot = _slot(drawn, place)
            drawn[slot] = place
        fitness, tie = merit[place]
        if winner < 0 or fitness > merit[winner, 0] or (fitness == merit[winner, 0] and tie > merit[winner, 1]):
            winner, equals = place, 1
        elif fitness == merit[winner, 0] and tie == merit[winner, 1]:
            # Floyd's order is not random, so the first or the last of equals would not be a fair choice.
            equals += 1
            state, draw = splitmix64(state)
            if word_below(draw, np.uint64(equals)) == 0:
                winner = place
    return winner


# Called for every candidate: the one compiled version itself, without the search for the version that fits.
tournament_winner = _tournament_winner.get_overload(_tournament_winner.signatures[0])
