"""Losses of the tasks and their gradients, compiled.

Each takes the examples `chosen` of x (examples, features) and y (examples,), both float64, and flat weights w; with
`learn` it adds the gradient of the mean loss to `g`, which is 0 before. All sums run in the order of the source, so
that results are the same on every machine but for the last digit of exponentials.
"""

from __future__ import annotations

import numpy as np

from setups.optimizers.compiled import cached_jit
from setups.optimizers.cross_entropy import cross_entropy
from setups.optimizers.sequences import attention

SOFTMAX, MLP, ATTENTION, QUADRATIC, ROSENBROCK = range(5)


@cached_jit
def softmax_regression(classes, x, y, chosen, w, g, learn):
    """Cross-entropy of a linear classifier; weights (features, classes), then biases (classes)."""
    features = x.shape[1]
    logits = np.empty(classes)
    share = 1.0 / chosen.size
    bias = features * classes
    loss = 0.0
    for number in chosen:
        for c in range(classes):
            logits[c] = w[bias + c]
        for i in range(features):
            xi = x[number, i]
            if xi != 0.0:
                for c in range(classes):
                    logits[c] += xi * w[i * classes + c]
        loss += cross_entropy(logits, int(y[number])) * share
        if not learn:
            continue
        for c in range(classes):
            logits[c] *= share
            g[bias + c] += logits[c]
        for i in range(features):
            xi = x[number, i]
            if xi != 0.0:
                for c in range(classes):
                    g[i * classes + c] += xi * logits[c]
    return loss


@cached_jit
def mlp(hidden, classes, x, y, chosen, w, g, learn):
    """Cross-entropy of a network with one hidden layer of tanh units.

    Weights (features, hidden), biases (hidden), weights (hidden, classes), biases (classes).
    """
    features = x.shape[1]
    first_bias = features * hidden
    second = first_bias + hidden
    second_bias = second + hidden * classes
    units, slopes, logits = np.empty(hidden), np.empty(hidden), np.empty(classes)
    share = 1.0 / chosen.size
    loss = 0.0
    for number in chosen:
        for h in range(hidden):
            units[h] = w[first_bias + h]
        for i in range(features):
            xi = x[number, i]
            if xi != 0.0:
                for h in range(hidden):
                    units[h] += xi * w[i * hidden + h]
        for c in range(classes):
            logits[c] = w[second_bias + c]
        for h in range(hidden):
            units[h] = np.tanh(units[h])
            for c in range(classes):
                logits[c] += units[h] * w[second + h * classes + c]
        loss += cross_entropy(logits, int(y[number])) * share
        if not learn:
            continue
        for c in range(classes):
            logits[c] *= share
            g[second_bias + c] += logits[c]
        for h in range(hidden):
            total = 0.0
            for c in range(classes):
                g[second + h * classes + c] += units[h] * logits[c]
                total += w[second + h * classes + c] * logits[c]
            slopes[h] = total * (1.0 - units[h] * units[h])
            g[first_bias + h] += slopes[h]
        for i in range(features):
            xi = x[number, i]
            if xi != 0.0:
                for h in range(hidden):
                    g[i * hidden + h] += xi * slopes[h]
    return loss


@cached_jit
def quadratic(x, y, chosen, w, g, learn):
    """Half the mean squared error of linear regression: a quadratic, and as ill-conditioned as the features are."""
    share = 1.0 / chosen.size
    loss = 0.0
    for number in chosen:
        error = -y[number]
        for i in range(w.size):
            error += x[number, i] * w[i]
        loss += 0.5 * error * error * share
        if learn:
            for i in range(w.size):
                g[i] += error * share * x[number, i]
    return loss


@cached_jit
def rosenbrock(x, chosen, w, g, learn):
    """Rosenbrock's function over its number of dimensions; the gradient has the noise of the examples in `x` added.

    Without `learn` its root: near the minimum, where noise moves the weights about, the function spans decades.
    """
    n = w.size
    loss = 0.0
    for i in range(n - 1):
        bend, rest = w[i + 1] - w[i] * w[i], 1.0 - w[i]
        loss += (100.0 * bend * bend + rest * rest) / n
        if learn:
            g[i] -= (400.0 * bend * w[i] + 2.0 * rest) / n
            g[i + 1] += 200.0 * bend / n
    if learn:
        for number in chosen:
            for i in range(n):
                g[i] += x[number, i] / chosen.size
    return loss if learn else np.sqrt(loss)


@cached_jit
def loss_and_gradient(kind, sizes, x, y, chosen, w, g, learn):
    """The loss of a task of that kind and, with `learn`, its gradient in `g`."""
    if learn:
        g[:] = 0.0
    if kind == SOFTMAX:
        return softmax_regression(sizes[1], x, y, chosen, w, g, learn)
    if kind == MLP:
        return mlp(sizes[0], sizes[1], x, y, chosen, w, g, learn)
    if kind == ATTENTION:
        return attention(sizes[1], sizes[0], x, y, chosen, w, g, learn)
    if kind == QUADRATIC:
        return quadratic(x, y, chosen, w, g, learn)
    return rosenbrock(x, chosen, w, g, learn)
