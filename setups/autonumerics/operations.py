"""What programs are made of: the operations, their inputs and how they are written."""

from __future__ import annotations

X, COEFFICIENT, ADD, SUBTRACT, MULTIPLY, DIVIDE, SQUARE_ROOT, FUSED = range(8)

NAMES = ("x", "coefficient", "+", "-", "*", "/", "sqrt", "fma")
INPUTS = (0, 0, 2, 2, 2, 2, 1, 3)

MOST_OPERATIONS = 60  # so that every vertex's number fits into a byte, coefficients included
MOST_COEFFICIENTS = 24
