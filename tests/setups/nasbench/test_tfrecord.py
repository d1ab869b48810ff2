"""The reader of TFRecord, on small files written here by independent slow code."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from official_format import masked, slow_crc32c, tfrecord

from setups.nasbench.tfrecord import check_records, read_records


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_writer_of_these_tests_uses_the_crc_of_rfc_3720(data: bytes, crc: int) -> None:
    assert slow_crc32c(data) == crc


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=12), st.integers(1, 200))
@example([b"", b"", b""], 1)
def test_records_are_read_back_whatever_the_block_size(tmp_path_factory, records, block_bytes) -> None:
    path = tmp_path_factory.mktemp("records") / "file"
    path.write_bytes(tfrecord(records))
    seen: list[tuple[int, int]] = []
    digest = hashlib.sha256()
    read = read_records(path, progress=lambda *at: seen.append(at), digest=digest, block_bytes=block_bytes)
    assert list(read) == records
    assert digest.digest() == hashlib.sha256(path.read_bytes()).digest()
    assert seen == sorted(seen)
    assert seen[-1] == (path.stat().st_size,) * 2
    assert check_records(path) == len(records)


def test_long_records_are_read_through_a_small_block(tmp_path: Path) -> None:
    records = [bytes([i]) * size for i, size in enumerate((3000, 1, 9000))]
    (tmp_path / "file").write_bytes(tfrecord(records))
    assert list(read_records(tmp_path / "file", block_bytes=64)) == records


def test_a_record_longer_than_allowed_is_refused_before_memory_is_taken_for_it(write_records) -> None:
    length = struct.pack("<Q", 1 << 62)
    path = write_records(tfrecord([b"first"]) + length + masked(length))
    with pytest.raises(ValueError, match=r"record 1, which starts at byte 21, claims 4611686018427387904 bytes"):
        check_records(path)


def test_every_truncation_is_noticed(write_records) -> None:
    records = [b"first", b"", b"the third record"]
    whole = tfrecord(records)
    ends = {len(tfrecord(records[:n])): n for n in range(1, 4)}
    for size in range(1, len(whole)):
        path = write_records(whole[:size])
        if size in ends:
            assert check_records(path) == ends[size]
            continue
        with pytest.raises(ValueError, match="truncated") as caught:
            check_records(path)
        complete = [end for end in ends if end < size]
        assert f"{size - max(complete, default=0)} bytes into record {len(complete)}" in str(caught.value)
        assert f"starts at byte {max(complete, default=0)}" in str(caught.value)


def test_every_flipped_bit_is_noticed(write_records) -> None:
    records = [b"first", b"the second"]
    whole = tfrecord(records)
    second = len(tfrecord(records[:1]))
    for at in range(len(whole)):
        for bit in range(8):
            path = write_records(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            where = "record 1, which starts at byte 21" if at >= second else "record 0, which starts|byte 0"
            with pytest.raises(ValueError, match=where):
                check_records(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no TFRecord file but empty"),
        (gzip.compress(tfrecord([b"data"]), mtime=0), "compressed by gzip"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"\n  <?xml version='1.0'?><Error/>", "a web page or XML"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"<p>", "a web page"),
        (b'{"module": "of another format"}', r"byte 0\)"),
    ],
)
def test_foreign_files_are_called_by_their_name(write_records, content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_records(write_records(content))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*missing: No such file"):
        check_records(tmp_path / "missing")
    with pytest.raises(ValueError, match="Is a directory"):
        check_records(tmp_path)


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=200))
def test_random_bytes_are_refused(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"TFRecord|truncated"):
        check_records(path)
