"""Labelled images from files: gzipped IDX, as Fashion-MNIST comes, and numpy's .npz; and where known ones are kept."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from setups.data import data_directory
from setups.images import MOST_BYTES, Arrays, check_labelled, npz_images
from ufh_cli.files import reading

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

_UNSIGNED_BYTES = 8  # the code of the type in IDX files


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
        arrays: Arrays = {}
        for key, name in IDX_FILES.items():
            arrays[key] = _read_idx(_idx_file(path, name), MOST_BYTES - sum(array.nbytes for array in arrays.values()))
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


def _read_idx(file: Path, most: int) -> np.ndarray:
    """The bytes of a file as an array; of a small one that unpacks to any size no more than it says it has."""
    try:
        with reading(file, None) as stream, gzip.open(stream) if file.suffix == ".gz" else stream as unpacked:
            start = unpacked.read(4)
            if len(start) < 4 or start[:3] != bytes((0, 0, _UNSIGNED_BYTES)) or not start[3]:
                raise ValueError("it is no IDX file of bytes")
            shape = struct.unpack(f">{start[3]}I", unpacked.read(4 * start[3]))
            size = math.prod(shape)
            if size > most:
                raise ValueError(f"it says that it has {size:,} values, more than {most:,}")
            content = unpacked.read(size + 1)
            if len(content) != size:
                number = f"{len(content):,}" if len(content) < size else "more"
                raise ValueError(f"its shape is {shape}, but it has {number} values")
            return np.frombuffer(content, dtype=np.uint8).reshape(shape)
    except (ValueError, struct.error) as error:
        raise ValueError(f"cannot use {file}: {error}") from None
    except (OSError, EOFError, zlib.error) as error:  # OSError: also no gzip, or a wrong checksum
        raise ValueError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None


def _checked(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """Those of `IDX_FILES`, labels flat; images and labels of each set must be there, fit each other and be numbers."""
    found: Arrays = {}
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        if x not in arrays and y not in arrays:
            continue
        if x not in arrays or y not in arrays:
            raise ValueError(f"there is only one of {x} and {y}")
        images, labels = arrays[x], arrays[y].ravel()
        check_labelled(images, labels)
        if images.ndim not in (3, 4):
            raise ValueError(f"{len(labels)} labels for images of shape {images.shape}")
        found |= {x: images, y: labels}
    if not found:
        raise ValueError(f"it has no arrays x_train and y_train, only {', '.join(arrays)}")
    return found
