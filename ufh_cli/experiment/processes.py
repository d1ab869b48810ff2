"""A process of this machine that runs one call after the other, and that may be ended at any time.

The standard library's process pool takes three threads to hand over a call, and a quarter of a millisecond and more of
a processor; a pipe takes a fifth of it, which matters to evaluations of two milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from ufh_cli.experiment.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_MEGABYTE = 1_000_000


class ProcessLost(RuntimeError):
    """A process has died, or was ended, before its call was over."""


class Worker:
    """One process, started with its first call.

    Parameters
    ----------
    memory : float or None
        Megabytes of data that it may hold.
    prepare : callable
        What it does first.
    alone : bool
        Whether it has the machine for itself.

    Attributes
    ----------
    pipe : Connection
        Readable when `receive` is to be called.
    """

    pipe: Connection

    def __init__(self, memory: float | None, prepare: Callable[[], object], *, alone: bool) -> None:
        # Spawned, not forked: some setups load libraries that do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._theirs, memory, prepare))
        self._alone = alone
        self._call: Future[Any] | None = None
        self._submitted = 0.0
        self._ready: float | None = None  # when it had started up

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin a call; the one before must be over.

        Raises
        ------
        ProcessLost
            When the process has died since.
        """
        if self._process.pid is None:
            resource_tracker.ensure_running()  # now, for it lets interruptions through again
            with interruptions_held_back(), _one_thread_each(self._alone):
                self._process.start()
            self._theirs.close()
        try:
            self.pipe.send((function, arguments))
        except OSError as error:
            raise ProcessLost from error
        self._submitted = time.monotonic()
        self._call = Future()
        return self._call

    def receive(self) -> None:
        """Take in what has come: that the process is ready, or how its call ended.

        Raises
        ------
        InputError
            When the process cannot begin.
        """
        assert self._call is not None
        try:
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            self._call.set_exception(ProcessLost())
            return
        if self._ready is None:
            self._ready = time.monotonic()
            if error is not None:
                raise error
        elif error is not None:
            self._call.set_exception(error)
        else:
            self._call.set_result(result)

    def elapsed(self) -> float:
        """Seconds for which its call has been under way."""
        return 0.0 if self._ready is None else time.monotonic() - max(self._submitted, self._ready)

    def kill(self) -> None:
        """End it at once."""
        if self._process.pid is not None:
            self._process.kill()

    def close(self) -> None:
        """End it and let go of it."""
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self.pipe.close()


@contextmanager
def interruptions_held_back() -> Iterator[None]:
    """Ctrl-C waits: half a message must not be left in a pipe, nor a process be interrupted that is just starting."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
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


class _Told:
    """Whatever a call raises is not raised here but kept, to be told to the parent."""

    error: BaseException | None = None

    def __enter__(self) -> _Told:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            error.add_note("In a worker process:\n" + "".join(traceback.format_tb(trace)))
            self.error = error
        return self.error is not None


def _serve(pipe: Connection, memory: float | None, prepare: Callable[[], object]) -> None:
    """What the process does until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the first process knows what to do
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with _Told() as beginning:
        prepare()
        if memory is not None:
            _limit_memory(memory)
    pipe.send((None, beginning.error))
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        result = None
        with _Told() as call:
            result = function(*arguments)
        pipe.send((result, call.error))


def _end_with_parent() -> None:
    """A parent that was killed cannot end its children."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory(megabytes: float) -> None:
    """Only after the beginning: some libraries do not bear a lack of memory while they are loaded."""
    import resource

    held = _data_held()
    if held >= megabytes:
        raise InputError(f"evaluation.memory is {megabytes:g} MB, but a process needs {held:.0f} MB to begin")
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(megabytes * _MEGABYTE), most))


def _data_held() -> float:
    """Megabytes of this process that the limit counts; 0 where that cannot be told."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    kilobytes = [float(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:")]
    return sum(kilobytes) * 1024 / _MEGABYTE
