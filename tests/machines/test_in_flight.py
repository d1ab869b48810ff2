"""Identical candidates in flight: the second may wait for the first, with simulated workers and with real ones."""

import math
from concurrent.futures import Future
from dataclasses import replace

import pytest
from ufh_command import entries, rows

from ufh_cli.configuration.schema import make_config
from ufh_cli.core.search import RegularizedEvolution
from ufh_cli.experiment.trials import make_setup, make_trial, setup_spec
from ufh_cli.machines.parallel import ParallelWorkers
from ufh_cli.machines.processes import ProcessLost
from ufh_cli.machines.sites import HereSite
from ufh_cli.records.journal import Journal, read_entries
from ufh_cli.records.replay import Replay

SIZE = (
    "--trials=1", "--set=budget.candidates=150", "--set=search.population_size=20", "--set=search.tournament_size=5",
    "--technique=fec",
)  # fmt: skip


def trial(ufh, name):
    (row,) = rows(ufh.folder / "results" / name / "trials.csv")
    return {key: int(row[key]) for key in ("candidates", "evaluations", "cache_hits", "repeats", "waits", "lost")}


def keys(ufh, name):
    return [entry["key"] for entry in entries(ufh.folder / "results" / name)]


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


class LosingSite(HereSite):
    """Places from which evaluations come back one by one; every third is lost, whatever it was about."""

    places = 8

    def __init__(self):
        self.started = 0

    def start(self, function, *arguments):
        self.started += 1
        if self.started % 3:
            return super().start(function, *arguments)
        future = Future()
        future.set_exception(ProcessLost())
        return future

    def wait(self, futures, timeout):
        return list(futures)[:1]

    def is_lost(self, error):
        return True


class NoPlace(HereSite):
    """Where nothing may be evaluated."""

    def start(self, function, *arguments):
        raise AssertionError("the journal had the answer")


class Remembering(RegularizedEvolution):
    """Remembers what it was told."""

    def __init__(self):
        super().__init__(population_size=10, tournament_size=3)
        self.told = []

    def tell(self, individual):
        self.told.append((individual.candidate, individual.key, individual.fitness))
        super().tell(individual)


def search_at(site, folder):
    """A trial whose candidates wait for each other: what the search was told, and the result."""
    tables = {"setup": "faulty", "technique": "fec", "workers": 3, "cache": {"wait_for_duplicates": True}}
    config = make_config(tables | {"budget": {"candidates": 120}, "options": {"terms": 1}}, "test")
    journal = Journal(folder / "journal.jsonl", "test")
    journal.prepare(1)
    setup = make_setup(config)
    workers = ParallelWorkers(setup_spec(config), site, replay=Replay(journal, setup, 0, 0), attempts=1)
    trial = make_trial(config, 0, workers=workers)
    trial.search = Remembering()
    result = trial.run()
    journal.close()
    return trial.search.told, replace(result, best=None)


@pytest.fixture
def in_sight(ufh, monkeypatch):
    """The setup, in this process."""
    for folder in ufh.path:
        monkeypatch.syspath_prepend(str(folder))


def test_of_who_waited_for_a_lost_one_the_next_is_tried(in_sight, tmp_path):
    """That one was lost says nothing of the others: each of them is evaluated, or told what such a one has found."""
    told, result = search_at(LosingSite(), tmp_path)
    written = list(read_entries(tmp_path / "journal.jsonl"))
    assert result.waits > 10
    assert result.lost == sum(entry.status == "died" for entry in written) > 10
    assert (len(told), len(written)) == (result.candidates, result.evaluations)
    assert result.candidates == result.evaluations + result.cache_hits == 120
    assert sum(fitness == -math.inf for _, _, fitness in told) == result.lost
    found = {key: fitness for _, key, fitness in told if fitness > -math.inf}
    assert all(fitness in (-math.inf, found[key]) for _, key, fitness in told if key in found)


def test_such_a_search_is_what_its_journal_says(in_sight, tmp_path):
    whole = search_at(LosingSite(), tmp_path)
    assert search_at(NoPlace(), tmp_path) == whole


@pytest.mark.parametrize("kept", range(1, 40, 3))
def test_such_a_search_goes_on_from_any_entry(in_sight, tmp_path, kept):
    search_at(LosingSite(), tmp_path)
    path = tmp_path / "journal.jsonl"
    before = path.read_bytes().splitlines(True)[: kept + 1]
    path.write_bytes(b"".join(before))
    told, result = search_at(LosingSite(), tmp_path)
    assert path.read_bytes().splitlines(True)[: kept + 1] == before
    assert result.candidates == len(told) == 120
    assert sum(fitness == -math.inf for _, _, fitness in told) == result.lost


def test_a_search_that_waited_resumes_from_its_journal(ufh):
    run = ("run", "faulty", *SIZE, "--set=options.terms=1", "--set=options.delay=0.003", "--name=resumed")
    run = (*run, "--set=cache.wait_for_duplicates=true", "--set=options.log=resumed.log")
    ufh(*run, "--workers=3")
    before, log = trial(ufh, "resumed"), (ufh.folder / "resumed.log").read_text()
    (ufh.folder / "results" / "resumed" / "trials.csv").unlink()
    ufh(*run, "--workers=1")
    assert trial(ufh, "resumed") == before
    assert (ufh.folder / "resumed.log").read_text() == log
