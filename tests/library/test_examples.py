"""The examples run with the frameworks that are installed, and evaluate less than is asked of them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip(package)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("name", "package", "most"),
    [
        ("with_deap", "deap", 0.5),
        ("with_nevergrad", "nevergrad", 0.9),
        ("with_optuna", "optuna", 0.9),
        ("with_pymoo", "pymoo", 0.95),
        ("with_openevolve", "numpy", 0.61),
        ("with_sklearn", "sklearn", 0.5),
    ],
)
def test_examples_evaluate_less_than_is_asked(
    name: str, package: str, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = example(name, package, monkeypatch).main()
    assert stats.asked == stats.hits + stats.evaluated
    assert 0 < stats.evaluated <= most * stats.asked


def test_pyglove_both_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = example("with_pyglove", "pyglove", monkeypatch)
    monkeypatch.chdir(tmp_path)
    for asked, evaluated in (module.theirs(), module.ours()):
        assert asked == 40
        assert 0 < evaluated < asked
    assert (tmp_path / "results" / "pyglove" / "journal.jsonl").is_file()
