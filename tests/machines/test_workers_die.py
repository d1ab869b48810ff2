"""Evaluations that kill their process, want too much memory or take for ever; and Ctrl-C with two workers."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ufh_command import contents, entries, group, lines, nothing_runs, rows

from ufh_cli.configuration.registry import load_setup
from ufh_cli.machines.evaluation import SetupSpec

RUN = (
    "run", "faulty", "--trials=1", "--workers=2", "--set=budget.candidates=60", "--set=search.population_size=20",
    "--set=search.tournament_size=5",
)  # fmt: skip
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def evaluators(leader: int) -> list[int]:
    """Those of them that evaluate."""
    found = []
    for member in group(leader):
        try:
            command = Path(f"/proc/{member}/cmdline").read_bytes()
        except OSError:
            continue
        if b"spawn_main" in command:
            found.append(member)
    return found


def wait_until(condition, process) -> None:
    end = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.005)


FAULTS = {
    "died": ("--set=options.deadly=20", "--set=evaluation.attempts=2"),
    "memory": ("--set=options.greedy=20", "--set=evaluation.memory=2000"),
    "timeout": ("--set=options.endless=20", "--set=evaluation.timeout=0.5"),
}


@pytest.mark.parametrize("status", FAULTS)
def test_candidates_that_cannot_be_evaluated_are_marked_and_the_rest_goes_on(ufh, status):
    path = ufh.folder / "results" / status
    command = (*RUN, "--technique=fec", f"--name={status}", *FAULTS[status])
    ufh(*command)
    (row,) = rows(path / "trials.csv")
    lost = [entry for entry in entries(path) if entry["status"] != "finished"]
    finished = [entry for entry in entries(path) if entry["status"] == "finished"]
    assert {entry["status"] for entry in lost} == {status}
    assert all(entry["fitness"] == "-inf" for entry in lost)
    assert int(row["lost"]) == len(lost) >= 1
    assert int(row["candidates"]) == 60
    assert len(finished) >= 20
    # What could not be measured is not remembered either: no candidate was told it by the cache.
    assert int(row["evaluations"]) == len(lost) + len(finished)
    assert float(row["best_fitness"]) == max(entry["fitness"] for entry in finished)
    before = contents(path)
    (path / "trials.csv").unlink()
    ufh(*command)
    assert contents(path) == before


@pytest.mark.parametrize("status", FAULTS)
def test_when_nothing_can_be_evaluated_it_says_so_in_one_line(ufh, status):
    what, limit = FAULTS[status]
    limit = limit.replace("attempts=2", "attempts=1")
    line = ufh(*RUN, f"--name=no-{status}", what.replace("=20", "=1"), limit, code=2).refusal()
    assert status in line


def test_memory_that_is_not_even_enough_to_begin_is_told_in_one_line(ufh):
    assert "evaluation.memory" in ufh(*RUN, "--name=little", "--set=evaluation.memory=50", code=2).refusal()


def test_one_worker_is_limited_just_so(ufh):
    """A timeout needs a process of its own, and finds what the search in this process finds."""
    shared = (*RUN, "--workers=1", "--technique=fec")
    ufh(*shared, "--name=limited", "--set=evaluation.timeout=30")
    ufh(*shared, "--name=here")
    limited, here = contents(ufh.folder / "results" / "limited"), contents(ufh.folder / "results" / "here")
    assert {**limited, "experiment": None} == {**here, "experiment": None}


def test_workers_that_are_killed_are_replaced_and_their_candidates_tried_again(ufh):
    path, log = ufh.folder / "results" / "killed", ufh.folder / "killed.log"
    options = ("--set=options.delay=0.05", f"--set=options.log={log.name}", "--set=evaluation.attempts=9")
    process = ufh.start(*RUN, "--name=killed", "--technique=none", *options)
    killed = []
    for progress in (4, 9, 14):
        wait_until(lambda: lines(log) >= progress and evaluators(process.pid), process)  # noqa: B023
        time.sleep(0.02)
        victim = (evaluators(process.pid) or [None])[0]
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    assert len(killed) == 3
    (row,) = rows(path / "trials.csv")
    assert (row["candidates"], row["evaluations"], row["lost"]) == ("60", "60", "0")
    assert sorted(entry["number"] for entry in entries(path)) == list(range(60))
    workers = {line.split()[0] for line in log.read_text().splitlines()}
    assert len(workers) >= 3
    assert lines(log) <= 60 + len(killed)


@pytest.mark.parametrize("whole_group", [True, False])
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(ufh, whole_group):
    name = f"interrupted-{whole_group}"
    path, log = ufh.folder / "results" / name, ufh.folder / f"{name}.log"
    options = ("--technique=fec", "--set=options.delay=0.03", f"--set=options.log={log.name}", f"--name={name}")
    for more in (0, 8):
        before = lines(log)
        process = ufh.start(*RUN, *options)
        wait_until(lambda: (path / ".lock").exists() and lines(log) >= before + more, process)  # noqa: B023
        time.sleep(0.15)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert err.count("\n") == 1, err
        assert nothing_runs(process.pid)
    # An evaluation that was logged may not have been handed over yet: one a worker.
    assert lines(log) - 2 <= len(entries(path)) <= lines(log)
    ufh(*RUN, *options)
    numbers = [entry["number"] for entry in entries(path)]
    assert len(set(numbers)) == len(numbers)


def test_a_trial_in_a_process_of_its_own_is_run_again_when_that_is_killed(ufh):
    slow = ("--set=options.delay=0.03", "--set=options.log=beside.log")
    options = ("--technique=fec", "--workers=1", "--trials=3", *slow)
    log, path = ufh.folder / "beside.log", ufh.folder / "results" / "beside"
    process = ufh.start(*RUN, *options, "--jobs=2", "--name=beside")
    for progress in (5, 30):
        wait_until(lambda: lines(log) >= progress and len(evaluators(process.pid)) == 2, process)  # noqa: B023
        os.kill(evaluators(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    evaluations = sum(int(row["evaluations"]) for row in rows(path / "trials.csv"))
    assert evaluations <= lines(log) <= evaluations + 2
    ufh(*RUN, *options, "--jobs=1", "--name=alone")
    assert contents(path)["trials"] == contents(ufh.folder / "results" / "alone")["trials"]


def test_a_worker_with_other_data_is_refused(ufh, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, ufh.path)])
    setup = load_setup("faulty")()
    spec = SetupSpec.of("faulty", {})
    assert spec._replace(data=setup.fingerprint()).make().fingerprint() == setup.fingerprint()
    with pytest.raises(ValueError, match="cos"):
        spec._replace(data="cos(3x)").make()


@pytest.mark.parametrize("budget", ["--set=budget.candidates=40", "--set=budget.cost=40"])
def test_the_processes_of_one_trial_serve_the_next(ufh, budget):
    """Also when the budget ends a trial in the midst of evaluations."""
    name = budget.rpartition(".")[2].replace("=", "-")
    log = ufh.folder / f"{name}.log"
    shared = ("--trials=4", "--technique=fec", "--set=budget.candidates=none", budget, f"--set=options.log={log.name}")
    process = ufh.start(*RUN, *shared, f"--name={name}", "--set=options.delay=0.002")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert len(rows(ufh.folder / "results" / name / "trials.csv")) == 4
    assert len({line.split()[0] for line in log.read_text().splitlines()}) == 2
    assert nothing_runs(process.pid)
