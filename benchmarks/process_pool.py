"""The project's processes beside Pebble's pool: what a call costs, and what becomes of the others when one is killed.

    python benchmarks/process_pool.py          (needs Pebble: pip install pebble)

Calls of 0, 2 and 8 ms, two processes, ten calls under way; both in turn, in processor time of all processes. Then one
process after the other is killed at random moments, for as long as each pool bears it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from pebble import ProcessPool

from ufh_cli.machines.sites import LocalSite

PLACES, UNDER_WAY, ROUNDS = 2, 10, 5
SECONDS_OF_KILLS = 30.0


def call(milliseconds: float, data: list[int]) -> list[int]:
    """Busy for so long."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass
    return data


class Ours:
    """`LocalSite` by the names that the rounds use."""

    def __init__(self) -> None:
        self._site = LocalSite(PLACES)

    def start(self, *arguments: Any) -> Future[Any]:
        return self._site.start(call, *arguments)

    def done(self, futures: Iterable[Future[Any]]) -> list[Future[Any]]:
        over = self._site.wait(futures, 1.0)
        for future in over:
            self._site.finish(future)
        return over

    def close(self) -> None:
        self._site.close()


class Pebbles:
    """Pebble's `ProcessPool` by the same names."""

    def __init__(self) -> None:
        self._pool = ProcessPool(PLACES, context=multiprocessing.get_context("spawn"))

    def start(self, *arguments: Any) -> Future[Any]:
        return self._pool.schedule(call, arguments)

    def done(self, futures: Iterable[Future[Any]]) -> list[Future[Any]]:
        return list(wait(list(futures), 1.0, FIRST_COMPLETED)[0])

    def close(self) -> None:
        self._pool.stop()
        with suppress(RuntimeError):
            self._pool.join()


def children() -> dict[int, float]:
    """Processor seconds of the processes that this one has started; Linux only."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                found[int(stat.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def microseconds_a_call(pool: Ours | Pebbles, calls: int, milliseconds: float) -> float:
    """Of processors, in all processes."""
    data = list(range(50))
    running = [pool.start(0, data) for _ in range(UNDER_WAY)]
    while running:  # until the processes have started
        for future in pool.done(running):
            running.remove(future)
    began = time.process_time() + sum(children().values())
    left = calls
    while left or running:
        while left and len(running) < UNDER_WAY:
            running.append(pool.start(milliseconds, data))
            left -= 1
        for future in pool.done(running):
            future.result()
            running.remove(future)
    return (time.process_time() + sum(children().values()) - began) / calls * 1e6


def borne(make: Callable[[], Ours | Pebbles], seed: int) -> tuple[int, int, str]:
    """Kills that the pool bore, calls that were done all the same, and what ended it."""
    rng, pool, kills, done = random.Random(seed), make(), 0, 0
    over = threading.Event()

    def kill() -> None:
        nonlocal kills
        while not over.wait(rng.uniform(0.3, 1.2)):
            for process in rng.sample(sorted(children()), min(1, len(children()))):
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
                    kills += 1

    threading.Thread(target=kill, daemon=True).start()
    running: list[Future[Any]] = []
    end, ended = time.monotonic() + SECONDS_OF_KILLS, "the clock"
    try:
        while time.monotonic() < end:
            while len(running) < PLACES:
                running.append(pool.start(5.0, [0]))
            for future in pool.done(running):
                running.remove(future)
                done += future.exception() is None
    except RuntimeError as error:
        ended = f"{type(error).__name__}: {error}"
    over.set()
    pool.close()
    return kills, done, ended


def main() -> None:
    for milliseconds, calls in ((0.0, 2000), (2.0, 500), (8.0, 200)):
        ratios = []
        for _ in range(ROUNDS):
            times = []
            for make in (Ours, Pebbles):
                pool = make()
                times.append(microseconds_a_call(pool, calls, milliseconds))
                pool.close()
            ratios.append(times[1] / times[0])
        print(f"{milliseconds:g} ms: Pebble takes {statistics.median(ratios):.3f} times ours ({times[0]:.0f} us)")
    for seed in range(3):
        for make in (Ours, Pebbles):
            kills, done, ended = borne(make, seed)
            print(f"{make.__name__}, seed {seed}: {kills} kills, {done} calls done, ended by {ended}")


if __name__ == "__main__":
    main()
