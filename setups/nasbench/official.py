"""The benchmark authors' file of NAS-Bench-101 measurements, read into an accuracy table.

The file (github.com/google-research/nasbench) is a TFRecord of about five million rows, one a training. A row is the
JSON array ``[module hash, epochs, adjacency, operations, metrics]``: the module's matrix as a string of digits, row by
row; its operations separated by commas; and a protocol buffer in base64, of which this module reads by hand

    message ModelMetrics { repeated EvaluationData evaluation_data = 1; … }
    message EvaluationData { optional double current_epoch = 1, training_time = 2, train_accuracy = 3,
                             validation_accuracy = 4, test_accuracy = 5; … }

The first evaluation is the one before training, the second half-way, the third at the end (``api.py`` there). Runs are
numbered by their order in the file, as the authors' reader numbers them: run 0 of 4 epochs is what they hash.
"""

from __future__ import annotations

import hashlib
import json
import struct
from binascii import a2b_base64
from pathlib import Path
from typing import Any

import numpy as np

from setups.data import Progress
from setups.nasbench.enumeration import canonical_cell
from setups.nasbench.space import Space
from setups.nasbench.table import BUDGETS, RUNS, Table, write_table
from setups.nasbench.text import from_matrix_ops
from setups.nasbench.tfrecord import read_records

FULL_FILE = "nasbench_full.tfrecord"
SHA256 = "3d64db8180fb1b0207212f9032205064312b6907a3bbc81eabea10db2f5c7e9c"
"""The checksum of the full file, as published in the README of github.com/google-research/nasbench."""

_REQUIRED_BUDGETS = (4, 108)
_BATCH = 8192
_MAX_VARINT = 10  # bytes
_DOUBLE = struct.Struct("<d")
_EVALUATION_TAG = 1 << 3 | 2
# tag (field number, type double), name, highest possible value
_METRICS = (
    (2 << 3 | 1, "training time", float(np.finfo(np.float32).max)),
    (3 << 3 | 1, "train accuracy", 1.0),
    (4 << 3 | 1, "validation accuracy", 1.0),
    (5 << 3 | 1, "test accuracy", 1.0),
)


def convert(
    source: str | Path,
    destination: str | Path,
    progress: Progress | None = None,
    expected_cells: np.ndarray | None = None,
) -> Table:
    """Read the authors' file and write it as an accuracy table.

    Parameters
    ----------
    source : path
        The full file, ``nasbench_full.tfrecord``.
    destination : path
        The directory to write; `setups.nasbench.store.official_path` is where the setup looks for it.
    progress : callable, optional
        Called now and then with (bytes read, bytes in the file).
    expected_cells : array of uint32, optional
        The canonical cells that the file must hold, ascending; by default all 423,624. A smaller set is for tests.

    Returns
    -------
    Table
        With 4 and 108 epochs, and 12 and 36 where the file has them.

    Raises
    ------
    ValueError
        One line: the file is not a whole TFRecord file (`read_records`), a row is malformed or outside the space, or a
        training is missing or there is one too many.
    """
    source = Path(source)
    rows = _Rows(Space.build().cells if expected_cells is None else np.asarray(expected_cells, np.uint32))
    digest = hashlib.sha256()
    for number, record in enumerate(read_records(source, progress=progress, digest=digest)):
        try:
            rows.add(record)
        except ValueError as error:
            raise ValueError(f"{source}: record {number}: {error}") from None
    provenance = {
        "made_by": "ufh data convert nasbench",
        "file": source.name,
        "bytes": source.stat().st_size,
        "sha256": digest.hexdigest(),
        "is_published_file": digest.hexdigest() == SHA256,
    }
    return write_table(destination, rows.columns(source), source="official", provenance=provenance)


class _Rows:
    """The rows read so far, sorted into the columns of a table."""

    def __init__(self, cells: np.ndarray) -> None:
        self._cells = cells
        self._seen = {budget: bytearray(len(cells)) for budget in BUDGETS}  # runs of each cell
        self._columns: dict[str, np.ndarray] = {}
        # Filling an array element by element is slow: rows wait in a batch of (row of the table, run, 8 metrics).
        self._batch: dict[int, tuple[list[int], list[int], list[float]]] = {b: ([], [], []) for b in BUDGETS}
        self._row_of_graph: dict[tuple[int, int], int] = {}
        self._adjacencies: dict[str, int] = {}
        self._operations: dict[str, int] = {}

    def add(self, record: bytes) -> None:
        """Take one record of the file; `ValueError` says what is wrong with it."""
        epochs, adjacency, operations, metrics = _parse_row(record)
        # The 423,624 graphs are recognised by two small numbers rather than by two long strings: 100 MB less.
        graph = (
            self._adjacencies.setdefault(adjacency, len(self._adjacencies)),
            self._operations.setdefault(operations, len(self._operations)),
        )
        row = self._row_of_graph.get(graph)
        if row is None:
            row = self._row_of_graph[graph] = self._find(adjacency, operations)
        seen = self._seen[epochs]
        if seen[row] == RUNS:
            raise ValueError(f"run {RUNS + 1} of {epochs} epochs of the same module, where the benchmark has {RUNS}")
        rows, runs, values = self._batch[epochs]
        rows.append(row)
        runs.append(seen[row])
        values.extend(metrics)
        seen[row] += 1
        if len(rows) == _BATCH:
            self._flush(epochs)

    def columns(self, source: Path) -> dict[str, np.ndarray]:
        """The columns of the table, when nothing is missing."""
        present = [budget for budget in BUDGETS if any(self._seen[budget])]
        if present == [108]:
            raise ValueError(
                f"{source} has trainings of 108 epochs only; the hash needs those of 4 epochs, which are in {FULL_FILE}"
            )
        columns = {"cells": self._cells}
        for budget in BUDGETS:
            if budget not in present and budget not in _REQUIRED_BUDGETS:
                continue
            runs = np.frombuffer(self._seen[budget], np.uint8)
            short = np.flatnonzero(runs < RUNS)
            if short.size:
                raise ValueError(
                    f"{source} is incomplete: {short.size} of {len(runs)} cells have fewer than {RUNS} trainings of "
                    f"{budget} epochs; the first is cell {self._cells[short[0]]} with {runs[short[0]]}"
                )
            self._flush(budget)
            columns[f"accuracy{budget}"] = self._columns[f"accuracy{budget}"]
            columns[f"time{budget}"] = self._columns[f"time{budget}"]
        return columns

    def _find(self, adjacency: str, operations: str) -> int:
        cell = _canonical_cell(adjacency, operations)
        row = int(np.searchsorted(self._cells, cell))
        if row == len(self._cells) or self._cells[row] != cell:
            raise ValueError(f"adjacency {adjacency} with operations {operations} is not in the search space")
        return row

    def _flush(self, budget: int) -> None:
        rows, runs, values = self._batch[budget]
        if rows:
            metrics = np.array(values).reshape(-1, 2, len(_METRICS))
            self._store(f"time{budget}", rows, runs, metrics[:, :, 0])
            self._store(f"accuracy{budget}", rows, runs, metrics[:, :, 1:])
        self._batch[budget] = ([], [], [])

    def _store(self, name: str, rows: list[int], runs: list[int], values: np.ndarray) -> None:
        column = self._columns.get(name)
        if column is None:
            column = np.zeros((len(self._cells), RUNS, *values.shape[1:]), np.float32)
        if column.dtype == np.float32 and not np.array_equal(values.astype(np.float32), values):
            column = column.astype(np.float64)  # the hash reads all mantissa bits: nothing is rounded
        column[rows, runs] = values
        self._columns[name] = column


def _parse_row(record: bytes) -> tuple[int, str, str, list[float]]:
    """(epochs, adjacency, operations, the metrics as `decode_metrics` gives them) of a record."""
    try:
        row = json.loads(record)
    except (ValueError, RecursionError):
        raise ValueError("not a row in JSON") from None
    if not isinstance(row, list) or [type(item) for item in row] != [str, int, str, str, str]:
        raise ValueError("not an array of [module hash, epochs, adjacency, operations, metrics]")
    _, epochs, adjacency, operations, metrics = row
    if epochs not in BUDGETS:
        raise ValueError(f"{epochs} epochs, where the benchmark has {', '.join(map(str, BUDGETS))}")
    try:
        message = a2b_base64(metrics.replace("\n", ""), strict_mode=True)
    except ValueError as error:
        raise ValueError(f"the metrics are not in base64 ({error})") from None
    return epochs, adjacency, operations, decode_metrics(message)


def _canonical_cell(adjacency: str, operations: str) -> int:
    """The canonical cell of a row's module, 0 when its input and output are not connected."""
    labels = operations.split(",")
    n = len(labels)
    if len(adjacency) != n * n or not set(adjacency) <= {"0", "1"}:
        raise ValueError(f"adjacency {adjacency[:60]!r} is not a matrix of 0 and 1 for {n} operations")
    matrix = np.frombuffer(adjacency.encode(), np.uint8).reshape(n, n) - ord("0")
    return canonical_cell(from_matrix_ops(matrix, labels))


def decode_metrics(message: bytes) -> list[float]:
    """The metrics half-way and at the end of a training, from a serialized ``ModelMetrics``.

    Returns
    -------
    list of 8 floats
        Half-way: training time in seconds, train, validation and test accuracy; then the same four at the end.

    Raises
    ------
    ValueError
        The bytes are no such message, or a metric is missing or impossible.
    """
    evaluations = [value for tag, value in _fields(message) if tag == _EVALUATION_TAG]
    if len(evaluations) < 3:
        raise ValueError(f"only {len(evaluations)} of 3 evaluations in the metrics")
    metrics: list[float] = []
    for stage, evaluation in zip(("half-way", "final"), evaluations[1:3], strict=True):
        fields = dict(_fields(evaluation))
        for tag, name, highest in _METRICS:
            value = fields.get(tag)
            if value is None:
                raise ValueError(f"the {stage} {name} is missing")
            if not 0.0 <= value <= highest:
                raise ValueError(f"the {stage} {name} is {value}")
            metrics.append(value)
    return metrics


def _fields(message: bytes) -> list[tuple[int, Any]]:
    """The fields of a protocol buffer message, in order, as (field number << 3 | wire type, value).

    Values of 8 bytes are read as doubles, the only such type in these messages.
    """
    fields: list[tuple[int, Any]] = []
    at, size = 0, len(message)
    while at < size:
        tag, at = (message[at], at + 1) if message[at] < 0x80 else _varint(message, at)
        wire_type = tag & 7
        value: Any
        if wire_type == 1:
            stop = at + 8
            value = _DOUBLE.unpack_from(message, at)[0] if stop <= size else None
        elif wire_type == 2:
            length, at = _varint(message, at)
            stop = at + length
            value = message[at:stop]
        elif wire_type == 0:
            value, stop = _varint(message, at)
        elif wire_type == 5:
            stop = at + 4
            value = message[at:stop]
        else:
            raise ValueError(f"the metrics are no protocol buffer: wire type {wire_type} at byte {at - 1}")
        if tag < 8 or stop > size:
            raise ValueError(f"the metrics are no protocol buffer: a field ends at byte {stop} of {size}")
        fields.append((tag, value))
        at = stop
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The base-128 number at `at`, and where it ends."""
    value = 0
    for i, byte in enumerate(message[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError(f"the metrics are no protocol buffer: a number at byte {at} does not end")
