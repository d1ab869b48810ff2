"""How quickly are keys made? Against Method 4 as the paper writes it: a loop that mixes value by value into one key.

    python benchmarks/hashing.py

Arrays of 80 MB, at half of the mantissa and rounded to 3 decimals; the best of a few runs each. The peer is plain
Python in the same run: every value is truncated to the same number of bits (or rounded), and the key becomes the
SHA-256 of the key so far and the value, or Python's own `hash` of the two. It is measured on fewer values, for it takes
long.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from ufh_cli.core.hashing import MANTISSA_BITS, FunctionalHash, functional_key

BYTES = 80_000_000
PEER_VALUES = 100_000
FEW = 4
CALLS = 20_000
REPEATS = 5
DECIMALS = 3
TYPES: Sequence[type] = (np.float16, np.float32, np.float64)

Key = Callable[[np.ndarray], int]


def truncated(value: float, bits: int) -> float:
    """`value` with so many bits of its mantissa."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.trunc(math.ldexp(mantissa, bits + 1)), exponent - bits - 1)


def canonical(bits: int | None) -> Callable[[float], float]:
    """What Method 4 does to a value first."""
    if bits is None:
        return lambda value: round(value, DECIMALS) + 0.0
    return lambda value: truncated(value, bits) + 0.0


def sha256_loop(bits: int | None) -> Key:
    """Mixes value by value with SHA-256."""
    prepare, pack = canonical(bits), struct.Struct("<d").pack

    def key(outputs: np.ndarray) -> int:
        digest = b""
        for value in outputs.tolist():
            digest = hashlib.sha256(digest + pack(prepare(value))).digest()
        return int.from_bytes(digest[:8], "little")

    return key


def hash_loop(bits: int | None) -> Key:
    """Mixes value by value with Python's own hash."""
    prepare = canonical(bits)

    def key(outputs: np.ndarray) -> int:
        found = 0
        for value in outputs.tolist():
            found = hash((found, prepare(value)))
        return found

    return key


def seconds(key: Key, outputs: np.ndarray, calls: int = 1) -> float:
    """Of one call, the best of a few runs in processor time, after one that compiles."""
    key(outputs[:FEW])
    key(outputs[:PEER_VALUES])
    best = math.inf
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(calls):
            key(outputs)
        best = min(best, (time.process_time() - start) / calls)
    return best


def short_outputs() -> None:
    """Few values, or many short arrays, against what one would write by hand: no check, no −0.0, no NaN."""
    twenty, mask = np.random.default_rng(0).normal(size=20), np.uint64((1 << 64) - (1 << 26))
    hundred = list(np.random.default_rng(0).normal(size=(100, 20)).copy())

    def by_hand(values: np.ndarray) -> int:
        return xxh3_64_intdigest((values.view(np.uint64) & mask).tobytes())

    kinds: dict[str, tuple[Callable[[Any], int], Any]] = {
        "functional_key of 20 values": (functional_key, twenty),
        "by hand": (by_hand, twenty),
        "100 arrays of 20 values": (FunctionalHash(), hundred),
        "by hand, concatenated": (lambda arrays: by_hand(np.concatenate(arrays)), hundred),
    }
    for name, (key, outputs) in kinds.items():
        print(f"{name:30s} {min(seconds(key, outputs, 1000) for _ in range(REPEATS)) * 1e6:6.2f} us", flush=True)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    short_outputs()
    draw = np.random.default_rng(0)
    print(f"{'outputs':8s} {'precision':13s} {'key by':12s} {'GB/s':>8s} {'ns a value':>11s} {f'us for {FEW}':>11s}")
    for dtype in TYPES:
        outputs = draw.uniform(-1.0, 1.0, BYTES // np.dtype(dtype).itemsize).astype(dtype)
        for bits in (MANTISSA_BITS[outputs.itemsize] // 2, None):
            precision = f"{DECIMALS} decimals" if bits is None else f"{bits} bits"
            ours = FunctionalHash(decimals=DECIMALS) if bits is None else FunctionalHash(mantissa_bits=bits)
            keys: dict[str, tuple[Key, np.ndarray]] = {
                "ufh": (ours, outputs),
                "loop, sha256": (sha256_loop(bits), outputs[:PEER_VALUES]),
                "loop, hash()": (hash_loop(bits), outputs[:PEER_VALUES]),
            }
            for name, (key, values) in keys.items():
                long = seconds(key, values)
                short = seconds(key, values[:FEW], CALLS)
                rate, each = values.nbytes / long / 1e9, long / values.size * 1e9
                what = f"{np.dtype(dtype).name:8s} {precision:13s} {name:12s}"
                print(f"{what} {rate:8.3f} {each:11.2f} {short * 1e6:11.2f}", flush=True)


if __name__ == "__main__":
    main()
