"""Where functions run: in this process, or in processes of this machine that are replaced when they die."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import CancelledError, Future
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Protocol

from ufh_cli.machines.processes import INTERRUPTIONS, NotBegun, ProcessLost, Worker, interruptions_held_back

_PATIENCE = 1.0  # seconds; about as long as a process takes to start


class Site(Protocol):
    """Where functions run."""

    @property
    def places(self) -> int:
        """How many can run at a time; it may change."""

    @property
    def ahead(self) -> int:
        """How many more each place may take, to run them without a pause after the one before."""

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a call."""

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        """Those of the calls that are over, as soon as there is one or after some seconds."""

    def finish(self, future: Future[Any]) -> None:
        """This future is done: its place is free again."""

    def elapsed(self, future: Future[Any]) -> float | None:
        """Seconds for which this call has been under way; None while it waits for the one before."""

    def is_lost(self, error: BaseException) -> bool:
        """Whether this error of a future means that the process died, and not that the function raised it.

        Raises
        ------
        InputError
            When it means that there is no such place any more.
        """

    def was_begun(self, error: BaseException) -> bool:
        """Whether a call that was lost with this error was under way then."""

    def stop(self, future: Future[Any]) -> None:
        """End a call that is under way, by force; what ran it is replaced."""

    def release(self) -> None:
        """Forget all calls; what ran them may stay for others."""

    def close(self) -> None:
        """End everything."""


def ignore_interrupts() -> None:
    """One Ctrl-C or polite kill is enough: what it makes necessary shall not be spoilt by the next."""
    if threading.current_thread() is threading.main_thread():
        for number in INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)


def error_of(future: Future[Any]) -> BaseException | None:
    """Why a future that is done has no result; None when it has one."""
    return CancelledError() if future.cancelled() else future.exception()


class HereSite:
    """This process: a call is over when it has been started."""

    places = 1
    ahead = 0

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        return list(futures)

    def finish(self, future: Future[Any]) -> None:
        pass

    def elapsed(self, future: Future[Any]) -> float:
        return 0.0

    def is_lost(self, error: BaseException) -> bool:
        return False

    def was_begun(self, error: BaseException) -> bool:
        return True

    def stop(self, future: Future[Any]) -> None:
        pass

    def release(self) -> None:
        pass

    def close(self) -> None:
        pass


class LocalSite:
    """Processes of this machine; one that dies takes no other's work with it.

    Parameters
    ----------
    places : int
        How many processes.
    memory : float or None
        Megabytes of data that each may hold; what wants more gets a `MemoryError`. Only Linux sees to it.
    prepare : callable
        What each process does first; its time does not count as a call's, and the memory limit comes after it.

    Raises
    ------
    InputError
        In `wait`, when the memory is not even enough for `prepare`.
    """

    def __init__(self, places: int, memory: float | None = None, prepare: Callable[[], object] = os.getpid) -> None:
        self.places = places
        # With one process, what is proposed next must know how the last one ended: it is the serial search.
        self.ahead = 8 if places > 1 else 0
        self._memory = memory
        self._prepare = prepare
        self._all: list[Worker] = []  # also one that is just starting when an interruption comes
        self._used: dict[Future[Any], Worker] = {}
        self._released = False

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._released:
            self._settle()
        worker = self._least_busy()
        while True:
            try:
                future = worker.start(function, *arguments)
            except ProcessLost:  # it has died just now; `wait` will tell those whose calls it had
                if not worker.calls:
                    self._end(worker)
                worker = self._new()
                continue
            self._used[future] = worker
            return future

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        futures = list(futures)
        pending = [future for future in futures if not future.done()]
        workers = {self._used[future].pipe: self._used[future] for future in pending}
        ready = wait(workers, 0 if len(pending) < len(futures) else timeout)
        if ready:
            with interruptions_held_back():
                for pipe in ready:
                    workers[pipe].receive()  # type: ignore[index]
        return [future for future in futures if future.done()]

    def finish(self, future: Future[Any]) -> None:
        worker = self._used.pop(future)
        if isinstance(error_of(future), ProcessLost) and worker in self._all:
            self._end(worker)

    def elapsed(self, future: Future[Any]) -> float | None:
        return self._used[future].elapsed(future)

    def is_lost(self, error: BaseException) -> bool:
        return isinstance(error, ProcessLost)

    def was_begun(self, error: BaseException) -> bool:
        return not isinstance(error, NotBegun)

    def stop(self, future: Future[Any]) -> None:
        self._used[future].end(future)

    def release(self) -> None:
        self._used.clear()
        self._released = True

    def close(self) -> None:
        for worker in self._all:
            worker.kill()
        for worker in list(self._all):
            self._end(worker)
        self._used.clear()

    def _least_busy(self) -> Worker:
        worker = min(self._all, key=lambda worker: worker.calls, default=None)
        if worker is None or (worker.calls and len(self._all) < self.places):
            return self._new()
        return worker

    def _settle(self) -> None:
        """Calls that nobody wants any more are waited for as long as a new process would take, and then ended."""
        self._released = False
        end = time.monotonic() + _PATIENCE
        for worker in list(self._all):
            while worker.calls and worker.pipe.poll(max(0.0, end - time.monotonic())):
                with interruptions_held_back():
                    worker.receive()
            if worker.calls:
                self._end(worker)

    def _new(self) -> Worker:
        worker = Worker(self._memory, self._prepare, alone=self.places == 1)
        self._all.append(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.close()
        self._all.remove(worker)


class KeptSite:
    """The processes of one trial, kept for the next one where that wants the same."""

    def __init__(self) -> None:
        self._site: LocalSite | None = None
        self._wanted: tuple[Any, ...] = ()

    def get(self, places: int, memory: float | None, prepare: Callable[..., object], *arguments: Hashable) -> LocalSite:
        """A `LocalSite` whose processes begin with ``prepare(*arguments)``; another one is closed."""
        wanted = (places, memory, prepare, arguments)
        if self._site is None or wanted != self._wanted:
            self.close()
            self._site = LocalSite(places, memory, partial(prepare, *arguments))
            self._wanted = wanted
        return self._site

    def close(self) -> None:
        """End the processes."""
        if self._site is not None:
            self._site.close()
            self._site = None
