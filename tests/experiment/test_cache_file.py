"""``cache.file``: evaluations that experiments share, at the cost that they had, repeatable by the journal."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from ufh_command import contents, rows

SIZE = ("--trials=2", "--jobs=1", "--set=budget.candidates=80", "--set=search.population_size=20",
        "--set=search.tournament_size=5")  # fmt: skip
RUN = ("run", "faulty", *SIZE, "--technique=fec")
SHARED = "--set=cache.file=shared.sqlite"


def trials(ufh, name):
    return rows(ufh.folder / "results" / name / "trials.csv")


def outcome(ufh, name):
    """The rows without what a file changes: how long it took, and what the file answered."""
    return [{key: row[key] for key in row if key not in ("wall_seconds", "file_hits")} for row in trials(ufh, name)]


def found(ufh, name):
    """What does not depend on which of several candidates with one key was evaluated: these differ in their cost."""
    columns = ("best_fitness", "candidates", "evaluations", "cache_hits", "hit_fraction")
    return [[row[column] for column in columns] for row in trials(ufh, name)]


def entries(ufh, name):
    lines = (ufh.folder / "results" / name / "journal.jsonl").read_text().splitlines()[1:]
    return [json.loads(line) for line in lines]


def keys(ufh, name):
    return [entry["key"] for entry in entries(ufh, name)]


def keys_by_trial(ufh, name):
    return [{entry["key"] for entry in entries(ufh, name) if entry["trial"] == trial} for trial in (0, 1)]


@pytest.fixture(scope="module")
def first(ufh, tmp_path_factory):
    """A search without the file, and the same that filled it."""
    ufh(*RUN, "--name=plain")
    ufh(*RUN, "--name=first", SHARED)


def test_a_search_is_the_same_with_a_file_whoever_filled_it(ufh, first):
    ufh(*RUN, "--name=second", SHARED)
    assert found(ufh, "plain") == found(ufh, "first")
    assert outcome(ufh, "plain")[0] == outcome(ufh, "first")[0]  # the file was empty
    assert outcome(ufh, "first") == outcome(ufh, "second")
    for row in trials(ufh, "second"):
        assert int(row["file_hits"]) == int(row["evaluations"]) > 0
    assert "file_hits" not in trials(ufh, "plain")[0]
    of_first, of_second = keys_by_trial(ufh, "first")
    assert [int(row["file_hits"]) for row in trials(ufh, "first")] == [0, len(of_first & of_second)]


def test_another_search_takes_what_is_known_and_resumes_alike(ufh, first):
    options = (*RUN, "--seed=7", "--name=other", SHARED)
    known = set(keys(ufh, "first"))
    ufh(*options)
    found = keys(ufh, "other")
    hits = sum(int(row["file_hits"]) for row in trials(ufh, "other"))
    assert 0 < sum(key in known for key in found) <= hits < len(found)
    before = contents(ufh.folder / "results" / "other")
    (ufh.folder / "results" / "other" / "trials.csv").unlink()
    (ufh.folder / "shared.sqlite").rename(ufh.folder / "away.sqlite")  # the journal alone repeats it
    try:
        ufh(*options)
    finally:
        (ufh.folder / "away.sqlite").replace(ufh.folder / "shared.sqlite")
    assert contents(ufh.folder / "results" / "other") == before


def test_other_options_and_precisions_do_not_meet(ufh, first):
    for name, option in {"terms": "--set=options.terms=4", "bits": "--set=hash.mantissa_bits=5"}.items():
        ufh(*RUN, option, f"--name={name}", "--trials=1", SHARED)
        assert {row["file_hits"] for row in trials(ufh, name)} == {"0"}
    spaces = ufh("cache", "show", "shared.sqlite").out.splitlines()
    assert sum("space 'ufh run faulty " in line for line in spaces) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["faulty", "--technique=fea"], "goes with fec, which evaluates a key once, not with 'fea'"),
        (["faulty", "--technique=none"], "not with 'none'"),
        (["faulty", "--technique=fec", "--set=hash.kind=structural"], "needs functional keys"),
        (["faulty", "--technique=fec", "--set=cache.counterfactual=true"], "does not go with cache.counterfactual"),
        (["faulty", "--technique=fec", "--set=journal=no"], "needs a journal"),
        (["nasbench", "--technique=fec"], "nasbench only simulates its costs"),
        (["faulty", "--technique=fec", "--set=cache.file=results"], "results is no file"),
        (["faulty", "--technique=fec", "--set=cache.file=nowhere/c.sqlite"], "nowhere/c.sqlite cannot be used"),
    ],
)
def test_what_does_not_go_with_it_is_refused(ufh, first, options, words):
    line = ufh("run", options[0], *SIZE, SHARED, *options[1:], "--name=unfit", code=2).refusal()
    assert words in line
    assert not (ufh.folder / "results" / "unfit").exists()


def test_a_file_of_something_else_is_refused_and_kept(ufh, first):
    (ufh.folder / "text").write_text("no cache at all\n" * 99)
    assert "cannot be used as a cache" in ufh(*RUN, "--name=unfit", "--set=cache.file=text", code=2).refusal()
    assert (ufh.folder / "text").read_text().startswith("no cache")


def test_several_workers_ask_it_too(ufh, first):
    ufh(*RUN, "--workers=2", "--name=parallel", SHARED)
    ufh(*RUN, "--workers=2", "--name=parallel-again", SHARED)
    before = set(keys(ufh, "first")) | set(keys(ufh, "parallel"))
    known = set(before)
    for name in ("parallel", "parallel-again"):
        asked = sum(int(row["file_hits"]) for row in trials(ufh, name))
        assert 0 < asked <= len(entries(ufh, name))
        assert asked == sum(entry.get("shared", False) for entry in entries(ufh, name))
    for entry in entries(ufh, "parallel-again"):
        shared = entry.get("shared", False)  # two with a new key may be under way at once
        assert shared or entry["key"] not in before
        assert not shared or entry["key"] in known
        known.add(entry["key"])


@pytest.mark.parametrize("value", ["[1]", '{"fitness": 1.0}', "no JSON", "NULL"])
def test_values_that_are_no_evaluations_are_one_line(ufh, first, value):
    (ufh.folder / "bad.sqlite").unlink(missing_ok=True)
    with closing(sqlite3.connect(ufh.folder / "shared.sqlite")) as connection:
        connection.execute("VACUUM INTO ?", (str(ufh.folder / "bad.sqlite"),))
    with closing(sqlite3.connect(ufh.folder / "bad.sqlite")) as connection, connection:
        connection.execute("UPDATE entries SET value = ?", (value,))
    line = ufh(*RUN, "--name=bad", "--set=cache.file=bad.sqlite", code=2).refusal()
    assert "is no evaluation" in line
    assert "bad.sqlite" in line
