"""A small package that uses the public names passes the strict checks of mypy and pyright."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np

import ufh_cli as ufh
from ufh_cli import CacheStatistics, FunctionalHash


def outputs(candidate: int) -> list[float]:
    return [float(candidate)]


@ufh.functional_cache(outputs=outputs, mantissa_bits=24)
def evaluate(candidate: int, *, epochs: int = 10) -> float:
    return candidate / epochs


@ufh.functional_cache(outputs=outputs, cache=ufh.Cache(max_entries=9))
async def later(candidate: int) -> tuple[float, int]:
    return candidate / 2, candidate


async def both() -> float:
    return (await later(3))[0] + evaluate(3, epochs=2)


key: int = ufh.functional_key(np.ones(3)) + FunctionalHash(decimals=3)([0.5]) + evaluate.key(3)
statistics: CacheStatistics = evaluate.stats()
saved: float = statistics.seconds_saved


class Numbers(ufh.Setup[int]):
    objectives = ufh.Objectives(("size", "sign"), (0.0, 0.0))

    def random_candidate(self, rng: ufh.Rng) -> int:
        return rng.integer(9)

    def mutate(self, candidate: int, rng: ufh.Rng) -> int:
        return candidate + rng.integer(3)

    def hashable_outputs(self, candidate: int) -> np.ndarray:
        return np.array([float(candidate)])

    def evaluate(self, candidate: int, rng: ufh.Rng) -> ufh.Evaluation:
        return ufh.Evaluation(float(candidate), 1.0, objectives=(1.0, 0.0))

    def reevaluate(self, candidate: int, rng: ufh.Rng) -> float:
        return float(candidate)

    def describe(self, candidate: int) -> str:
        return str(candidate)


def search() -> ufh.Result:
    shared = ufh.SqliteCache("numbers.sqlite", max_entries=9)
    shared.close()
    found = ufh.run(Numbers, over={"technique": ["none", "fec"]}, trials=2, set={"budget.candidates": 9})
    print(found.best["description"], found.to_latex(), ufh.load(found.path).name)
    return ufh.load_all("results/*")
"""
WRONG = PROGRAM + '\nfault: str = evaluate(3)\nevaluate("three")\n'


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_public_names_are_typed(checker: str, tmp_path: Path) -> None:
    if checker == "mypy":
        pytest.importorskip("mypy")
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
        command += ["--follow-imports", "silent"]
    elif shutil.which("pyright"):
        command = ["pyright", "--pythonpath", sys.executable]
    else:
        pytest.skip("pyright is not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    found = subprocess.run([*command, str(program)], capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    program.write_text(WRONG)
    found = subprocess.run([*command, str(program)], capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.count("error") >= 2
    assert found.returncode == 1
