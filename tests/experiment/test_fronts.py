"""Searches with several objectives, by the real command: fronts, curves, resume, workers, hits."""

import json

import numpy as np
import pytest

from ufh_cli.core.front import dominates, hypervolume
from ufh_cli.core.rng import Rng

SEARCH = (
    "nasbench", "--config", "nasbench-front", "--set", "budget.candidates=400", "--set", "search.population_size=20",
    "--seed", "11",
)  # fmt: skip


def entries(path, name="front.json"):
    return json.loads((path / name).read_text(encoding="utf-8"))


def curve(path):
    lines = (path / "curves.csv").read_text(encoding="utf-8").splitlines()
    place = lines[0].split(",").index("best_fitness")
    return [float(line.split(",")[place]) for line in lines[1:]]


def test_the_curve_is_the_hypervolume_of_the_front(ufh):
    ufh("run", *SEARCH, "--trials", "1", "--name", "one")
    front = [tuple(entry["objectives"].values()) for entry in entries(ufh.folder / "results/one")]
    assert len(front) > 2
    assert not any(dominates(a, b) for a in front for b in front)
    values = curve(ufh.folder / "results/one")
    assert values == sorted(values)
    assert values[-1] == hypervolume(np.array(front), (0.8, -6000.0))


@pytest.mark.parametrize("technique", ["none", "fec", "fea", "fec+fcm"])
def test_hits_change_no_front_where_evaluations_are_deterministic(ufh, technique):
    """Seconds follow from the structure: a hit has its own and not those of the cell that the cache knows."""
    ufh("run", *SEARCH, "--technique", technique, "--trials", "1", "--name", f"front-{technique}")
    for entry in entries(ufh.folder / f"results/front-{technique}"):
        from setups.nasbench import NasBench

        setup = NasBench(run="0", objectives=("accuracy", "seconds"))
        candidate = setup.parse(entry["description"])
        evaluation = setup.evaluate(candidate, Rng.from_seed(0))
        assert entry["objectives"]["seconds"] == -evaluation.cost


def test_the_same_search_with_fec_and_without(ufh):
    found = []
    for technique in ("none", "fec"):
        settings = ("--set", "hash.mantissa_bits=24", "--set", "hash.cost=0", "--technique", technique)
        ufh("run", *SEARCH, *settings, "--trials", "1", "--name", technique)
        found.append([entry["description"] for entry in entries(ufh.folder / "results" / technique)])
    assert found[0] == found[1]


def test_an_interrupted_sweep_of_fronts_goes_on(ufh):
    sweep = ("sweep", *SEARCH, "--over", "search.method=nsga2,random_search")
    ufh(*sweep, "--trials", "2", "--name", "whole")
    ufh(*sweep, "--trials", "1", "--name", "parts")
    ufh(*sweep, "--trials", "2", "--name", "parts")
    results = ufh.folder / "results"
    assert entries(results / "whole") == entries(results / "parts")
    assert (results / "whole/curves.csv").read_text() == (results / "parts/curves.csv").read_text()


def test_a_journal_keeps_objectives(ufh):
    search = (
        "run", "automl_zero", "--config", "automl_zero-demo", "--search", "nsga2", "--technique", "fec", "--seed", "3",
        "--set", "options.objectives=fitness,instructions", "--set", "budget.candidates=300", "--trials", "1",
    )  # fmt: skip
    ufh(*search, "--name", "plain")
    ufh(*search, "--set", "journal=yes", "--name", "kept")
    journal = ufh.folder / "results/kept/journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    ufh(*search, "--set", "journal=yes", "--name", "other")
    other = ufh.folder / "results/other"
    (other / "journal.jsonl").write_text("".join(lines[: len(lines) // 2]))
    for name in ("trials.csv", "curves.csv", "best.json", "front.json"):
        (other / name).unlink()
    ufh(*search, "--set", "journal=yes", "--name", "other")
    assert entries(other) == entries(ufh.folder / "results/kept") == entries(ufh.folder / "results/plain")


def test_fronts_are_drawn_and_results_without_one_are_not(ufh):
    ufh("run", *SEARCH, "--trials", "3", "--name", "one")
    ufh("plot", "one", "--kind", "front")
    assert (ufh.folder / "results/one/front.png").stat().st_size > 1000
    ufh("run", "nasbench", "--trials", "1", "--set", "budget.candidates=50", "--name", "scalar")
    assert "no front" in ufh("plot", "scalar", "--kind", "front", code=2).err


@pytest.mark.parametrize(
    ("value", "words"),
    [("accuracy", "two or more"), ("accuracy,size", "unknown 'size'"), ("seconds,seconds", "differ")],
)
def test_objectives_that_make_no_sense(ufh, value, words):
    assert words in ufh("run", "nasbench", "--set", f"options.objectives={value}", "--trials", "1", code=2).err
