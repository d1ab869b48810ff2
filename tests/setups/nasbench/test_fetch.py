"""The downloader, against a server on this machine that misbehaves in the ways real ones do."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from official_format import tfrecord

from setups.nasbench import fetch as fetch_module
from setups.nasbench.fetch import URL, fetch
from setups.nasbench.official import SHA256

RECORDS = tfrecord([bytes([i]) * 997 for i in range(3)])
CONTENT = RECORDS + tfrecord([b"last"])
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves `content` and notes requests; the attributes say how it misbehaves."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag: str | None = '"first"'
        self.cuts: list[int] = []  # the n-th answer with a body ends after so many bytes
        self.statuses: list[int] = []  # the n-th answer is this error
        self.ranges = True
        self.says_length = True
        self.ignores_if_range = False
        self.shift = 0  # added to the start of the range that is sent
        self.stalls = False  # answers end in silence instead of the end of the connection
        self.released = Event()
        self.requests: list[tuple[str | None, str | None]] = []  # (Range, If-Range)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/nasbench/nasbench_full.tfrecord"

    def stop(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.requests.append((wanted, condition))
        if self.statuses and (status := self.statuses.pop(0)) != 200:
            request.send_error(status)
            return
        start, status = 0, 200
        if wanted and self.ranges and (condition == self.etag or self.ignores_if_range):
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")) + self.shift, 206
            if start >= len(self.content):
                request.send_error(416)
                return
        body = self.content[start:]
        request.send_response(status)
        if self.says_length:
            request.send_header("Content-Length", str(len(body)))
        if self.etag:
            request.send_header("ETag", self.etag)
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        request.end_headers()
        request.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        if self.stalls:
            request.wfile.flush()
            self.released.wait()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "nasbench_full.tfrecord"


def assert_refused(server: Server, target: Path, says: str, **options: object) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        fetch(target, server.url, **{"pause": 0.0, **options})
    assert "\n" not in str(caught.value)
    assert not target.exists()


def names(target: Path) -> list[str]:
    return sorted(os.listdir(target.parent))


# ---- the plain case ----


@pytest.mark.parametrize("sha256", [SUM, SUM.upper(), None])
def test_a_file_is_downloaded_and_checked(server: Server, target: Path, sha256: str | None) -> None:
    seen: list[tuple[int, int]] = []
    assert fetch(target, server.url, sha256=sha256, progress=lambda *at: seen.append(at)) == target
    assert target.read_bytes() == CONTENT
    assert names(target) == [target.name]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.requests == [(None, None)]


def test_the_file_keeps_its_name_in_a_directory(server: Server, tmp_path: Path) -> None:
    assert fetch(str(tmp_path), server.url) == tmp_path / "nasbench_full.tfrecord"


def test_a_file_that_is_there_is_checked_and_not_downloaded_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    assert fetch(target, server.url, sha256=SUM) == fetch(target, server.url) == target
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match="is there already but is not the file asked for: its SHA-256 is"):
        fetch(target, server.url, sha256=SUM)
    with pytest.raises(ValueError, match=r"is there already .* truncated"):
        fetch(target, server.url)
    assert target.read_bytes() == CONTENT[:-1]
    assert server.requests == []


def test_a_server_that_does_not_say_the_length_is_read_to_the_end(server: Server, target: Path) -> None:
    server.says_length = False
    assert fetch(target, server.url, sha256=SUM).read_bytes() == CONTENT


# ---- interruptions ----


def test_a_transfer_that_breaks_off_goes_on_where_it_was(server: Server, target: Path) -> None:
    server.cuts = [1000, 0, 500]
    seen: list[tuple[int, int]] = []
    fetch(target, server.url, sha256=SUM, pause=0.0, progress=lambda *at: seen.append(at))
    assert server.requests == [(None, None), *((f"bytes={n}-", '"first"') for n in (1000, 1000, 1500))]
    assert target.read_bytes() == CONTENT
    assert names(target) == [target.name]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_server_that_falls_silent_is_given_up(server: Server, target: Path) -> None:
    server.cuts, server.stalls = [1000, 0], True
    assert_refused(server, target, "timed out; the same command goes on at byte", attempts=2, timeout=0.1)


def test_a_second_command_goes_on_where_the_first_one_stopped(server: Server, target: Path) -> None:
    server.cuts = [1000, 0, 0]
    assert_refused(server, target, r"closed early; the same command goes on at byte 1000", attempts=3)
    assert names(target) == [target.name + ".part", target.name + ".part.json"]
    server.requests.clear()
    fetch(target, server.url, sha256=SUM)
    assert server.requests == [("bytes=1000-", '"first"')]
    assert target.read_bytes() == CONTENT


def test_an_interruption_from_the_keyboard_keeps_what_has_come(server: Server, target: Path, monkeypatch) -> None:
    monkeypatch.setattr(fetch_module, "_CHUNK", 700)

    def stop(done: int, total: int) -> None:
        if done >= 1400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(target, server.url, progress=stop)
    fetch(target, server.url, sha256=SUM)
    assert server.requests[-1] == ("bytes=1400-", '"first"')


def test_a_whole_part_needs_no_further_request(server: Server, target: Path) -> None:
    server.cuts = [1000, 0]
    assert_refused(server, target, "goes on at byte 1000", attempts=2)
    target.with_name(target.name + ".part").write_bytes(CONTENT)
    server.requests.clear()
    fetch(target, server.url, sha256=SUM)
    assert server.requests == []


@pytest.mark.parametrize("ignores_if_range", [False, True])
def test_a_file_that_changed_meanwhile_is_downloaded_from_its_start(
    server: Server, target: Path, ignores_if_range: bool
) -> None:
    server.cuts = [1000, 0]
    assert_refused(server, target, "goes on at byte 1000", attempts=2)
    server.content, server.etag, server.ignores_if_range = tfrecord([b"new!"]) + RECORDS, '"second"', ignores_if_range
    fetch(target, server.url, pause=0.0)
    assert target.read_bytes() == server.content


def test_a_file_that_became_shorter_is_downloaded_from_its_start(server: Server, target: Path) -> None:
    server.cuts = [2500, 0]
    assert_refused(server, target, "goes on at byte 2500", attempts=2)
    server.content, server.ignores_if_range = RECORDS[:1013], True
    fetch(target, server.url, pause=0.0)
    assert target.read_bytes() == RECORDS[:1013]


@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [
        ({"ranges": False}, [("bytes=1000-", '"first"')]),
        ({"etag": None}, [(None, None)]),
        ({"etag": 'W/"weak"'}, [(None, None)]),
        ({"shift": 7}, [("bytes=1000-", '"first"'), (None, None)]),
    ],
)
def test_servers_that_cannot_continue_send_everything_again(
    server: Server, target: Path, behaviour: dict, requests: list
) -> None:
    for name, value in behaviour.items():
        setattr(server, name, value)
    server.cuts = [1000]
    assert_refused(server, target, "closed early", attempts=1)
    server.requests.clear()
    fetch(target, server.url, sha256=SUM, pause=0.0)
    assert target.read_bytes() == CONTENT
    assert server.requests == requests


def test_attempts_are_counted_anew_after_every_progress(server: Server, target: Path) -> None:
    server.cuts = [500] * 5
    fetch(target, server.url, sha256=SUM, pause=0.0, attempts=2)
    assert len(server.requests) == 6


@pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"url": 1, "etag": 2, "size": 3}', b"\xff"])
def test_a_part_of_unknown_origin_is_not_continued(server: Server, target: Path, note: bytes) -> None:
    target.parent.mkdir()
    target.with_name(target.name + ".part").write_bytes(b"bytes of something else")
    target.with_name(target.name + ".part.json").write_bytes(note)
    fetch(target, server.url, sha256=SUM)
    assert server.requests == [(None, None)]


def test_a_part_of_another_address_is_not_continued(server: Server, target: Path) -> None:
    server.cuts = [1000, 0]
    assert_refused(server, target, "goes on at byte 1000", attempts=2)
    fetch(target, server.url + "?mirror", sha256=SUM)
    assert server.requests[-1] == (None, None)


def test_passing_errors_of_the_server_are_waited_out(server: Server, target: Path) -> None:
    server.statuses = [503, 429, 200]
    fetch(target, server.url, sha256=SUM, pause=0.0)
    assert len(server.requests) == 3


# ---- refusals ----


def test_errors_of_the_server_are_named(server: Server, target: Path) -> None:
    server.statuses = [404]
    assert_refused(server, target, "cannot download http://.*: HTTP 404 Not Found")
    server.statuses = [503] * 3
    assert_refused(server, target, r"HTTP 503 Service Unavailable; the same command", attempts=3)
    server.statuses = [204]
    assert_refused(server, target, "HTTP 204")


def test_wrong_bytes_are_deleted(server: Server, target: Path) -> None:
    server.content = CONTENT[:100] + b"?" + CONTENT[101:]
    assert_refused(server, target, f"damaged and was deleted: its SHA-256 is [0-9a-f]{{64}}, not {SUM}", sha256=SUM)
    assert names(target) == []
    assert_refused(server, target, "damaged and was deleted: .* wrong checksum of the data of record 0")
    server.content = b"<html><title>Sign in to the network</title></html>"
    assert_refused(server, target, "damaged and was deleted: .* a web page")
    assert names(target) == []


def test_no_connection_is_told_at_once(server: Server, target: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(ValueError, match=r"cannot reach .*refused; without a network, download it on another"):
            fetch(target, closed, pause=1000.0)
    assert names(target) == []


def test_a_full_disk_is_noticed_before_and_during_the_download(server: Server, target: Path, monkeypatch) -> None:
    monkeypatch.setattr(fetch_module, "_CHUNK", 500)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        assert_refused(
            server, target, r"not enough space in .*data: 0.00 GB and 0.07 GB to spare are needed, 0.00 GB are free"
        )
    with largest_file(2000):
        assert_refused(server, target, r"cannot write .*part: File too large")
    assert fetch(target, server.url, sha256=SUM).read_bytes() == CONTENT
    assert server.requests[-1] == ("bytes=2000-", '"first"')


@contextmanager
def largest_file(size: int):
    """The system refuses to write beyond `size` bytes of any file, as it does on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_destination_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match=r"cannot write .*file/nasbench.part"):
        fetch(tmp_path / "file" / "nasbench", server.url)


@pytest.mark.parametrize(
    ("url", "sha256", "says"),
    [
        ("file:///etc/hostname", None, "must start with https:// or http://"),
        ("nasbench_full.tfrecord", None, "must start with https:// or http://"),
        ("http://127.0.0.1:port/file", None, "nonnumeric port"),
        ("http://127.0.0.1/a b", None, "cannot download"),
        (URL, "abc", "64 hexadecimal digits; 'abc' is none"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path: Path, url: str, sha256: str | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fetch(tmp_path / "file", url, sha256=sha256, pause=0.0)
    assert os.listdir(tmp_path) == []


def test_the_official_address_is_held_to_the_published_checksum(server: Server, target: Path, monkeypatch) -> None:
    monkeypatch.setattr(fetch_module, "URL", server.url)
    assert_refused(server, target, f"damaged and was deleted: its SHA-256 is {SUM}, not {SHA256}")
    with pytest.raises(ValueError, match=r"is damaged|was deleted"):
        fetch(target, server.url)
    assert fetch(target, server.url, sha256=SUM) == target
