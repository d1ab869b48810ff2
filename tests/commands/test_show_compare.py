"""`ufh show` and `ufh compare`: the numbers printed are those in the files."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from ufh_command import REPOSITORY, SMALL, rows

from ufh_cli.analyses.compare import compare, wilson_interval
from ufh_cli.analyses.series import select, select_all

QUANTITIES = ("auc", "best_fitness", "reevaluated_fitness")


@pytest.fixture(scope="module")
def results(ufh):
    """Two runs with the same seed, one with another, a sweep of four cells."""
    for name, options in {
        "plain": ["--technique=none", "--seed=3"],
        "cached": ["--technique=fec", "--seed=3", "--trials=10"],
        "other": ["--technique=fec", "--seed=4"],
    }.items():
        ufh("run", "polynomials", *SMALL, "--trials=12", *options, "--jobs=1", f"--name={name}")
    ufh("sweep", "polynomials", *SMALL, "--trials=8", "--over=technique=none,fec", "--over=options.noise=0.0,0.2",
        "--jobs=1", "--name=grid")  # fmt: skip
    return ufh.folder / "results"


def column(results, name, quantity, **where):
    return np.array([
        float(row[quantity]) for row in rows(results / name / "trials.csv")
        if all(row[key] == value for key, value in where.items())
    ])  # fmt: skip


def printed(outcome, quantity):
    """first, second, difference, low, high, p of a line of `ufh compare`."""
    (line,) = [line for line in outcome.out.splitlines() if line.startswith(quantity)]
    return [
        float(text) for text in re.findall(r"[+-]?\d[\d.]*(?:e[+-]?\d+)?", line.replace(quantity, "").replace("−", "-"))
    ]


def expected_paired(x, y):
    low, high = stats.ttest_rel(y, x).confidence_interval(0.95)
    return [x.mean(), y.mean(), (y - x).mean(), low, high, stats.wilcoxon(y, x).pvalue]


def expected_independent(x, y):
    low, high = stats.ttest_ind(y, x, equal_var=False).confidence_interval(0.95)
    return [x.mean(), y.mean(), y.mean() - x.mean(), low, high, stats.mannwhitneyu(y, x).pvalue]


def found(first, second, root):
    differences = compare(*select_all([first, second], root))
    assert [one.quantity for one in differences if one.quantity != "reevaluated_auc"] == list(QUANTITIES)
    differences = [one for one in differences if one.quantity in QUANTITIES]
    return differences


def numbers(difference):
    return [getattr(difference, key) for key in ("first", "second", "difference", "low", "high", "p_value")]


def test_trials_with_the_same_seed_are_paired(ufh, results):
    """Ten of twelve trials have a partner."""
    outcome = ufh("compare", "plain", "cached")
    assert "10 pairs" in outcome.out
    for difference in found("plain", "cached", results):
        x, y = (column(results, name, difference.quantity)[:10] for name in ("plain", "cached"))
        expected = expected_paired(x, y)
        assert difference.pairs == 10
        assert np.allclose(numbers(difference), expected, rtol=1e-9)
        assert np.allclose(printed(outcome, difference.quantity), expected, rtol=0.06)


def test_trials_with_different_seeds_are_independent(ufh, results):
    outcome = ufh("compare", "cached", "other")
    assert "pairs" not in outcome.out
    for difference in found("cached", "other", results):
        x, y = (column(results, name, difference.quantity) for name in ("cached", "other"))
        assert (x.size, y.size, difference.pairs) == (10, 12, 0)
        assert np.allclose(numbers(difference), expected_independent(x, y), rtol=1e-9)
        assert np.allclose(printed(outcome, difference.quantity), expected_independent(x, y), rtol=0.06)


def test_two_cells_of_one_sweep(ufh, results):
    cells = ("grid:technique=none,options.noise=0.2", "grid:technique=fec,options.noise=0.2")
    outcome = ufh("compare", *cells)
    assert "8 pairs" in outcome.out
    for difference in found(*cells, results):
        x, y = (
            column(results, "grid", difference.quantity, technique=technique, **{"options.noise": "0.2"})
            for technique in ("none", "fec")
        )
        assert np.allclose(numbers(difference), expected_paired(x, y), rtol=1e-9)


def test_the_second_may_be_left_out_when_there_are_two_cells(ufh, results):
    assert ufh("compare", "grid:technique=fec").out.count("8 pairs") == 1


def test_many_are_compared_in_the_form_of_two(ufh, results):
    """A table a technique, and p-values that allow for there being several."""
    two = ufh("compare", "grid:technique=none,options.noise=0.2", "grid:technique=fec,options.noise=0.2").out
    many = ufh("compare", "grid").out
    rows = [line.split() for line in two.splitlines() if line.startswith(QUANTITIES)]
    shown = [line.split() for line in many.splitlines() if line.startswith(QUANTITIES)]
    assert len(shown) > len(rows)
    for row in rows:
        (same,) = [line for line in shown if line[: len(row)] == row]
        assert len(same) == len(row) + 1
        assert float(same[-1]) >= float(row[-1])
    assert many.count("p (Holm)") == many.count("8 pairs") > 1


def test_the_other_way_round_the_signs_change(results):
    for there, back in zip(found("plain", "cached", results), found("cached", "plain", results), strict=True):
        assert (there.difference, there.low, there.high) == (-back.difference, -back.high, -back.low)
        assert there.p_value == back.p_value


def test_nothing_differs_from_itself(ufh, results):
    for difference in found("plain", "plain", results):
        assert (difference.difference, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)
    assert ufh("compare", "plain", "plain").err == ""


def test_results_of_different_budgets_are_not_compared(ufh, results):
    ufh("run", "polynomials", *SMALL, "--set=budget.cost=60", "--trials=2", "--jobs=1", "--name=short")
    line = ufh("compare", "plain", "short", code=2).refusal()
    assert line == "ufh: cannot compare results of different budgets: budget.cost: 120 and 60\n"


def test_results_on_different_data_are_not_compared(results):
    (first,), (second,) = select("plain", results), select("cached", results)
    second.results.experiment["provenance"]["data"] = "cos(3x)"
    with pytest.raises(
        ValueError, match=r"^cannot compare results on different data: sin\(3x\) at 16 .* and cos\(3x\)$"
    ):
        compare(first, second)
    second.results.experiment["provenance"]["data"] = "cos(3x); sin(3x) at 16 points"  # a sweep over both
    assert compare(first, second)


def test_what_else_differs_is_told(ufh, results):
    """Techniques, caches and hashes are what is compared; the rest may be a mistake."""
    ufh("run", "polynomials", *SMALL, "--technique=fec", "--set=hash.mantissa_bits=5", "--set=search.tournament_size=6",
        "--seed=3", "--set=cache.tolerance=1e-3", "--trials=3", "--jobs=1", "--name=otherwise")  # fmt: skip
    (note,) = [line for line in ufh("compare", "plain", "otherwise").out.splitlines() if "differ in more" in line]
    assert note.endswith(": search.tournament_size: 5 and 6")
    note = ufh("compare", "plain", "grid:technique=fec,options.noise=0.2").out
    assert "options.noise: 0 and 0.2" in note
    assert "differ in more" not in ufh("compare", "plain", "cached").out
    assert "differ in more" not in ufh("compare", "plain", "grid:technique=fec,options.noise=0.0").out


def series(values, seed=0, trials=None):
    """A stand-in with the given AUCs; the other quantities were not measured."""
    table = [{"trial": i, "auc": value, "best_fitness": math.nan, "reevaluated_fitness": math.nan}
             for i, value in zip(trials or range(len(values)), values, strict=True)]  # fmt: skip
    return SimpleNamespace(
        label="one",
        cost_unit="points",
        swept={},
        trials=table,
        numbers=[row["trial"] for row in table],
        column=lambda name: np.array([row.get(name, math.nan) for row in table]),
        results=SimpleNamespace(experiment={"setup": "s", "seed": seed}),
    )


def test_pairs_are_made_by_number_and_only_of_finite_values():
    first, second = (
        series([1.0, 2.0, 4.0, 9.0], trials=[0, 2, 3, 5]),
        series([3.0, 5.0, math.nan, 8.0], trials=[2, 3, 5, 7]),
    )
    (difference,) = compare(first, second)
    assert (difference.quantity, difference.pairs) == ("auc", 2)
    assert (difference.first, difference.second) == (3.0, 4.0)


def test_a_constant_shift_has_an_interval_of_one_point():
    (difference,) = compare(series([1.0, 2.0, 3.0]), series([2.0, 3.0, 4.0]))
    assert (difference.difference, difference.low, difference.high) == (1.0, 1.0, 1.0)


def test_two_constants_with_different_seeds():
    (difference,) = compare(series([1.0, 1.0, 1.0]), series([2.0, 2.0], seed=1))
    assert (difference.difference, difference.low, difference.high) == (1.0, 1.0, 1.0)
    assert 0 < difference.p_value <= 1


@pytest.mark.parametrize("values", [[1.0], []])
def test_one_trial_is_no_comparison(values):
    with pytest.raises(ValueError, match="two"):
        compare(series(values), series([1.0, 2.0]))
    with pytest.raises(ValueError, match="two"):
        compare(series([1.0, 2.0]), series(values, seed=1))


@pytest.mark.parametrize(("successes", "trials"), [(0, 20), (3, 20), (20, 20), (1, 1)])
def test_wilson_interval(successes, trials):
    """Its ends solve (p̂ − p)² = z² p (1 − p) / n."""
    low, high = wilson_interval(successes, trials)
    z = stats.norm.ppf(0.975)
    for end in (low, high):
        assert math.isclose((successes / trials - end) ** 2, z**2 * end * (1 - end) / trials, abs_tol=1e-12)
    assert 0 <= low <= successes / trials <= high <= 1
    assert wilson_interval(0, 0) == (0, 1)


def test_summary(ufh, results):
    out = ufh("show", "grid").out
    for technique in ("none", "fec"):
        for noise in ("0.0", "0.2"):
            aucs = column(results, "grid", "auc", technique=technique, **{"options.noise": noise})
            (line,) = [line for line in out.splitlines() if line.split()[:2] == [technique, noise]]
            assert line.split()[2] == "8"
            assert f"{aucs.mean():.5f} ± {2 * aucs.std(ddof=1) / math.sqrt(8):.5f}" in line
    assert "options.noise" in out
    assert "a toy [not a benchmark]" in out


def test_some_cells_only(ufh):
    out = ufh("show", "grid:technique=fec").out
    first = [line.split()[0] for line in out.splitlines()]
    assert first.count("fec") == 2
    assert "none" not in first


def test_a_line_a_trial_and_no_figure_cut_short(ufh, results):
    """Piped, so that no width limits it."""
    outcome = ufh.process("show", "grid", "--trials")
    lines = [line.split() for line in outcome.out.splitlines() if line.split()[:1] in (["none"], ["fec"])]
    trials = rows(results / "grid" / "trials.csv")
    assert len(lines) == len(trials) == 32
    for line, row in zip(lines, trials, strict=True):
        assert line[:3] == [row["technique"], row["options.noise"], row["trial"]]
        for shown, key in zip(line[3:6], QUANTITIES, strict=True):
            assert math.isclose(float(shown), float(row[key]), rel_tol=1e-5)
        assert {row["candidates"], row["evaluations"], row["stopped_by"]} <= set(line)
    assert "…" not in outcome.out
    for heading in ("reevaluated_fitness", "hit_fraction", "stopped_by"):
        assert heading in outcome.out


def test_the_best_candidate_and_its_key(ufh, results):
    entries = json.loads((results / "cached" / "best.json").read_text(encoding="utf-8"))
    best = max(entries, key=lambda entry: entry["fitness"])
    lines = ufh("show", "cached", "--best").out.splitlines()
    assert best["description"] in lines
    (line,) = [line for line in lines if "best of" in line]
    assert best["key"] in line
    assert f"{best['fitness']:.6g}" in line


def test_the_best_of_every_cell(ufh):
    assert ufh("show", "grid", "--best").out.count("best of") == 4


def test_results_elsewhere_and_by_their_folder(ufh, results):
    there = ufh("show", "plain").out
    assert ufh("show", str(results / "plain")).out == there
    assert ufh("show", "plain", f"--results={results}").out == there


def test_counterfactual_runs_tell_the_rate_of_wrong_hits(ufh, results):
    ufh("run", "polynomials", *SMALL, "--technique=fec", "--set=cache.counterfactual=true",
        "--set=hash.mantissa_bits=1", "--trials=3", "--jobs=1", "--name=counterfactual")  # fmt: skip
    trials = rows(results / "counterfactual" / "trials.csv")
    collisions, comparisons = (sum(int(row[key]) for row in trials) for key in ("collisions", "comparisons"))
    assert 0 < collisions <= comparisons == sum(int(row["cache_hits"]) for row in trials)
    low, high = wilson_interval(collisions, comparisons)
    assert f"{collisions / comparisons:.2%} ({low:.2%} … {high:.2%})" in ufh("show", "counterfactual").out


def test_output_that_nobody_reads(ufh, results):
    """`ufh show NAME | head -1`: no traceback when the reader goes away."""
    process = ufh.start("show", "grid", "--trials")
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    assert process.wait(timeout=30) in (0, 1)
    process.stderr.close()


def test_a_series_has_its_trials_in_order(results):
    for series_ in select("grid", results):
        assert series_.numbers == list(range(8))
        assert sorted(series_.curves) == series_.numbers
        assert series_.column("auc").shape == (8,)
        assert series_.technique == series_.swept["technique"]
        assert series_.cost_unit == "points"


def test_series_of_several_results_have_different_labels(results):
    labels = [one.label for one in select_all(["plain", "cached", "other", "grid"], results)]
    assert len(set(labels)) == len(labels) == 7


def real(ufh, *arguments, **streams):
    """A real process with other streams than the usual ones."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *ufh.path]))}
    environment |= {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "ufh_cli", *arguments]
    return subprocess.Popen(command, cwd=ufh.folder, env=environment, **streams)


@pytest.mark.parametrize("arguments", [("show", "plain", "--best"), ("compare", "plain", "cached")])
def test_a_terminal_that_has_no_such_letters_shows_the_rest(ufh, results, arguments):
    process = real(ufh, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert b"?" in out


@pytest.mark.parametrize("arguments", [("show", "plain", "--best"), ("hash", "polynomials", "+1x^2")])
def test_a_reader_that_has_read_enough_is_no_error(ufh, results, arguments):
    process = real(ufh, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that closes streams")
def test_output_that_is_closed_is_no_error(ufh, results):
    command = f"exec {shlex.quote(sys.executable)} -m ufh_cli show plain --best >&- <&-"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *ufh.path]))}
    ended = subprocess.run(["sh", "-c", command], cwd=ufh.folder, env=environment, stderr=subprocess.PIPE, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
