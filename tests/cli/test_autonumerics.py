"""AutoNumerics through the real command: a small search, its figures and measures, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import pytest

from setups.autonumerics import AutoNumerics
from ufh_cli.analyses.findings import find
from ufh_cli.analyses.recurrence import recurrences
from ufh_cli.analyses.series import select

mpl.use("Agg")
TINY = ("--config=autonumerics", "--seed=5", "--jobs=1", "--set=budget.candidates=1500")


@pytest.fixture(scope="module")
def front(ufh):
    """The entries of the front of three trials."""
    ufh("run", "autonumerics", *TINY, "--trials=3", "--name=small")
    return json.loads((ufh.folder / "results" / "small" / "front.json").read_text())


@pytest.fixture(scope="module")
def results(ufh, front):
    return ufh.folder / "results"


def test_what_several_trials_found_is_counted_once_a_trial(results, front):
    setup, (series,) = AutoNumerics(), select("small", results)
    rows = recurrences(series)
    assert len(rows) == len({(entry["objectives"]["-operations"], entry["key"]) for entry in front})
    assert all(1 / 3 <= row.share <= 1 for row in rows)
    assert sum(round(3 * row.share) for row in rows) == len(front)
    lines = [row for row in rows if setup.parse(row.form) == setup.parse("c*(x + c)")]
    expected = [entry for entry in front if setup.form(setup.parse(entry["description"])) == "c*(x + c)"]
    assert sum(round(3 * row.share) for row in lines) >= len(expected) > 0


@pytest.mark.parametrize(("at", "above"), [(-2, 1.4), (-3, 3.05), (-3, 9.0), (-10, 2.0)])
def test_how_many_trials_attain_so_much_within_a_limit(results, front, at, above):
    best = [
        max(e["objectives"]["digits"] for e in front if e["trial"] == trial and e["objectives"]["-operations"] >= at)
        for trial in range(3)
    ]
    reached = sum(digits > above for digits in best)
    finding = find({"measure": "attained", "series": ["small"], "at": at, "above": above}, results)
    assert f"{reached} of 3 above" in finding.measured
    assert f"lowest {min(best):.4g}" in finding.measured
    assert finding.agrees == ("yes" if reached == 3 else "no" if reached == 0 else f"{reached / 3:.0%} of the trials")


def test_the_front_is_drawn_with_the_textbook_and_the_published_programs(ufh, front, monkeypatch):
    import matplotlib.pyplot as plt

    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    ufh("plot", "small", "--kind=front")
    ufh("plot", "small", "--kind=recurrence")
    ufh("plot", "small", "--kind=best")
    fronts, recurring, _ = kept
    lines = {line.get_label(): line.get_xydata().tolist() for line in fronts.axes[0].lines}
    assert {"Taylor", "Padé", "minimax polynomial", "minimax rational"} < set(lines)
    digits = {-operations: digits for digits, operations in lines["minimax polynomial"]}
    assert sorted(digits) == [2, 4, 6, 8, 10]
    assert digits[10] == pytest.approx(7.125, abs=2e-3)
    marks = fronts.axes[0].collections[-1].get_offsets().tolist()
    assert sorted(-operations for _, operations in marks) == [2, 3, 5, 10]
    assert max(digits for digits, _ in marks) == pytest.approx(14.45, abs=0.02)
    assert any("c*(x + c)" in label.get_text() for label in recurring.axes[0].get_yticklabels())
    mpl.pyplot.close("all")


@pytest.mark.parametrize("ending", ["py", "c"])
def test_the_best_program_is_exported(ufh, front, ending):
    assert "operations" in ufh("export", "autonumerics", "small", f"--out=best.{ending}").out
    assert "approximate_exp2" in Path(ufh.folder, f"best.{ending}").read_text()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["options.function=ln", "options.low=-1", "options.high=1"], "ln is not finite at x = -1.0"),
        (["options.low=1", "options.high=1"], "the interval from low = 1.0 to high = 1.0 is empty"),
        (["options.max_operations=0"], "max_operations must be between 1 and 60, got 0"),
        (["options.max_coefficients=0"], "max_coefficients must be between 1 and 24, got 0"),
        (["options.mutations=remove:1"], "insert must have a weight above 0"),
        (["options.function=exp3"], "did you mean 'exp'"),
        (["options.function=mpmath:nothing", "options.low=0", "options.high=1"], "cannot be imported"),
        (["options.function=sin", "options.error=relative"], 'choose options.error = "absolute"'),
    ],
)
def test_bad_options_are_one_line(ufh, settings, complaint):
    refusal = ufh("run", "autonumerics", *TINY, *(f"--set={one}" for one in settings), "--name=bad", code=None)
    assert complaint in refusal.refusal()


def test_a_formula_that_does_not_parse_is_one_line(ufh):
    assert "cannot read the formula 'x +'" in ufh("hash", "autonumerics", "x +", code=None).refusal()


def test_fronts_are_asked_of_searches_with_several_objectives(ufh):
    ufh("run", "polynomials", "--budget=60", "--trials=1", "--name=single")
    assert "there is no front" in ufh("plot", "single", "--kind=recurrence", code=None).refusal()
