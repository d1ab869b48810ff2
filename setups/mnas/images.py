"""Images to train networks on and to measure them with: where they come from, and how they are divided."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from setups.image_files import fetched_path, kept_images, read_image_files
from setups.images import REMEDIES, Arrays, digits, image_path, keras_images
from ufh_cli.core.names import nearest
from ufh_cli.files import put, write_whole

FETCHED = tuple(REMEDIES)
"""What `fetch_images` gets."""

_SPLIT_SEED = 0x696D61676573


class Images(NamedTuple):
    """Images of one data set, those of the search and those that it never sees.

    Attributes
    ----------
    train, valid, test : float32 array (n, size, size, channels)
        With mean 0 and standard deviation 1 in each channel over `train`.
    train_labels, valid_labels, test_labels : int32 array (n,)
    classes : int
    fingerprint : str
        Names the source and what is in the arrays.
    mean, spread : float64 array (channels,)
        What was subtracted from the source's pixels, and by what they were divided then.
    """

    train: np.ndarray
    train_labels: np.ndarray
    valid: np.ndarray
    valid_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classes: int
    fingerprint: str
    mean: np.ndarray
    spread: np.ndarray


def load_images(source: str, *, train: int = 0, valid: int = 0, test: int = 0) -> Images:
    """The images of `source`, divided into training, validation and test set.

    `valid` images are held out of the source's training images. Where it has no test set, a quarter of all images is
    held out for that first. Which ones is always the same.

    Parameters
    ----------
    source : str
        "digits" (scikit-learn's 1,797 of 8x8, shipped with it), "fashion-mnist", "cifar10", or the path of an .npz
        file, of a folder of them, or of a folder of (gzipped) IDX files.
    train, valid, test : int
        At most so many images in each set; 0 for all, in `valid` for a quarter of the source's training images.

    Raises
    ------
    ValueError
        With one clear line, when the data cannot be had, are damaged or do not fit.
    """
    for name, value in (("train", train), ("valid", valid), ("test", test)):
        if value < 0:
            raise ValueError(f"images for {name} must be at least 0, got {value}")
    arrays = _arrays(source)
    if "x_train" not in arrays:
        raise ValueError(f"the images of {source} have no arrays x_train and y_train")
    order = np.argsort(np.random.PCG64(_SPLIT_SEED).random_raw(len(arrays["x_train"])), kind="stable")
    images, labels = arrays["x_train"][order], arrays["y_train"][order]
    if "x_test" in arrays:
        test_images, test_labels = arrays["x_test"], arrays["y_test"]
    else:
        (test_images, images), (test_labels, labels) = (_cut(array, len(images) // 4) for array in (images, labels))
    held_out = valid or len(images) // 4
    if not 0 < held_out < len(images) or not len(test_images):
        raise ValueError(f"cannot hold out {held_out} of the {len(images)} training images of {source} for validation")
    (valid_images, images), (valid_labels, labels) = (_cut(array, held_out) for array in (images, labels))
    sets = [
        (_pixels(part)[: most or None], part_labels[: most or None].astype(np.int32))
        for part, part_labels, most in (
            (images, labels, train),
            (valid_images, valid_labels, 0),
            (test_images, test_labels, test),
        )
    ]
    return _standardised(source, sets)


def _standardised(source: str, sets: list[tuple[np.ndarray, np.ndarray]]) -> Images:
    pixels = sets[0][0]
    if {images.shape[1:] for images, _ in sets} != {pixels.shape[1:]} or pixels.shape[1] != pixels.shape[2]:
        shapes = " and ".join(sorted({"x".join(map(str, images.shape[1:3])) for images, _ in sets}))
        raise ValueError(f"images must be square and all of the same size; those of {source} are {shapes}")
    mean = pixels.mean(axis=(0, 1, 2), dtype=np.float64)
    spread = pixels.std(axis=(0, 1, 2), dtype=np.float64)
    classes = 1 + max(int(labels.max()) for _, labels in sets)
    if classes < 2 or not spread.all():
        raise ValueError(f"the images of {source} are all alike, or all of one class")
    digest = hashlib.sha256()
    scaled = [(((pixels - mean) / spread).astype(np.float32), labels) for pixels, labels in sets]
    for array in (array for pair in scaled for array in pair):
        digest.update(repr(array.shape).encode() + array.tobytes())
    return Images(
        *scaled[0], *scaled[1], *scaled[2], classes, f"{Path(source).name} {digest.hexdigest()[:12]}", mean, spread
    )


def _cut(array: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    return array[:number], array[number:]


def _pixels(images: np.ndarray) -> np.ndarray:
    return images if images.ndim == 4 else images[..., None]


def _arrays(source: str) -> Arrays:
    if source == "digits":
        images, labels = digits()
        return {"x_train": images.reshape(-1, 8, 8), "y_train": labels}
    if source in FETCHED:
        if (kept := kept_images(source)) is not None:
            return kept
        raise ValueError(f'images "{source}" are not here: fetch them by "ufh data fetch mnas", or {REMEDIES[source]}')
    return read_image_files(image_path(source, ("digits", *FETCHED)))


def fetch_images(source: str) -> Path:
    """Get "cifar10" or "fashion-mnist" by keras' loader, from its cache or from their hosts, unless they are there.

    They are kept as an .npz file, which is read without unpickling anything.

    Returns
    -------
    Path
        The file, see `fetched_path`.

    Raises
    ------
    ValueError
        With one clear line, when the name is not known or they cannot be had.
    """
    if source not in FETCHED:
        raise ValueError(f"unknown images {source!r}; {nearest(source, FETCHED)}")
    path = fetched_path(source)
    if path.is_file():
        return path
    arrays = keras_images(source)
    path.parent.mkdir(parents=True, exist_ok=True)
    with io.BytesIO() as archive:
        np.savez_compressed(archive, **arrays)
        write_whole(path, lambda file: put(file, archive.getvalue()), f".{os.getpid()}.part")
    return path
