"""A small attention block: loss and gradient on sequences in which one token is marked.

One query, made of the last position, looks at all positions and is to find the marked token. Weights in their order:
embeddings of the tokens (tokens, d), embedding of the mark (d), query, key and value (d, d) each, output (d, tokens).
"""

from __future__ import annotations

import numpy as np

from setups.optimizers.compiled import cached_jit, inlined_jit
from setups.optimizers.cross_entropy import cross_entropy, softmax


@inlined_jit
def _times(w, start, d, x, out):
    """out = x W, with W (d, out.size) from `start` on in `w`."""
    width = out.size
    out[:] = 0.0
    for i in range(d):
        xi = x[i]
        for j in range(width):
            out[j] += xi * w[start + i * width + j]


@inlined_jit
def _back(w, g, start, d, x, slope, out):
    """Add the gradient of x W to `g`, and that of x to `out`, where `slope` is that of the result."""
    width = slope.size
    for i in range(d):
        total = 0.0
        xi = x[i]
        for j in range(width):
            g[start + i * width + j] += xi * slope[j]
            total += w[start + i * width + j] * slope[j]
        out[i] += total


@inlined_jit
def _embed(w, tokens, d, token, out):
    """out = the embedding of `token`, and that of the mark where it has one."""
    marked = token >= tokens
    token -= tokens * marked
    for k in range(d):
        out[k] = w[token * d + k] + marked * w[tokens * d + k]


@inlined_jit
def _embed_back(g, tokens, d, token, slope):
    """Add the slope of an embedding to the gradient `g`."""
    marked = token >= tokens
    token -= tokens * marked
    for k in range(d):
        g[token * d + k] += slope[k]
        if marked:
            g[tokens * d + k] += slope[k]


@cached_jit
def attention(tokens, d, x, y, chosen, w, g, learn):
    """Mean cross-entropy of the sequences `chosen`; with `learn` its gradient is written to `g`.

    `x` (sequences, length) holds a token, plus `tokens` where it is marked; `y` the marked token; both float64.
    """
    length = x.shape[1]
    query_at = (tokens + 1) * d
    key_at, value_at, output_at = query_at + d * d, query_at + 2 * d * d, query_at + 3 * d * d
    embedded, keys, values = np.empty((length, d)), np.empty((length, d)), np.empty((length, d))
    slopes = np.empty((length, d))
    query, context, logits, weights = np.empty(d), np.empty(d), np.empty(tokens), np.empty(length)
    key_slope, value_slope, query_slope, context_slope = np.empty(d), np.empty(d), np.empty(d), np.empty(d)
    scale = 1.0 / np.sqrt(d)
    share = 1.0 / chosen.size
    loss = 0.0
    for number in chosen:
        for place in range(length):
            _embed(w, tokens, d, int(x[number, place]), embedded[place])
            _times(w, key_at, d, embedded[place], keys[place])
            _times(w, value_at, d, embedded[place], values[place])
        _times(w, query_at, d, embedded[length - 1], query)
        for place in range(length):
            total = 0.0
            for k in range(d):
                total += query[k] * keys[place, k]
            weights[place] = total * scale
        softmax(weights)
        context[:] = 0.0
        for place in range(length):
            for k in range(d):
                context[k] += weights[place] * values[place, k]
        _times(w, output_at, d, context, logits)
        loss += cross_entropy(logits, int(y[number])) * share
        if not learn:
            continue
        logits *= share
        context_slope[:] = 0.0
        _back(w, g, output_at, d, context, logits, context_slope)
        mean = 0.0
        for k in range(d):
            mean += context_slope[k] * context[k]
        query_slope[:] = 0.0
        slopes[:] = 0.0
        for place in range(length):
            score = 0.0
            for k in range(d):
                score += context_slope[k] * values[place, k]
            score = weights[place] * (score - mean) * scale
            for k in range(d):
                key_slope[k] = score * query[k]
                query_slope[k] += score * keys[place, k]
                value_slope[k] = weights[place] * context_slope[k]
            _back(w, g, key_at, d, embedded[place], key_slope, slopes[place])
            _back(w, g, value_at, d, embedded[place], value_slope, slopes[place])
        _back(w, g, query_at, d, embedded[length - 1], query_slope, slopes[length - 1])
        for place in range(length):
            _embed_back(g, tokens, d, int(x[number, place]), slopes[place])
    return loss
