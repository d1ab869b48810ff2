"""Many machines: functions run on a Dask cluster, which is started and stopped with Dask's own tools."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import TYPE_CHECKING, Any

from ufh_cli.experiment.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

_CONNECT = 5.0  # seconds
_COUNT_EVERY = _LOOK_EVERY = 1.0  # seconds


class ClusterSite:
    """The processes of a Dask cluster (`ufh_cli.experiment.sites.Site`), through its executor.

    A process that dies is noticed by the scheduler, which gives its work to another; only what has killed several is
    given up (``distributed.scheduler.allowed-failures``). The first call of a process takes
    longer, for it loads the setup.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``tcp://node1:8786``.
    places : int or None
        How many calls at a time; None is as many as the cluster has processes at the moment.

    Raises
    ------
    InputError
        When `distributed` is not installed, or there is no scheduler at `address`, or, later, when it is lost.
    """

    ahead = 0

    def __init__(self, address: str, places: int | None = None) -> None:
        self._address = address
        self._fixed = places
        self._client = connect(address)
        self._executor = self._client.get_executor(pure=False)
        self._calls: dict[Future[Any], str] = {}  # Dask's keys, in the order of the calls
        self._under_way: dict[Future[Any], tuple[str, float]] = {}  # at which process, and since when
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
        future: Future[Any] = self._executor.submit(function, *arguments, key=key)
        self._calls[future] = key
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
            at = {str(key): address for address, keys in self._client.processing().items() for key in keys}
        except OSError as error:
            raise self._lost() from error
        before, self._under_way = self._under_way, {}
        taken = set()
        for future, key in self._calls.items():
            address = at.get(key)
            if address is not None and address not in taken:
                taken.add(address)
                same = future in before and before[future][0] == address
                self._under_way[future] = before[future] if same else (address, self._looked)

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
        future.cancel()
        self._client.restart_workers([address], raise_for_error=False)

    def release(self) -> None:
        for future in self._calls:
            future.cancel()
        self._calls.clear()
        self._under_way.clear()

    def close(self) -> None:
        self._executor.shutdown(wait=False)
        self._client.close(timeout=_CONNECT)


def connect(address: str) -> Client:
    """A client of the cluster at `address`."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--cluster needs Dask: pip install 'ufh[cluster]'") from error
    for name in [name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "tornado"))]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is to be said is said in one line
    try:
        return Client(address, timeout=_CONNECT, set_as_default=False, name="ufh")
    except (OSError, ValueError) as error:
        raise InputError(f"no cluster answers at {address}: {error}") from error
