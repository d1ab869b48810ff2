"""Data from others: what lies in the place of a file is refused at once, and what is written goes through no link."""

from __future__ import annotations

import gzip
import importlib.util
import os
import resource
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

from setups.automl_zero.images import load_images
from setups.autonumerics.export import write_function
from setups.autonumerics.text import parse_program
from setups.image_files import IDX_FILES
from setups.mnas.images import load_images as load_divided_images
from setups.nasbench.data import convert_official, verify_tables
from setups.nasbench.fetch import fetch
from setups.nasbench.official import FULL_FILE
from setups.nasbench.space import Space
from setups.nasbench.tfrecord import check_records
from setups.optimizers import Optimizers
from ufh_cli.core.rng import Rng

SECRET = "not yours\n"
ADDRESS = "http://127.0.0.1:9/file"
ZEROES = "0" * 64


@pytest.fixture(autouse=True)
def patience():
    """A test that a pipe holds up ends all the same."""

    def late(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def outside(tmp_path):
    """A file that nothing may touch."""
    path = tmp_path / "outside"
    path.write_text(SECRET)
    yield path
    assert path.read_text() == SECRET


@pytest.fixture(scope="module")
def space():
    return Space.build()


def trap(path, kind, outside):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link": outside, "device": "/dev/zero", "nowhere": outside.with_name("new")}[kind])


READERS = {
    "records": lambda path: check_records(path),
    "convert": lambda path: convert_official(source=path, progress=lambda done, total: None),
    "verify": lambda path: verify_tables(source=path.parent, progress=lambda done, total: None),
    "fetched": lambda path: fetch(path, ADDRESS),
    "fetched and known": lambda path: fetch(path, ADDRESS, sha256=ZEROES),
    "npz": lambda path: load_images(str(path)),
    "npz, divided": lambda path: load_divided_images(str(path)),
    "npz in a folder": lambda path: load_images(str(path.parent)),
    "IDX": lambda path: load_divided_images(str(path.parent)),
}
PLACES = {
    "verify": "manifest.json", "npz": "a.npz", "npz, divided": "a.npz", "npz in a folder": "a.npz",
    "IDX": "train-images-idx3-ubyte.gz",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_read(tmp_path, outside, reader, kind):
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / PLACES.get(reader, FULL_FILE)
    trap(path, kind, outside)
    with pytest.raises(ValueError, match=r"regular file|neither an|no file") as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)


def test_a_name_beyond_the_limit_of_the_system_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        READERS["convert"](tmp_path / ("x" * 5000))


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "nowhere"])
@pytest.mark.parametrize("unfinished", [False, True])
def test_the_kept_space_is_read_and_written_through_no_trap(tmp_path, outside, space, kind, unfinished):
    path = tmp_path / "space.npy"
    trap(tmp_path / f"{path.name}.{os.getpid()}.part" if unfinished else path, kind, outside)
    if not unfinished:
        if kind != "nowhere":
            with pytest.raises((OSError, ValueError)):
                Space.load(path)
        with pytest.raises(OSError, match="regular file"):
            space.save(path)
    else:
        space.save(path)
        assert Space.load(path).cells.size
    assert not outside.with_name("new").exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "nowhere", "folder"])
@pytest.mark.parametrize("name", ["found.py", "found_optax.py", "f.c", "f.py"])
def test_exports_are_written_through_no_trap(tmp_path, outside, kind, name):
    def export(path):
        if name.startswith("f."):
            return write_function(parse_program("2.0*x + 1.0"), path / name, "found", "a line")
        setup = Optimizers()
        return setup.export(setup.parse("lion"), path / "found.py", Rng.from_seed(0))

    (tmp_path / "a").mkdir()
    trap(tmp_path / "a" / name, kind, outside)
    with pytest.raises((OSError, ValueError), match="regular file"):
        export(tmp_path / "a")
    (tmp_path / "b").mkdir()
    if kind != "folder":
        trap(tmp_path / "b" / f"{name}.part", kind, outside)
        export(tmp_path / "b")
        assert (tmp_path / "b" / name).is_file()
        assert not list((tmp_path / "b").glob("*.part"))
    assert not outside.with_name("new").exists()


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
@pytest.mark.parametrize("kind", ["link", "pipe", "nowhere"])
def test_a_model_is_exported_through_no_trap(tmp_path, outside, kind):
    from setups.mnas.export import check_path

    trap(tmp_path / "a.keras", kind, outside)
    with pytest.raises(ValueError, match="regular file"):
        check_path(tmp_path / "a.keras")


def idx(shape, values):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + values


BOMBS = {
    "more than it says": (idx((4, 2, 2), bytes(300_000_000)), "it has more values"),
    "as much as it says": (idx((1 << 30, 1, 1), b""), "1,073,741,824 values, more than 800,000,000"),
    "beyond measure": (idx((2**32 - 1,) * 9, b""), "values, more than"),
    "as many sides as can be written": (idx((1,) * 255, b"\0"), "cannot use"),
    "cut in the shape": (idx((4, 2, 2), b"")[:9], "cannot use"),
}
READ = """
import resource, sys
from setups.mnas.images import load_images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_images(sys.argv[1])
except ValueError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_unpacks_to_gigabytes_takes_no_memory(tmp_path, bomb):
    content, message = BOMBS[bomb]
    (tmp_path / f"{IDX_FILES['x_train']}.gz").write_bytes(gzip.compress(content, 1))
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True)
    said, kilobytes = done.stdout.splitlines()
    assert message in said
    assert int(kilobytes) < 100_000


def test_what_several_files_unpack_to_is_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr("setups.images.MOST_BYTES", 5000)
    for name in ("a", "b"):
        np.savez_compressed(tmp_path / f"{name}.npz", x=np.zeros((5, 500), np.uint8), y=np.arange(5, dtype=np.uint8))
    with pytest.raises(ValueError, match=r"b\.npz: it unpacks to 2,\d\d\d bytes, more than 2,495"):
        load_images(str(tmp_path))
    np.savez(tmp_path / "many.npz", **{f"a{number}": np.zeros(1) for number in range(101)})
    with pytest.raises(ValueError, match="it has 101 members, more than 100"):
        load_images(str(tmp_path / "many.npz"))


@pytest.mark.parametrize("load", [load_images, load_divided_images])
@pytest.mark.parametrize("labels", [np.arange(20_000), np.arange(-1, 19), np.array([2**64 - 1] * 20, np.uint64)])
def test_thousands_of_classes_are_refused_before_their_pairs_are_made(tmp_path, load, labels):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.savez(tmp_path / "classes.npz", x_train=np.zeros((len(labels), 2, 2), np.uint8), y_train=labels)
    with pytest.raises(ValueError, match="labels must be from 0 to 999"):
        load(str(tmp_path / "classes.npz"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
