"""The decorator: what is evaluated, what is remembered, and who waits for whom."""

from __future__ import annotations

import asyncio
import math
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ufh_cli as ufh
from ufh_cli.library.values import from_json, to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text("abc"), inner),
)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict:
    return {} if request.param == "memory" else {"path": tmp_path / "cache.sqlite"}


def by_value(candidate: float) -> list[float]:
    return [candidate, 2 * candidate]


@ufh.functional_cache(outputs=by_value)
def module_level(candidate: float) -> float:
    return candidate


@given(VALUES)
def test_values_come_back_as_they_were(value: object) -> None:
    assert repr(from_json(to_json(value))) == repr(value)


def test_candidates_that_behave_alike_are_evaluated_once(store: dict) -> None:
    seen = []

    @ufh.functional_cache(outputs=by_value, **store)
    def evaluate(candidate: float, *, epochs: int = 1) -> dict[str, object]:
        """Says what it saw."""
        seen.append((candidate, epochs))
        return {"loss": candidate, "pair": (1, math.inf)}

    assert evaluate(0.5) == evaluate(0.5 + 1e-12) == {"loss": 0.5, "pair": (1, math.inf)}
    assert evaluate(0.5, epochs=2) == evaluate(0.5)
    assert seen == [(0.5, 1), (0.5, 2)]
    assert evaluate.key(0.5) == ufh.functional_key(by_value(0.5)) != evaluate.key(0.5, epochs=2)
    assert evaluate.lookup(0.5) == evaluate(0.5)
    assert evaluate.lookup(7.0) is None
    stats = evaluate.stats()
    assert (stats.asked, stats.hits, stats.evaluated) == (5, 3, 2)
    assert "5 asked, 3 hits (60.0%), 2 evaluated" in str(stats)
    assert evaluate.__doc__ == "Says what it saw."
    evaluate(0.5)["loss"] = 3.0
    assert evaluate(0.5)["loss"] == 0.5
    evaluate.bypass(0.5)
    assert len(seen) == 3
    assert evaluate.forget(0.5)
    assert not evaluate.forget(0.5)
    evaluate(0.5)
    evaluate.clear()
    evaluate(0.5)
    assert len(seen) == 5


def test_values_may_be_none(store: dict) -> None:
    seen = []
    evaluate = ufh.functional_cache(outputs=by_value, **store)(seen.append)
    assert evaluate(1.0) is evaluate(1.0) is None
    assert seen == [1.0]


def test_policies(store: dict) -> None:
    def run(policy: str, calls: int = 6, **options: object) -> list[float]:
        numbers = iter([4.0, 8.0, 3.0, 100.0, 200.0, 300.0])
        decorate = ufh.functional_cache(outputs=by_value, policy=policy, space=f"{policy}{options}", **options, **store)  # type: ignore[arg-type]
        evaluate = decorate(lambda candidate: next(numbers))
        return [evaluate(1.0) for _ in range(calls)]

    assert run("first") == [4.0] * 6
    assert run("mean", repeats=3) == [4.0, 6.0, 5.0, 5.0, 5.0, 5.0]
    assert run("best", repeats=3) == [4.0, 8.0, 8.0, 8.0, 8.0, 8.0]
    assert run("forgetful", forget=1.0) == [4.0, 4.0, 8.0, 8.0, 3.0, 3.0]
    assert run("forgetful", forget=0.0) == [4.0] * 6


def test_checks_find_wrong_hits(store: dict) -> None:
    @ufh.functional_cache(outputs=lambda candidate: [1.0], check=1.0, **store)
    def evaluate(candidate: float) -> float:
        return candidate

    with pytest.warns(RuntimeWarning, match="checked hits of .*evaluate were wrong: keep more bits"):
        assert {evaluate(float(i % 2)) for i in range(41)} == {0.0}
    stats = evaluate.stats()
    assert (stats.checked, stats.wrong, stats.hits, stats.evaluated) == (40, 20, 40, 41)


def test_errors_are_remembered_only_if_asked(store: dict) -> None:
    calls = Counter()

    @ufh.functional_cache(outputs=by_value, remember=(ValueError,), **store)
    def evaluate(candidate: float) -> float:
        calls[candidate] += 1
        raise (ValueError if candidate else KeyError)("broken", 3)

    for _ in range(3):
        with pytest.raises(ValueError, match=r"\('broken', 3\)"):
            evaluate(1.0)
        with pytest.raises(KeyError):
            evaluate(0.0)
    assert calls == {1.0: 1, 0.0: 3}


def test_what_cannot_be_hashed_is_evaluated_if_asked(store: dict) -> None:
    def fails(candidate: float) -> list[float]:
        return [1 / candidate]

    evaluate = ufh.functional_cache(outputs=fails, on_error=(ZeroDivisionError,), **store)(lambda candidate: candidate)
    assert evaluate(0.0) == evaluate(0.0) == 0.0
    assert (evaluate.stats().unhashed, evaluate.stats().evaluated) == (2, 2)
    with pytest.raises(ZeroDivisionError):
        ufh.functional_cache(outputs=fails)(lambda candidate: candidate)(0.0)


def test_methods_and_recursion() -> None:
    class Task:
        scale = 3.0

        @ufh.functional_cache(outputs=by_value)
        def evaluate(self, candidate: float) -> float:
            return self.scale * candidate

    task = Task()
    assert task.evaluate(2.0) == task.evaluate(2.0) == 6.0
    assert task.evaluate.stats().evaluated == 1

    @ufh.functional_cache(outputs=by_value)
    def twice(candidate: float, again: bool = True) -> float:
        return candidate + twice.bypass(candidate, False) if again else candidate

    assert twice(1.0) == 2.0

    @ufh.functional_cache(outputs=lambda candidate: [1.0])
    def same(candidate: int) -> int:
        return candidate if candidate == 0 else same(candidate - 1)

    assert same(5) == 0  # asks for its own key, and does not wait for itself


def test_a_decorated_function_is_pickled_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_threads_evaluate_each_key_once(store: dict) -> None:
    calls: Counter[float] = Counter()

    @ufh.functional_cache(outputs=by_value, **store)
    def evaluate(candidate: float) -> float:
        calls[candidate] += 1
        time.sleep(0.001)
        return candidate

    start = threading.Barrier(8)

    def ask(thread: int) -> list[float]:
        start.wait()
        return [evaluate(float(i)) for i in range(100)]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [[float(i) for i in range(100)]] * 8
    assert calls == {float(i): 1 for i in range(100)}
    assert evaluate.stats().hits == 700


def test_tasks_evaluate_each_key_once(store: dict) -> None:
    calls: Counter[float] = Counter()

    @ufh.functional_cache(outputs=by_value, **store)
    async def evaluate(candidate: float) -> float:
        calls[candidate] += 1
        await asyncio.sleep(0.001)
        return candidate

    async def ask(task: int) -> list[float]:
        return [await evaluate(float((i + task) % 100)) for i in range(100)]

    async def main() -> list[list[float]]:
        return await asyncio.gather(*map(ask, range(100)))

    assert [sorted(found) for found in asyncio.run(main())] == [[float(i) for i in range(100)]] * 100
    assert set(calls.values()) == {1}


def test_a_task_that_asks_for_its_own_key_does_not_wait_for_itself(store: dict) -> None:
    @ufh.functional_cache(outputs=lambda candidate: [1.0], **store)
    async def same(candidate: int) -> int:
        await asyncio.sleep(0.001)
        return candidate if candidate == 0 else await same(candidate - 1)

    async def main() -> list[int]:
        return await asyncio.wait_for(asyncio.gather(same(5), same(3)), timeout=60.0)

    assert asyncio.run(main()) == [0, 0]  # the second is another task: it waits for the first, and takes its value


PROGRAM = """
import os, sys, time
import ufh_cli as ufh
from ufh_cli.library.sqlite import SqliteCache
cache = SqliteCache(sys.argv[1], lease=float(sys.argv[4]))
@ufh.functional_cache(outputs=lambda c: [c], cache=cache)
def evaluate(candidate):
    os.write(1, f"{candidate:g}\\n".encode())
    time.sleep(float(sys.argv[3]))
    return candidate * 2
for i in range(int(sys.argv[2])):
    assert evaluate(float(i)) == 2.0 * i
"""


def start(path: Path, keys: int, seconds: float, lease: float = 30.0) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, str(path), str(keys), str(seconds), str(lease)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_evaluate_each_key_once(tmp_path: Path) -> None:
    processes = [start(tmp_path / "c.sqlite", 100, 0.001) for _ in range(4)]
    evaluated = [line for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(map(float, evaluated)) == [float(i) for i in range(100)]


def test_the_claim_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    owner = start(tmp_path / "c.sqlite", 1, 60.0, lease=0.6)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "0\n"
    waiter = start(tmp_path / "c.sqlite", 1, 0.0, lease=0.6)
    time.sleep(1.5)
    assert waiter.poll() is None  # the owner lives and renews its claim
    owner.send_signal(signal.SIGKILL)
    assert waiter.communicate()[0] == "0\n"
    assert waiter.returncode == 0
    owner.communicate()


def test_kills_lose_and_spoil_no_value(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    finished = 0
    for turn in range(20):
        process = start(path, 400, 0.0005, lease=0.2)
        assert process.stdout is not None
        for _ in range(3 + 2 * turn):
            if not process.stdout.readline():
                break
        process.kill()
        process.communicate()
        with sqlite3.connect(path) as connection:
            values = connection.execute("SELECT value FROM entries WHERE count > 0").fetchall()
        numbers = sorted(float(value) for (value,) in values)
        assert set(numbers) <= {2.0 * i for i in range(400)}
        assert len(numbers) >= finished
        finished = len(numbers)
    assert finished > 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_goes_on_with_its_own_connection(tmp_path: Path) -> None:
    evaluate = ufh.functional_cache(outputs=by_value, path=tmp_path / "c.sqlite")(lambda candidate: candidate)
    evaluate(1.0)
    child = os.fork()
    if not child:
        os._exit(0 if evaluate(1.0) == 1.0 and evaluate(2.0) == 2.0 and evaluate.stats().evaluated == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert evaluate(2.0) == 2.0
    assert evaluate.stats().evaluated == 1


def test_another_setting_is_refused_with_the_difference(tmp_path: Path) -> None:
    def make(**options: object) -> None:
        ufh.functional_cache(outputs=by_value, path=tmp_path / "c.sqlite", **options)(len)  # type: ignore[arg-type]

    make(mantissa_bits=24)
    make(mantissa_bits=24)
    with pytest.raises(ValueError, match="mantissa_bits 24 and not 12; give another space or file"):
        make(mantissa_bits=12)
    make(mantissa_bits=12, space="other")


@pytest.mark.parametrize("content", [b"no database, but a text that is long enough" * 99, b""])
def test_what_is_no_cache_is_one_warning(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(content)
    if content:
        with pytest.warns(RuntimeWarning, match=r"c.sqlite cannot be used .*; values are remembered in this process"):
            evaluate = ufh.functional_cache(outputs=by_value, path=path)(lambda candidate: candidate)
        assert path.read_bytes() == content
    else:
        evaluate = ufh.functional_cache(outputs=by_value, path=path)(lambda candidate: candidate)
    assert evaluate(1.0) == evaluate(1.0) == 1.0
    assert evaluate.stats().evaluated == 1


def test_bounded_caches(tmp_path: Path) -> None:
    for cache in (ufh.Cache(max_entries=5), ufh.SqliteCache(tmp_path / "c.sqlite", max_entries=5)):
        evaluate = ufh.functional_cache(outputs=by_value, cache=cache)(lambda candidate: candidate)
        for i in range(50):
            evaluate(float(i))
        assert len(cache) == 5
        assert evaluate.lookup(49.0) == 49.0
        assert evaluate.lookup(3.0) is None
