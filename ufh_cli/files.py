"""Files that other people may have made, read and written so that none of them does harm.

Only regular files are read, of a bounded size: a pipe would hold the reader for ever, a device fill its memory. Files
are written as new ones beside the old, which they then replace; a link is never written through, so nothing outside a
folder changes whatever lies in it.

Every function raises `OSError` whose `strerror` says in words what is wrong, or `ValueError` where a text is none.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

_MEGABYTE = 1 << 20
LARGEST = 1024 * _MEGABYTE
LONGEST_LINE = 64 * _MEGABYTE
# A pipe that no one writes to would hold up an opening that waits; Windows would translate the ends of lines.
_HARMLESS = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def reading(path: Path, largest: int | None = LARGEST) -> Iterator[BufferedReader]:
    """A regular file to read, of up to `largest` bytes; links are followed, for reading does no harm."""
    file = os.open(path, os.O_RDONLY | _HARMLESS)
    with os.fdopen(file, "rb") as stream:
        size = _regular(file, path)
        if largest is not None and size > largest:
            raise OSError(errno.EFBIG, f"has {size:,} bytes; up to {largest:,} are read", str(path))
        yield stream


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """All of a regular file."""
    with reading(path, largest) as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:  # some files say that they are empty, and are not
        raise OSError(errno.EFBIG, f"has more than {largest:,} bytes", str(path))
    return content


def read_text(path: Path, largest: int = LARGEST) -> str:
    """All of a text file in UTF-8, with or without a byte-order mark.

    Raises
    ------
    ValueError
        When it is in another encoding.
    """
    content = read_bytes(path, largest)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("is in UTF-16 (or 32); it must be saved as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not in UTF-8 (byte {error.start:,})") from error


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a regular file of any size, with their ends; one at a time, so that memory is bounded."""
    with reading(path, None) as stream:
        while line := stream.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise OSError(errno.EFBIG, f"has a line of more than {LONGEST_LINE:,} bytes", str(path))
            yield line


def write_text(path: Path, text: str) -> None:
    """Write the whole file or nothing of it."""
    write_whole(path, lambda part: put(part, text.encode(errors="backslashreplace")))


def write_whole(path: Path, write: Callable[[int], None], unfinished: str = ".part") -> None:
    """Have `write` fill a new file, which then takes the place of `path`: the whole of it, or nothing.

    `write` gets the new file as a descriptor. It lies beside `path`, its name longer by `unfinished` (where several
    processes write the same, each has its own), and is made exclusively: what lies there already, from a crash or as a
    trap, is taken away and not written to.
    """
    check_target(path)
    part = path.with_name(path.name + unfinished)
    with suppress(FileNotFoundError):
        part.unlink()
    file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _HARMLESS, 0o666)
    try:
        try:
            write(file)
            os.fsync(file)  # else a power cut could leave the new name and none of the text
        finally:
            os.close(file)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def append(path: Path, text: str) -> None:
    """Write at the end of a regular file, which is made where it is missing; on the disk when this returns."""
    file = open_to_write(path, os.O_APPEND | os.O_CREAT)
    try:
        put(file, text.encode(errors="backslashreplace"))
        os.fsync(file)
    finally:
        os.close(file)


def open_to_write(path: Path, flags: int, access: int = os.O_WRONLY) -> int:
    """The descriptor of a regular file that is no link, opened with further `flags`; the caller closes it."""
    try:
        file = os.open(path, access | flags | _NO_LINK | _HARMLESS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP or (error.errno == errno.ENXIO):
            raise _no_file(path) from error
        raise
    try:
        _regular(file, path)
    except OSError:
        os.close(file)
        raise
    return file


def check_target(path: Path) -> None:
    """Refuse to write where something lies that is no regular file, a link too."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path)


def put(file: int, content: bytes) -> None:
    """Write all of `content` to the descriptor `file`."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _regular(file: int, path: Path) -> int:
    """The size of the open `file`."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path)
    return found.st_size


def _no_file(path: Path) -> OSError:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        mode = 0
    what = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "no regular file"
    return OSError(errno.EINVAL, f"is {what}, where a regular file belongs", str(path))
