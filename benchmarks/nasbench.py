"""How fast is a search on NAS-Bench-101? Against the same search written with nasbench_pytorch's graph code.

    python benchmarks/nasbench.py

Both loops run regularized evolution with the functional equivalence cache at the paper's values, in this process, in
turns. The peer's loop mutates numpy matrices, prunes and checks with `ModelSpec`, recognises cells by `hash_module` and
keeps accuracies in a dictionary by that hash; where they come from is not timed. It exists twice: in the manner of the
public code of the paper's authors, which draws edge by edge from a numpy Generator and mixes keys with SHA-256 (Method
4), and made quicker, with Python's ``random`` module and ufh's own hash.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import struct
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from peer_nasbench import load_peer, load_peer_with_torch

from setups.nasbench import NasBench
from setups.nasbench.enumeration import OPS
from setups.nasbench.text import describe, from_matrix_ops
from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.hashing import functional_key
from ufh_cli.core.rng import Rng
from ufh_cli.core.trial import Trial
from ufh_cli.experiment.trials import make_trial

PEER_CANDIDATES = 1500
ROUNDS = 9
PEERS = ("in the authors' manner", "made quicker")


def our_search(technique: str, trial: int) -> Trial:
    tables, source = read_config("nasbench", None)
    return make_trial(make_config(tables | {"technique": technique}, source), trial)


def candidates_per_second(technique: str, seed: int) -> float:
    """Through the project's own loop, at the paper's budget; everything counts but the making of the setup."""
    trials = [our_search(technique, 10 * seed + trial) for trial in range(10)]
    start = time.process_time()
    candidates = sum(trial.run().candidates for trial in trials)
    return candidates / (time.process_time() - start)


class NumpyDraws:
    """Random draws as the authors' public code makes them, one at a time from a numpy Generator."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def random(self) -> float:
        return self.generator.random()

    def choice(self, options: list):
        return self.generator.choice(options)

    def sample(self, members: list, size: int) -> list:
        return [members[place] for place in self.generator.choice(len(members), size, replace=False)]


def mixed_key(outputs: np.ndarray, bits: int = 24) -> int:
    """Method 4 value by value: sign, exponent and truncated mantissa, each mixed in with SHA-256."""
    mixed = 0
    for value in outputs.tolist():
        (word,) = struct.unpack("<Q", struct.pack("<d", value))
        for part in (word >> 63, (word >> 52) & 0x7FF, (word & ((1 << 52) - 1)) >> (52 - bits)):
            mixed = int.from_bytes(hashlib.sha256(f"{mixed},{part}".encode()).digest()[:8], "little")
    return mixed


def quick_key(outputs: np.ndarray) -> int:
    return functional_key(outputs, mantissa_bits=24)


class PeerSearch:
    """Regularized evolution with FEC over nasbench_pytorch's graph code."""

    def __init__(self, setup: NasBench, draws: NumpyDraws | random.Random, key: Callable[[np.ndarray], int]) -> None:
        self.key = key
        self.peer = load_peer_with_torch() if find_spec("torch") else load_peer()
        self.setup = setup
        self.draws = draws
        self.accuracies: dict[str, tuple[np.ndarray, float]] = {}  # graph hash -> hashable outputs, fitness
        self.untimed = 0.0

    def run(self, candidates: int) -> float:
        """Candidates a second over so many candidates."""
        cache: dict[int, float] = {}
        population: deque = deque(maxlen=100)
        start, self.untimed = time.process_time(), 0.0
        for _ in range(candidates):
            if len(population) < 100:
                spec = self.random_spec()
            else:
                spec = self.mutate(max(self.draws.sample(list(population), 10), key=lambda member: member[1])[0])
            outputs, fitness = self.look_up(spec)
            population.append((spec, cache.setdefault(self.key(outputs), fitness)))
        return candidates / (time.process_time() - start - self.untimed)

    def valid(self, matrix: np.ndarray, ops: list[str]):
        try:
            spec = self.peer.ModelSpec(matrix.tolist(), ops)
        except RuntimeError:  # what its ModelSpec raises for graphs that are not connected
            return None
        pruned = np.array(spec.matrix) if spec.matrix is not None else None
        return None if pruned is None or pruned.sum() > 9 else (matrix, ops, pruned, list(spec.ops))

    def random_spec(self):
        while True:
            matrix = np.zeros((7, 7), dtype=int)
            for source in range(6):
                for target in range(source + 1, 7):
                    matrix[source, target] = self.draws.random() < 0.5
            spec = self.valid(matrix, ["input", *(str(self.draws.choice(OPS)) for _ in range(5)), "output"])
            if spec:
                return spec

    def mutate(self, parent):
        while True:
            matrix, ops = parent[0].copy(), list(parent[1])
            for source in range(6):
                for target in range(source + 1, 7):
                    if self.draws.random() < 1 / 7:
                        matrix[source, target] = 1 - matrix[source, target]
            for vertex in range(1, 6):
                if self.draws.random() < 1 / 5:
                    ops[vertex] = str(self.draws.choice([op for op in OPS if op != ops[vertex]]))
            spec = self.valid(matrix, ops)
            if spec:
                return spec

    def look_up(self, spec) -> tuple[np.ndarray, float]:
        _, _, pruned, ops = spec
        labels = [-1, *(OPS.index(op) for op in ops[1:-1]), -2]
        key = self.peer.hash_module(pruned, labels)
        if key not in self.accuracies:
            start = time.process_time()
            candidate = self.setup.parse(describe(from_matrix_ops(pruned, ops)))
            fitness = self.setup.evaluate(candidate, Rng.from_word(0)).fitness
            self.accuracies[key] = (self.setup.hashable_outputs(candidate), fitness)
            self.untimed += time.process_time() - start
        return self.accuracies[key]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    setup = NasBench()
    contenders: dict[str, Callable[[int], float]] = {
        "in the authors' manner": lambda seed: PeerSearch(setup, NumpyDraws(seed), mixed_key).run(PEER_CANDIDATES),
        "made quicker": lambda seed: PeerSearch(setup, random.Random(seed), quick_key).run(PEER_CANDIDATES),
        **{
            technique: partial(candidates_per_second, technique)
            for technique in ("none", "fec", "fcm", "tabulist", "fec+guided")
        },
    }
    candidates_per_second("fec", 0)  # compiled code is loaded
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for seed in range(ROUNDS):
        for name, run in contenders.items():
            speeds[name].append(run(seed))
    if not find_spec("torch"):
        print("torch is not installed: nasbench_pytorch runs without wrapping its matrices, which makes it quicker")
    print(f"candidates a second of processor time, median of {ROUNDS} rounds, and times the peer's")
    slow, quick = np.array(speeds["in the authors' manner"]), np.array(speeds["made quicker"])
    for name, found in speeds.items():
        peer = "nasbench_pytorch, fec, " if name in PEERS else "ufh, "
        ratios = f"{np.median(found / slow):6.1f} {np.median(found / quick):6.1f}"
        print(f"  {peer + name:40s} {np.median(found):10,.0f} {ratios}")


if __name__ == "__main__":
    main()
