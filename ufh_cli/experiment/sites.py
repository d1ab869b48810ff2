"""Where functions run: in this process, or in processes of this machine that are replaced when they die."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from multiprocessing.connection import wait
from typing import Any, Protocol

from ufh_cli.experiment.processes import ProcessLost, Worker, interruptions_held_back


class Site(Protocol):
    """Where functions run."""

    @property
    def places(self) -> int:
        """How many can run at a time; it may change."""

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a call."""

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        """Those of the calls that are over, as soon as there is one or after some seconds."""

    def finish(self, future: Future[Any]) -> None:
        """This future is done: its place is free again."""

    def elapsed(self, future: Future[Any]) -> float:
        """Seconds for which this call has been under way."""

    def is_lost(self, error: BaseException) -> bool:
        """Whether this error of a future means that the process died, and not that the function raised it.

        Raises
        ------
        InputError
            When it means that there is no such place any more.
        """

    def stop(self, future: Future[Any]) -> None:
        """End a call by force; what ran it is replaced."""

    def close(self) -> None:
        """End everything."""


def ignore_interrupts() -> None:
    """One Ctrl-C is enough: what it makes necessary shall not be spoilt by the next."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def error_of(future: Future[Any]) -> BaseException | None:
    """Why a future that is done has no result; None when it has one."""
    return CancelledError() if future.cancelled() else future.exception()


class HereSite:
    """This process: a call is over when it has been started."""

    places = 1

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

    def stop(self, future: Future[Any]) -> None:
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
        self._memory = memory
        self._prepare = prepare
        self._all: list[Worker] = []  # also one that is just starting when an interruption comes
        self._free: list[Worker] = []
        self._used: dict[Future[Any], Worker] = {}

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        while True:
            worker = self._free.pop() if self._free else self._new()
            try:
                future = worker.start(function, *arguments)
            except ProcessLost:  # it died while it had nothing to do
                self._end(worker)
                continue
            self._used[future] = worker
            return future

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        workers = {self._used[future].pipe: self._used[future] for future in futures if not future.done()}
        done = len(workers) < len(self._used)
        for pipe in wait(workers, 0 if done else timeout):
            with interruptions_held_back():
                workers[pipe].receive()  # type: ignore[index]
        return [future for future in futures if future.done()]

    def finish(self, future: Future[Any]) -> None:
        worker = self._used.pop(future)
        if isinstance(error_of(future), ProcessLost):
            self._end(worker)
        else:
            self._free.append(worker)

    def elapsed(self, future: Future[Any]) -> float:
        return self._used[future].elapsed()

    def is_lost(self, error: BaseException) -> bool:
        return isinstance(error, ProcessLost)

    def stop(self, future: Future[Any]) -> None:
        self._used[future].kill()

    def close(self) -> None:
        for worker in self._all:
            worker.kill()
        for worker in list(self._all):
            self._end(worker)
        self._free.clear()
        self._used.clear()

    def _new(self) -> Worker:
        worker = Worker(self._memory, self._prepare, alone=self.places == 1)
        self._all.append(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.close()
        self._all.remove(worker)
