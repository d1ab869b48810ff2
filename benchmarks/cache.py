"""How much memory and time does the cache take? A million entries, and a search of 10 million candidates.

    python benchmarks/cache.py

Keys are random 64-bit integers; what is kept of them is a float, as in a loop of one's own, an evaluation, as in a
search, or the fitness on each of 100 tasks, of which each counts as an entry. Bytes are those that Python asked for
(tracemalloc); a dictionary of integers and floats, the peer, takes some 100. Keys are looked up in the order in which
they were stored, in which a dictionary's objects lie one after the other, and in random order. The first part runs a
search on NAS-Bench-101 with the functional equivalence cache and tells the process's memory as it goes: it is bounded,
for the space has a bounded number of behaviours, and with `max_entries` it is in any space.

    python benchmarks/cache.py caches
"""

from __future__ import annotations

import argparse
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.hashing import TaskKeys
from ufh_cli.core.per_task import PerTaskCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.trials import make_trial

ENTRIES = 1_000_000
LOOK_UPS = 200_000
TASKS = 100
CANDIDATES = 10_000_000
MEGABYTE = 1e6


def resident() -> float:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096.0


Store = Callable[[FunctionalEquivalenceCache, Callable[[int], int]], object]


def number(cache: FunctionalEquivalenceCache, draw: Callable[[int], int]) -> None:
    key = draw(64)
    cache.store(key, key * 2.0**-64)


def evaluation(cache: FunctionalEquivalenceCache, draw: Callable[[int], int]) -> None:
    key = draw(64)
    cache.store(key, Evaluation(key * 2.0**-64, draw(53) * 1.0))


def tasks(cache: FunctionalEquivalenceCache, draw: Callable[[int], int]) -> None:
    keys = TaskKeys(draw(64) for _ in range(TASKS))
    cache.store(keys, Evaluation(0.0, 1.0, tasks=tuple(key * 2.0**-64 for key in keys)))


def measure(name: str, cache: FunctionalEquivalenceCache, store: Store = number, entries: int = ENTRIES) -> None:
    """Fill a cache and look up present and absent keys in it."""
    draw = random.Random(0).getrandbits
    tracemalloc.start()
    while len(cache) < min(entries, cache.max_entries or entries):
        store(cache, draw)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    times = []
    if store is not tasks:
        draw = random.Random(0).getrandbits
        present = [draw(64) for _ in range(LOOK_UPS)]
        absent = [random.getrandbits(64) for _ in range(LOOK_UPS)]
        for keys in (present, random.sample(present, LOOK_UPS), absent):
            start = time.process_time()
            for key in keys:
                cache.lookup(key)
            times.append(f"{(time.process_time() - start) / LOOK_UPS * 1e9:4.0f} ns")
    print(
        f"  {name:40s} {len(cache):10,d} entries {held / len(cache):6.0f} bytes an entry"
        f"   look-up of keys that are there, in order and not, and of others: {', '.join(times) or '–'}",
        flush=True,
    )


def search() -> None:
    """10 million candidates in one trial on NAS-Bench-101."""
    tables, source = read_config("nasbench", None)
    config = make_config(tables | {"technique": "fec", "budget": {"candidates": CANDIDATES}}, source)
    start = time.perf_counter()

    def tell(trial: Trial) -> None:
        if trial.result.candidates in (100_000, 1_000_000, CANDIDATES // 2, CANDIDATES):
            cache = trial.technique.cache
            print(
                f"  {trial.result.candidates:10,d} candidates: {resident() / MEGABYTE:6.0f} MB, "
                f"{0 if cache is None else len(cache):8,d} entries, {time.perf_counter() - start:6.0f} s",
                flush=True,
            )

    make_trial(config, 0, observe=tell).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["search", "caches"], help="one of the two parts [default: both]")
    part = parser.parse_args().part
    if part != "caches":
        print(f"a search of {CANDIDATES:,} candidates on nasbench with fec")
        search()
    if part != "search":
        print("caches")
        measure("fec, numbers", FunctionalEquivalenceCache())
        measure("fec, max_entries = 1,000,000, numbers", FunctionalEquivalenceCache(max_entries=1_000_000))
        measure("forgetful-fec, numbers", ForgetfulCache(rng=Rng.from_seed(0)))
        measure("fea, numbers", AggregatingCache())
        measure("fec, evaluations", FunctionalEquivalenceCache(), evaluation)
        measure("fec, keys per task", PerTaskCache(FunctionalEquivalenceCache(), lambda found: found[0]), tasks)


if __name__ == "__main__":
    main()
