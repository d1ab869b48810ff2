"""AdamW with bias correction as a training loop of its own: the reference that fitness is relative to.

It draws the same starts and batches as `kernel.train` and follows the same schedule, but shares no code with the
interpreter (Loshchilov and Hutter 2019, with the weight decay times the learning rate, as torch has it).
"""

from __future__ import annotations

import numpy as np

from setups.optimizers.compiled import cached_jit
from setups.optimizers.gradients import loss_and_gradient
from setups.optimizers.kernel import draw_batch, schedule, start_weights


@cached_jit
def train_adamw(
    kind, sizes, x, y, valid_x, valid_y, offset, scale, steps, batch, rate, beta2, decay, word, losses
):  # fmt: skip
    """Train with AdamW of the peak learning rate `rate`, first moment at 0.9 and epsilon 1e-8.

    The other parameters are those of `kernel.train`. Returns the validation loss, infinite where it is no number.
    """
    w, word = start_weights(offset, scale, word)
    g, m, v = np.empty_like(w), np.zeros_like(w), np.zeros_like(w)
    chosen = np.empty(batch, dtype=np.int64)
    power1, power2 = 1.0, 1.0
    for t in range(steps):
        word = draw_batch(chosen, x.shape[0], word)
        loss = loss_and_gradient(kind, sizes, x, y, chosen, w, g, True)
        if losses.size:
            losses[t] = loss
        lr = schedule(t, steps, rate)
        power1 *= 0.9
        power2 *= beta2
        for i in range(w.size):
            m[i] = 0.9 * m[i] + 0.1 * g[i]
            v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i]
            direction = (m[i] / (1.0 - power1)) / (np.sqrt(v[i] / (1.0 - power2)) + 1e-8)
            w[i] -= lr * (direction + decay * w[i])
    loss = loss_and_gradient(kind, sizes, valid_x, valid_y, np.arange(valid_x.shape[0]), w, g, False)
    return loss if np.isfinite(loss) else np.inf
