"""Labelled images for classification tasks: scikit-learn's digits, keras' CIFAR-10, or the user's own arrays."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_CIFAR10_HOST = "www.cs.toronto.edu"  # where keras' loader gets the archive from when it is not in its cache
_IMAGE_KEYS = (("x_train", "y_train"), ("x", "y"), ("images", "labels"))


def load_images(source: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of `source`.

    Parameters
    ----------
    source : str
        ``"digits"`` (scikit-learn's, shipped with it), ``"cifar10"`` (the training set, through keras'
        loader), or the path of an ``.npz`` file or of a folder of them, each with arrays x_train and y_train
        (or x and y, or images and labels).

    Returns
    -------
    images : array (n, dimensions)
        Flattened; pixels from 0 to 255 (digits: 0 to 16), as the source has them: CIFAR-10 as float64 would
        take 1.2 GB.
    labels : int64 array (n,)

    Raises
    ------
    ValueError
        With one clear line, when the data cannot be had or do not fit.
    """
    if source == "digits":
        images, labels = _digits()
    elif source == "cifar10":
        images, labels = _cifar10()
    else:
        images, labels = _arrays(Path(source).expanduser())
    return np.asarray(images).reshape(len(images), -1), np.asarray(labels, dtype=np.int64).ravel()


def _digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError('images "digits" need scikit-learn: pip install "ufh[automl_zero]"') from None
    return load_digits(return_X_y=True)


def _cifar10() -> tuple[np.ndarray, np.ndarray]:
    missing = (
        'images "cifar10" need keras and tensorflow (pip install keras tensorflow); '
        "or name an .npz file: options.images=FILE.npz"
    )
    if importlib.util.find_spec("keras") is None:
        raise ValueError(missing)
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if not any(path.is_file() for path in (home / "datasets").glob("cifar-10-batches-py*")):
        try:  # keras answers an unreachable host with a bare Exception, and takes long to be loaded, so ask first
            socket.create_connection((_CIFAR10_HOST, 443), timeout=10).close()
        except OSError as error:
            raise ValueError(
                f'images "cifar10" are not in keras\' cache, {home / "datasets"}, and {_CIFAR10_HOST} cannot be '
                f"reached ({error}); fill the cache elsewhere by keras.datasets.cifar10.load_data(), or name an .npz "
                "file with its x_train and y_train: options.images=FILE.npz"
            ) from None
    try:
        with _quiet_tensorflow():
            cifar10 = importlib.import_module("keras.datasets.cifar10")
    except ImportError:
        raise ValueError(missing) from None
    (images, labels), _ = cifar10.load_data()
    return images, labels


@contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """While it is loaded, tensorflow writes no notes on this processor."""
    name = "TF_CPP_MIN_LOG_LEVEL"
    unset = name not in os.environ
    os.environ.setdefault(name, "3")
    try:
        yield
    finally:
        if unset:
            del os.environ[name]


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ValueError(
            f'images must be "digits", "cifar10", an .npz file or a folder of them; there is none at {path}'
        )
    parts = [_read_npz(file) for file in files]
    shapes = {images.shape[1:] for images, _ in parts}
    if len(shapes) > 1:
        raise ValueError(f"the images in {path} have different shapes: {', '.join(map(str, sorted(shapes)))}")
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def _read_npz(file: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        if not zipfile.is_zipfile(file):  # numpy would read it as something else, for instance as .npy
            raise ValueError("it is no .npz archive, as numpy.savez writes them")
        with np.load(file, allow_pickle=False) as arrays:
            for image_key, label_key in _IMAGE_KEYS:
                if image_key in arrays and label_key in arrays:
                    images, labels = np.asarray(arrays[image_key]), np.asarray(arrays[label_key]).ravel()
                    break
            else:
                raise ValueError(f"has no arrays x_train and y_train, only {', '.join(arrays)}")
        _check(images, labels)
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # Runtime: encrypted
        raise ValueError(f"cannot use the images in {file}: {error}") from None
    return images.reshape(len(images), -1), labels


def _check(images: np.ndarray, labels: np.ndarray) -> None:
    if images.ndim < 2 or len(images) != len(labels) or not len(images):
        raise ValueError(f"{len(labels)} labels for images of shape {images.shape}")
    if images.dtype.kind not in "uif" or not np.isfinite(images).all():
        raise ValueError("images must be finite numbers")
    if labels.dtype.kind not in "ui":
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}")
