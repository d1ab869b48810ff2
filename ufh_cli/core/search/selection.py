"""Choosing a parent: the fittest of a random subset."""

from __future__ import annotations

import numba as nb
import numpy as np

from ufh_cli.core.rng import splitmix64, word_below

_SIGNATURE = nb.int64(nb.float64[::1], nb.int64, nb.uint64)


@nb.njit(_SIGNATURE, cache=True)
def _tournament_winner(fitness, size, word):
    """The place of the fittest of `size` different places drawn at random; of equals, any with the same chance.

    Parameters
    ----------
    fitness : array of float64, shape (population,)
    size : int
        How many take part; at most the population.
    word : int
        A random 64-bit word, which decides the draw.
    """
    n = fitness.size
    state = word
    drawn = np.empty(size, np.int64)
    winner, equals = -1, 0
    for i in range(size):
        # Floyd's sampling: each subset is equally likely, and no array as long as the population is touched.
        top = n - size + i
        state, draw = splitmix64(state)
        place = np.int64(word_below(draw, np.uint64(top + 1)))
        taken = False
        for j in range(i):
            taken |= drawn[j] == place
        drawn[i] = top if taken else place
        place = drawn[i]
        if winner < 0 or fitness[place] > fitness[winner]:
            winner, equals = place, 1
        elif fitness[place] == fitness[winner]:
            # Floyd's order is not random, so the first or the last of equals would not be a fair choice.
            equals += 1
            state, draw = splitmix64(state)
            if word_below(draw, np.uint64(equals)) == 0:
                winner = place
    return winner


# Called for every candidate: the one compiled version itself, without the search for the version that fits.
tournament_winner = _tournament_winner.get_overload(_tournament_winner.signatures[0])
