"""Images: how they are divided and scaled, and that files which do not fit are refused in one line."""

from __future__ import annotations

import gzip
import struct
import zipfile

import numpy as np
import pytest

from setups.image_files import IDX_FILES, fetched_path
from setups.mnas.images import fetch_images, load_images


def arrays(train=40, test=20, side=6, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for part, number in (("train", train), ("test", test)):
        shape = (number, side, side, channels) if channels > 1 else (number, side, side)
        found[f"x_{part}"] = rng.integers(0, 256, shape).astype(np.uint8)
        found[f"y_{part}"] = (np.arange(number) % 4).astype(np.uint8)
    return found


def write_idx(folder, found, suffix=".gz"):
    for key, name in IDX_FILES.items():
        array = found[key]
        content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)
    return folder


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one[:7], other[:7], strict=True))


def one_line(error):
    return "\n" not in str(error.value)


def test_digits_are_divided_without_overlap_and_standardised_on_the_training_images():
    digits = load_images("digits")
    assert digits.train.shape[1:] == (8, 8, 1)
    assert digits.classes == 10
    assert len(digits.train) + len(digits.valid) + len(digits.test) == 1797
    assert digits.train.dtype == np.float32
    assert digits.train_labels.dtype == np.int32
    assert abs(digits.train.mean()) < 1e-4
    assert abs(digits.train.std() - 1.0) < 1e-4
    sets = [{image.tobytes() for image in images} for images in (digits.train, digits.valid, digits.test)]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]
    assert all(set(labels) == set(range(10)) for labels in (digits.train_labels, digits.valid_labels))
    assert same(digits, load_images("digits"))


def test_labels_stay_with_their_images():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    digits = load_images("digits")
    images = np.concatenate([digits.train, digits.valid, digits.test]).reshape(-1, 64)
    low, high = pixels.min(), pixels.max()
    restored = np.round((images - images.min()) / (images.max() - images.min()) * (high - low) + low)
    known = {image.tobytes(): label for image, label in zip(pixels, labels, strict=True)}
    found = np.concatenate([digits.train_labels, digits.valid_labels, digits.test_labels])
    assert [known[image.astype(np.float64).tobytes()] for image in restored] == found.tolist()


def test_the_fingerprint_follows_what_is_in_the_images():
    assert load_images("digits").fingerprint == load_images("digits").fingerprint
    assert load_images("digits").fingerprint != load_images("digits", train=500).fingerprint


def test_numbers_of_images_are_as_asked_for():
    images = load_images("digits", train=100, valid=50, test=30)
    assert (len(images.train), len(images.valid), len(images.test)) == (100, 50, 30)


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_idx_and_npz_files_give_the_same_images(tmp_path, suffix):
    found = arrays()
    folder = tmp_path / "idx"
    folder.mkdir()
    np.savez(tmp_path / "images.npz", **found)
    one, other = load_images(str(write_idx(folder, found, suffix))), load_images(str(tmp_path / "images.npz"))
    assert same(one, other)
    assert (len(one.train), len(one.valid), len(one.test)) == (30, 10, 20)
    assert one.classes == 4


def test_a_folder_of_npz_files_is_one_data_set(tmp_path):
    first, second = arrays(channels=3), arrays(channels=3, seed=1)
    np.savez(tmp_path / "a.npz", **first)
    np.savez(tmp_path / "b.npz", x_train=second["x_train"], y_train=second["y_train"])
    images = load_images(str(tmp_path))
    assert len(images.train) + len(images.valid) == 80
    np.testing.assert_allclose(images.train.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_array_equal(images.test_labels, first["y_test"])


def test_without_a_test_set_a_quarter_is_held_out(tmp_path):
    found = arrays()
    np.savez(tmp_path / "images.npz", x_train=found["x_train"], y_train=found["y_train"])
    images = load_images(str(tmp_path / "images.npz"))
    assert (len(images.train), len(images.valid), len(images.test)) == (23, 7, 10)


DAMAGES = {
    "missing": (lambda file: file.unlink(), "there is no file"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:-30]), "cannot read"),
    "no gzip": (lambda file: file.write_bytes(b"nonsense" * 9), "cannot read"),
    "no IDX": (lambda file: file.write_bytes(gzip.compress(b"nonsense" * 9)), "no IDX file"),
    "too few values": (
        lambda file: file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-5])),
        "its shape is",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", IDX_FILES.values())
def test_damaged_idx_files_are_refused_in_one_line(tmp_path, damage, name):
    write_idx(tmp_path, arrays())
    spoil, message = DAMAGES[damage]
    spoil(tmp_path / f"{name}.gz")
    with pytest.raises(ValueError, match=message) as error:
        load_images(str(tmp_path))
    assert one_line(error)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.zeros(7, np.uint8)}, "7 labels for images"),
        ({"y_train": np.full(40, 0.5)}, "labels whole numbers"),
        ({"y_test": np.full(20, -1)}, "labels must be from 0"),
        ({"x_test": np.full((20, 6, 6), np.nan)}, "must be finite"),
        ({"x_train": np.zeros((40, 6, 5), np.uint8), "x_test": np.zeros((20, 6, 5), np.uint8)}, "must be square"),
        ({"x_test": np.zeros((20, 7, 7), np.uint8)}, "different shapes"),
        ({"x_train": np.zeros((40, 6, 6), np.uint8)}, "all alike"),
        ({"x_train": np.array(["a"] * 40)}, "must be numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path, changes, message):
    np.savez(tmp_path / "images.npz", **(arrays() | changes))
    with pytest.raises(ValueError, match=message) as error:
        load_images(str(tmp_path / "images.npz"))
    assert one_line(error)


def test_files_of_other_kinds_are_refused_in_one_line(tmp_path):
    (tmp_path / "images.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"no \.npz archive"):
        load_images(str(tmp_path / "images.npz"))
    np.savez(tmp_path / "images.npz", pixels=np.zeros(3))
    with pytest.raises(ValueError, match="it has no arrays x_train and y_train, only pixels"):
        load_images(str(tmp_path / "images.npz"))
    np.savez(tmp_path / "images.npz", x_train=np.array([{}], dtype=object), y_train=np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_images(str(tmp_path / "images.npz"))


def test_what_is_not_there_is_refused_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="ufh data fetch mnas") as error:
        load_images("cifar10")
    assert one_line(error)
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        load_images("digit")
    with pytest.raises(ValueError, match="did you mean 'cifar10'"):
        fetch_images("cifar100")
    with pytest.raises(ValueError, match="cannot hold out 1797"):
        load_images("digits", valid=1797)
    with pytest.raises(ValueError, match="train must be at least 0"):
        load_images("digits", train=-1)


def test_what_was_fetched_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    path = fetched_path("cifar10")
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays(channels=3))
    assert fetch_images("cifar10") == path
    assert load_images("cifar10").train.shape == (30, 6, 6, 3)


@pytest.mark.parametrize("shape", ["(-1,)", f"({10**30},)", "(9, 9", "(4000,)"])
def test_headers_that_say_what_cannot_be_are_refused(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100)
    with zipfile.ZipFile(tmp_path / "images.npz", "w") as archive:
        archive.writestr("x_train.npy", member)
    with pytest.raises(ValueError, match=r"cannot use the images in .*x_train\.npy") as caught:
        load_images(str(tmp_path / "images.npz"))
    assert "\n" not in str(caught.value)


def test_other_compression_and_too_many_classes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x_train.npy", b"")
    with pytest.raises(ValueError, match="compressed in a way"):
        load_images(str(tmp_path / "images.npz"))
    np.savez(tmp_path / "images.npz", x_train=np.zeros((2, 8, 8)), y_train=np.array([0, 1000]))
    with pytest.raises(ValueError, match="labels must be from 0 to 999"):
        load_images(str(tmp_path / "images.npz"))
