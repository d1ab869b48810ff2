"""The search for optimizers through the real command, as small as it goes."""

from __future__ import annotations

import csv
import json

import pytest

from setups.optimizers.tasks import make_task

pytest.importorskip("sklearn")

TINY = (
    "--set=budget.candidates=60", "--set=search.population_size=10", "--set=options.tasks=quadratic,rosenbrock",
    "--jobs=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(ufh):
    return ufh("run", "optimizers", "--technique=fec", "--trials=2", "--name=found", *TINY)


def program(*body: str) -> str:
    return "\n".join(["def train(w, g, m, v, lr):", *(f"  {line}" for line in body)])


def test_a_search_ends_with_its_best_program(ufh, searched):
    assert "statements have an effect" in searched.out
    (best, *_) = json.loads((ufh.folder / "results" / "found" / "best.json").read_text(encoding="utf-8"))
    key = ufh("hash", "optimizers", best["description"]).out.split()[0]
    assert key == best["key"]


@pytest.mark.parametrize("kind", ["learning", "redundancy", "hits-along"])
def test_figures_are_drawn(ufh, searched, kind):
    ufh("plot", "found", f"--kind={kind}", f"--out={kind}.png")
    assert (ufh.folder / f"{kind}.png").read_bytes().startswith(b"\x89PNG")


def test_programs_that_behave_alike_are_counted_from_the_journal(ufh, searched):
    ufh("equivalents", "found", "--table=census.csv", "--trials=2")
    with (ufh.folder / "census.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        counts = [int(row[name]) for name in ("candidates", "genotypes", "structural keys", "functional keys")]
        assert counts == sorted(counts, reverse=True)
        assert counts[0] == 60


def test_the_best_program_is_exported(ufh, searched):
    said = ufh("export", "optimizers", "found", "--out=optimizer.py").out
    for name in ("optimizer.py", "optimizer_optax.py"):
        assert name in said
        compile((ufh.folder / name).read_text(encoding="utf-8"), name, "exec")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (program("update = sine(g)", "return update, m, v"), ["line 2", "unknown function 'sine'", "sin"]),
        (program("update = interp(g, m)", "return update, m, v"), ["line 2", "interp takes 3 arguments, got 2"]),
        (program("update = g * x", "return update, m, v"), ["line 2", "x is used before it is set"]),
        (program("x = g * lr", "return update, m, v"), ["line 3", "returns nothing", "never sets update"]),
        (program("update = g * lr"), ["line 2", "returns nothing", "return update, m, v"]),
        (program("update = lr * 2.0", "return update, m, v"), ["line 2", "update must be an array"]),
        ("lionn", ["'lionn'", "did you mean 'lion'"]),
    ],
)
def test_bad_programs_are_refused_in_one_line(ufh, text, words):
    line = ufh("hash", "optimizers", text, code=2).refusal()
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("options.tasks=digts", ["tasks", "'digts'"]),
        ("options.tasks=fashion", ["fashion needs Fashion-MNIST", "dataset-fashion-mnist", "ufh data fetch mnas"]),
        ("options.mutations=swap", ["mutations", "swap"]),
        ("options.starts=0", ["starts", "1", "0"]),
        ("search.restart=-1", ["restart", "-1"]),
    ],
)
def test_bad_settings_are_refused_in_one_line(ufh, setting, words, tmp_path, monkeypatch):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    monkeypatch.setattr("setups.image_files.DEBIAN_FASHION_MNIST", tmp_path / "none")
    make_task.cache_clear()
    line = ufh("run", "optimizers", *TINY, f"--set={setting}", "--name=refused", code=2).refusal()
    assert all(word in line for word in words), line
    assert not (ufh.folder / "results" / "refused").exists()
