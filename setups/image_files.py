"""Labelled images from files: gzipped IDX, as Fashion-MNIST comes, and numpy's .npz; and where known ones are kept."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from setups.data import data_directory, open_regular
from setups.images import MOST_BYTES, Arrays, npz_images

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

_UNSIGNED_BYTES = 8  # the code of the type in IDX files

_LARGEST_LABEL = 999  # a class each, and a row of weights


def kept_images(source: str) -> Arrays | None:
    """The images of "cifar10" or "fashion-mnist", as `read_image_files` has them; None where they are not here."""
    places = [fetched_path(source)] + ([DEBIAN_FASHION_MNIST] if source == "fashion-mnist" else [])
    place = next((place for place in places if place.exists()), None)
    return None if place is None else read_image_files(place)


def fetched_path(source: str) -> Path:
    """Where ``ufh data fetch mnas`` puts the images of `source`."""
    return data_directory() / "mnas" / f"{source}.npz"


def read_image_files(path: Path) -> Arrays:
    """The images of an .npz file, a folder of them, or a folder of IDX files.

    Returns
    -------
    dict
        x_train and y_train, and x_test and y_test where there is a test set: images as numbers (n, height, width) or
        (n, height, width, channels), and their labels as whole numbers (n,).

    Raises
    ------
    ValueError
        With one clear line, when there are none, or they are damaged or do not fit.
    """
    if path.is_dir() and any(path.glob("*-ubyte*")):
        arrays = {key: _read_idx(_idx_file(path, name)) for key, name in IDX_FILES.items()}
        try:
            return _checked(arrays)
        except ValueError as error:
            raise ValueError(f"cannot use the images in {path}: {error}") from None
    return npz_images(path, _checked)


def _idx_file(folder: Path, name: str) -> Path:
    for file in (folder / f"{name}.gz", folder / name):
        if file.is_file():
            return file
    raise ValueError(f"there is no file {name}.gz in {folder}")


def _read_idx(file: Path) -> np.ndarray:
    try:
        with open_regular(file) as stream, gzip.open(stream) if file.suffix == ".gz" else stream as unpacked:
            content = unpacked.read(MOST_BYTES + 1)  # a small file can unpack to any size
        if len(content) > MOST_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
    except (OSError, EOFError, ValueError, zlib.error) as error:  # OSError: also no gzip, or a wrong checksum
        raise ValueError(f"cannot read {file}: {error}") from None
    sides = content[3] if len(content) > 3 else 0
    header = 4 + 4 * sides
    if len(content) < header or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES or not sides:
        raise ValueError(f"cannot use {file}: it is no IDX file of bytes")
    shape = tuple(int(side) for side in np.frombuffer(content, dtype=">u4", count=sides, offset=4))
    if len(content) - header != np.prod(shape, dtype=object):
        raise ValueError(f"cannot use {file}: its shape is {shape}, but it has {len(content) - header:,} values")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _checked(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Those of `IDX_FILES`, labels flat; images and labels of each set must be there, fit each other and be numbers."""
    found: Arrays = {}
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        if x not in arrays and y not in arrays:
            continue
        if x not in arrays or y not in arrays:
            raise ValueError(f"there is only one of {x} and {y}")
        images, labels = arrays[x], arrays[y].ravel()
        if images.dtype.kind not in "uif" or labels.dtype.kind not in "ui":
            raise ValueError(f"images must be numbers and labels whole ones, not {images.dtype} and {labels.dtype}")
        if images.ndim not in (3, 4) or len(images) != len(labels) or not len(images):
            raise ValueError(f"{len(labels)} labels for images of {images.shape}")
        if not np.isfinite(images).all() or labels.min() < 0 or labels.max() > _LARGEST_LABEL:
            raise ValueError(f"pixels must be finite and labels from 0 to {_LARGEST_LABEL:,}")
        found |= {x: images, y: labels}
    if not found:
        raise ValueError(f"it has no arrays x_train and y_train, only {', '.join(arrays)}")
    return found
