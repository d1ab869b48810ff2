"""A small search space, installed for the tests, and experiments in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ufh_cli.analyses.series import Series, split
from ufh_cli.configuration import registry
from ufh_cli.configuration.sweep import parse_over
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Curves, Evaluation, Setup
from ufh_cli.experiment.plan import make_experiment
from ufh_cli.experiment.run import run_experiment
from ufh_cli.records.folder import Results

Digits = tuple[int, ...]


class Dials(Setup[Digits]):
    """Six digits of which the order does not matter and the last is never read.

    Parameters
    ----------
    hash_examples : int
        How many of the five sorted digits the outputs show.
    noise : float
        Half the width of the noise of a fitness.
    """

    cost_unit = "turns"
    hash_cost = 0.1
    simulated_cost = True
    free_reevaluation = True
    costly = False

    def __init__(self, *, hash_examples: int = 5, noise: float = 0.0) -> None:
        self.hash_examples, self.noise = hash_examples, noise

    def random_candidate(self, rng: Rng) -> Digits:
        return tuple(rng.integer(4) for _ in range(6))

    def mutate(self, candidate: Digits, rng: Rng) -> Digits:
        place = rng.integer(6)
        return (*candidate[:place], rng.integer(4), *candidate[place + 1 :])

    def hashable_outputs(self, candidate: Digits) -> np.ndarray:
        return 1.0 + np.array(sorted(candidate[:5])[: self.hash_examples]) / 7.0

    def evaluate(self, candidate: Digits, rng: Rng) -> Evaluation:
        value = Rng.from_word(hash(tuple(sorted(candidate[:5])))).uniform()
        return Evaluation(value + self.noise * rng.uniform(-1.0, 1.0), 1.0 + candidate[0])

    def reevaluate(self, candidate: Digits, rng: Rng) -> float:
        return Rng.from_word(hash(tuple(sorted(candidate[:5])))).uniform()

    def describe(self, candidate: Digits) -> str:
        return " ".join(map(str, candidate))

    def parse(self, text: str) -> Digits:
        return tuple(map(int, text.split()))

    def structural_key(self, candidate: Digits) -> Digits:
        return candidate[:5]

    def learning_curves(self, candidate: Digits, rng: Rng) -> Curves:
        return Curves("turn", "digit", {"all": candidate, "first two": candidate[:2]})

    def export(self, candidate: Digits, path: Path, rng: Rng) -> str:
        if path.suffix != ".txt":
            raise ValueError(f"digits are exported as .txt, not as {path.suffix}")
        path.write_text(self.describe(candidate), encoding="utf-8")
        return f"wrote {path}"

    def details(self, candidate: Digits, fitness: float) -> str:
        return f"sum of digits: {sum(candidate)}"

    def redundancy(self, candidate: Digits) -> float:
        return 1 / 6  # the last digit

    def fingerprint(self) -> str:
        return "dials"

    def notice(self) -> str:
        return "a toy"


class CountedDials(Dials):
    """The same, able to name one candidate of each structure."""

    def all_candidates(self) -> Iterable[Digits]:
        return ((*digits, 0) for digits in product(range(4), repeat=5))


class SlowDials(Dials):
    """The same, with costs that are real."""

    simulated_cost = False


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setups `dials`, `counted` and `slow` are found like any installed one."""
    module = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "dials_for_tests", module)
    names = {"dials": "Dials", "counted": "CountedDials", "slow": "SlowDials"}
    entries = {name: EntryPoint(name, f"dials_for_tests:{cls}", registry.GROUP) for name, cls in names.items()}
    monkeypatch.setattr(registry, "setup_entry_points", lambda: entries)


Experiment = Callable[..., list[Series]]


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Run a small experiment below the results directory ``tmp_path`` and give back its series."""

    def run(
        name: str = "one", over: Sequence[str] = ("technique=none,fec",), trials: int = 4, **tables: Any
    ) -> list[Series]:
        whole = {
            "setup": "dials",
            "trials": trials,
            "search": {"method": "regularized_evolution", "population_size": 8, "tournament_size": 3},
            "budget": {"cost": 150.0},
        }
        planned = make_experiment(whole | tables, parse_over(over), "test")
        results: Results = run_experiment(planned, tmp_path / name, 1)
        return split(results)

    return run
