"""Labelled images for the setups that learn from some: scikit-learn's digits, what keras can load, and .npz files."""

from __future__ import annotations

import os
import socket
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from setups.tensorflow_runtime import load_tensorflow
from ufh_cli.core.names import nearest
from ufh_cli.files import reading

Arrays = dict[str, np.ndarray]

REMEDIES = {
    "cifar10": "name an .npz file with arrays x_train, y_train, x_test and y_test: options.images=FILE.npz",
    "fashion-mnist": "install Debian's package dataset-fashion-mnist, or name a folder of its four IDX files: "
    "options.images=FOLDER",
}
"""Of what keras can load: how to do without it."""

MOST_BYTES = 800_000_000
"""So large may the images of a file or folder be once they are unpacked (CIFAR-10 in float32 has 737 million)."""

_MOST_CLASSES = 1000  # a row of weights each, and a task for each pair of them
_MOST_MEMBERS = 100  # of a file; four are made use of

_SECONDS = 30.0  # without a sign of the host


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 images, float64 (1797, 64) with pixels from 0 to 16, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError('images "digits" need scikit-learn: pip install scikit-learn') from None
    return load_digits(return_X_y=True)


def keras_images(name: str) -> dict[str, Any]:
    """The arrays x_train, y_train, x_test and y_test of one of `REMEDIES`, from keras' cache or from their host.

    Raises
    ------
    ValueError
        With one clear line, when they cannot be had.
    """
    waited = socket.getdefaulttimeout()
    try:
        datasets = load_tensorflow().keras.datasets
        loader = datasets.cifar10 if name == "cifar10" else datasets.fashion_mnist
        socket.setdefaulttimeout(_SECONDS)  # keras itself waits for ever
        (x_train, y_train), (x_test, y_test) = loader.load_data()
    except Exception as error:  # of every kind: a bare Exception for a host that cannot be reached
        said = " ".join(str(error).split()) or type(error).__name__
        cache = os.path.join(os.environ.get("KERAS_HOME") or "~/.keras", "datasets")
        raise ValueError(
            f'cannot load images "{name}" by keras, whose downloads are in {cache}: {said}; else {REMEDIES[name]}'
        ) from None
    finally:
        socket.setdefaulttimeout(waited)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def image_path(source: str, names: Iterable[str]) -> Path:
    """The file or folder that `source` is; `ValueError` in one line, with `names` that would do, when it is none."""
    path = os.path.expanduser(source)
    if not os.path.exists(path):  # Path.exists raises on names that are too long
        raise ValueError(f"images {source!r} are neither a file nor a folder; {nearest(source, names)}")
    return Path(path)


def npz_images(path: Path, checked: Callable[[Mapping[str, np.ndarray]], Arrays]) -> Arrays:
    """The arrays of an .npz file, or those of all in a folder one after the other.

    Parameters
    ----------
    path : Path
    checked : callable
        Chooses and checks what is used of the arrays of one file, labels with one dimension and images with more;
        raises `ValueError` when they are of no use.

    Raises
    ------
    ValueError
        With one clear line, when there are none, or they are damaged or do not fit.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ValueError(f"there are no images at {path}: it is neither an .npz file nor a folder of them")
    left, parts = MOST_BYTES, []
    for file in files:
        parts.append(_read(file, checked, left))
        left -= sum(array.nbytes for array in parts[-1].values())
    shapes = {array.shape[1:] for part in parts for array in part.values() if array.ndim > 1}
    if len(shapes) > 1:
        raise ValueError(f"the images in {path} have different shapes: {', '.join(map(str, sorted(shapes)))}")
    if len(parts) == 1:
        return parts[0]  # a copy would take as much memory again
    keys = dict.fromkeys(key for part in parts for key in part)
    return {key: np.concatenate([part[key] for part in parts if key in part]) for key in keys}


def check_labelled(images: np.ndarray, labels: np.ndarray) -> None:
    """`ValueError` in one line unless there is a whole number, the class, for each of `images`, which are numbers."""
    if images.dtype.kind not in "uif" or labels.dtype.kind not in "ui":
        raise ValueError(f"images must be numbers and labels whole numbers, not {images.dtype} and {labels.dtype}")
    if len(images) != len(labels) or not images.size:
        raise ValueError(f"{len(labels)} labels for images of shape {images.shape}")
    # Extremes are not finite where any pixel is not; asking each pixel would take a byte for it.
    if not np.isfinite(images.min()) or not np.isfinite(images.max()):
        raise ValueError("pixels must be finite")
    if labels.min() < 0 or labels.max() >= _MOST_CLASSES:
        raise ValueError(f"labels must be from 0 to {_MOST_CLASSES - 1}, not {labels.min()} to {labels.max()}")


def _read(file: Path, checked: Callable[[Mapping[str, np.ndarray]], Arrays], most: int) -> Arrays:
    try:
        with reading(file, None) as stream:
            if not zipfile.is_zipfile(stream):  # numpy would read it as something else, for instance as .npy
                raise ValueError("it is no .npz archive, as numpy.savez writes them")
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive, most)
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as arrays:
                return checked(arrays)
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # Runtime: encrypted
        said = getattr(error, "strerror", None) or error
        raise ValueError(f"cannot use the images in {file}: {said}") from None


def _check_members(archive: zipfile.ZipFile, most: int) -> None:
    """Refuse what would take all memory, by what the members say of themselves; zipfile reads no more than that."""
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members):,} members, more than {_MOST_MEMBERS}")
    size = sum(member.file_size for member in members)
    if size > most:
        raise ValueError(f"it unpacks to {size:,} bytes, more than {most:,}")
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename} is compressed in a way that numpy.savez never uses")
        try:
            with archive.open(member) as content:
                version = np.lib.format.read_magic(content)
                if version not in ((1, 0), (2, 0)):
                    raise ValueError(f"the format's version is {version}")
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(content)
        except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, OverflowError, MemoryError) as error:
            said = " ".join(str(error).split())[:100]
            raise ValueError(f"{member.filename} is no array as numpy writes them: {said}") from None
        values = 1
        for side in shape:
            values *= side
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds objects, which are never read (allow_pickle=False)")
        if min(shape, default=0) < 0 or values * dtype.itemsize > member.file_size:
            raise ValueError(f"{member.filename} says that it has a shape and type that it does not have room for")
