"""The search space of NAS-Bench-101: random specs, mutation, and look-up of the cell.

A candidate is a spec, one integer in the code of `enumeration`: it keeps its silent vertices and edges, and mutation
acts on them too, so that different specs can stand for the same cell. The functions called for every candidate are
compiled, take one random word, and read one table; `Space` holds that table and binds it to them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba as nb
import numpy as np
import xxhash

from setups.nasbench.enumeration import (
    CELLS_PART,
    EDGES_MASK,
    KEPT_BITS,
    KEPT_MASK,
    LABELS_MASK,
    LABELS_PART,
    LABELS_SHIFT,
    MAX_VERTICES,
    N_LABELINGS,
    OPS,
    TABLE_SIZE,
    VERTICES_SHIFT,
    build_table,
)
from ufh_cli.core.compiled import splitmix64, word_below
from ufh_cli.files import put, reading, write_whole

# The space is one mathematical object, so its table has one digest; a file or an enumeration with another one is wrong.
_TABLE_DIGEST = 0xF872BA2F39E3D2B5

SPEC_BITS = 32
SPEC_MASK = (1 << SPEC_BITS) - 1

_N_OPS = len(OPS)
_N_INTERIOR = MAX_VERTICES - 2
_N_PAIRS = MAX_VERTICES * (MAX_VERTICES - 1) // 2
_TABLE = nb.types.Array(nb.uint32, 1, "C", readonly=True)


@nb.njit(nb.int64(_TABLE, nb.uint64), cache=True, nogil=True)
def random_spec(table: np.ndarray, word: int) -> int:
    """A random valid spec: every edge with probability 1/2, uniform operations, drawn again until valid.

    Parameters
    ----------
    table : ndarray of uint32, shape (TABLE_SIZE,)
        From `enumeration.build_table`.
    word : int
        64 random bits.
    """
    state, bits = splitmix64(nb.uint64(word))
    while table[bits >> nb.uint64(64 - LABELS_SHIFT)] == 0:
        state, bits = splitmix64(state)
    edges = nb.int64(bits >> nb.uint64(64 - LABELS_SHIFT))
    state, bits = splitmix64(state)
    labels = nb.int64(word_below(bits, nb.uint64(N_LABELINGS)))
    return MAX_VERTICES << VERTICES_SHIFT | labels << LABELS_SHIFT | edges


@nb.njit(nb.int64(_TABLE, nb.int64, nb.uint64, nb.float64), cache=True, nogil=True)
def mutate_spec(table: np.ndarray, spec: int, word: int, rate: float) -> int:
    """A mutation of `spec`, as in the authors' public code.

    Each of the 21 edges flips with probability ``rate / 7`` and each of the 5 operations becomes one of the two others
    with probability ``rate / 5``; this starts again from `spec` until the result is valid. The result may equal `spec`.

    Parameters
    ----------
    table : ndarray of uint32, shape (TABLE_SIZE,)
        From `enumeration.build_table`.
    spec : int
        A valid spec.
    word : int
        64 random bits.
    rate : float
        In [0, 5]; 1 in the paper.

    Raises
    ------
    ValueError
        When `spec` or `rate` is not as above.
    """
    labels = (spec >> LABELS_SHIFT) & LABELS_MASK
    if spec >> VERTICES_SHIFT != MAX_VERTICES or labels >= N_LABELINGS or table[spec & EDGES_MASK] == 0:
        raise ValueError("only a valid spec of 7 vertices can be mutated")
    if not 0.0 <= rate <= 5.0:
        raise ValueError("the mutation rate must be between 0 and 5")
    state = nb.uint64(word)
    flip_probability = rate / MAX_VERTICES
    while True:
        edges = spec & EDGES_MASK
        for i in range(_N_PAIRS):
            state, bits = splitmix64(state)
            if (bits >> nb.uint64(11)) * 2.0**-53 < flip_probability:
                edges ^= 1 << i
        if table[edges] != 0:
            break
    # Validity depends on the edges alone: the operations need drawing only once.
    new_labels, power = 0, 1
    for _ in range(_N_INTERIOR):
        digit = labels % _N_OPS
        state, bits = splitmix64(state)
        if (bits >> nb.uint64(11)) * 2.0**-53 < rate / _N_INTERIOR:
            # The lowest bit takes no part in the comparison above.
            digit = (digit + 1 + nb.int64(bits & nb.uint64(1))) % _N_OPS
        new_labels += digit * power
        labels //= _N_OPS
        power *= _N_OPS
    return MAX_VERTICES << VERTICES_SHIFT | new_labels << LABELS_SHIFT | edges


@nb.njit(nb.int64(_TABLE, nb.int64), cache=True, nogil=True)
def cell_index(table: np.ndarray, spec: int) -> int:
    """The row of the cell that `spec` prunes to, in {0, …, N_CELLS − 1}.

    Parameters
    ----------
    table : ndarray of uint32, shape (TABLE_SIZE,)
        From `enumeration.build_table`.
    spec : int
        A valid spec; `ValueError` otherwise.
    """
    labels = (spec >> LABELS_SHIFT) & LABELS_MASK
    graph = nb.int64(table[spec & EDGES_MASK])
    if spec >> VERTICES_SHIFT != MAX_VERTICES or labels >= N_LABELINGS or graph == 0:
        raise ValueError("only a valid spec of 7 vertices has a cell")
    kept_labels = nb.int64(table[LABELS_PART + (graph & KEPT_MASK) * N_LABELINGS + labels])
    return nb.int64(table[(graph >> KEPT_BITS) + kept_labels])


@nb.njit(nb.int64(_TABLE, nb.int64), cache=True, nogil=True)
def locate(table: np.ndarray, spec: int) -> int:
    """`spec` with the row of its cell above its 32 bits: what a search handles, so that a cell is looked up once."""
    return cell_index(table, spec) << SPEC_BITS | spec


@nb.njit(nb.int64(_TABLE, nb.uint64), cache=True, nogil=True)
def random_located(table: np.ndarray, word: int) -> int:
    """`locate` of `random_spec`, in one call."""
    return locate(table, random_spec(table, word))


@nb.njit(nb.int64(_TABLE, nb.int64, nb.uint64, nb.float64), cache=True, nogil=True)
def mutate_located(table: np.ndarray, located: int, word: int, rate: float) -> int:
    """`locate` of `mutate_spec`, in one call."""
    return locate(table, mutate_spec(table, located & SPEC_MASK, word, rate))


class Space:
    """The search space with the table that makes it fast; about 15 MB.

    Parameters
    ----------
    table : ndarray of uint32, shape (TABLE_SIZE,)
        From `enumeration.build_table`; `ValueError` when it is not exactly that. Use `build` or `load` instead.

    Attributes
    ----------
    cells : ndarray of uint32, shape (N_CELLS,)
        The canonical cells in ascending order; read-only.
    random : callable
        ``random(word)`` is `random_spec`.
    mutate : callable
        ``mutate(spec, word, rate)`` is `mutate_spec`.
    index : callable
        ``index(spec)`` is `cell_index`, the row in `cells`.
    locate, random_located, mutate_located : callable
        The functions of these names, likewise.
    """

    def __init__(self, table: np.ndarray) -> None:
        if table.dtype != np.uint32 or table.shape != (TABLE_SIZE,) or _digest(table) != _TABLE_DIGEST:
            raise ValueError("this is not the table of the NAS-Bench-101 space; build it again")
        self._table = table.view()
        self._table.flags.writeable = False
        self.cells = self._table[CELLS_PART:]
        self.random: Callable[[int], int] = _bind(random_spec, self._table)
        self.mutate: Callable[[int, int, float], int] = _bind(mutate_spec, self._table)
        self.index: Callable[[int], int] = _bind(cell_index, self._table)
        self.locate: Callable[[int], int] = _bind(locate, self._table)
        self.random_located: Callable[[int], int] = _bind(random_located, self._table)
        self.mutate_located: Callable[[int, int, float], int] = _bind(mutate_located, self._table)

    @classmethod
    def build(cls) -> Space:
        """Enumerate the space; about half a second."""
        return cls(build_table())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Space:
        """Map a file that `save` wrote into memory; `ValueError` when it is torn, foreign or of another version."""
        header = _file_header()
        refusal = f"{path} is not a whole table of the NAS-Bench-101 space; delete it to have it built again"
        with reading(Path(path), None) as file:
            start, size = file.read(len(header)), os.fstat(file.fileno()).st_size
            if start != header or size != len(header) + 4 * TABLE_SIZE:
                raise ValueError(refusal)
            table = np.memmap(file, dtype="<u4", mode="r", offset=len(header), shape=(TABLE_SIZE,))
        try:
            return cls(np.asarray(table).astype(np.uint32, copy=False))
        except ValueError as error:
            raise ValueError(refusal) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table as an .npy file of little-endian uint32; another process never sees half of it."""
        content = _file_header() + self._table.astype("<u4", copy=False).tobytes()
        write_whole(Path(path), lambda file: put(file, content), f".{os.getpid()}.part")


def _bind(function: Callable[..., int], table: np.ndarray) -> Callable[..., int]:
    # The compiled function of the only signature: finding the signature from the arguments would cost 0.1 us a call.
    return partial(function.get_overload(function.signatures[0]), table)  # type: ignore[attr-defined]


def _digest(table: np.ndarray) -> int:
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(table, dtype="<u4").data)


def _file_header() -> bytes:
    stream = io.BytesIO()
    description = {"descr": "<u4", "fortran_order": False, "shape": (TABLE_SIZE,)}
    np.lib.format.write_array_header_1_0(stream, description)
    return stream.getvalue()
