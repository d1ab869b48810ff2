"""A process of this machine that runs one call after the other, and that may be ended at any time.

The standard library's process pool takes three threads to hand over a call, and a quarter of a millisecond and more of
a processor; a pipe takes a fifth of it, which matters to evaluations of two milliseconds. A call may lie in the pipe
while the one before it runs: then the process goes from one to the next without waiting for this one to wake up.

Pebble's pool isolates a call that kills its process as well, but a process that dies while it starts or waits ends that
pool and all that lies in it, and its calls of 2 ms take 1.05 times as long (`benchmarks/process_pool.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from ufh_cli.configuration.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_MEGABYTE = 1_000_000
_OF_A_TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
INTERRUPTIONS = [*_OF_A_TERMINAL, signal.SIGTERM]  # what ends a search in good order


class ProcessLost(RuntimeError):
    """A process has died, or was ended, before its call was over."""


class NotBegun(ProcessLost):
    """It has died before it came to this call, which waited for another to end."""


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
        self._calls: deque[Future[Any]] = deque()  # the first is under way
        self._began = 0.0  # when the first could begin
        self._ready: float | None = None  # when it had started up
        self._ended: Future[Any] | None = None  # the call that it was killed for

    @property
    def calls(self) -> int:
        """How many calls it has: the one under way and those that wait for it."""
        return len(self._calls)

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin a call, or have it wait for those before it.

        The pipe must have room for a call that waits, else this one waits as well.

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
            self.pipe.send_bytes(pickle.dumps((function, arguments)))
        except OSError as error:
            raise ProcessLost from error
        if not self._calls:
            self._began = time.monotonic()
        future: Future[Any] = Future()
        self._calls.append(future)
        return future

    def receive(self) -> None:
        """Take in what has come: that the process is ready, or how its call ended.

        Raises
        ------
        InputError
            When the process cannot begin.
        """
        try:
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            self._fail()
            return
        self._began = time.monotonic()  # the next call
        if self._ready is None:
            self._ready = self._began
            if error is not None:
                raise error
        elif error is not None:
            self._calls.popleft().set_exception(error)
        else:
            self._calls.popleft().set_result(result)

    def _fail(self) -> None:
        """The process is dead: only the call under way can be to blame for it, unless it was killed for another."""
        calls = list(self._calls)
        self._calls.clear()
        for call in calls:
            guilty = call is calls[0] and self._ended in (None, call)
            call.set_exception(ProcessLost() if guilty else NotBegun())

    def elapsed(self, call: Future[Any]) -> float | None:
        """Seconds for which a call has been under way; None while it waits for another."""
        if not self._calls or self._calls[0] is not call:
            return None
        return 0.0 if self._ready is None else time.monotonic() - self._began

    def end(self, call: Future[Any]) -> None:
        """End a call by killing the process."""
        self._ended = call
        self.kill()

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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
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
            error.add_note("In a worker process:\n" + "".join(traceback.format_exception(error)))
            self.error = error
        return self.error is not None


def _serve(pipe: Connection, memory: float | None, prepare: Callable[[], object]) -> None:
    """What the process does until the parent closes the pipe."""
    for number in _OF_A_TERMINAL:  # they reach all of its processes; the first one knows what to do
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with _Told() as beginning:
        prepare()
        if memory is not None:
            _limit_memory(memory)
    pipe.send_bytes(_message(None, beginning.error))
    while True:
        try:
            asked = pipe.recv_bytes()
        except EOFError:
            return
        result = None
        with _Told() as call:
            function, arguments = pickle.loads(asked)
            result = function(*arguments)
        pipe.send_bytes(_message(result, call.error))


def _message(result: Any, error: BaseException | None) -> bytes:
    """How a call ended, for the parent; what could not be read there is told in words."""
    try:
        message = pickle.dumps((result, error))
        pickle.loads(message)
    except Exception as fault:  # of every kind: pickling calls the methods of whoever wrote the setup
        what = "" if error is not None else "what a call returned does not survive pickling: "
        words = "".join(traceback.format_exception_only(error or fault)).rstrip()
        return pickle.dumps((None, RuntimeError(what + words)))
    return message


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
