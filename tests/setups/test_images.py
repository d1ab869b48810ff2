"""What keras loads, and what it says when it cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import setups
from setups.automl_zero.images import load_images
from setups.images import keras_images
from setups.mnas.images import fetch_images
from setups.mnas.images import load_images as load_divided_images


@pytest.fixture
def stand_in(monkeypatch):
    """Puts a function in the place of both of keras' loaders."""

    def put(load_data):
        loader = SimpleNamespace(load_data=load_data)
        datasets = SimpleNamespace(cifar10=loader, fashion_mnist=loader)
        tensorflow = SimpleNamespace(keras=SimpleNamespace(datasets=datasets))
        monkeypatch.setattr("setups.images.load_tensorflow", lambda: tensorflow)

    return put


def test_what_keras_loads_is_used(stand_in, monkeypatch, tmp_path):
    rng = np.random.default_rng(2)
    train, test = (
        (rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8), (np.arange(count) % 10).astype(np.uint8)[:, None])
        for count in (500, 100)
    )
    stand_in(lambda: (train, test))
    images, labels = load_images("cifar10")
    assert np.array_equal(images, train[0].reshape(500, 3072))
    assert np.array_equal(labels, train[1].ravel())
    assert labels.dtype == np.int64
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    fetch_images("cifar10")
    stand_in(lambda: pytest.fail("fetched twice"))
    fetch_images("cifar10")
    divided = load_divided_images("cifar10")
    assert (len(divided.train) + len(divided.valid), len(divided.test)) == (500, 100)
    assert np.array_equal(divided.test_labels, test[1].ravel())


def test_without_a_home_keras_keeps_its_downloads_beside_our_data(stand_in, monkeypatch, tmp_path):
    def nobody(user):
        raise KeyError(user)

    for variable in ("HOME", "XDG_DATA_HOME", "UFH_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setenv("KERAS_HOME", "")  # so that it is put back
    monkeypatch.delenv("KERAS_HOME")
    with pytest.raises(ValueError, match="no home to keep data in: set UFH_DATA"):
        keras_images("cifar10")
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    stand_in(lambda: ((os.environ["KERAS_HOME"], 1), (2, 3)))
    assert keras_images("cifar10")["x_train"] == str(tmp_path / "keras")


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_without_a_home_keras_makes_no_folder_called_tilde(tmp_path):
    """HOME is what Python makes of a user without an entry."""
    load = "from setups.tensorflow_runtime import load_tensorflow; load_tensorflow().keras.Input((1,))"
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    environment |= {"HOME": "~", "PYTHONPATH": str(Path(setups.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", load], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Exception("URL fetch failure on https://host: None --\n no route"), "on https://host: None -- no route; else"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer; else"),
        (TimeoutError("The read operation timed out"), "timed out; else"),
        (ValueError("Incomplete or corrupted file detected. The sha256\nfile hash"), "detected. The sha256 file hash"),
        (zipfile.BadZipFile("File is not a zip file"), "not a zip file"),
        (EOFError(), ": EOFError; else"),
    ],
)
@pytest.mark.parametrize("load", [load_images, fetch_images], ids=["automl_zero", "mnas"])
def test_broken_downloads_end_in_one_line_with_the_remedy(load, error, message, stand_in, monkeypatch, tmp_path):
    def load_data():
        assert socket.getdefaulttimeout() > 0  # or a host that falls silent would be waited for without end
        raise error

    stand_in(load_data)
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "/keras")
    with pytest.raises(ValueError, match=r'^cannot load images "cifar10" by keras, .* in /keras/datasets: ') as caught:
        load("cifar10")
    assert message in str(caught.value)
    assert "options.images=FILE.npz" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() is None
    assert not list(tmp_path.rglob("*.npz"))


def test_without_tensorflow_the_remedy_is_named(monkeypatch):
    def missing():
        raise ValueError("tensorflow is needed: pip install tensorflow")

    monkeypatch.setattr("setups.images.load_tensorflow", missing)
    with pytest.raises(ValueError, match=r"pip install tensorflow; else install Debian's package"):
        keras_images("fashion-mnist")


AFTER_KERAS = """
from setups.automl_zero.images import load_images
from setups.tensorflow_runtime import load_tensorflow
try:
    load_images("cifar10")
except ValueError as error:
    print(error)
load_tensorflow()
"""


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_keras_itself_ends_in_one_line_and_leaves_tensorflow_as_setups_need_it(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "cifar-10-batches-py-target_archive").write_bytes(b"no archive")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment |= {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}  # nobody answers
    done = subprocess.run([sys.executable, "-c", AFTER_KERAS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'cannot load images "cifar10" by keras' in done.stdout.splitlines()[-1]
