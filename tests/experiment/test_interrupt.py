"""Ctrl-C, kill and two at once: finished trials stay, and going on gives what an uninterrupted run gives."""

import os
import random
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from ufh_command import contents, group, lines, rows

TRIALS = 9
# A trial takes at least 30 evaluations of 10 ms.
RUN = (
    "run", "logged", "--technique=fec", "--set=budget.candidates=40", "--set=search.population_size=10",
    "--set=search.tournament_size=3", "--set=options.delay=0.01", "--set=options.log=finished.log",
    f"--trials={TRIALS}",
)  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(odd):
    """What the files must say in the end."""
    odd(*RUN, "--jobs=1", "--name=quiet")
    return contents(odd.folder / "results" / "quiet")


@pytest.fixture
def log(odd):
    path = odd.folder / "finished.log"
    path.unlink(missing_ok=True)
    return path


def wait_for(condition, process) -> None:
    """Until `condition` holds or the process has ended."""
    end = time.monotonic() + 30
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, "it did not come to that within 30 seconds"
        time.sleep(0.005)


def assert_nothing_lives(leader: int) -> None:
    """No process of the group outlives its leader by more than a moment; those that do are ended here."""
    if not sys.platform.startswith("linux"):
        return
    patience = time.monotonic() + 5
    while group(leader) and time.monotonic() < patience:
        time.sleep(0.02)
    left = group(leader)
    for member in left:
        os.kill(member, signal.SIGKILL)
    assert left == []


def end(process, signal_number, *, whole_group: bool):
    """Send a signal as a terminal (to the group) or as `kill` does; returns code and stderr."""
    (os.killpg if whole_group else os.kill)(process.pid, signal_number)
    _, err = process.communicate(timeout=20)
    return process.returncode, err


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_every_finished_trial_and_the_repeat_completes(odd, uninterrupted, log, jobs):
    name = f"interrupted-{jobs}"
    path = odd.folder / "results" / name
    command = (*RUN, f"--jobs={jobs}", f"--name={name}")

    def reached(number):
        return lines(log) >= number

    # While processes start, and when some trials are finished.
    for further in (0, 3):
        kept = len(rows(path / "trials.csv")) if path.exists() else 0
        log.unlink(missing_ok=True)
        process = odd.start(*command)
        wait_for(partial(reached, further) if further else (path / "trials.csv").exists, process)
        time.sleep(0.1)
        code, err = end(process, signal.SIGINT, whole_group=True)
        assert code == 130, err
        assert err.count("\n") == 1, err
        assert "interrupted" in err
        assert str(Path("results") / name) in err
        assert f"--name {name} " in err  # the default name would be another one after midnight
        written = len(rows(path / "trials.csv"))
        # Those on their way from a process of the pool have not been handed back.
        assert kept + lines(log) - jobs <= written <= kept + lines(log)
    assert 0 < written < TRIALS
    odd(*command, "--jobs=1")
    assert contents(path) == uninterrupted


def test_finished_trials_that_wait_to_be_written_are_kept(odd, log):
    """The first cell's trial takes an instant, the second's half a minute; the first is on disk after Ctrl-C."""
    over = ("--over=options.delay=0.0,1.0", "--trials=1", "--jobs=1", "--name=waiting")
    options = [option for option in RUN[1:] if "delay" not in option]
    process = odd.start("sweep", *options, *over)
    wait_for(lambda: lines(log) == 1, process)
    time.sleep(0.2)
    code, err = end(process, signal.SIGINT, whole_group=False)
    assert code == 130, err
    assert [row["options.delay"] for row in rows(odd.folder / "results" / "waiting" / "trials.csv")] == ["0.0"]


def test_a_polite_kill_is_like_ctrl_c_and_two_at_once_are_one_too_many(odd, uninterrupted, log):
    path = odd.folder / "results" / "terminated"
    process = odd.start(*RUN, "--jobs=2", "--name=terminated")
    wait_for(lambda: lines(log) >= 2, process)
    line = odd(*RUN, "--jobs=1", "--name=terminated", code=2).refusal()
    assert "terminated" in line
    code, err = end(process, signal.SIGTERM, whole_group=False)
    assert code == 130, err
    assert_nothing_lives(process.pid)
    assert len(rows(path / "trials.csv")) >= 1
    odd(*RUN, "--jobs=1", "--name=terminated")
    assert contents(path) == uninterrupted


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs terminals that hang up")
def test_the_end_of_the_terminal_is_like_ctrl_c(odd, uninterrupted, log):
    """Nobody is left to read what is printed, either."""
    path = odd.folder / "results" / "hung-up"
    process = odd.start(*RUN, "--jobs=1", "--name=hung-up")
    wait_for(lambda: lines(log) >= 2, process)
    process.stdout.close()
    process.stderr.close()
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(timeout=20) == 130
    assert_nothing_lives(process.pid)
    assert 1 <= len(rows(path / "trials.csv")) < TRIALS
    odd(*RUN, "--jobs=1", "--name=hung-up")
    assert contents(path) == uninterrupted


def test_an_impatient_ctrl_c_spoils_nothing(odd, uninterrupted, log):
    process = odd.start(*RUN, "--jobs=2", "--name=impatient")
    wait_for(lambda: lines(log) >= 3, process)
    for _ in range(4):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
        if process.poll() is not None:
            break
    process.communicate(timeout=20)
    assert process.returncode != 0
    odd(*RUN, "--jobs=1", "--name=impatient")
    assert contents(odd.folder / "results" / "impatient") == uninterrupted


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kill_at_any_moment_loses_at_most_what_was_not_written(odd, uninterrupted, log, jobs):
    name = f"killed-{jobs}"
    path = odd.folder / "results" / name
    command = (*RUN, f"--jobs={jobs}", f"--name={name}")
    moment = random.Random(jobs)
    written = 0
    for _ in range(2):
        log.unlink(missing_ok=True)
        process = odd.start(*command)
        wait_for(lambda: lines(log) >= 1, process)
        time.sleep(moment.uniform(0.0, 1.5))
        process.kill()
        process.wait()
        assert_nothing_lives(process.pid)
        process.communicate()
        assert len(rows(path / "trials.csv")) >= written
        written = len(rows(path / "trials.csv"))
    odd(*command, "--jobs=1")
    assert contents(path) == uninterrupted


def test_a_process_of_the_pool_that_dies_is_told_in_one_line(odd):
    outcome = odd.start("run", "dying", "--budget=20", "--trials=4", "--jobs=2", "--name=dying")
    _, err = outcome.communicate(timeout=30)
    assert outcome.returncode not in (0, 130)
    assert err.startswith("ufh: ")
    assert err.count("\n") == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
def test_a_full_disk_is_told_in_one_line_and_the_rest_can_follow(odd, log, uninterrupted):
    """A limit on the size of files stands for the full disk."""
    import resource

    path = odd.folder / "results" / "full"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    process = odd.start(*RUN, "--jobs=1", "--name=full")
    try:
        wait_for(lambda: lines(log) >= 1, process)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (900, hard))
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode not in (0, 130)
    assert err.startswith("ufh: ")
    assert err.count("\n") == 1, err
    odd(*RUN, "--jobs=1", "--name=full")
    assert contents(path) == uninterrupted
    assert soft == resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    shutil.rmtree(path)
