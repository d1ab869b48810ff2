"""Small accuracy tables of random numbers, and damage to their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

N = 5


def columns_of(seed: int = 0, n: int = N, dtype: type = np.float32, budgets: tuple[int, ...] = (4, 108)) -> dict:
    rng = np.random.default_rng(seed)
    columns = {"cells": np.sort(rng.choice(2**32, n, replace=False)).astype(np.uint32)}
    for budget in budgets:
        columns[f"accuracy{budget}"] = rng.random((n, 3, 2, 3)).astype(dtype)
        columns[f"time{budget}"] = (rng.random((n, 3, 2)) * 5000).astype(dtype)
    return columns


def flip_byte(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
