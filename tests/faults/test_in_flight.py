"""Identical candidates in flight: the second may wait for the first, with simulated workers and with real ones."""

import json

import pytest
from ufh_command import rows

SIZE = (
    "--trials=1", "--set=budget.candidates=150", "--set=search.population_size=20", "--set=search.tournament_size=5",
    "--technique=fec",
)  # fmt: skip


def trial(ufh, name):
    (row,) = rows(ufh.folder / "results" / name / "trials.csv")
    return {key: int(row[key]) for key in ("candidates", "evaluations", "cache_hits", "repeats", "waits")}


def keys(ufh, name):
    lines = (ufh.folder / "results" / name / "journal.jsonl").read_text().splitlines()[1:]
    return [json.loads(line)["key"] for line in lines]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_who_waits_is_not_evaluated(ufh, workers):
    """Few terms make few behaviours, so that the same is often proposed twice in a row."""
    run = ("run", "faulty", *SIZE, f"--workers={workers}", "--set=options.terms=1", "--set=options.delay=0.003")
    ufh(*run, f"--name=wait-{workers}", "--set=cache.wait_for_duplicates=true")
    ufh(*run, f"--name=go-{workers}")
    waiting, going = trial(ufh, f"wait-{workers}"), trial(ufh, f"go-{workers}")
    for found in (waiting, going):
        assert found["candidates"] == found["evaluations"] + found["cache_hits"] == 150
    assert waiting["repeats"] == going["waits"] == 0
    assert len(set(keys(ufh, f"wait-{workers}"))) == len(keys(ufh, f"wait-{workers}"))
    assert len(set(keys(ufh, f"go-{workers}"))) == len(keys(ufh, f"go-{workers}")) - going["repeats"]
    if workers == 1:
        assert waiting == going


def test_who_waits_for_a_lost_one_shares_its_fate(ufh):
    run = ("run", "faulty", *SIZE, "--workers=3", "--set=options.terms=1", "--set=budget.candidates=60")
    faults = ("--set=options.endless=6", "--set=evaluation.timeout=0.15", "--set=cache.wait_for_duplicates=true")
    ufh(*run, *faults, "--name=lost")
    found = trial(ufh, "lost")
    assert found["candidates"] == found["evaluations"] + found["cache_hits"] == 60


def test_a_search_that_waited_resumes_from_its_journal(ufh):
    run = ("run", "faulty", *SIZE, "--set=options.terms=1", "--set=options.delay=0.003", "--name=resumed")
    run = (*run, "--set=cache.wait_for_duplicates=true", "--set=options.log=resumed.log")
    ufh(*run, "--workers=3")
    before, log = trial(ufh, "resumed"), (ufh.folder / "resumed.log").read_text()
    (ufh.folder / "results" / "resumed" / "trials.csv").unlink()
    ufh(*run, "--workers=1")
    assert trial(ufh, "resumed") == before
    assert (ufh.folder / "resumed.log").read_text() == log
