"""Where functions run: in this process, or in processes of this machine that are replaced when they die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ufh_cli.experiment.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_MEGABYTE = 1_000_000


class Site(Protocol):
    """Where functions run."""

    @property
    def places(self) -> int:
        """How many can run at a time; it may change."""

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a call."""

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
    """Processes of this machine: a pool of one each, so that one that dies takes no other's work with it.

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
        In `finish`, when the memory is not even enough for `prepare`.
    """

    def __init__(self, places: int, memory: float | None = None, prepare: Callable[[], object] = os.getpid) -> None:
        self.places = places
        self._memory = memory
        self._prepare = prepare
        self._all: list[_Process] = []  # also those that are just starting when an interruption comes
        self._free: list[_Process] = []
        self._used: dict[Future[Any], _Process] = {}

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        while True:
            process = self._free.pop() if self._free else self._new()
            try:
                future = process.submit(function, *arguments)
            except BrokenProcessPool:  # it died while it had nothing to do
                self._end(process)
                continue
            self._used[future] = process
            return future

    def finish(self, future: Future[Any]) -> None:
        process = self._used.pop(future)
        if isinstance(error_of(future), BrokenProcessPool):
            self._end(process)
        else:
            process.check()
            self._free.append(process)

    def elapsed(self, future: Future[Any]) -> float:
        return self._used[future].elapsed()

    def is_lost(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)

    def stop(self, future: Future[Any]) -> None:
        if future in self._used:
            self._used[future].kill()

    def close(self) -> None:
        for process in list(self._all):
            self._end(process)
        self._free.clear()
        self._used.clear()

    def _new(self) -> _Process:
        process = _Process(self._memory, self._prepare, alone=self.places == 1)
        self._all.append(process)
        return process

    def _end(self, process: _Process) -> None:
        process.end()
        self._all.remove(process)


class _Process:
    """A process that runs one call after the other."""

    def __init__(self, memory: float | None, prepare: Callable[[], object], *, alone: bool) -> None:
        self._beginning = partial(_begin, memory, prepare)
        # Spawned, not forked: some setups load libraries that do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_outlive_interrupts_but_not_the_parent)
        self._alone = alone
        self._begun: Future[None] | None = None
        self._ready: float | None = None  # when it had started up
        self._submitted = 0.0

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self._begun is None:
            with _interrupts_held_back(), _one_thread_each(self._alone):
                self._begun = self._pool.submit(self._beginning)
            self._begun.add_done_callback(self._note_ready)
        self._submitted = time.monotonic()
        return self._pool.submit(function, *arguments)

    def check(self) -> None:
        """Raise what went wrong in the beginning."""
        if self._begun is not None and self._begun.done():
            self._begun.result()

    def elapsed(self) -> float:
        return 0.0 if self._ready is None else time.monotonic() - max(self._submitted, self._ready)

    def kill(self) -> None:
        for process in list((getattr(self._pool, "_processes", None) or {}).values()):
            process.kill()

    def end(self) -> None:
        self.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _note_ready(self, _: Future[None]) -> None:
        self._ready = time.monotonic()


def _begin(memory: float | None, prepare: Callable[[], object]) -> None:
    """The first call of a new process."""
    prepare()
    if memory is None:
        return
    import resource

    # Only now: some libraries do not bear a lack of memory while they are loaded.
    held = _data_held()
    if held >= memory:
        raise InputError(f"evaluation.memory is {memory:g} MB, but before any evaluation a process holds {held:.0f} MB")
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory * _MEGABYTE), most))


def _data_held() -> float:
    """Megabytes of this process that the limit counts; 0 where that cannot be told."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    kilobytes = [float(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:")]
    return sum(kilobytes) * 1024 / _MEGABYTE


def _outlive_interrupts_but_not_the_parent() -> None:
    """For a new process: Ctrl-C reaches all of a terminal's processes, but only the first one knows what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end its children."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that is just starting would die of a Ctrl-C with a traceback; it inherits what is held back."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread_each(alone: bool) -> Iterator[None]:
    """Several processes that each start a thread a processor get in each other's way."""
    unset = [] if alone else [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]
