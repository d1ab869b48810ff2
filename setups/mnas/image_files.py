"""Labelled images from files: gzipped IDX, as Fashion-MNIST comes, and numpy's .npz."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]
"""x_train and y_train, and x_test and y_test where there is a test set."""

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

_UNSIGNED_BYTES = 8  # the code of the type in IDX files

_LARGEST_LABEL = 65_535  # a class each, and a row of weights


def read_image_files(path: Path) -> Arrays:
    """The images of an .npz file, a folder of them, or a folder of IDX files.

    Returns
    -------
    dict
        Images as numbers (n, height, width) or (n, height, width, channels), and their labels as whole numbers (n,).

    Raises
    ------
    ValueError
        With one clear line, when there are none, or they are damaged or do not fit.
    """
    if path.is_dir() and any(path.glob("*-ubyte*")):
        return _checked(path, {key: _read_idx(_idx_file(path, name)) for key, name in IDX_FILES.items()})
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ValueError(f"there are no images at {path}: neither an .npz file nor a folder of .npz or IDX files")
    parts = [_checked(file, _read_npz(file)) for file in files]
    shapes = {array.shape[1:] for part in parts for key, array in part.items() if key.startswith("x")}
    if len(shapes) > 1:
        raise ValueError(f"the images in {path} have different shapes: {', '.join(map(str, sorted(shapes)))}")
    keys = [key for key in IDX_FILES if any(key in part for part in parts)]
    return {key: np.concatenate([part[key] for part in parts if key in part]) for key in keys}


def _idx_file(folder: Path, name: str) -> Path:
    for file in (folder / f"{name}.gz", folder / name):
        if file.is_file():
            return file
    raise ValueError(f"there is no file {name}.gz in {folder}")


def _read_idx(file: Path) -> np.ndarray:
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:  # OSError: also no gzip, or a wrong checksum
        raise ValueError(f"cannot read {file}: {error}") from None
    sides = content[3] if len(content) > 3 else 0
    header = 4 + 4 * sides
    if len(content) < header or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES or not sides:
        raise ValueError(f"cannot use {file}: it is no IDX file of bytes")
    shape = tuple(int(side) for side in np.frombuffer(content, dtype=">u4", count=sides, offset=4))
    if len(content) - header != np.prod(shape, dtype=object):
        raise ValueError(f"cannot use {file}: its shape is {shape}, but it has {len(content) - header:,} values")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read_npz(file: Path) -> Arrays:
    try:
        if not zipfile.is_zipfile(file):  # numpy would read it as something else, for instance as .npy
            raise ValueError("it is no .npz archive, as numpy.savez writes them")
        with np.load(file, allow_pickle=False) as arrays:
            found = {key: np.asarray(arrays[key]) for key in IDX_FILES if key in arrays}
            if not found:
                raise ValueError(f"it has no arrays x_train and y_train, only {', '.join(arrays)}")
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # Runtime: encrypted
        raise ValueError(f"cannot use the images in {file}: {error}") from None
    return found


def _checked(path: Path, arrays: Arrays) -> Arrays:
    """`arrays` with flat labels; images and labels of each set must be there, fit each other and be numbers."""
    for part in ("train", "test"):
        images, labels = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if images is None and labels is None:
            continue
        if images is None or labels is None:
            raise ValueError(f"cannot use the images in {path}: there is only one of x_{part} and y_{part}")
        if images.dtype.kind not in "uif" or labels.dtype.kind not in "ui":
            raise ValueError(
                f"cannot use the images in {path}: images must be numbers and labels whole ones, "
                f"not {images.dtype} and {labels.dtype}"
            )
        if images.ndim not in (3, 4) or len(images) != labels.size or not len(images):
            raise ValueError(f"cannot use the images in {path}: {labels.size} labels for images of {images.shape}")
        if not np.isfinite(images).all() or labels.min() < 0 or labels.max() > _LARGEST_LABEL:
            raise ValueError(
                f"cannot use the images in {path}: pixels must be finite and labels from 0 to {_LARGEST_LABEL:,}"
            )
        arrays[f"y_{part}"] = labels.ravel()
    return arrays
