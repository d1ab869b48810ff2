"""The live line as a person sees it: the real command in a pseudo-terminal."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from ufh_command import REPOSITORY, nothing_runs, rows

pty = pytest.importorskip("pty")
RUN = (
    "run", "faulty", "--trials=2", "--workers=2", "--technique=fec", "--set=budget.candidates=30",
    "--set=search.population_size=10", "--set=search.tournament_size=3", "--set=options.delay=0.08",
)  # fmt: skip
COLUMNS = 200
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor


class Terminal:
    """A command that believes to be in a terminal; `text` is all that it has written there."""

    def __init__(self, ufh, *arguments, **variables):
        path = os.pathsep.join(map(str, [REPOSITORY, *ufh.path]))
        environment = os.environ | {"PYTHONPATH": path, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)} | variables
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ufh_cli", *arguments],
            cwd=ufh.folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""

    def read(self, until=None):
        """Read to the end, or until `until` is there."""
        end = time.monotonic() + 90
        while until is None or not re.search(until, self.text):
            assert time.monotonic() < end, self.text[-2000:]
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            self.text += data.decode()
        return self.text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def plain(text):
    """Without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.fixture
def terminal(ufh):
    started = []

    def start(*arguments, **variables):
        started.append(Terminal(ufh, *arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_it_shows_what_each_worker_does_and_goes_when_all_is_done(ufh, terminal):
    shown = terminal(*RUN, "--name=shown")
    text = shown.read()
    assert shown.process.wait(timeout=30) == 0
    lines = [line for line in re.split(r"[\r\n]+", plain(text)) if "worker 1: candidate" in line]
    both = [re.search(r"worker 1: candidate (\d+), \d+ s \| worker 2: candidate (\d+), \d+ s", line) for line in lines]
    pairs = [tuple(map(int, found.groups())) for found in both if found]
    assert len(set(pairs)) >= 3
    assert all(a != b and max(a, b) < 30 for a, b in pairs)
    assert any(re.search(r"\d+ candidates, best \S+, \d+ hits", line) for line in lines)
    assert "worker 3" not in text
    # The line is taken away, the cursor comes back, and the summary stays.
    assert text.count(HIDE) == text.count(SHOW) >= 1
    after = text[text.rindex(SHOW) :]
    assert "worker" not in plain(after)
    assert "shown" in plain(after)
    assert len(rows(ufh.folder / "results" / "shown" / "trials.csv")) == 2


def test_a_first_use_tells_what_it_compiles_and_takes_that_away(ufh, terminal, tmp_path):
    shown = terminal(
        "run", "nasbench", "--technique=fec", "--trials=1", "--set=budget.candidates=200", "--jobs=1", "--name=first",
        NUMBA_CACHE_DIR=str(tmp_path),
    )  # fmt: skip
    text = shown.read()
    assert shown.process.wait(timeout=30) == 0
    named = re.findall(r"compiling functions, once: \d+ s, (setups\.nasbench\.\w+\.\w+)", plain(text))
    assert len(set(named)) >= 2
    assert text.count(HIDE) == text.count(SHOW) >= 1
    assert "compiling" not in plain(text[text.rindex(SHOW) :])


def test_ctrl_c_takes_the_line_away(terminal):
    shown = terminal(*RUN, "--name=stopped")
    shown.read(until="worker 2: candidate")
    os.killpg(shown.process.pid, signal.SIGINT)
    text = shown.read()
    assert shown.process.wait(timeout=30) == 130
    assert text.count(HIDE) == text.count(SHOW) >= 1
    after = plain(text[text.rindex(SHOW) :]).strip()
    assert "Traceback" not in text
    assert "worker" not in after
    assert len(after.splitlines()) == 1
    assert nothing_runs(shown.process.pid)
