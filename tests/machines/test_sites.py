"""Processes that are killed as they start, while they wait and in a call take nobody else's work with them."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from ufh_cli.machines.processes import ProcessLost
from ufh_cli.machines.sites import LocalSite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")


@pytest.fixture
def site():
    found = LocalSite(2)
    yield found
    found.close()


def processes() -> list[int]:
    """Those that this process has started to make calls."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def all_done(site: LocalSite, futures: list[Future]) -> list[BaseException | None]:
    while not all(future.done() for future in futures):
        site.wait(futures, 1.0)
    for future in futures:
        site.finish(future)
    return [future.exception() for future in futures]


def test_a_process_killed_while_it_waits_is_replaced(site):
    assert all_done(site, [site.start(os.getpid) for _ in range(2)]) == [None, None]
    before = processes()
    for process in before:
        os.kill(process, signal.SIGKILL)
    for _ in range(3):  # the first calls may still go to a process that is dying
        errors = all_done(site, [site.start(os.getpid) for _ in range(2)])
        assert all(error is None or site.is_lost(error) for error in errors)
    assert errors == [None, None]
    assert not set(processes()) & set(before)


def test_a_process_killed_while_it_starts_takes_its_own_call_only(site):
    killed = site.start(os.getpid)
    (starting,) = processes()
    other = site.start(os.getpid)
    os.kill(starting, signal.SIGKILL)
    errors = all_done(site, [killed, other])
    assert isinstance(errors[0], ProcessLost)
    assert errors[1] is None


def test_calls_queued_behind_a_killed_one_were_not_begun(site):
    """They can be told from the one that was under way, and others go on."""
    assert all_done(site, [site.start(os.getpid) for _ in range(2)]) == [None, None]
    sleeping = [site.start(time.sleep, 600) for _ in range(2)]
    queued = [site.start(os.getpid) for _ in range(2)]
    for future in sleeping:
        site.stop(future)
    errors = all_done(site, [*sleeping, *queued])
    assert [site.was_begun(error) for error in errors] == [True, True, False, False]
    assert all_done(site, [site.start(os.getpid)]) == [None]
