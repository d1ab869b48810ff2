"""`functional_cache`: a function that evaluates, evaluated once for candidates that behave alike."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import os
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, TypeVar

from xxhash import xxh3_64_intdigest

from ufh_cli.library.keys import FunctionalHash
from ufh_cli.library.memory import LONGEST_WAIT, SHORTEST_WAIT, Answer, Cache
from ufh_cli.library.policy import Policy
from ufh_cli.library.sqlite import SqliteCache
from ufh_cli.library.statistics import CacheStatistics
from ufh_cli.library.values import from_json, plain, to_json

P = ParamSpec("P")
R = TypeVar("R")

_CHECKED_ENOUGH = 20
_Errors = tuple[type[Exception], ...]

# The evaluations that this thread or task is in, by function and key.
_evaluating: ContextVar[frozenset[tuple[int, int]]] = ContextVar("_evaluating", default=frozenset())


class functional_cache:  # in lower case, as a decorator is written
    """Decorate a function of a candidate, so that candidates with the same outputs are evaluated once.

    Parameters
    ----------
    outputs : callable
        candidate -> what it puts out on some fixed examples: anything that `FunctionalHash` takes. Deterministic.
    path : str or path or None
        A file to remember in (`SqliteCache`); None remembers in memory.
    cache : Cache or SqliteCache or None
        Instead of `path`, one that several functions share.
    space : str
        What keeps values apart in a shared cache, such as the name of the data.
    fingerprint : str
        Of data or code: kept in the file, which refuses another.
    mantissa_bits, decimals, at_most
        The precision of the key; see `FunctionalHash`.
    policy : {"first", "mean", "best", "forgetful"}
        A key's value: that of its first evaluation; the mean or the best of its first `repeats`, each call being an
        evaluation until there are so many; or the first, with each hit removing it with probability `forget`.
    check : float
        The share of hits that are evaluated all the same, to count wrong ones: in another value by more than
        `tolerance`, relative to the larger. The value remembered is given in either case.
    check_limit : float
        A warning comes once the share of wrong hits is above this (after 20 checks).
    on_error : tuple of exceptions
        Raised by `outputs` or the hash they lead to an evaluation that is not remembered; others reach the caller.
    remember : tuple of exceptions
        Those of the function that count as its value: raised again at a hit.
    seed : int
        Of the draws of `check` and `forget`.

    Notes
    -----
    Further arguments of the function join the key, as JSON. Of many threads, tasks or, with a file, processes that ask
    for one key at once, one evaluates and the others wait. Of a method, the candidate is the first argument after self,
    and self is no part of the key.

    Examples
    --------
    >>> @functional_cache(outputs=lambda f: [f(x) for x in (0.1, 0.2, 0.3)])
    ... def evaluate(f):
    ...     return f(0.5)
    >>> evaluate(lambda x: x + x), evaluate(lambda x: 2 * x), evaluate.stats().evaluated
    (1.0, 1.0, 1)
    """

    def __init__(
        self,
        *,
        outputs: Callable[[Any], Any],
        path: str | os.PathLike[str] | None = None,
        cache: Cache | SqliteCache | None = None,
        space: str = "",
        fingerprint: str = "",
        mantissa_bits: int | None = None,
        decimals: int | None = None,
        at_most: bool = False,
        policy: str = "first",
        repeats: int = 4,
        forget: float = 0.1,
        check: float = 0.0,
        check_limit: float = 0.05,
        tolerance: float = 1e-9,
        on_error: _Errors = (),
        remember: _Errors = (),
        seed: int = 0,
    ) -> None:
        if not callable(outputs):
            raise ValueError("outputs must be a function of a candidate")
        if path is not None and cache is not None:
            raise ValueError("give path or cache, not both")
        for name, share in (("check", check), ("check_limit", check_limit)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be between 0 and 1, got {share}")
        self.outputs = outputs
        self.key = FunctionalHash(mantissa_bits=mantissa_bits, decimals=decimals, at_most=at_most)
        self.policy = Policy(policy, repeats=repeats, forget=forget)
        self.cache = cache if cache is not None else Cache() if path is None else SqliteCache(path)
        self.space, self.seed = space, seed
        self.check, self.check_limit, self.tolerance = check, check_limit, tolerance
        self.on_error, self.remember = on_error, remember
        self._precision = {"mantissa_bits": mantissa_bits, "decimals": decimals, "at_most": at_most}
        self._fingerprint = fingerprint

    def __call__(self, function: Callable[P, R]) -> FunctionalCached[P, R]:
        kind = AsyncFunctionalCached if inspect.iscoroutinefunction(function) else FunctionalCached
        decorated = kind(function, self)
        rule = {"policy": self.policy.name, "repeats": self.policy.repeats}
        setting = self._precision | rule | {"fingerprint": self._fingerprint, "function": decorated._name}
        self.cache.bind(self.space, setting)
        return decorated


class FunctionalCached(Generic[P, R]):
    """A function decorated by `functional_cache`."""

    def __init__(self, function: Callable[P, R], setting: functional_cache) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._name: str = getattr(function, "__qualname__", repr(function))
        self._outputs, self._hash = setting.outputs, setting.key
        self._store, self._space, self._policy = setting.cache, setting.space, setting.policy
        self._check, self._check_limit, self._tolerance = setting.check, setting.check_limit, setting.tolerance
        self._on_error, self._remember = setting.on_error, setting.remember
        self._random = random.Random(setting.seed)
        self._counts = dict.fromkeys(("asked", "hits", "evaluated", "checked", "wrong", "unhashed"), 0)
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._warned = False

    def __reduce__(self) -> str:
        return self._name  # found by its name where it is unpickled, with a cache of that process

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else _Method(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(self._function, args, kwargs)

    def key(self, candidate: Any, *args: Any, **kwargs: Any) -> int:
        """The key of a candidate with the further arguments."""
        key = self._hash(self._outputs(candidate))
        if args or kwargs:
            try:
                text = json.dumps([args, kwargs], sort_keys=True)
            except TypeError as error:
                raise ValueError(f"further arguments must be such that JSON holds them: {error}") from error
            key = xxh3_64_intdigest(key.to_bytes(8, "little") + text.encode())
        return key

    def lookup(self, candidate: Any, *args: Any, **kwargs: Any) -> Any:
        """What is remembered of a candidate; None where nothing is. Evaluates nothing."""
        found = self._store.peek(self._space, self.key(candidate, *args, **kwargs))
        return None if found is None or found[1] < self._policy.repeats else self._opened(found[0])

    def bypass(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function itself, without the cache."""
        return self._function(*args, **kwargs)

    def forget(self, candidate: Any, *args: Any, **kwargs: Any) -> bool:
        """Drop what is remembered of a candidate; whether there was anything."""
        return self._store.forget(self._space, self.key(candidate, *args, **kwargs))

    def clear(self) -> None:
        """Drop all that is remembered in this space."""
        self._store.clear(self._space)

    def stats(self) -> CacheStatistics:
        """What was asked, answered and evaluated so far, in this process."""
        with self._lock:
            return CacheStatistics(**self._counts, seconds=self._seconds)

    def _call(self, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        key = self._key_or_none(args, kwargs)
        wait = SHORTEST_WAIT
        while key is not None:
            answer, value = self._store.begin(self._space, key, self._policy)
            if answer is Answer.HIT:
                if self._hit(key):
                    self._compare(value, self._timed(function, args, kwargs))
                return self._opened(value)
            if answer is Answer.MINE:
                self._count("asked")
                return self._evaluated(key, function, args, kwargs)
            if self._would_wait_for_itself(key):
                self._count("asked")
                break
            self._store.wait(self._space, key, wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return self._timed(function, args, kwargs)

    def _evaluated(self, key: int, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        with self._evaluation(key):
            value = self._closed(self._timed(function, args, kwargs))
        return self._store.finish(self._space, key, value, self._policy)

    @contextlib.contextmanager
    def _evaluation(self, key: int) -> Iterator[None]:
        """Around an evaluation: it may ask for its own key, and what it raises is remembered or lets others try."""
        mine = (id(self), key)
        _evaluating.set(_evaluating.get() | {mine})
        try:
            yield
        except self._remember as error:
            self._store.finish(self._space, key, _kept(error), Policy())
            raise
        except BaseException:  # an interrupt too: whoever waits for the key would wait for ever
            self._store.abandon(self._space, key)
            raise
        finally:
            _evaluating.set(_evaluating.get() - {mine})

    def _would_wait_for_itself(self, key: int) -> bool:
        return (id(self), key) in _evaluating.get()

    def _key_or_none(self, args: tuple, kwargs: dict) -> int | None:
        """The key; None where there is none, and the candidate is evaluated without being remembered."""
        if not args:
            raise TypeError(f"{self._name}() needs the candidate as its first argument")
        try:
            key = self.key(*args, **kwargs)
        except self._on_error:
            self._count("asked", "unhashed")
            return None
        return key

    def _timed(self, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            self._took(time.perf_counter() - start)

    def _took(self, seconds: float) -> None:
        with self._lock:
            self._counts["evaluated"] += 1
            self._seconds += seconds

    def _count(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._counts[name] += 1

    def _hit(self, key: int) -> bool:
        """Count a hit, forget it perhaps; whether it is to be checked."""
        with self._lock:
            self._counts["asked"] += 1
            self._counts["hits"] += 1
            forgets = self._policy.forget and self._random.random() < self._policy.forget
            checks = self._check > 0.0 and self._random.random() < self._check
        if forgets:
            self._store.forget(self._space, key)
        return checks

    def _compare(self, remembered: Any, found: Any) -> None:
        wrong = not _alike(remembered, self._closed(found), self._tolerance)
        self._count("checked", *["wrong"] * wrong)
        counts = self._counts
        if counts["checked"] >= _CHECKED_ENOUGH and counts["wrong"] > self._check_limit * counts["checked"]:
            if not self._warned:
                text = f"{counts['wrong']} of {counts['checked']} checked hits of {self._name} were wrong"
                warnings.warn(f"{text}: keep more bits, or put out more examples", RuntimeWarning, stacklevel=4)
            self._warned = True

    def _closed(self, value: Any) -> Any:
        return value if type(value) is float else plain(value)

    def _opened(self, value: Any) -> Any:
        if type(value) is tuple and value and value[0] == _ERROR:
            for kind in self._remember:
                if kind.__name__ == value[1]:
                    raise kind(*from_json(value[2]))
            raise RuntimeError(f"the evaluation of an equal candidate raised {value[1]}")
        return value


class AsyncFunctionalCached(FunctionalCached[P, R]):
    """A coroutine function decorated by `functional_cache`; whoever waits lets other tasks run."""

    async def _call(self, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        key = self._key_or_none(args, kwargs)
        wait = SHORTEST_WAIT
        while key is not None:
            answer, value = self._store.begin(self._space, key, self._policy)
            if answer is Answer.HIT:
                if self._hit(key):
                    self._compare(value, await self._timed(function, args, kwargs))
                return self._opened(value)
            if answer is Answer.MINE:
                self._count("asked")
                return await self._evaluated(key, function, args, kwargs)
            if self._would_wait_for_itself(key):
                self._count("asked")
                break
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return await self._timed(function, args, kwargs)

    async def _evaluated(self, key: int, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        with self._evaluation(key):
            value = self._closed(await self._timed(function, args, kwargs))
        return self._store.finish(self._space, key, value, self._policy)

    async def _timed(self, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        start = time.perf_counter()
        try:
            return await function(*args, **kwargs)
        finally:
            self._took(time.perf_counter() - start)


class _Method:
    """A decorated method of one instance."""

    def __init__(self, cached: FunctionalCached[..., Any], instance: Any) -> None:
        self._cached = cached
        self._instance = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._cached._call(functools.partial(self._cached._function, self._instance), args, kwargs)

    def bypass(self, *args: Any, **kwargs: Any) -> Any:
        return self._cached._function(self._instance, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cached, name)


_ERROR = "ufh:error"


def _kept(error: Exception) -> tuple[str, str, str]:
    try:
        arguments = to_json(list(error.args))
    except ValueError:
        arguments = to_json([str(error)])
    return _ERROR, type(error).__name__, arguments


def _alike(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[name], b[name], tolerance) for name in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(_alike(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b) or abs(a - b) <= tolerance * max(abs(a), abs(b))
    return bool(a == b)
