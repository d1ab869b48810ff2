"""A streaming reader of TFRecord files that needs no tensorflow.

A TFRecord file is a sequence of records without a header. One record is (all integers little-endian)::

    uint64  length of the data in bytes
    uint32  masked CRC-32C of these eight bytes
    bytes   the data
    uint32  masked CRC-32C of the data

where masked(c) = ((c >> 15) | (c << 17)) + 0xa282ead8 modulo 2**32 ("TFRecords format details" in the TensorFlow
documentation), and CRC-32C is the Castagnoli polynomial of RFC 3720, appendix B.4.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numba as nb
import numpy as np

from setups.data import Progress
from ufh_cli.files import reading

BLOCK_BYTES = 8 << 20
MAX_RECORD_BYTES = 64 << 20
_FRAME = 16  # bytes of a record besides its data
_RECORDS_A_BLOCK = 1 << 16
_OK, _BAD_LENGTH, _TOO_LONG, _BAD_DATA = range(4)


class Digest(Protocol):
    """What `hashlib` and `xxhash` objects have in common."""

    def update(self, data: memoryview, /) -> None: ...


def _crc_tables() -> np.ndarray:
    """Eight tables of 256 words: entry [k, b] is the CRC register after byte b and then k zero bytes."""
    tables = np.zeros((8, 256), np.uint32)
    word = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        word = np.where(word & 1, (word >> 1) ^ np.uint32(0x82F63B78), word >> 1)
    tables[0] = word
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> 8) ^ word[tables[k - 1] & 0xFF]
    return tables


_TABLES = _crc_tables()


@nb.njit(cache=True, nogil=True)
def _crc32c(data, start, stop):
    """CRC-32C of data[start:stop], eight bytes a step ("slicing by 8", Kounavis and Berry 2005)."""
    crc = nb.uint32(0xFFFFFFFF)
    at = start
    while at + 8 <= stop:
        crc = (
            _TABLES[7, data[at] ^ (crc & nb.uint32(0xFF))]
            ^ _TABLES[6, data[at + 1] ^ ((crc >> nb.uint32(8)) & nb.uint32(0xFF))]
            ^ _TABLES[5, data[at + 2] ^ ((crc >> nb.uint32(16)) & nb.uint32(0xFF))]
            ^ _TABLES[4, data[at + 3] ^ (crc >> nb.uint32(24))]
            ^ _TABLES[3, data[at + 4]]
            ^ _TABLES[2, data[at + 5]]
            ^ _TABLES[1, data[at + 6]]
            ^ _TABLES[0, data[at + 7]]
        )
        at += 8
    while at < stop:
        crc = _TABLES[0, (crc ^ data[at]) & nb.uint32(0xFF)] ^ (crc >> nb.uint32(8))
        at += 1
    return crc ^ nb.uint32(0xFFFFFFFF)


@nb.njit(cache=True, nogil=True)
def _masked_crc(data, start, stop):
    crc = _crc32c(data, start, stop)
    rotated = (crc >> nb.uint32(15)) | (crc << nb.uint32(17))
    return nb.uint32(rotated + nb.uint32(0xA282EAD8))


@nb.njit(cache=True, nogil=True)
def _little_endian(data, start, n_bytes):
    value = nb.uint64(0)
    for i in range(n_bytes):
        value |= nb.uint64(data[start + i]) << nb.uint64(8 * i)
    return value


@nb.njit(cache=True, nogil=True)
def _scan(block, size, max_record, starts, stops):
    """Checks the complete records in block[:size]: (how many, bytes they take, status of the one that follows)."""
    count = 0
    at = 0
    while count < starts.shape[0] and size - at >= 12:
        if nb.uint64(_masked_crc(block, at, at + 8)) != _little_endian(block, at + 8, 4):
            return count, at, _BAD_LENGTH
        length = _little_endian(block, at, 8)
        if length > nb.uint64(max_record):
            return count, at, _TOO_LONG
        stop = at + 12 + nb.int64(length)
        if stop + 4 > size:
            break
        if nb.uint64(_masked_crc(block, at + 12, stop)) != _little_endian(block, stop, 4):
            return count, at, _BAD_DATA
        starts[count] = at + 12
        stops[count] = stop
        count += 1
        at = stop + 4
    return count, at, _OK


def read_records(
    path: str | Path,
    *,
    progress: Progress | None = None,
    digest: Digest | None = None,
    block_bytes: int = BLOCK_BYTES,
    max_record: int = MAX_RECORD_BYTES,
) -> Iterator[bytes]:
    """The data of every record of a TFRecord file, in order, both checksums of each checked.

    Parameters
    ----------
    progress : callable, optional
        Called after every block with (bytes read, bytes in the file).
    digest : optional
        A `hashlib` object, updated with every byte of the file as it is read.
    block_bytes : int
        How much is read at once. Memory stays below the larger of this and the longest record, plus one block.
    max_record : int
        Longer records are refused rather than kept in memory.

    Raises
    ------
    ValueError
        One line, naming the file, the record (counted from 0) and its byte offset: the file cannot be opened, is empty,
        is no TFRecord file, is truncated, or a checksum is wrong.
    """
    path = Path(path)
    try:
        with reading(path, None) as file:
            total = os.fstat(file.fileno()).st_size
            yield from _stream(file, path, total, progress, digest, block_bytes, max_record)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from None


def check_records(path: str | Path, *, progress: Progress | None = None, digest: Digest | None = None) -> int:
    """The number of records in a TFRecord file, all checksums checked; errors as `read_records`."""
    return sum(1 for _ in read_records(path, progress=progress, digest=digest))


def _stream(file, path, total, progress, digest, block_bytes, max_record) -> Iterator[bytes]:
    buffer = bytearray(max(block_bytes, _FRAME))
    starts, stops = np.empty(_RECORDS_A_BLOCK, np.int64), np.empty(_RECORDS_A_BLOCK, np.int64)
    kept = 0  # bytes at the beginning of the buffer that are read but not yet consumed
    offset = 0  # where the buffer begins in the file
    records = 0
    ended = False
    while True:
        if not ended and kept < len(buffer):
            n_read = file.readinto(memoryview(buffer)[kept:])
            if digest is not None:
                digest.update(memoryview(buffer)[kept : kept + n_read])
            kept += n_read
            ended = n_read == 0
            if progress is not None:
                progress(offset + kept, max(total, offset + kept))
        if ended and kept == 0 and records > 0:
            return
        count, consumed, status = _scan(np.frombuffer(buffer, np.uint8), kept, max_record, starts, stops)
        for start, stop in zip(starts[:count].tolist(), stops[:count].tolist(), strict=True):
            yield bytes(memoryview(buffer)[start:stop])
        records += count
        if status != _OK or (ended and count == 0):
            raise ValueError(_fault(path, buffer[consumed:kept], status, records, offset + consumed, max_record))
        if count == 0 and kept >= 12:
            needed = _FRAME + int.from_bytes(buffer[:8], "little")
            buffer.extend(bytes(max(0, needed - len(buffer))))
        buffer[: kept - consumed] = buffer[consumed:kept]
        kept -= consumed
        offset += consumed


def _fault(path: Path, rest: bytearray, status: int, record: int, offset: int, max_record: int) -> str:
    """The line that says what is wrong with `rest`, the bytes from `offset` on."""
    foreign = _foreign_format(rest) if record == 0 else ""
    if foreign:
        return f"{path} is no TFRecord file but {foreign}"
    if status == _BAD_LENGTH and record == 0:
        return f"{path} is no TFRecord file: it does not start with a record's length and its checksum (byte 0)"
    where = f"record {record}, which starts at byte {offset}"
    if status == _BAD_LENGTH:
        return f"{path} is damaged: wrong checksum of the length of {where}"
    if status == _BAD_DATA:
        return f"{path} is damaged: wrong checksum of the data of {where}"
    if status == _TOO_LONG:
        length = int.from_bytes(rest[:8], "little")
        return f"{path}: {where}, claims {length} bytes of data; more than {max_record} are not accepted"
    return f"{path} is truncated: the file ends {len(rest)} bytes into {where}"


def _foreign_format(start: bytearray) -> str:
    """The kind of file that is commonly mistaken for a TFRecord file, "" when it is none of these."""
    if not start:
        return "empty"
    if start.startswith(b"\x1f\x8b"):
        return "compressed by gzip: decompress it first"
    if start.startswith(b"PK\x03\x04"):
        return "a zip archive"
    if start[:64].lstrip().startswith(b"<"):
        return "a web page or XML: was the download redirected?"
    return ""
