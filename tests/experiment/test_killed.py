"""A search that is killed at any moment and started again ends as one that was never stopped."""

import itertools
import json
import os
import random
import signal
import time

import pytest
from ufh_command import contents, lines, rows

from ufh_cli.machines import parallel
from ufh_cli.machines.evaluation import evaluate
from ufh_cli.records.recorder import Recorder

KILLS = int(os.environ.get("UFH_KILLS", "50"))  # shared among the cases
RUN = (
    "run", "faulty", "--trials=2", "--jobs=1", "--set=budget.candidates=120", "--set=search.population_size=20",
    "--set=search.tournament_size=5", "--set=options.delay=0.005",
)  # fmt: skip
CASES = {
    "fec": ("--technique=fec",),
    "fea": ("--technique=fea+fcm", "--set=cache.max_evaluations=2"),
    "forgetful": ("--technique=forgetful-fec", "--set=cache.forget_probability=1/N"),
    "guided": ("--technique=fec+guided+fcm", "--set=guided.tries=4", "--set=guided.warmup=20", "--set=guided.refit=10"),
    "gnn": ("--technique=fec+guided", "--set=guided.model=gnn", "--set=guided.warmup=20", "--set=guided.refit=20"),
    "none": ("--technique=none", "--search=tournament"),
}


def entries(path):
    """The journal's entries without what a clock says."""
    lines = (path / "journal.jsonl").read_text().splitlines()[1:]
    return [{k: v for k, v in json.loads(line).items() if k not in ("seconds", "elapsed")} for line in lines]


def wait_for_a_moment(chance, progress, possible):
    """Any moment: while it starts or goes through its journal, or so many evaluations later and a little more."""
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0.0, 0.5))
        return
    evaluations = min(chance.randrange(8), possible)
    end = time.monotonic() + 30
    while progress() < evaluations and time.monotonic() < end:
        time.sleep(0.0005)
    time.sleep(chance.uniform(0.0, 0.006))


@pytest.mark.parametrize("case", CASES)
def test_a_serial_search_killed_often_writes_the_same_bytes(ufh, zygote, case):
    command = (*RUN, *CASES[case])
    ufh(*command, "--name=quiet-" + case, f"--set=options.log={case}.log")
    quiet, name = ufh.folder / "results" / f"quiet-{case}", f"killed-{case}"
    path, log = ufh.folder / "results" / name, ufh.folder / f"{case}.log"
    expected = lines(log)
    assert expected == len(entries(quiet))
    log.unlink()
    chance = random.Random(case)
    kills = 0
    for _ in range(max(1, KILLS // len(CASES))):
        before = lines(log)
        zygote.start(*command, f"--name={name}", f"--set=options.log={case}.log")
        wait_for_a_moment(chance, lambda: lines(log) - before, expected - before)  # noqa: B023
        kills += zygote.kill()
    assert kills >= 3, "the kills did not come while it searched"
    zygote.start(*command, f"--name={name}", f"--set=options.log={case}.log")
    assert zygote.wait() == 0
    assert contents(path) == contents(quiet)
    assert entries(path) == entries(quiet)
    assert expected <= lines(log) <= expected + kills  # at most the evaluation under way was made again


def test_two_workers_killed_often_agree_with_their_journal(ufh):
    """The children of a killed process end by themselves, and the journal alone tells the result."""
    command = (*RUN, "--technique=fec", "--trials=1", "--workers=2", "--name=pair", "--set=options.log=pair.log")
    path, log = ufh.folder / "results" / "pair", ufh.folder / "pair.log"
    moment = random.Random(2)
    started = 0
    for whole_group in (False, True):
        before = lines(log)
        process = ufh.start(*command)
        end = time.monotonic() + 30
        while lines(log) < before + 5 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(moment.uniform(0.0, 0.1))
        if process.poll() is None:
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        started += 1
        assert_nothing_runs(process.pid)
    ufh.process(*command)
    numbers = [entry["number"] for entry in entries(path)]
    assert len(set(numbers)) == len(numbers)
    assert len(numbers) <= lines(log) <= len(numbers) + 2 * (started + 1)
    assert_journal_tells_the_result(ufh, command, path, log)


def assert_nothing_runs(group: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("processes were left behind")


def assert_journal_tells_the_result(ufh, command, path, log):
    """Any number of workers finds the same from the journal, and evaluates nothing."""
    before, evaluated = contents(path), lines(log)
    before["experiment"].pop("workers")
    for workers in (1, 2, 3):
        for name in ("trials.csv", "curves.csv", "best.json"):
            (path / name).unlink()
        ufh(*command, f"--workers={workers}")
        after = contents(path)
        after["experiment"].pop("workers")
        assert after == before
        assert lines(log) == evaluated


def test_wall_seconds_include_those_before_the_kill(ufh, zygote):
    command = (*RUN, "--technique=fec", "--trials=1", "--set=options.delay=0.01", "--name=seconds")
    journal = ufh.folder / "results" / "seconds" / "journal.jsonl"
    zygote.start(*command)
    while lines(journal) < 60:
        time.sleep(0.01)
    zygote.kill()
    before = json.loads(journal.read_text().splitlines()[-1])["elapsed"]
    assert before >= 0.5
    zygote.start(*command)
    assert zygote.wait() == 0
    (row,) = rows(journal.parent / "trials.csv")
    assert float(row["wall_seconds"]) >= before + 0.01 * (int(row["evaluations"]) - 61)


def test_what_waits_to_be_written_is_written_however_often_it_is_killed_meanwhile(ufh, monkeypatch):
    """A polite kill in the second trial, and more of them while the first is put into the files."""
    calls, killed = itertools.count(), []
    add = Recorder.add

    def evaluate_or_be_killed(*arguments):
        if next(calls) == 150:
            killed.append("in an evaluation")
            os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(*arguments)

    def be_killed_and_add(recorder, records):
        if killed:
            killed.append("while it writes")
            for number in (signal.SIGTERM, signal.SIGINT):
                os.kill(os.getpid(), number)
        add(recorder, records)

    monkeypatch.setattr(parallel, "evaluate", evaluate_or_be_killed)
    monkeypatch.setattr(Recorder, "add", be_killed_and_add)
    before = signal.getsignal(signal.SIGINT)
    try:
        ufh(*RUN, "--technique=none", "--set=options.delay=0", "--name=polite", code=130)
    finally:
        signal.signal(signal.SIGINT, before)
    assert killed == ["in an evaluation", "while it writes"]
    assert [row["trial"] for row in rows(ufh.folder / "results" / "polite" / "trials.csv")] == ["0"]
