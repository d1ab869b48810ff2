"""A cache that begins with what an earlier experiment found: fewer evaluations, counted apart, only where it fits."""

import json

import pytest
from ufh_command import contents, rows

SIZE = (
    "--trials=2", "--jobs=1", "--set=budget.candidates=80", "--set=search.population_size=20",
    "--set=search.tournament_size=5",
)  # fmt: skip
RUN = ("run", "faulty", *SIZE)


@pytest.fixture(scope="module")
def source(ufh):
    """An earlier experiment; also the keys and fitnesses of its journal, the first of each key."""
    ufh(*RUN, "--technique=fec", "--name=source")
    journal = ufh.folder / "results" / "source" / "journal.jsonl"
    found = {}
    for line in journal.read_text().splitlines()[1:]:
        entry = json.loads(line)
        found.setdefault(entry["key"], entry["fitness"])
    return found


def trials(ufh, name):
    return rows(ufh.folder / "results" / name / "trials.csv")


def new_keys(ufh, name):
    lines = (ufh.folder / "results" / name / "journal.jsonl").read_text().splitlines()[1:]
    return [json.loads(line)["key"] for line in lines]


def test_what_is_known_is_not_evaluated_again(ufh, source):
    """The same searches: all that they evaluated is in the cache, so they propose the same and evaluate nothing."""
    ufh(*RUN, "--technique=fec", "--name=again", "--warm-cache=source")
    assert new_keys(ufh, "again") == []
    for before, after in zip(trials(ufh, "source"), trials(ufh, "again"), strict=True):
        assert after["evaluations"] == "0"
        assert after["warm_hits"] == after["cache_hits"] == "80"
        assert after["best_fitness"] == before["best_fitness"]
        assert float(after["cost"]) == pytest.approx(80 * 0.1)


@pytest.mark.parametrize("technique", ["fec", "forgetful-fec", "fea", "fec+fcm"])
def test_another_search_counts_warm_hits_apart(ufh, source, technique):
    name = f"other-{technique}"
    options = ("--set=cache.max_evaluations=1", "--seed=7", f"--technique={technique}", f"--name={name}")
    ufh(*RUN, *options, "--warm-cache=source")
    for row in trials(ufh, name):
        assert 0 < int(row["warm_hits"]) <= int(row["cache_hits"])
        assert int(row["evaluations"]) + int(row["cache_hits"]) == 80
    if technique != "forgetful-fec":
        assert not set(new_keys(ufh, name)) & set(source)
    before = contents(ufh.folder / "results" / name)
    (ufh.folder / "results" / name / "trials.csv").unlink()
    ufh(*RUN, *options, "--warm-cache=source")
    assert contents(ufh.folder / "results" / name) == before


def test_the_averaging_cache_wants_more_evaluations_of_what_is_known_from_few(ufh, source):
    ufh(*RUN, "--technique=fea", "--set=cache.max_evaluations=9", "--name=average", "--warm-cache=source")
    (first, _) = trials(ufh, "average")
    assert int(first["partial_hits"]) > 0
    assert set(new_keys(ufh, "average")) & set(source)


def test_a_cold_search_has_no_warm_hits(ufh, source):
    assert {row["warm_hits"] for row in trials(ufh, "source")} == {"0"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set=hash.mantissa_bits=5"], ["hash.mantissa_bits", "5"]),
        (["--set=hash.decimals=3"], ["hash.decimals", "3"]),
        (["--set=options.terms=4"], ["options.terms", "3", "4"]),
        (["--set=hash.kind=structural"], ["functional", "structural"]),
        (["--technique=none"], ["technique", "none"]),
        (["--technique=fcm"], ["technique", "fcm"]),
    ],
)
def test_where_it_does_not_fit_it_is_refused_with_the_difference(ufh, source, options, words):
    line = ufh(*RUN, "--technique=fec", *options, "--name=unfit", "--warm-cache=source", code=2).refusal()
    assert all(word in line for word in words)
    assert not (ufh.folder / "results" / "unfit").exists()


def test_sources_that_have_nothing_to_give_are_refused(ufh, source):
    ufh(*RUN, "--technique=none", "--name=keyless")
    ufh("run", "quick", *SIZE, "--technique=fec", "--set=options.terms=3", "--name=quick")
    for name, words in {"keyless": "no keys", "quick": "--set journal=yes", "nowhere": "nowhere"}.items():
        line = ufh(*RUN, "--technique=fec", "--name=unfit", f"--warm-cache={name}", code=2).refusal()
        assert words in line
    line = ufh("run", "polynomials", *SIZE, "--technique=fec", "--warm-cache=source", code=2).refusal()
    assert "polynomials" in line
    assert "faulty" in line


def test_other_data_are_refused(ufh, source):
    path = ufh.folder / "results" / "source" / "experiment.toml"
    text = path.read_text()
    try:
        path.write_text(text.replace("sin(3x) at 16 points", "cos(3x) at 16 points"))
        line = ufh(*RUN, "--technique=fec", "--name=unfit", "--warm-cache=source", code=2).refusal()
        assert "cos(3x)" in line
        assert "sin(3x)" in line
    finally:
        path.write_text(text)


def test_a_source_that_has_grown_since_is_noticed(ufh, source):
    ufh(*RUN, "--technique=fec", "--name=growing")
    command = (*RUN, "--technique=fec", "--seed=3", "--name=follower", "--warm-cache=growing")
    ufh(*command)
    ufh(*RUN, "--technique=fec", "--name=growing", "--trials=3")
    assert "warm" in ufh(*command, "--trials=4", code=2).refusal()


def test_a_sweep_warms_the_cells_that_ask_for_it(ufh, source):
    folder = ufh.folder / "results" / "source"
    ufh("sweep", *RUN[1:], "--technique=fec", f"--over=cache.warm=none,{folder}", "--name=cells")
    cold, warm = (
        [row for row in trials(ufh, "cells") if row["cache.warm"] == value] for value in ("none", str(folder))
    )
    assert all(int(row["warm_hits"]) == 0 < int(row["evaluations"]) for row in cold)
    assert all(int(row["evaluations"]) == 0 for row in warm)
