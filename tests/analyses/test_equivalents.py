"""Trials run again; what they saw; pairs that behave alike; models per key."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ufh_cli.analyses.collisions import models_per_key, parse_bits, structures
from ufh_cli.analyses.equivalents import census, find_equivalents
from ufh_cli.analyses.rerun import rerun
from ufh_cli.analyses.series import Series, split
from ufh_cli.commands.cli import app
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import load_setup
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.figures.pairs import plot_pairs
from ufh_cli.figures.settings import plot_models_per_key
from ufh_cli.records.folder import Results

Run = Callable[..., list[Series]]


@pytest.mark.parametrize(
    ("search", "techniques"), [("regularized_evolution", "none,fec,fec+fcm"), ("random_search", "none,fec")]
)
def test_a_trial_run_again_sees_what_it_recorded(experiment: Run, search: str, techniques: str) -> None:
    series = experiment(search={"method": search}, over=[f"technique={techniques}"])
    for one in series:
        run = rerun(one, 2)
        row = one.trials[2]
        assert len(run.individuals) == row["candidates"]
        assert max(individual.fitness for individual in run.individuals) == row["best_fitness"]


def test_trials_that_are_missing_slow_or_changed_are_refused(experiment: Run, tmp_path: Path) -> None:
    series = experiment()
    with pytest.raises(InputError, match="no finished trial 9"):
        rerun(series[0], 9)
    with pytest.raises(InputError, match="look-ups"):
        rerun(experiment("slow", setup="slow", budget={"candidates": 5})[0], 0)
    other, altered = tmp_path / "other", tmp_path / "altered"
    for copy in (other, altered):
        shutil.copytree(series[0].results.path, copy)
    written = (other / "experiment.toml").read_text(encoding="utf-8")
    (other / "experiment.toml").write_text(written.replace('data = "dials"', 'data = "else"'), encoding="utf-8")
    head, first, *rest = (altered / "trials.csv").read_text(encoding="utf-8").splitlines()
    values = first.split(",")
    values[head.split(",").index("candidates")] = "1"
    (altered / "trials.csv").write_text("\n".join([head, ",".join(values), *rest, ""]), encoding="utf-8")
    with pytest.raises(InputError, match="other data"):
        rerun(split(Results(other))[0], 0)
    with pytest.raises(InputError, match="does not come out"):
        rerun(split(Results(altered))[0], 0)


def test_a_trial_with_a_warm_cache_is_run_again_with_it(experiment: Run, tmp_path: Path) -> None:
    experiment("first", over=["technique=fec"], journal="yes")
    (warm,) = experiment("warm", over=["technique=fec"], seed=1, cache={"warm": str(tmp_path / "first")})
    assert warm.column("warm_hits").all()
    for number, row in enumerate(warm.trials):
        assert len(rerun(warm, number).individuals) == row["candidates"]


def test_what_is_in_a_journal_is_not_evaluated_again(experiment: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    series = experiment(over=["technique=none,fec"], setup="slow", journal="yes", trials=2)
    monkeypatch.setattr("dials_for_tests.SlowDials.evaluate", None)
    for one in series:
        run, row = rerun(one, 1), one.trials[1]
        assert len(run.individuals) == row["candidates"]
        assert run.hits[-1] == row["cache_hits"]
        assert max(individual.fitness for individual in run.individuals) == row["best_fitness"]


def test_a_journal_that_ends_too_early_is_refused_and_left_alone(experiment: Run) -> None:
    (series,) = experiment(over=["technique=fec"], setup="slow", journal="yes", trials=1)
    path = series.results.path / "journal.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:9]))
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"journal\.jsonl: it ends before the trial does"):
        rerun(series, 0)
    assert path.read_bytes() == before


def test_the_census_counts_by_definition(experiment: Run) -> None:
    run = rerun(experiment()[0], 0)
    found = census(run)
    candidates = [individual.candidate for individual in run.individuals]
    assert found.candidates == len(candidates)
    assert found.genotypes == len(set(candidates))
    assert found.structures == len({candidate[:5] for candidate in candidates})
    assert found.behaviours == len({tuple(sorted(candidate[:5])) for candidate in candidates})
    assert found.behaviours < found.structures < found.genotypes < found.candidates


def test_the_census_is_the_same_whatever_key_the_trial_used(experiment: Run) -> None:
    functional, structural = experiment(over=["hash.kind=functional,structural"], technique="none")
    assert census(rerun(functional, 1)) == census(rerun(structural, 1))


def test_equivalents_differ_behave_alike_and_the_telling_ones_come_first(experiment: Run, tmp_path: Path) -> None:
    run = rerun(experiment()[1], 0)
    pairs = find_equivalents(run, 4)
    key = FunctionalHash()
    assert len({pair.key for pair in pairs}) == len(pairs) == 4
    for pair in pairs:
        assert pair.first != pair.second
        assert key(run.setup.hashable_outputs(pair.first)) == key(run.setup.hashable_outputs(pair.second)) == pair.key
        assert pair.same_structure == (pair.first[:5] == pair.second[:5])
    assert not pairs[0].same_structure
    assert [(p.same_structure, p.likeness) for p in pairs] == sorted((p.same_structure, p.likeness) for p in pairs)
    plot_pairs(run.setup, pairs, tmp_path / "pairs.png")
    assert (tmp_path / "pairs.png").stat().st_size > 5000


def test_pairs_of_different_structure_alone(experiment: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = rerun(experiment()[1], 0)
    pairs = find_equivalents(run, 1000, differ=True)
    assert pairs
    for pair in pairs:
        assert sorted(pair.first[:5]) == sorted(pair.second[:5])
        assert pair.first[:5] != pair.second[:5]
        assert not pair.same_structure
    command = ["equivalents", "one:technique=fec", "--results", str(tmp_path), "--trials=2", "--structure"]
    table = tmp_path / "table.csv"
    result = CliRunner().invoke(app, [*command, "differs", "--table", str(table)])
    assert result.exit_code == 0, result.output
    found = [census(rerun(split(Results(tmp_path / "one"))[1], number)) for number in range(2)]
    with table.open() as file:
        ratios = [row["structures per behaviour"] for row in csv.DictReader(file)]
    assert ratios == [f"{one.structures / one.behaviours:.6g}" for one in found]
    refused = CliRunner().invoke(app, [*command, "difers"])
    assert str(refused.exception) == "unknown --structure 'difers'; did you mean 'differs'?"
    monkeypatch.setattr(run.setup, "structural_key", lambda candidate: tuple(sorted(candidate[:5])))
    with pytest.raises(InputError, match="no two candidates of different structure"):
        find_equivalents(run, 1, differ=True)


def test_a_trial_without_equivalents_says_so(experiment: Run) -> None:
    run = rerun(experiment(budget={"candidates": 1})[0], 0)
    with pytest.raises(InputError, match="no two different"):
        find_equivalents(run, 1)


def test_models_per_key_of_a_whole_space() -> None:
    setup = load_setup("counted")()
    candidates, complete = structures(setup, 3)
    assert complete
    assert len(candidates) == 4**5
    (row,) = models_per_key(setup, candidates, [52])
    assert (row.models, row.keys) == (1024, 56)  # 56 multisets of five digits out of four
    assert row.ratio == pytest.approx(1024 / 56)


def test_fewer_bits_never_make_more_keys(tmp_path: Path) -> None:
    setup = load_setup("dials")()
    candidates, complete = structures(setup, 300)
    assert not complete
    assert len({setup.structural_key(candidate) for candidate in candidates}) == len(candidates) == 300
    rows = models_per_key(setup, candidates, [1, 2, 3, 4, 52])
    keys = [row.keys for row in rows]
    assert keys == sorted(keys)
    assert keys[0] < keys[-1]
    plot_models_per_key(rows, tmp_path / "models.png", "a toy")
    assert (tmp_path / "models.png").stat().st_size > 5000


def test_a_space_smaller_than_asked_for_ends() -> None:
    candidates, complete = structures(load_setup("dials")(), 5000)
    assert len(candidates) == 1024
    assert not complete


def test_bits_are_checked() -> None:
    assert parse_bits("1, 2,24") == [1, 2, 24]
    for text in ("", "1;2", "1,x", "0,3"):
        with pytest.raises(InputError, match="mantissa bits"):
            parse_bits(text)
    with pytest.raises(InputError, match="mantissa_bits"):
        models_per_key(load_setup("dials")(), [(0,) * 6], [53])
