"""Download of the benchmark authors' file: resumable, and checked before it takes its final name."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from setups.data import Progress
from setups.nasbench.official import FULL_FILE, SHA256
from setups.nasbench.tfrecord import check_records
from ufh_cli.files import open_to_write, read_text, reading, write_text

URL = f"https://storage.googleapis.com/nasbench/{FULL_FILE}"
"""Where the benchmark's README says that the full file is (1.95 GB)."""

_CHUNK = 1 << 20
_SPARE_BYTES = 64 << 20  # left free on the disk
_LONGEST_ORIGIN = 1 << 16  # bytes
_ELSEWHERE = "without a network, download it on another machine and convert that file"


@dataclass(frozen=True)
class _Origin:
    """Where the bytes of an unfinished download are from; kept beside it so that only the same file is continued."""

    url: str
    etag: str
    size: int  # bytes, -1 when the server does not say


def fetch(
    destination: str | Path,
    url: str = URL,
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    attempts: int = 5,
    pause: float = 2.0,
    timeout: float = 60.0,
) -> Path:
    """Download the official file, or the rest of it when a download was interrupted.

    The bytes go to ``<file>.part``. The file gets its name when it is complete and its checksum is right: the one
    asked for, or the published one of the official address, or, where neither is known, those of all TFRecord records.

    Parameters
    ----------
    destination : path
        A file, or an existing directory in which the file keeps its name.
    sha256 : str, optional
        The checksum in hexadecimal digits.
    progress : callable, optional
        Called after every megabyte with (bytes done, bytes in total, or bytes done where the total is not known).
    attempts : int
        How often in a row a transfer may break off without any progress.
    pause : float
        Seconds to wait before the second attempt; twice as many before each further one.
    timeout : float
        Seconds without an answer after which an attempt has failed.

    Returns
    -------
    Path
        The file. One that is already there is checked, not downloaded again.

    Raises
    ------
    ValueError
        One line: no network, an HTTP error, no space on the disk, or a wrong checksum.
    """
    destination = Path(destination)
    sha256 = _wanted_checksum(url, sha256)
    if destination.is_dir():
        destination = destination / (Path(urlsplit(url).path).name or FULL_FILE)
    if destination.exists():
        _check(destination, sha256, f"{destination} is there already but is not the file asked for")
        return destination
    part = destination.with_name(destination.name + ".part")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _download(part, url, progress, attempts, pause, timeout)
        _check_download(part, sha256, url)
        part.replace(destination)
        _forget(part)
    except OSError as error:
        raise ValueError(f"cannot write {part}: {error.strerror or error}") from None
    return destination


def _wanted_checksum(url: str, sha256: str | None) -> str | None:
    """The checksum that the file at `url` must have, None where none is known; refuses what cannot be one."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"cannot download {url}: the address must start with https:// or http://")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"a SHA-256 checksum has 64 hexadecimal digits; {sha256!r} is none")
    return SHA256 if sha256 is None and url == URL else sha256


def _download(part: Path, url: str, progress: Progress | None, attempts: int, pause: float, timeout: float) -> None:
    """Transfer until `part` is whole, going on where a transfer broke off."""
    failures = 0
    answered = False
    while True:
        before = _size(part)
        try:
            if _transfer(part, url, progress, timeout):
                return
            reason = "the connection was closed early"
        except http.client.InvalidURL as error:
            raise ValueError(f"cannot download {url}: {error}") from None
        except HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):
                raise ValueError(f"cannot download {url}: {reason}") from None
        except (URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = " ".join(str(getattr(error, "reason", None) or error or type(error).__name__).split())
            if isinstance(error, URLError) and not answered:  # waiting does not help where there is no network
                raise ValueError(f"cannot reach {url}: {reason}; {_ELSEWHERE}") from None
        answered = True
        failures = 1 if _size(part) > before else failures + 1
        if failures >= attempts:
            raise ValueError(f"cannot download {url}: {reason}; the same command goes on at byte {_size(part)}")
        time.sleep(pause * 2 ** (failures - 1))


def _transfer(part: Path, url: str, progress: Progress | None, timeout: float) -> bool:
    """One request; whether `part` is whole after it."""
    origin = _read_origin(part, url)
    done = _size(part) if origin else 0
    if origin and done == origin.size:
        return True
    headers = {"User-Agent": "ufh", "Accept-Encoding": "identity"}
    if origin and done:
        # Without If-Range, a file that changed meanwhile would be continued with bytes of the new one.
        headers |= {"Range": f"bytes={done}-", "If-Range": origin.etag}
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        if error.code != 416 or not origin:
            raise
        _forget(part)  # the server's file ends before what we have of it: another file
        return False
    with response:
        etag = response.headers.get("ETag") or ""
        if response.status == 206 and origin:
            span = f"bytes {done}-{origin.size - 1}/{origin.size}"
            if response.headers.get("Content-Range") != span or etag not in ("", origin.etag):
                _forget(part)
                return False
            total = origin.size
        elif response.status == 200:
            done, total = 0, -1 if response.length is None else response.length
            _forget(part)
            _write_origin(part, _Origin(url, etag, total))
        else:
            raise ValueError(f"cannot download {url}: unexpected answer HTTP {response.status} {response.reason}")
        _need_space(part, total - done)
        return _copy(response, part, done, total, progress)


def _copy(response: http.client.HTTPResponse, part: Path, done: int, total: int, progress: Progress | None) -> bool:
    """Append the answer to `part`, which has `done` bytes; whether it has `total` bytes then (-1: not known)."""
    with os.fdopen(open_to_write(part, os.O_APPEND | os.O_CREAT), "ab") as file:
        while True:
            try:
                chunk = response.read(_CHUNK)
            except OSError as error:  # told apart from errors of the disk
                raise ConnectionError(error.strerror or str(error)) from None
            if not chunk:
                return total in (-1, done)
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, max(total, done))


def _need_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed + _SPARE_BYTES > free:
        raise ValueError(
            f"not enough space in {part.parent}: {needed / 1e9:.2f} GB and {_SPARE_BYTES / 1e9:.2f} GB to spare are "
            f"needed, {free / 1e9:.2f} GB are free"
        )


def _check(file: Path, sha256: str | None, complaint: str) -> None:
    if sha256 is None:
        try:
            check_records(file)
        except ValueError as error:
            raise ValueError(f"{complaint}: {error}") from None
        return
    try:
        with reading(file, None) as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}") from None
    if found != sha256.lower():
        raise ValueError(f"{complaint}: its SHA-256 is {found}, not {sha256.lower()}")


def _check_download(part: Path, sha256: str | None, url: str) -> None:
    """A damaged download is deleted: going on with it would be of no use."""
    try:
        _check(part, sha256, f"the download of {url} is damaged and was deleted")
    except ValueError:
        _forget(part)
        raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _origin_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _origin_file(part).unlink(missing_ok=True)


def _write_origin(part: Path, origin: _Origin) -> None:
    """Without a strong ETag and a size nothing is noted, and an interrupted download starts over."""
    if origin.size >= 0 and origin.etag.startswith('"'):
        write_text(_origin_file(part), json.dumps(asdict(origin)))


def _read_origin(part: Path, url: str) -> _Origin | None:
    """Where the bytes of `part` are from, None when that is not known or is not `url`."""
    try:
        origin = _Origin(**json.loads(read_text(_origin_file(part), _LONGEST_ORIGIN)))
    except (FileNotFoundError, ValueError, TypeError, RecursionError):
        return None
    fits = origin.url == url and isinstance(origin.etag, str) and isinstance(origin.size, int)
    return origin if fits and _size(part) <= origin.size else None
