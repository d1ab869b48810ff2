"""Labelled images to classify: scikit-learn's digits, Fashion-MNIST, CIFAR-10, or the user's own arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from setups.image_files import kept_images
from setups.images import REMEDIES, Arrays, check_labelled, digits, image_path, keras_images, npz_images

_IMAGE_KEYS = (("x_train", "y_train"), ("x", "y"), ("images", "labels"))


def load_images(source: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of `source`.

    Parameters
    ----------
    source : str
        ``"digits"`` (scikit-learn's, shipped with it), ``"fashion-mnist"`` or ``"cifar10"`` (their training sets,
        where ``ufh data fetch mnas`` or Debian's package put them, else through keras' loader), or the path of an
        ``.npz`` file or of a folder of them, each with arrays x_train and y_train (or x and y, or images and labels).

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
        images, labels = digits()
    elif source in REMEDIES:
        kept = kept_images(source)
        arrays = keras_images(source) if kept is None else kept
        images, labels = arrays["x_train"], arrays["y_train"]
    else:
        arrays = npz_images(image_path(source, ("digits", *REMEDIES)), _checked)
        images, labels = arrays["images"], arrays["labels"]
    return images.reshape(len(images), -1), labels.astype(np.int64).ravel()


def _checked(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The images, flattened, and the labels of one file."""
    keys = next((keys for keys in _IMAGE_KEYS if all(key in arrays for key in keys)), None)
    if keys is None:
        raise ValueError(f"it has no arrays x_train and y_train, only {', '.join(arrays)}")
    images, labels = arrays[keys[0]], arrays[keys[1]].ravel()
    check_labelled(images, labels)
    if images.ndim < 2:
        raise ValueError(f"{len(labels)} labels for images of shape {images.shape}")
    return {"images": images.reshape(len(images), -1), "labels": labels}
