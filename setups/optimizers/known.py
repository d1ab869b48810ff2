"""Programs known by name: where a search may start, and what a found program is compared with.

The learning rate that a program gets is the schedule's, with a peak that makes the factor 0.001 of AdamW the tuned one
(`baselines`). The factors of sgd and momentum are about the largest that no task diverges at, those of the signs what
is usual beside AdamW's. Program 4 is as printed: where the rate is large it does not clip, and its arcsin gives NaN.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from setups.optimizers.examples import make_examples
from setups.optimizers.execute import run
from setups.optimizers.program import Program, pack, unpack
from setups.optimizers.text import parse_program

_TEXTS = {
    "sgd": """
def train(w, g, m, v, lr):
  update = g * lr
  update = update * 0.0002
  return update, m, v
""",
    "momentum": """
def train(w, g, m, v, lr):
  m = m * 0.9
  m = m + g
  x1 = lr * 0.00001
  update = m * x1
  return update, m, v
""",
    "adam": """
def train(w, g, m, v, lr):
  x1 = square(g)
  m = interp(g, m, 0.9)
  v = interp(x1, v, 0.999)
  x2 = sqrt(v)
  update = m / x2
  x3 = lr * 0.001
  update = update * x3
  return update, m, v
""",
    # The program that every search of the paper starts from.
    "adamw": """
def train(w, g, m, v, lr):
  x1 = square(g)
  m = interp(g, m, 0.9)
  v = interp(x1, v, 0.999)
  x2 = sqrt(v)
  update = m / x2
  x3 = w * 0.01
  update = update + x3
  x4 = lr * 0.001
  update = update * x4
  return update, m, v
""",
    "lion": """
def train(w, g, m, v, lr):
  update = interp(g, m, 0.9)
  update = sign(update)
  m = interp(g, m, 0.99)
  x1 = w * 0.1
  update = update + x1
  x2 = lr * 0.0003
  update = update * x2
  return update, m, v
""",
    "signsgd": """
def train(w, g, m, v, lr):
  update = sign(g)
  x1 = lr * 0.0003
  update = update * x1
  return update, m, v
""",
    # The raw program from which the paper derives Lion, without its dead code.
    "program4": """
def train(w, g, m, v, lr):
  g = clip_by_global_norm(g, lr)
  g = arcsin(g)
  m = interp(g, v, 0.8999999761581421)
  x1 = m * m
  v = interp(g, m, 1.109133005142212)
  x2 = sqrt(x1)
  update = m / x2
  x3 = w * 0.4602
  update = update + x3
  x4 = lr * 0.0002
  update = update * x4
  m = cosh(update)
  return update, m, v
""",
    # Does nothing, but can grow: constants are only ever scaled, and 0 stays 0.
    "empty": """
def train(w, g, m, v, lr):
  update = g * 0.0
  return update, m, v
""",
}

OPTIMIZERS = tuple(name for name in _TEXTS if name != "empty")


@cache
def known_program(name: str) -> Program:
    """The program of that name: one of `OPTIMIZERS`, or "empty"."""
    return parse_program(_TEXTS[name])


def with_equal_constants(program: Program) -> Program:
    """`program` with every constant set to 0.75, so that only what it does with them is left."""
    return pack(
        statement._replace(arguments=tuple(0.75 if isinstance(one, float) else one for one in statement.arguments))
        for statement in unpack(program)
    )


def recognised(program: Program) -> str:
    """The name of the known optimizer that behaves like `program` once all their constants are equal, or ""."""
    examples = make_examples(12, 16)
    found = run(with_equal_constants(program), *examples)
    for name in OPTIMIZERS:
        if np.allclose(found, run(with_equal_constants(known_program(name)), *examples), 1e-9, 1e-12, equal_nan=True):
            return name
    return ""
