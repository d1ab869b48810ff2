"""An independent writer of the official file's format, slow and plain: TFRecord, protocol buffer, rows in JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import struct


def slow_crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial division is defined."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = slow_crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def tfrecord(records: list[bytes]) -> bytes:
    lengths = [struct.pack("<Q", len(record)) for record in records]
    return b"".join(n + masked(n) + data + masked(data) for n, data in zip(lengths, records, strict=True))


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def message(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def evaluation(epoch: float, time: float, train: float, validation: float, test: float) -> bytes:
    fields = [double(i, value) for i, value in enumerate((epoch, time, train, validation, test), start=1)]
    return b"".join(fields) + message(6, b"/checkpoints/model.ckpt-1234")


def model_metrics(epochs: int, half: list[float], final: list[float]) -> bytes:
    evaluations = [evaluation(0.0, 0.0, 0.1, 0.1, 0.1), evaluation(epochs / 2, *half), evaluation(epochs, *final)]
    return b"".join(message(1, e) for e in evaluations) + varint(2 << 3) + varint(8555530) + double(3, 2500.25)


def row(module: tuple[str, str], epochs: object, metrics: bytes) -> bytes:
    module_hash = hashlib.md5("".join(module).encode()).hexdigest()
    return json.dumps([module_hash, epochs, *module, base64.b64encode(metrics).decode()]).encode()
