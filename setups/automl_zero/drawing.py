"""A program as a picture, in the manner of the paper's Figure 13: its live instructions, those without effect pale."""

from __future__ import annotations

from typing import Any

import numpy as np

from setups.automl_zero.program import FUNCTIONS, Program, unpack
from setups.automl_zero.text import format_instruction

_NAMES = dict(zip(FUNCTIONS, ("Setup", "Predict", "Learn"), strict=True))
_LARGEST = 8.0  # points


def draw_program(program: Program, live: np.ndarray, effective: np.ndarray, axes: Any) -> None:
    """Write `program` on matplotlib's `axes`, the text as large as fits.

    Parameters
    ----------
    program : bytes
    live, effective : bool array (instructions,)
        What is written at all, and what of it is not pale.
    axes : matplotlib Axes
    """
    lines: list[tuple[str, bool]] = []
    place = 0
    for name, function in zip(FUNCTIONS, unpack(program), strict=True):
        lines.append((f"def {_NAMES[name]}():", True))
        for instruction in function:
            if live[place]:
                lines.append((f"  {format_instruction(instruction)}", bool(effective[place])))
            place += 1
    height = axes.get_position().height * axes.figure.get_figheight() * 72.0
    size = min(_LARGEST, height / (1.35 * len(lines)))
    axes.set_axis_off()
    for number, (line, matters) in enumerate(lines):
        y = 1.0 - 1.35 * size * number / height
        axes.text(0.0, y, line, va="top", family="monospace", fontsize=size, color="black" if matters else "#b0b0b0")
