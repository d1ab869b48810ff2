"""``cache.file``: evaluations that experiments share, at the cost that they had, repeatable by the journal."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
from ufh_command import contents, lines, rows

from ufh_cli.library.memory import Answer
from ufh_cli.library.policy import Policy
from ufh_cli.library.sqlite import SqliteCache

SIZE = ("--trials=2", "--jobs=1", "--set=budget.candidates=80", "--set=search.population_size=20",
        "--set=search.tournament_size=5")  # fmt: skip
RUN = ("run", "faulty", *SIZE, "--technique=fec")
SHARED = "--set=cache.file=shared.sqlite"


DIES_WITH_A_CLAIM = """
import os, sys
from ufh_cli.library.policy import Policy
from ufh_cli.library.sqlite import SqliteCache
print(SqliteCache(sys.argv[1], lease=1.0).begin(sys.argv[2], int(sys.argv[3]), Policy())[0].value, flush=True)
os.kill(os.getpid(), 9)
"""


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


def copy(ufh, file, other):
    with closing(sqlite3.connect(ufh.folder / file)) as connection:
        connection.execute("VACUUM INTO ?", (str(ufh.folder / other),))


@pytest.fixture(scope="module")
def first(ufh, tmp_path_factory):
    """A search without the file, and the same that filled it."""
    ufh(*RUN, "--name=plain")
    ufh(*RUN, "--name=first", SHARED)
    copy(ufh, "shared.sqlite", "first.sqlite")


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
    copy(ufh, "shared.sqlite", "bad.sqlite")
    with closing(sqlite3.connect(ufh.folder / "bad.sqlite")) as connection, connection:
        connection.execute("UPDATE entries SET value = ?", (value,))
    line = ufh(*RUN, "--name=bad", "--set=cache.file=bad.sqlite", code=2).refusal()
    assert "is no evaluation" in line
    assert "bad.sqlite" in line


def claims(ufh, file):
    with closing(sqlite3.connect(ufh.folder / file)) as connection:
        return connection.execute("SELECT space, key FROM entries WHERE owner IS NOT NULL").fetchall()


def without(ufh, key, file):
    """Make a copy of the first search's file that lacks one key; its space."""
    copy(ufh, "first.sqlite", file)
    with closing(sqlite3.connect(ufh.folder / file)) as connection:
        ((space,),) = connection.execute("SELECT DISTINCT space FROM entries").fetchall()
    cache = SqliteCache(ufh.folder / file)
    assert cache.forget(space, key)
    cache.close()
    return space


def until(happened):
    end = time.monotonic() + 50
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_searches_at_the_same_time_evaluate_each_key_once(ufh):
    together = ("--set=cache.file=together.sqlite", "--set=options.delay=0.004", "--set=options.log=log")
    asked = {"one": ["--seed=3"], "like-one": ["--seed=3"], "unlike": ["--seed=4", "--workers=2"]}
    searches = [ufh.start(*RUN, *together, *options, f"--name={name}") for name, options in asked.items()]
    for search in searches:
        assert search.wait(timeout=60) == 0, search.communicate()
        search.communicate()
    asked_for = [key for name in asked for key in keys(ufh, name)]
    assert lines(ufh.folder / "log") == len(set(asked_for)) < len(asked_for)
    hits = sum(int(row["file_hits"]) for name in asked for row in trials(ufh, name))
    assert hits == len(asked_for) - len(set(asked_for))
    assert claims(ufh, "together.sqlite") == []
    ufh(*RUN, "--seed=3", "--name=alone", "--set=options.delay=0.004", "--set=options.log=log")
    assert found(ufh, "one") == found(ufh, "like-one") == found(ufh, "alone")


def test_a_search_waits_for_what_another_evaluates(ufh, first):
    place = 10
    key = int(keys(ufh, "first")[place], 16)
    space = without(ufh, key, "waits.sqlite")
    other = SqliteCache(ufh.folder / "waits.sqlite")
    assert other.begin(space, key, Policy())[0] is Answer.MINE
    search = ufh.start(*RUN, "--trials=1", "--name=waits", "--set=cache.file=waits.sqlite")
    journal = ufh.folder / "results" / "waits" / "journal.jsonl"
    until(lambda: lines(journal) == 1 + place)
    time.sleep(0.3)  # in which a search that does not wait would evaluate it
    value = {"fitness": 0.5, "cost": 2.0, "objectives": [], "tasks": None, "refined": None}
    other.finish(space, key, value, Policy())
    other.close()
    assert search.wait(timeout=60) == 0, search.communicate()
    search.communicate()
    told = entries(ufh, "waits")[place]
    assert (told["key"], told["fitness"], told["cost"]) == (keys(ufh, "first")[place], 0.5, 2.0)
    assert told["shared"]


def test_the_claim_of_a_search_that_was_killed_lapses(ufh, first):
    place = 10
    key = int(keys(ufh, "first")[place], 16)
    space = without(ufh, key, "killed.sqlite")
    command = [sys.executable, "-c", DIES_WITH_A_CLAIM, str(ufh.folder / "killed.sqlite"), space, str(key)]
    died = subprocess.run(command, capture_output=True, text=True)
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "mine\n"), died.stderr
    ufh(*RUN, "--name=takes-over", "--set=cache.file=killed.sqlite")
    assert outcome(ufh, "takes-over") == outcome(ufh, "first")
    assert [place for place, entry in enumerate(entries(ufh, "takes-over")) if "shared" not in entry] == [place]
    assert claims(ufh, "killed.sqlite") == []


def test_what_was_begun_and_not_finished_is_claimed_no_longer(ufh):
    run = (*RUN, "--trials=1", "--set=cache.file=broken-off.sqlite", "--set=options.endless=7")
    search = ufh.start(*run, "--name=broken-off", "--workers=2")
    until(lambda: lines(ufh.folder / "results" / "broken-off" / "journal.jsonl"))  # the file is there too
    until(lambda: len(claims(ufh, "broken-off.sqlite")) == 2)
    os.killpg(search.pid, signal.SIGINT)
    assert search.wait(timeout=60) == 130, search.communicate()
    search.communicate()
    assert claims(ufh, "broken-off.sqlite") == []
    run = (*RUN, "--trials=1", "--set=cache.file=dead.sqlite", "--set=options.deadly=9", "--set=evaluation.attempts=2")
    ufh(*run, "--name=dead", "--workers=2", "--set=budget.candidates=25")
    assert int(trials(ufh, "dead")[0]["lost"]) > 0
    assert claims(ufh, "dead.sqlite") == []
