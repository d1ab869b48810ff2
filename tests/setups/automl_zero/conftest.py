"""The reference interpreter of the benchmark, and the test vectors of the original program."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def reference():
    """The module with the straightforward numpy interpreter."""
    spec = importlib.util.spec_from_file_location("automl_zero_benchmark", REPOSITORY / "benchmarks" / "automl_zero.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def vectors():
    """(tasks, programs) that the original C++ program evaluated."""
    shared = os.environ.get("UFH_REFERENCE")
    folder = (Path(shared) if shared else REPOSITORY.parent / "shared") / "vectors" / "automl_zero"
    files = [path for name in ("programs.jsonl", "programs_public.jsonl") if (path := folder / name).is_file()]
    if not files or not (folder / "tasks.npz").is_file():
        pytest.skip("the reference vectors are not here")
    programs = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    with np.load(folder / "tasks.npz", allow_pickle=False) as arrays:
        return dict(arrays), programs
