"""The instructions that a loss graph is encoded to, and where their numbers stand.

Many operations of the language are the same arithmetic on other shapes (``DotProduct`` and ``MultiplyFloat`` multiply;
of states the products are then summed), so there are fewer instructions than operations. The order counts: the kernels
branch on ranges of it.
"""

from __future__ import annotations

# fmt: off
(
    # Element by element, or summed over the columns: of x and y, then of x alone.
    ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM, HALF_SQUARE, DIVERGENCE, SELECT,
    SAME, ABSOLUTE, TENTH, SQUARE, LOGARITHM, EXPONENTIAL, INFORMATION,
    # Of a row's entries together, a result a row (SOFTMAX: a result an entry).
    MEAN, DEVIATION, LARGEST, ARG_LARGEST, LOG_SUM_EXP, SOFTMAX,
    # Of a column's entries together, over the batch.
    BATCH_MEAN, BATCH_DEVIATION,
    NETWORK,
) = range(25)

# An encoded program is one int64 array: this header, LAYER numbers a layer, FIELDS numbers an instruction.
# The gradient of the value at k, below VALUES, is at k + SHIFT; DELTAS and SPARE are places for a layer's values each,
# ASIDE for a network's gradient.
INSTRUCTIONS, LAYERS, LOSS, LOSS_ROWS, TRAINS, VALUES, SHIFT, DELTAS, SPARE, ASIDE = range(10)
HEADER = 10
LAYER = 4  # inputs, outputs, offsets of the weights and of the biases among the parameters

# Fields of an instruction. Element (i, j) of x is at X + i · X_ROW + j · X_COLUMN, so that a stride of 0 broadcasts;
# of the output at OUT + i · COLUMNS + j, or OUT + i when SUMMED. WANTED: 1 when x needs a gradient, + 2 when y does.
CODE, OUT, HEIGHT, COLUMNS, SUMMED, X, X_ROW, X_COLUMN, Y, Y_ROW, Y_COLUMN, WANTED, NET, HIDDEN, TUNED = range(15)
FIELDS = 15
# fmt: on

# TUNED, of NETWORK only: what becomes of the gradient with respect to its parameters.
NOT_TUNED, SET, ACCUMULATED = range(3)

# What a run does beyond the forward pass.
FORWARD, GRADIENTS, STEP = range(3)

# Rows of the weights' array; the first two are the networks that an instruction's NET names.
Q, TARGET, GRADIENT, FIRST_MOMENT, SECOND_MOMENT = range(5)
