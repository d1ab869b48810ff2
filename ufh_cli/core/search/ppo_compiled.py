"""The arithmetic of `ppo`: policies as softmaxes of logits, draws from them, and steps of Adam."""

from __future__ import annotations

import numba as nb
import numpy as np

from ufh_cli.core.compiled import splitmix64

_ADAM_DECAYS = (0.9, 0.999)
_ADAM_EPSILON = 1e-8
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@nb.njit(cache=True)
def _exp(x):
    """e^x for x <= 0 by additions and multiplications alone: the same bits on every processor."""
    if x < -700.0:
        return 0.0
    halvings = np.rint(x / 0.6931471805599453)
    r = (x - halvings * _LN2_HIGH) - halvings * _LN2_LOW
    term = 1.0
    for k in range(13, 0, -1):  # Horner's scheme of the Taylor series; |r| < 0.35
        term = 1.0 + term * r / k
    for _ in range(np.int64(-halvings)):
        term *= 0.5
    return term


@nb.njit(cache=True)
def softmax(logits, ends, policies):
    """The probabilities that `logits` stand for, decision by decision, into `policies`."""
    start = 0
    for end in ends:
        top = logits[start:end].max()
        total = 0.0
        for i in range(start, end):
            policies[i] = _exp(logits[i] - top)
            total += policies[i]
        for i in range(start, end):
            policies[i] /= total
        start = end


@nb.njit("Tuple((int64[::1], float64[::1]))(float64[::1], int64[::1], uint64)", cache=True)
def draw(policies, ends, word):
    """One option of each decision and its probability; arrays of shape (decisions,)."""
    choices = np.empty(ends.size, np.int64)
    probabilities = np.empty(ends.size)
    state = word
    start = 0
    for d in range(ends.size):
        state, bits = splitmix64(state)
        left = (bits >> np.uint64(11)) * 2.0**-53
        last = start
        for i in range(start, ends[d]):
            if policies[i] > 0.0:
                last = i  # rounding may leave a rest behind the last option: that goes to the last possible one
                if left < policies[i]:
                    break
                left -= policies[i]
        choices[d] = last - start
        probabilities[d] = policies[last]
        start = ends[d]
    return choices, probabilities


@nb.njit(cache=True)
def ascend(actor, adam, batch, weights):
    """One step of Adam up the clipped objective plus the entropy bonus; `actor` and `adam` are changed in place."""
    gradient = _gradient(actor, batch, weights[1], weights[2])
    logits, policies, ends = actor
    moments, decayed = adam
    first, second = _ADAM_DECAYS
    decayed[0] *= first
    decayed[1] *= second
    for i in range(logits.size):
        moments[0, i] = first * moments[0, i] + (1.0 - first) * gradient[i]
        moments[1, i] = second * moments[1, i] + (1.0 - second) * gradient[i] * gradient[i]
        momentum = moments[0, i] / (1.0 - decayed[0])
        logits[i] += weights[0] * momentum / (np.sqrt(moments[1, i] / (1.0 - decayed[1])) + _ADAM_EPSILON)
    softmax(logits, ends, policies)


@nb.njit(cache=True)
def _gradient(actor, batch, clip, entropy_bonus):
    """Of the clipped objective plus the entropy bonus by the logits."""
    logits, policies, ends = actor
    choices, probabilities, advantages = batch
    gradient = np.zeros(logits.size)
    for row in range(advantages.size):
        ratio, start = 1.0, 0
        for d in range(ends.size):
            ratio *= policies[start + choices[row, d]] / probabilities[row, d]
            start = ends[d]
        # Beyond the clip the objective is flat where going on would be rewarded (the minimum of the two branches).
        if (advantages[row] >= 0.0 and ratio > 1.0 + clip) or (advantages[row] < 0.0 and ratio < 1.0 - clip):
            continue
        weight = ratio * advantages[row] / advantages.size
        start = 0
        for d in range(ends.size):
            for i in range(start, ends[d]):
                gradient[i] -= weight * policies[i]
            gradient[start + choices[row, d]] += weight
            start = ends[d]
    start = 0
    for end in ends:
        top = logits[start:end].max()
        mean = 0.0
        for i in range(start, end):
            mean += policies[i] * (logits[i] - top)
        for i in range(start, end):
            # dH/d logit = −p (log p + H); the logarithm of the softmax's denominator cancels.
            gradient[i] -= entropy_bonus / ends.size * policies[i] * (logits[i] - top - mean)
        start = end
    return gradient
