"""Searches with restarts go on after an accident as others do: the journal's answers bring the same plateaus."""

import shutil

import pytest
from ufh_command import contents

RUN = (
    "run", "faulty", "--trials=1", "--jobs=1", "--set=budget.candidates=120", "--set=search.population_size=10",
    "--set=search.tournament_size=3", "--technique=fec", "--set=options.log=restarts.log", "--name=one",
)  # fmt: skip


def evaluations(ufh):
    log = ufh.folder / "restarts.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


@pytest.mark.parametrize("kept", [1, 30])
def test_a_resumed_search_is_the_one_that_was_never_stopped(ufh, kept):
    ufh(*RUN, "--set=search.restart=15", "--results=whole")
    ufh(*RUN, "--set=search.restart=0", "--results=never")
    finished, again = ufh.folder / "whole" / "one", ufh.folder / "results" / "one"
    assert contents(finished)["trials"] != contents(ufh.folder / "never" / "one")["trials"]
    shutil.rmtree(again, ignore_errors=True)
    again.mkdir(parents=True)
    shutil.copy(finished / "experiment.toml", again)
    lines = (finished / "journal.jsonl").read_bytes().splitlines(True)
    assert len(lines) > kept + 5
    (again / "journal.jsonl").write_bytes(b"".join(lines[: kept + 1]))
    (ufh.folder / "restarts.log").unlink()
    ufh(*RUN, "--set=search.restart=15")
    assert contents(again) == contents(finished)
    assert len(evaluations(ufh)) == len(lines) - 1 - kept


def test_with_workers_nothing_finished_is_evaluated_again(ufh):
    several = (*RUN, "--set=search.restart=15", "--workers=2", "--results=several")
    ufh(*several)
    path = ufh.folder / "several" / "one"
    lines = (path / "journal.jsonl").read_bytes().splitlines(True)
    for name in ("trials.csv", "curves.csv", "best.json"):
        (path / name).unlink()
    (path / "journal.jsonl").write_bytes(b"".join(lines[:21]))
    (ufh.folder / "restarts.log").unlink()
    ufh(*several)
    after = (path / "journal.jsonl").read_bytes().splitlines(True)
    assert after[:21] == lines[:21]
    assert len(evaluations(ufh)) == len(after) - 21
