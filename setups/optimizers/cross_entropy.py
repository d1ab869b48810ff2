"""The cross-entropy of logits and its slope, compiled."""

from __future__ import annotations

import numpy as np

from setups.optimizers.compiled import inlined_jit


@inlined_jit
def softmax(z):
    """Probabilities of the logits `z`, in place."""
    top = z[0]
    for k in range(1, z.size):
        top = max(top, z[k])
    total = 0.0
    for k in range(z.size):
        z[k] = np.exp(z[k] - top)
        total += z[k]
    for k in range(z.size):
        z[k] /= total


@inlined_jit
def cross_entropy(logits, label):
    """The loss; leaves its slope in `logits`."""
    softmax(logits)
    loss = -np.log(logits[label])
    logits[label] -= 1.0
    return loss
