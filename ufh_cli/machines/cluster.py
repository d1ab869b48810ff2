"""Many machines: functions run on a Dask cluster, which is started and stopped with Dask's own tools."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ufh_cli.configuration.errors import InputError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

_CONNECT = 5.0  # seconds
_COUNT_EVERY = _LOOK_EVERY = 1.0  # seconds

_one_at_a_time = threading.Lock()  # a cluster's process may have several threads
_told: deque[str] = deque(maxlen=100)  # the topics under which this process of a cluster has said that it is prepared


class ClusterSite:
    """The processes of a Dask cluster (`ufh_cli.machines.sites.Site`), through its client.

    A process that dies is noticed by the scheduler, which gives its work to another; only what has killed several is
    given up (``distributed.scheduler.allowed-failures``).

    With its first call a process, however late it joined, is prepared, and says so to the scheduler, which is asked
    about it. Only from then on is a call under way. What stays behind is what was prepared and, in the scheduler, a
    list of the processes that were.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``tcp://node1:8786``.
    places : int or None
        How many calls at a time; None is as many as the cluster has processes at the moment.
    prepare : callable
        What each process does first; its time does not count as a call's, and what it raises is raised by the call.

    Raises
    ------
    InputError
        When `distributed` is not installed, or there is no scheduler at `address`, or, later, when it is lost; in
        `stop`, when Dask does not start the call's process again.
    """

    ahead = 0

    def __init__(self, address: str, places: int | None = None, prepare: Callable[[], object] = os.getpid) -> None:
        self._address = address
        self._fixed = places
        self._prepare = prepare
        self._client = connect(address)
        self._calls: dict[Future[Any], DaskFuture] = {}  # in the order of the calls
        self._under_way: dict[Future[Any], tuple[str, float]] = {}  # at which process, and since when
        self._topic = f"ufh-{uuid.uuid4().hex}"
        self._prepared: set[str] = set()  # processes
        self._heard = 0  # how many have said so by now
        self._looked = time.monotonic()
        self._count = 1
        self._counted = -_COUNT_EVERY

    @property
    def places(self) -> int:
        if self._fixed is not None:
            return self._fixed
        if time.monotonic() - self._counted > _COUNT_EVERY:
            self._count = max(1, len(self._client.scheduler_info(n_workers=-1).get("workers", ())))
            self._counted = time.monotonic()
        return self._count

    def start(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        key = f"ufh-{uuid.uuid4().hex}"
        try:
            call = self._client.submit(_call, self._topic, self._prepare, function, *arguments, key=key, pure=False)
        except Exception as error:  # of which kind depends on Dask's version
            if self._client.status == "running":
                raise
            raise self._lost() from error
        future: Future[Any] = Future()
        self._calls[future] = call
        loop: Any = self._client.loop
        loop.add_callback(_hand_over, self._client, call, future)
        return future

    def wait(self, futures: Iterable[Future[Any]], timeout: float) -> list[Future[Any]]:
        done = wait(futures, timeout, return_when=FIRST_COMPLETED).done
        if not done and self._client.status != "running":  # some futures are never told
            raise self._lost()
        return list(done)

    def finish(self, future: Future[Any]) -> None:
        del self._calls[future]
        self._under_way.pop(future, None)

    def elapsed(self, future: Future[Any]) -> float | None:
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self._look()
        if future not in self._under_way:
            return None
        return time.monotonic() - self._under_way[future][1]

    def _look(self) -> None:
        """Ask the scheduler who has which call: a process may have several, and the oldest is under way.

        A call whose process has died is given to another one, where it may have to wait, and its time begins anew.
        """
        self._looked = time.monotonic()
        try:
            processing = self._client.processing()
            at = {str(key): address for address, keys in processing.items() for key in keys}
            if not self._prepared.issuperset(at.values()):
                told = self._client.get_events(self._topic)
                self._prepared.update(address for _, address in told[self._heard :])
                self._heard = len(told)
        except OSError as error:
            raise self._lost() from error
        self._prepared &= processing.keys()  # another process may come to an address
        where = {future: at.get(str(call.key)) for future, call in self._calls.items()}
        self._under_way = {
            future: (address, since)
            for future, (address, since) in self._under_way.items()
            if where[future] == address and address in self._prepared
        }
        taken = {address for address, _ in self._under_way.values()}
        for future, place in where.items():
            if place in self._prepared and place not in taken:
                taken.add(place)
                self._under_way[future] = (place, self._looked)

    def is_lost(self, error: BaseException) -> bool:
        from distributed import KilledWorker

        if isinstance(error, CancelledError | asyncio.CancelledError):
            raise self._lost() from error
        return isinstance(error, KilledWorker)

    def was_begun(self, error: BaseException) -> bool:
        return True

    def _lost(self) -> InputError:
        return InputError(
            f"the cluster at {self._address} is lost; everything finished is kept, and the same command goes on "
            f"from there, without --cluster as well"
        )

    def stop(self, future: Future[Any]) -> None:
        address, _ = self._under_way[future]
        if not future.cancel():  # it is over
            return
        self._calls[future].cancel()
        self._prepared.discard(address)
        try:
            self._client.restart_workers([address], raise_for_error=False)
        except KeyError:  # it has just gone by itself
            pass
        except ValueError as error:
            raise InputError(
                f"evaluation.timeout needs workers that Dask starts again, and {address} has no nanny"
            ) from error
        except OSError as error:
            raise self._lost() from error

    def release(self) -> None:
        for future, call in self._calls.items():
            if future.cancel() and not call.done():
                call.cancel()
        self._calls.clear()
        self._under_way.clear()

    def close(self) -> None:
        self._client.close(timeout=_CONNECT)


async def _hand_over(client: Client, call: DaskFuture, future: Future[Any]) -> None:
    """Tell `future` what became of `call`, in the client's own thread.

    Dask's executor would do so, but never tells of a call whose process dies after it, with the result.
    """
    try:
        result = await client.gather(call, asynchronous=True)
    except BaseException as error:  # of every kind: whoever waits for the future is told it
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
    else:
        if future.set_running_or_notify_cancel():
            future.set_result(result)


def _call(topic: str, prepare: Callable[[], object], function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function`, in a process that is prepared and has said so."""
    from distributed import get_worker
    from distributed.comm import resolve_address
    from distributed.utils import sync

    with _one_at_a_time:
        if topic not in _told:
            prepare()
            worker = get_worker()
            address = resolve_address(worker.address)  # as the scheduler has it
            # The scheduler must know before the call begins, which may keep this process from sending anything.
            with suppress(OSError):  # no scheduler, and soon no process
                sync(worker.loop, worker.scheduler.log_event, topic=topic, msg=address)
                _told.append(topic)
    return function(*arguments)


def count_workers(address: str) -> int:
    """How many processes the cluster at `address` has."""
    with connect(address) as client:
        return len(client.scheduler_info(n_workers=-1).get("workers", ()))


def connect(address: str) -> Client:
    """A client of the cluster at `address`."""
    try:
        from distributed import Client
        from distributed.comm import resolve_address
    except ImportError as error:
        raise InputError("--cluster needs Dask: pip install distributed") from error
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "tornado"))]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is to be said is said in one line
    try:
        resolve_address(address)  # a client that is given what is no address complains again when it is thrown away
        return Client(address, timeout=_CONNECT, set_as_default=False, name="ufh")
    except (OSError, ValueError) as error:
        raise InputError(f"no cluster answers at {address}: {error}") from error
