"""MNAS through the real command, as small as it goes."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time

import numpy as np
import pytest
from ufh_command import contents, rows

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("needs tensorflow", allow_module_level=True)

TINY = (
    "--technique=fec", "--trials=1", "--jobs=1", "--budget=1e9", "--set=budget.candidates=14",
    "--set=search.population_size=5", "--set=search.tournament_size=2", "--set=options.steps=4",
    "--set=options.batch_size=8", "--set=options.width=0.1",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(ufh):
    return ufh("run", "mnas", *TINY, "--name=net")


def test_a_search_ends_with_its_best_network_as_a_table(searched):
    for words in ("block 1: ", "multiply adds", "block 7", "accuracy 0.", "latency ", "ms (by the cost model"):
        assert words in searched.out


def test_the_best_network_is_exported_for_plain_keras(ufh, searched, tmp_path):
    """A fresh process with keras alone loads it, and finds the accuracy that was told."""
    out = tmp_path / "best.keras"
    said = ufh("export", "mnas", "net", "--out", str(out)).out
    told = float(said.partition("accuracy ")[2].split()[0])
    from setups.mnas.images import load_images

    images = load_images("digits")
    pixels = images.valid * images.spread + images.mean  # as they are in the source
    np.savez(tmp_path / "valid.npz", images=pixels, labels=images.valid_labels)
    program = (
        "import sys, keras, numpy; model = keras.models.load_model(sys.argv[1]); data = numpy.load(sys.argv[2]); "
        "print((model.predict(data['images'], verbose=0).argmax(1) == data['labels']).mean())"
    )
    import subprocess
    import sys

    result = subprocess.run(
        [sys.executable, "-c", program, str(out), str(tmp_path / "valid.npz")],
        capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert float(result.stdout.split()[-1]) == pytest.approx(told, abs=6e-5)


def test_unseen_data_at_half_the_budget_are_drawn(ufh, searched, tmp_path):
    out = tmp_path / "midway.png"
    ufh("plot", "net", "--kind=midway-reevaluation", "--out", str(out))
    assert out.read_bytes().startswith(b"\x89PNG")


def test_an_interruption_in_the_middle_of_an_evaluation_loses_nothing_finished(ufh, searched):
    journal = ufh.folder / "results" / "stopped" / "journal.jsonl"
    process = ufh.start("run", "mnas", *TINY, "--name=stopped")
    patience = time.monotonic() + 90
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 4) and process.poll() is None:
        assert time.monotonic() < patience
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    before = [json.loads(line) for line in journal.read_text().splitlines()]
    ufh("run", "mnas", *TINY, "--name=stopped")
    after = [json.loads(line) for line in journal.read_text().splitlines()]
    assert after[: len(before)] == before
    # An interruption just after a line was written may write it once more, which is read as one.
    earlier, later = (
        [entry["number"] for entry in part if "number" in entry] for part in (before, after[len(before) :])
    )
    assert len(set(later)) == len(later)
    assert not set(earlier) & set(later)
    assert len({*earlier, *later}) == int(rows(journal.with_name("trials.csv"))[0]["evaluations"])
    found, expected = (contents(ufh.folder / "results" / name) for name in ("stopped", "net"))
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "mnas", "--set=options.images=cifar10"], ["cifar10", "ufh data fetch mnas"]),
        (["run", "mnas", "--set=options.images=no/such.npz"], ["no/such.npz"]),
        (["run", "mnas", "--set=options.size=papr"], ["size", "paper"]),
        (["run", "mnas", "--set=options.valid_images=100000"], ["100000"]),
        (["hash", "mnas", "block 1: conv kernel=4"], ["line 1", "kernel"]),
        (["export", "mnas", "net", "--out=best.h5"], [".keras"]),
        (["export", "mnas", "none-such", "--out=best.keras"], ["none-such"]),
    ],
    ids=["fetch", "file", "size", "split", "text", "ending", "result"],
)
def test_bad_input_is_one_line(ufh, searched, arguments, words, monkeypatch, tmp_path):
    monkeypatch.setenv("UFH_DATA", str(tmp_path))
    refusal = ufh(*arguments, code=2).refusal()
    for word in words:
        assert word in refusal


def test_out_of_memory_outside_an_evaluation_is_one_line(ufh, monkeypatch):
    def exhausted(*_):
        raise MemoryError("tensorflow has not enough memory")

    monkeypatch.setattr("setups.mnas.setup.outputs", exhausted)
    assert "not enough memory" in ufh("run", "mnas", *TINY, "--name=exhausted", code=2).refusal()
