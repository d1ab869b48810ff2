"""What the elementwise instructions compute of numbers x and y, and how a gradient flows back to them.

Where a derivative does not exist the rule is TensorFlow's, as it was in the original: of equal operands the first takes
the whole gradient, |x| has slope 0 at 0, and clipped values have slope 0. Literals are given the operands' own type,
for a Python float would silently make float32 arithmetic double.
"""

from __future__ import annotations

import math

from setups.autorl import microcode as mc
from setups.autorl.compiled import part

DIVISION_OFFSET = 1e-10
LOGARITHM_OFFSET = 1e-12
ENTROPY_OFFSET = 1e-8
EXPONENTIAL_LIMIT = 1e10
LEAST_PROBABILITY = 1e-7  # Keras' epsilon, to which it clips probabilities


@part
def clipped_probability(x):
    """`x` within [1e-7, 1]; NaN stays NaN."""
    low, high = type(x)(LEAST_PROBABILITY), type(x)(1.0)
    return low if x < low else (high if x > high else x)


@part
def value_of_two(code, x, y, column):
    """The value of an instruction of two operands; `column` is where in its row x stands."""
    if code == mc.ADD:
        return x + y
    if code == mc.SUBTRACT:
        return x - y
    if code == mc.MULTIPLY:
        return x * y
    if code == mc.DIVIDE:
        return x / (y + type(y)(DIVISION_OFFSET))
    if code == mc.MAXIMUM:
        return x if x >= y or x != x else y  # a NaN wins, wherever it stands
    if code == mc.MINIMUM:
        return x if x <= y or x != x else y
    if code == mc.HALF_SQUARE:
        return type(x)(0.5) * ((x - y) * (x - y))
    if code == mc.DIVERGENCE:
        truth = clipped_probability(x)
        return truth * math.log(truth / clipped_probability(y))
    # SELECT, a product with 0 or 1: where another entry is infinite the sum is NaN, as in the original.
    return x * type(x)(column == y)


@part
def value_of_one(code, x):
    """The value of an instruction of one operand."""
    if code == mc.SAME:
        return x
    if code == mc.ABSOLUTE:
        return abs(x)
    if code == mc.TENTH:
        return type(x)(0.1) * x
    if code == mc.SQUARE:
        return x * x
    if code == mc.LOGARITHM:
        return math.log(abs(x) + type(x)(LOGARITHM_OFFSET))
    if code == mc.EXPONENTIAL:
        power, limit = math.exp(x), type(x)(EXPONENTIAL_LIMIT)
        return limit if power > limit else power
    return x * math.log(x + type(x)(ENTROPY_OFFSET))  # INFORMATION


@part
def slopes_of_two(code, gradient, x, y, column):
    """The gradients with respect to x and y, given the one with respect to their value."""
    zero = type(x)(0.0)
    if code == mc.ADD:
        return gradient, gradient
    if code == mc.SUBTRACT:
        return gradient, -gradient
    if code == mc.MULTIPLY:
        return gradient * y, gradient * x
    if code == mc.DIVIDE:
        divisor = y + type(y)(DIVISION_OFFSET)
        return gradient / divisor, gradient * (-x / divisor / divisor)
    if code == mc.MAXIMUM:
        return (gradient, zero) if x >= y else (zero, gradient)
    if code == mc.MINIMUM:
        return (gradient, zero) if x <= y else (zero, gradient)
    if code == mc.HALF_SQUARE:
        slope = gradient * (x - y)
        return slope, -slope
    if code == mc.DIVERGENCE:
        truth, predicted = clipped_probability(x), clipped_probability(y)
        of_truth = gradient * (math.log(truth / predicted) + type(x)(1.0))
        of_predicted = gradient * (-truth / predicted)
        return (
            zero if x < truth or x > truth else of_truth,
            zero if y < predicted or y > predicted else of_predicted,
        )
    return gradient * type(x)(column == y), zero  # SELECT


@part
def slope_of_one(code, gradient, x):
    """The gradient with respect to x, given the one with respect to its value."""
    zero = type(x)(0.0)
    if code == mc.SAME:
        return gradient
    if code == mc.ABSOLUTE:
        return gradient * _sign(x)
    if code == mc.TENTH:
        return type(x)(0.1) * gradient
    if code == mc.SQUARE:
        return gradient * (type(x)(2.0) * x)
    if code == mc.LOGARITHM:
        return gradient / (abs(x) + type(x)(LOGARITHM_OFFSET)) * _sign(x)
    if code == mc.EXPONENTIAL:
        power = math.exp(x)  # may be infinite, and then 0 · ∞ is NaN here as in TensorFlow
        return (zero if power > type(x)(EXPONENTIAL_LIMIT) else gradient) * power
    shifted = x + type(x)(ENTROPY_OFFSET)  # INFORMATION
    return gradient * (math.log(shifted) + x / shifted)


@part
def _sign(x):
    if x > type(x)(0.0):
        return type(x)(1.0)
    if x < type(x)(0.0):
        return type(x)(-1.0)
    return x  # 0 and NaN
