"""Searches with several objectives, by the real command: fronts, curves, resume, workers, hits."""

import json
import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ufh_command import rows

from ufh_cli.analyses.findings import find
from ufh_cli.configuration.errors import InputError
from ufh_cli.core.front import dominates, hypervolume
from ufh_cli.core.rng import Rng
from ufh_cli.figures.front import attained_by_half

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
    for command in (("plot", "scalar", "--kind", "front"), ("show", "scalar", "--front")):
        assert "no front" in ufh(*command, code=2).refusal()
    # What is best so far is of one objective a fitness, of several their hypervolume; SVG has its texts as comments.
    for name, words, others in (("one", "hypervolume", "best fitness"), ("scalar", "best fitness", "hypervolume")):
        for kind in ("curves", "fitness"):
            ufh("plot", name, "--kind", kind, "--out", f"{name}-{kind}.svg")
            drawn = (ufh.folder / f"{name}-{kind}.svg").read_text()
            assert words in drawn
            assert others not in drawn


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=6), min_size=1, max_size=5)
)
def test_what_half_of_the_trials_attain_is_what_the_definition_says(trials):
    steps = attained_by_half([np.array(points, float) for points in trials]).tolist()
    assert steps == sorted(steps)
    for x, y in product(range(6), repeat=2):
        attained = sum(any(p[0] >= x and p[1] >= y for p in points) for points in trials)
        assert any(a >= x and b >= y for a, b in steps) == (2 * attained >= len(trials))
    assert all(b > c for (_, b), (_, c) in pairwise(steps))


def test_the_front_of_all_trials_is_shown(ufh):
    """Each point with how many trials attain it, by the definition, and the candidate that has it."""
    ufh("sweep", *SEARCH, "--over", "search.method=nsga2,random_search", "--trials", "3", "--name", "three")
    path = ufh.folder / "results/three"
    found = [entry for entry in entries(path) if entry["search.method"] == "nsga2"]
    trials = [[tuple(e["objectives"].values()) for e in found if e["trial"] == trial] for trial in range(3)]
    points = sorted({point for trial in trials for point in trial})
    best = [point for point in points if not any(dominates(other, point) for other in points)]
    out = ufh("show", "three:search.method=nsga2", "--front").out
    table = out.partition("of 3 trials together:\n")[2].splitlines()
    assert table[0].split() == ["accuracy", "seconds", "trials", "that", "attain", "it", "trial"]
    for number, (point, line) in enumerate(zip(best, table[1:], strict=False), 1):
        first, *values, attained, trial = line.split()
        assert int(first) == number
        assert tuple(map(float, values)) == tuple(float(f"{value:.6g}") for value in point)
        assert int(attained) == sum(any(p[0] >= point[0] and p[1] >= point[1] for p in one) for one in trials)
        assert point in trials[int(trial)]
        (whose,) = (e for e in found if (*e["objectives"].values(),) == point and e["trial"] == int(trial))
        assert f"\n{number}: {whose['description']}\n" in out
    assert f"\n{len(best)}: " in out
    assert f"\n{len(best) + 1}: " not in out
    assert out.count("trials together") == 1
    told = json.loads(ufh("show", "three", "--json").out)["cells"]
    assert [entry for cell in told for entry in cell["front"]] == entries(path)


def test_a_target_of_objectives_ends_a_search_with_the_first_candidate_that_attains_it(ufh):
    ufh("run", *SEARCH, "--trials", "1", "--name", "endless")
    front = sorted(tuple(entry["objectives"].values()) for entry in entries(ufh.folder / "results/endless"))
    goal = front[len(front) // 2]
    asked = ("--set", f"budget.target_objectives={goal[0]},{goal[1]}", "--trials", "1")

    def attained(name):
        found = [tuple(entry["objectives"].values()) for entry in entries(ufh.folder / "results" / name)]
        return any(one[0] >= goal[0] and one[1] >= goal[1] for one in found)

    ufh("run", *SEARCH, *asked, "--name", "goal")
    (row,) = rows(ufh.folder / "results/goal/trials.csv")
    assert row["stopped_by"] == "target"
    assert attained("goal")
    before = int(row["candidates"]) - 1
    assert 0 < before < 399
    ufh("run", *SEARCH, *asked, "--set", f"budget.candidates={before}", "--name", "short")
    (row,) = rows(ufh.folder / "results/short/trials.csv")
    assert row["stopped_by"] == "candidates"
    assert not attained("short")


def test_what_several_objectives_do_not_have_is_no_number(ufh):
    """There is no fitness on unseen data of a front."""
    ufh("run", *SEARCH, "--trials", "1", "--name", "lone")
    out = ufh("show", "lone", "--trials", "--best").out
    assert "nan" not in out
    assert "on unseen data –" in out


def test_programs_of_several_lines_are_shown_whole(ufh):
    both = ("--set", "options.objectives=fitness,instructions", "--search", "nsga2", "--set", "budget.candidates=50")
    ufh("run", "automl_zero", "--config", "automl_zero-demo", *both, "--trials", "1", "--name", "programs")
    out = ufh("show", "programs", "--front").out
    for entry in entries(ufh.folder / "results/programs"):
        assert f":\n{entry['description'].rstrip()}\n" in out


def test_a_front_with_what_is_no_number_is_refused_in_a_line(ufh):
    ufh("run", *SEARCH, "--trials", "1", "--name", "spoilt")
    path = ufh.folder / "results/spoilt/front.json"
    whole = path.read_text(encoding="utf-8")
    for value in ("NaN", "Infinity", "1" + "0" * 400, '"1"', "null", "true"):
        path.write_text(re.sub(r'"seconds": [^\s}]+', f'"seconds": {value}', whole, count=1), encoding="utf-8")
        assert (
            "front.json: not a list of non-dominated candidates" in ufh("show", "spoilt", "--front", code=2).refusal()
        )


@pytest.mark.parametrize(
    ("value", "words"),
    [("accuracy", "two or more"), ("accuracy,size", "unknown 'size'"), ("seconds,seconds", "differ")],
)
def test_objectives_that_make_no_sense(ufh, value, words):
    assert words in ufh("run", "nasbench", "--set", f"options.objectives={value}", "--trials", "1", code=2).err


@pytest.mark.parametrize(
    ("objectives", "value", "words"),
    [
        ("accuracy,seconds", ".9", "got '.9'"),
        ("accuracy,seconds", "0.9", "a value for each of accuracy, seconds, got 1"),
        ("accuracy,seconds", "0.9,-9,1", "got 3"),
        ("accuracy,seconds", "0.9,nan", "nan"),
        ("", "0.9,-9", "several objectives"),
    ],
)
def test_targets_that_make_no_sense(ufh, objectives, value, words):
    options = ("--set", f"options.objectives={objectives or '[]'}", "--set", f"budget.target_objectives={value}")
    assert words in ufh("run", "nasbench", *options, "--trials", "1", code=2).refusal()


def test_an_objective_of_the_fittest_can_be_claimed(ufh):
    """Such as the size of the most accurate: one number a trial, of the candidate that is highest in the first."""
    ufh("run", *SEARCH, "--trials", "3", "--name", "fittest")
    found = entries(ufh.folder / "results/fittest")
    fittest = [
        max((e["objectives"] for e in found if e["trial"] == trial), key=lambda o: o["accuracy"]) for trial in range(3)
    ]
    claim = {"measure": "level", "series": ["fittest"], "quantity": "fittest:seconds"}
    measured = find(claim, ufh.folder / "results").measured
    assert f"{np.mean([one['seconds'] for one in fittest]):.4g}" in measured
    assert (
        f"lowest {min(one['seconds'] for one in fittest):.4g}"
        in find(claim | {"above": -1e9}, ufh.folder / "results").measured
    )
    with pytest.raises(InputError, match="unknown quantity 'fittest:instructions'"):
        find(claim | {"quantity": "fittest:instructions"}, ufh.folder / "results")
