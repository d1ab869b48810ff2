"""Tasks and image data."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from setups.automl_zero import AutoMLZero
from setups.automl_zero.examples import LINEAR
from setups.automl_zero.images import load_images
from setups.automl_zero.tasks import (
    HELD_OUT_PAIRS,
    classification_tasks,
    data_fingerprint,
    held_out_pairs,
    regression_tasks,
    search_pairs,
)
from setups.image_files import fetched_path
from ufh_cli.core.rng import Rng

CONFIGS = Path(__file__).parents[3] / "configs"
SIZES = {"features": 4, "train": 60, "valid": 30, "seed": 3}


def regressions(kind="linear", held_out=False, **changes):
    return regression_tasks(kind, 5, **(SIZES | changes), held_out=held_out)


@pytest.fixture(scope="module")
def digits():
    return load_images("digits")


def classifications(digits, pairs, count=4, held_out=False, **changes):
    return classification_tasks(*digits, pairs, count, **(SIZES | changes), held_out=held_out)


def test_linear_labels_are_linear_in_the_features():
    for task in regressions():
        weights, *_ = np.linalg.lstsq(task.train_features, task.train_labels, rcond=None)
        np.testing.assert_allclose(task.valid_features @ weights, task.valid_labels, atol=1e-10)


def test_two_layer_labels_are_piecewise_linear_but_not_linear():
    """Two of the four hidden units are 0, so there are four linear pieces: either unit is on or off."""
    for task in regressions("nn2", train=2000):
        x, y = task.train_features, task.train_labels
        directions = x / np.linalg.norm(x, axis=1, keepdims=True)
        unexplained, pieces = np.ones(len(x), dtype=bool), 0
        for i in range(200):
            if unexplained[i]:
                near = np.argsort(directions @ directions[i])[-8:]
                weights, *_ = np.linalg.lstsq(x[near], y[near], rcond=None)
                if np.abs(y[near] - x[near] @ weights).max() < 1e-9:  # else they lie on both sides of an edge
                    unexplained &= np.abs(y - x @ weights) > 1e-9
                    pieces += 1
        assert not unexplained.any()
        assert pieces == 4


@pytest.mark.parametrize("kind", ["linear", "nn2"])
def test_regression_tasks_differ_and_follow_the_seed(kind):
    search, again, other = regressions(kind), regressions(kind), regressions(kind, seed=4)
    held_out = regressions(kind, held_out=True)
    assert data_fingerprint(search) == data_fingerprint(again)
    everything = [task.train_labels.tobytes() for task in (*search, *other, *held_out)]
    assert len(set(everything)) == 15


def test_pairs_of_the_search_and_held_out_pairs_are_disjoint(digits):
    search, held_out = search_pairs(digits[1]), held_out_pairs(digits[1])
    assert len(search) == 36
    assert tuple(held_out) == HELD_OUT_PAIRS
    assert not set(search) & set(held_out)
    assert held_out_pairs(np.array([0, 1, 5])) == [(0, 5)]


def test_classification_tasks_are_standardised_on_the_training_examples(digits):
    for task in classifications(digits, [(1, 7), (2, 3)]):
        np.testing.assert_allclose(task.train_features.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(task.train_features.std(axis=0), 1.0, atol=1e-12)
        assert np.abs(task.valid_features.mean(axis=0)).max() > 1e-6


def test_split_is_stratified_and_disjoint(digits):
    images, labels = digits
    images = np.concatenate([images, np.arange(len(images))[:, None] * 1000.0], axis=1)
    for task in classifications((images, labels), [(1, 7)], count=3, train=200, valid=100):
        for part, size in ((task.train_labels, 200), (task.valid_labels, 100)):
            assert len(part) == size
            assert set(part.tolist()) == {0.0, 1.0}
            assert part.mean() == pytest.approx((labels == 1).sum() / np.isin(labels, (1, 7)).sum(), abs=0.02)
        rows = {row.tobytes() for row in (*task.train_features, *task.valid_features)}
        assert len(rows) == 300


def test_label_1_is_the_lower_class():
    """Two classes that lie on either side of the origin in every projection."""
    labels = np.repeat([4, 9], 50)
    images = np.where(labels == 4, 1.0, -1.0)[:, None] * np.ones(6)
    for task in classifications((images, labels), [(4, 9)], train=60, valid=20):
        signs = np.sign(task.train_features[:, 0])
        assert len(set((signs * (2 * task.train_labels - 1)).tolist())) == 1  # one side is one class
        assert task.train_labels.sum() == 30


def test_all_pairs_are_used_before_any_is_repeated():
    """Images of one pixel: 0, 1 or, in class c, c + 2, whose ratio of gaps no projection or standardisation changes."""
    labels = np.repeat(np.arange(10), 30)
    images = np.stack([np.zeros(300), np.ones(300), labels + 2.0])[np.arange(300) % 3, np.arange(300)][:, None]

    def class_of(values):
        gaps = np.diff(np.unique(np.round(values, 9)))
        assert gaps.size == 2
        return round(gaps.max() / gaps.min()) - 1

    def pair_of(task):
        x = np.concatenate([task.train_features[:, 0], task.valid_features[:, 0]])
        y = np.concatenate([task.train_labels, task.valid_labels])
        return class_of(x[y == 1.0]), class_of(x[y == 0.0])

    pairs = search_pairs(labels)
    tasks = classifications((images, labels), pairs, count=50, features=1, train=40, valid=20)
    used = [pair_of(task) for task in tasks]
    assert len(pairs) == 36
    assert set(used[:36]) == set(pairs)
    assert used[36:] == used[:14]
    assert used[:36] != pairs  # in random order


def test_too_few_images(digits):
    with pytest.raises(ValueError, match=r"have 361 images; 300 \+ 100"):
        classifications(digits, [(1, 7)], train=300, valid=100)
    with pytest.raises(ValueError, match="no pair of classes"):
        classifications(digits, [])


def test_images_from_npz_files(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, size=(20, 3, 3)), rng.integers(0, 10, size=20)
    np.savez(tmp_path / "a.npz", x_train=images[:12].astype(np.uint8), y_train=labels[:12, None])
    np.savez(tmp_path / "b.npz", x=images[12:].astype(np.uint8), y=labels[12:])
    pixels, classes = load_images(str(tmp_path))
    assert np.array_equal(pixels, images.reshape(20, 9))
    assert np.array_equal(classes, labels)
    single, _ = load_images(str(tmp_path / "a.npz"))
    assert single.shape == (12, 9)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros(3)}, "no arrays x_train and y_train"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2, int)}, "2 labels"),
        ({"x": np.full((3, 2), np.nan), "y": np.zeros(3, int)}, "finite"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(3)}, "whole numbers"),
        ({"x": np.array([[{}]] * 3, dtype=object), "y": np.zeros(3, int)}, "cannot use"),
    ],
)
def test_bad_image_files(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        load_images(str(tmp_path / "bad.npz"))
    assert "bad.npz" in str(error.value)


def test_missing_and_broken_image_files(tmp_path):
    with pytest.raises(ValueError, match=r"neither an \.npz file nor a folder of them"):
        load_images(str(tmp_path))
    for name in ("", "none.npz", "x" * 5000):
        with pytest.raises(ValueError, match="neither a file nor a folder; known are cifar10, digits, fashion-mnist"):
            load_images(name)
    (tmp_path / "broken.npz").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="cannot use"):
        load_images(str(tmp_path / "broken.npz"))


def test_other_files_than_archives_and_damaged_ones(tmp_path):
    images, labels = np.arange(4000).reshape(40, 100), np.arange(40)
    np.save(tmp_path / "x.npy", images)
    np.savez_compressed(tmp_path / "whole.npz", x=images, y=labels)
    whole = bytearray((tmp_path / "whole.npz").read_bytes())
    whole[60:600] = bytes(540)  # in the compressed array x; the directory at the end is left as it is
    (tmp_path / "damaged.npz").write_bytes(whole)
    for name, message in (("x.npy", "no .npz archive"), ("damaged.npz", "")):
        with pytest.raises(ValueError, match=f"cannot use the images in .*{name}: .*{message}") as error:
            load_images(str(tmp_path / name))
        assert "\n" not in str(error.value)


def keras_cifar10(rng, count=500):
    """Arrays in the layout of keras' loader, of which each class has a brightness of its own."""
    labels = rng.permutation(np.repeat(np.arange(10), count // 10)).astype(np.uint8)
    images = rng.integers(0, 100, size=(count, 32, 32, 3)) + 15 * labels[:, None, None, None]
    return images.astype(np.uint8), labels[:, None]


@pytest.mark.parametrize("name", ["automl_zero-baseline", "automl_zero-paper"])
def test_the_configurations_of_cifar10_learn_from_a_file_in_its_layout(tmp_path, name):
    x, y = keras_cifar10(np.random.default_rng(0))
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    options = tomllib.loads((CONFIGS / f"{name}.toml").read_text(encoding="utf-8"))["options"]
    small = {"images": str(tmp_path / "cifar10.npz"), "train_examples": 70, "valid_examples": 30}
    setup = AutoMLZero(**options | small)
    fitness, cost = setup.evaluate(setup.parse(LINEAR), Rng.from_word(0))[:2]
    assert fitness > 0.9
    assert cost == 10 * (70 + 30)
    assert setup.reevaluate(setup.parse(LINEAR), Rng.from_word(0)) > 0.9


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_images_that_were_fetched_are_used_by_name(tmp_path, monkeypatch, name):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    x, y = keras_cifar10(np.random.default_rng(2), count=40)
    fetched_path(name).parent.mkdir()
    np.savez(fetched_path(name), x_train=x, y_train=y, x_test=x[:10] + 1, y_test=y[:10])
    images, labels = load_images(name)
    assert np.array_equal(images, x.reshape(40, -1))
    assert np.array_equal(labels, y.ravel())


def test_pixels_of_few_bytes_make_the_same_tasks():
    images, labels = keras_cifar10(np.random.default_rng(1))
    images, labels = images.reshape(500, -1), labels.ravel().astype(np.int64)
    few, many = (classifications((pixels, labels), [(1, 7)]) for pixels in (images, images.astype(np.float64)))
    assert all(
        np.array_equal(a, b) for one, other in zip(few, many, strict=True) for a, b in zip(one, other, strict=True)
    )
