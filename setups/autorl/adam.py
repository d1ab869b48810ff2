"""Adam (Kingma and Ba 2015) in TensorFlow's form, on whole rows of parameters."""

from __future__ import annotations

import math

import numpy as np

from setups.autorl.compiled import part

# Where these numbers are passed: the settings, and the powers of beta1 and beta2 that the steps so far have made.
LEARNING_RATE, BETA1, BETA2, EPSILON, POWER1, POWER2 = range(6)

# Moments that decay towards 0 become denormal numbers, on which the same arithmetic takes twenty times as long. So
# what is below these is taken for 0: a gradient whose square would be denormal, a first moment and a second moment
# whose decrement would. Beside any epsilon worth setting such a moment moves no parameter.
_LEAST_GRADIENT = 1e-16
_LEAST_FIRST = 1e-30
_LEAST_SECOND = 1e-34


@part
def adam_step(parameters, gradient, first, second, optimizer):
    """One step, in place.

    Parameters
    ----------
    parameters, gradient, first, second : arrays (P,)
        The parameters, the loss's gradient, and the running means of it and of its square.
    optimizer : float64 (6,)
        The settings, and the powers of the betas, which are brought up to date.

    Returns
    -------
    bool
        Whether all parameters are finite after it.
    """
    optimizer[POWER1] *= optimizer[BETA1]
    optimizer[POWER2] *= optimizer[BETA2]
    real = parameters.dtype.type
    rate = real(optimizer[LEARNING_RATE] * math.sqrt(1.0 - optimizer[POWER2]) / (1.0 - optimizer[POWER1]))
    share1, share2 = real(1.0 - optimizer[BETA1]), real(1.0 - optimizer[BETA2])
    epsilon, zero, infinity = real(optimizer[EPSILON]), real(0.0), real(math.inf)
    least_gradient, least_first, least_second = real(_LEAST_GRADIENT), real(_LEAST_FIRST), real(_LEAST_SECOND)
    for i in range(parameters.size):
        g, m, v = gradient[i], first[i], second[i]
        g = zero if abs(g) < least_gradient else g
        m += (g - m) * share1
        v += (g * g - v) * share2
        m = zero if abs(m) < least_first else m
        v = zero if v < least_second else v
        first[i] = m
        second[i] = v
        parameters[i] -= m * rate / (math.sqrt(v) + epsilon)
    finite = np.int32(0)  # counted apart and in 32 bits: in the loop above it would cost that its vectors
    for i in range(parameters.size):
        finite += np.int32(abs(parameters[i]) < infinity)
    return finite == parameters.size
