"""MNAS as the core and the command line see it: conformance, fitness, keys of redundant networks and bad input."""

from __future__ import annotations

import pytest

pytest.importorskip("tensorflow")

from setups.mnas import Mnas
from setups.mnas.space import mutate, random_architecture
from ufh_cli.core.hashing import FunctionalHash
from ufh_cli.core.rng import Rng
from ufh_cli.testing import CHECKS

QUICK = {"steps": 3, "batch_size": 8, "train_images": 100, "valid_images": 40, "test_images": 40, "width": 0.1}


def make(**changes) -> Mnas:
    return Mnas(**(QUICK | changes))


@pytest.fixture(scope="module")
def setup() -> Mnas:
    return make()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(make)


def test_fitness_weighs_accuracy_with_latency(setup):
    """Tan et al. 2019: twice the latency at w = -0.07 is worth 5 % of accuracy."""
    candidate = setup.random_candidate(Rng.from_seed(1))
    fitness = {
        target: make(latency_target=target).evaluate(candidate, Rng.from_word(1)).fitness for target in (1.0, 2.0)
    }
    plain = make(latency_weight=0.0).evaluate(candidate, Rng.from_word(1)).fitness
    assert fitness[2.0] / fitness[1.0] == pytest.approx(2.0**0.07)
    assert plain * 40 == pytest.approx(round(plain * 40))  # an accuracy on 40 images


def test_the_cost_counts_the_images_of_training(setup):
    candidate = setup.random_candidate(Rng.from_seed(1))
    assert setup.evaluate(candidate, Rng.from_word(1)).cost == 3 * 8
    assert setup.hash_cost == 10 * (10 + 10)


def test_the_fitness_of_several_trainings_is_their_mean_and_costs_each(setup):
    several = make(trainings=3, latency_weight=0.0, steps=2, learning_rate=1e-4)
    single = make(latency_weight=0.0, steps=2, learning_rate=1e-4)
    candidate = setup.random_candidate(Rng.from_seed(1))
    found, stream = several.evaluate(candidate, Rng.from_word(1)), Rng.from_word(1)
    fitnesses = [single.evaluate(candidate, stream).fitness for _ in range(3)]  # which take their seeds in turn
    assert found.fitness == pytest.approx(sum(fitnesses) / 3, abs=0.03)  # rounding may turn an image or two
    assert found.cost == 3 * 2 * 8
    assert found == several.evaluate(candidate, Rng.from_word(1))


def test_equal_structures_have_equal_keys_and_others_differ(setup):
    """The facts of the space: choices without function change nothing, all others do."""
    functional_hash = FunctionalHash(decimals=4)
    rng = Rng.from_seed(4)
    parent = random_architecture(setup._space, rng)
    keys = {setup.structural_key(parent): functional_hash(setup.hashable_outputs(parent))}
    redundant = 0
    for _ in range(40):
        child = mutate(setup._space, parent, rng)
        key = functional_hash(setup.hashable_outputs(child))
        redundant += setup.structural_key(child) in keys
        assert keys.setdefault(setup.structural_key(child), key) == key
        parent = child
    assert redundant > 5
    assert len(set(keys.values())) == len(keys)


def test_details_tell_accuracy_and_latency(setup):
    candidate = setup.random_candidate(Rng.from_seed(1))
    fitness = setup.evaluate(candidate, Rng.from_word(1)).fitness
    text = setup.details(candidate, fitness)
    accuracy = make(latency_weight=0.0).evaluate(candidate, Rng.from_word(1)).fitness
    assert f"accuracy {accuracy:.4f}" in text
    for word in ("block 7", "parameters", "multiply adds", "latency"):
        assert word in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": "digit"}, ["digit", "digits"]),
        ({"images": "cifar10"}, ["cifar10", "ufh data fetch mnas"]),
        ({"size": "papr"}, ["size", "paper"]),
        ({"latency": "modell"}, ["latency", "model"]),
        ({"base": "mnasnet", "size": "paper"}, ["mnasnet_a1"]),
        ({"width": 0.0}, ["width"]),
        ({"steps": 0}, ["steps"]),
        ({"trainings": 0}, ["trainings"]),
        ({"hash_examples": 95}, ["hash_examples", "90"]),
        ({"steps": 1, "hash_steps": 2}, ["hash_steps", "1"]),
        ({"images": ""}, ["images", "digits"]),
        ({"latency_weight": 1.0}, ["latency_weight"]),
        ({"valid_images": 5000}, ["5000"]),
    ],
)
def test_bad_options_are_refused_in_one_line(options, words, tmp_path, monkeypatch):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r".") as caught:
        make(**options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_paper_size_is_built(setup):
    """MobileNetV2's depth; nothing is trained here."""
    paper = make(size="paper", width=0.5)
    candidate = paper.random_candidate(Rng.from_seed(2))
    assert paper.hashable_outputs(candidate).shape == (10, 10)
    assert "sum" in paper.details(candidate, 0.5)
