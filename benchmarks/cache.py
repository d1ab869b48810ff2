"""How much memory and time does the cache take? Up to 10 million entries, and a search of 10 million candidates.

    python benchmarks/cache.py

Keys are random 64-bit integers and fitnesses floats, as in a search. The second part runs one search on NAS-Bench-101
with the functional equivalence cache and tells the process's memory as it goes: it is bounded, for the space has a
bounded number of behaviours, and with `max_entries` it is in any space.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.cache import AggregatingCache, ForgetfulCache, FunctionalEquivalenceCache
from ufh_cli.core.rng import Rng
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.trials import make_trial

ENTRIES = 10_000_000
LOOK_UPS = 1_000_000
CANDIDATES = 10_000_000
MEGABYTE = 1e6


def resident() -> float:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096.0


def measure(name: str, cache: FunctionalEquivalenceCache) -> None:
    """Fill a cache and look up present and absent keys in it."""
    draw = random.Random(0).getrandbits
    before = resident()
    start = time.perf_counter()
    for _ in range(ENTRIES):
        key = draw(64)
        if cache.lookup(key) is None:
            cache.store(key, key * 2.0**-64)
    filled = time.perf_counter() - start
    held = resident() - before
    draw = random.Random(0).getrandbits
    present = [draw(64) for _ in range(LOOK_UPS)]
    absent = [random.getrandbits(64) for _ in range(LOOK_UPS)]
    times = []
    for keys in (present, absent):
        start = time.perf_counter()
        for key in keys:
            cache.lookup(key)
        times.append((time.perf_counter() - start) / LOOK_UPS * 1e9)
    print(
        f"  {name:40s} {len(cache):10,d} entries {held / len(cache):6.0f} bytes an entry"
        f"   look-up: hit {times[0]:4.0f} ns, miss {times[1]:4.0f} ns   filled in {filled:5.1f} s",
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
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(f"a search of {CANDIDATES:,} candidates on nasbench with fec")
    search()
    print("caches")
    measure("fec", FunctionalEquivalenceCache())
    measure("fec, max_entries = 1,000,000", FunctionalEquivalenceCache(max_entries=1_000_000))
    measure("forgetful-fec", ForgetfulCache(rng=Rng.from_seed(0)))
    measure("fea", AggregatingCache())


if __name__ == "__main__":
    main()
