"""`ufh hash`, `ufh setups`, `ufh data`, and setups that are hard to be good to."""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ufh_command import REPOSITORY, SMALL, rows

from ufh_cli.core.hashing import functional_key


def test_the_key_of_a_candidate(ufh):
    from ufh_polynomials import SEEN

    outcome = ufh("hash", "polynomials", "+2x^3 -1x^0", "--set=hash.mantissa_bits=20")
    key = functional_key((2 * SEEN**3 - 1).astype(np.float32), mantissa_bits=20)
    assert outcome.out.split("\n")[:2] == [f"{key:016x}", "+2x^3 -1x^0"]


def test_the_same_behaviour_has_the_same_key_and_another_another(ufh):
    keys = [
        ufh("hash", "polynomials", text).out.partition("\n")[0]
        for text in ("+2x^3", "+1x^3 +0x^1 +1x^3", "+3x^2 +2x^3 -3x^2", "+2x^2")
    ]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_the_structural_key_tells_them_apart(ufh):
    keys = {
        ufh("hash", "polynomials", text, "--set=hash.kind=structural").out.partition("\n")[0]
        for text in ("+2x^3", "+1x^3 +0x^1 +1x^3")
    }
    assert len(keys) == 2


def test_a_candidate_from_a_file_the_input_or_of_any_length(ufh, monkeypatch):
    long = " ".join(["+1x^2"] * 400)
    (ufh.folder / "candidate.txt").write_text(long + "\n", encoding="utf-8")
    expected = ufh("hash", "polynomials", long).out
    assert expected.endswith(long + "\n")
    assert ufh("hash", "polynomials", "candidate.txt").out == expected
    monkeypatch.setattr("sys.stdin", io.StringIO(long))
    assert ufh("hash", "polynomials", "-").out == expected


def test_a_file_that_is_no_text(ufh):
    (ufh.folder / "candidate.bin").write_bytes(b"\xff\xfe\x00")
    assert "candidate.bin" in ufh("hash", "polynomials", "candidate.bin", code=2).refusal()


def test_setups_lists_the_users_beside_ours(ufh):
    out = ufh.process("setups").out
    (line,) = [line for line in out.splitlines() if line.startswith("polynomials")]
    assert "ufh-polynomials" in line
    assert "Polynomials that approximate sin(3x) [a toy]." in line


@pytest.mark.parametrize("words", ["setups", "show autorl-fixed", "status autorl-fixed", "list"])
def test_what_only_reads_imports_no_setup_and_nothing_heavy(words):
    """Their compiled code and heavy packages take seconds at the first time."""
    command = [sys.executable, "-X", "importtime", "-m", "ufh_cli", *words.split()]
    environment = os.environ | {"UFH_RESULTS": str(REPOSITORY / "results/records")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ufh_cli.configuration.registry" in imported
    assert not {"setups", "numba", "scipy", "matplotlib", "tensorflow", "gymnasium"} & imported
    assert not {"ufh_cli.experiment", "ufh_cli.machines"} & imported


def test_a_broken_setup_does_not_hide_the_others(odd):
    outcome = odd("setups")
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert {"polynomials", "brackets", "notthere", "nowhere", "nosetup"} <= set(lines)
    assert "Texts that look like markup, [bold]and[/bold] [/] are not." in lines["brackets"]
    assert "ufh_not_installed" in lines["notthere"]
    assert "Nowhere" in lines["nowhere"]
    assert "NoSetup" in lines["nosetup"]


@pytest.mark.parametrize("name", ["notthere", "nowhere", "nosetup"])
def test_a_broken_setup_is_told_in_one_line(odd, name):
    assert name in odd("run", name, "--budget=9", code=2).refusal()


def test_a_setup_that_refuses_is_told_in_one_line(odd):
    """Though it said it in two."""
    line = odd("run", "refusing", "--budget=9", "--trials=1", code=2).refusal()
    assert "the table is missing" in line
    assert "ufh data convert refusing" in line


def test_fitness_as_numpy_scalars(odd):
    """Read back, they are the numbers that the search saw, and JSON takes them."""
    odd("run", "arrayfitness", *SMALL, "--technique=fec", "--trials=2", "--jobs=1", "--name=array")
    path = odd.folder / "results" / "array"
    best = json.loads((path / "best.json").read_text(encoding="utf-8"))
    for row, entry in zip(rows(path / "trials.csv"), best, strict=True):
        assert float(row["best_fitness"]) == entry["fitness"] == float(np.float32(entry["fitness"]))
        assert float(row["reevaluated_fitness"]) == float(np.float32(entry["reevaluated_fitness"]))
        curve = [one for one in rows(path / "curves.csv") if one["trial"] == row["trial"]]
        assert float(curve[-1]["best_fitness"]) == entry["fitness"]
        costs = [0.0, *(float(one["cost"]) for one in curve[1:]), 120.0]
        area = sum(
            (end - start) * float(one["best_fitness"])
            for start, end, one in zip(costs[:-1], costs[1:], curve, strict=True)
        )
        assert math.isclose(area / 120, float(row["auc"]), rel_tol=1e-9)


def test_fitness_in_whole_numbers(odd):
    odd("run", "wholefitness", *SMALL, "--technique=fec", "--trials=2", "--jobs=1", "--name=whole")
    path = odd.folder / "results" / "whole"
    best = json.loads((path / "best.json").read_text(encoding="utf-8"))
    for row, entry in zip(rows(path / "trials.csv"), best, strict=True):
        assert float(row["best_fitness"]) == entry["fitness"] == int(entry["fitness"])


def test_a_search_in_which_nothing_works(odd, recwarn):
    """It ends, its files are read back, and every table and figure can be made of them."""
    for name in ("failing", "failing-2"):
        odd("run", "failing", *SMALL, "--technique=fec", "--trials=3", "--jobs=1", f"--name={name}")
    path = odd.folder / "results" / "failing"
    assert {row["best_fitness"] for row in rows(path / "trials.csv")} <= {"-inf", "nan"}
    assert len(json.loads((path / "best.json").read_text(encoding="utf-8"), parse_constant=float)) == 3
    before = (path / "trials.csv").read_bytes()
    odd("run", "failing", *SMALL, "--technique=fec", "--trials=3", "--jobs=1", "--name=failing")
    assert (path / "trials.csv").read_bytes() == before
    for arguments in (
        ["show", "failing", "--trials", "--best"],
        ["show", "failing"],
    ):
        assert odd(*arguments).err == ""
    assert "nothing to compare" in odd("compare", "failing", "failing-2", code=2).refusal()
    for kind in ("curves", "auc", "hits"):
        odd("plot", "failing", f"--kind={kind}")
    assert [str(warning.message) for warning in recwarn] == []


def test_texts_that_look_like_markup_are_printed_as_they_are(odd):
    odd("run", "brackets", *SMALL, "--technique=fec", "--set=hash.kind=structural", "--trials=1", "--name=brackets")
    (entry,) = json.loads((odd.folder / "results" / "brackets" / "best.json").read_text(encoding="utf-8"))
    out = odd("show", "brackets", "--best").out
    assert entry["description"].startswith("[red]")
    assert entry["description"] in out.splitlines()
    assert entry["key"] in out


def test_a_search_whose_cost_no_longer_grows_ends(odd):
    """All behaviours are cached and look-ups cost nothing: the budget's cost is never spent."""
    outcome = odd.start(
        "run", "exhausted", "--budget=1e6", "--technique=fec", "--trials=1", "--jobs=1", "--name=stalled"
    )
    try:
        _, err = outcome.communicate(timeout=20)
    finally:
        outcome.kill()
    assert "Traceback" not in err
    assert outcome.returncode in (0, 2)


def test_data_actions_of_a_setup(odd, monkeypatch):
    """What `ufh data` passes on, what it prints, and that a failure is one line."""
    with monkeypatch.context() as patched:
        patched.syspath_prepend(Path(odd.path[0]))
        from ufh_polynomials import Polynomials

    calls = []

    def convert(*, source, progress):
        progress(5, None)
        progress(10, 10)
        calls.append(source)
        return "converted 10 rows"

    def verify(*, source, progress):
        raise ValueError("the checksum of table.npy\ndoes not agree")

    monkeypatch.setattr(Polynomials, "data_actions", {"convert": convert, "verify": verify})
    assert odd("data", "convert", "polynomials", "--from=given.bin").out == "converted 10 rows\n"
    assert calls == [Path("given.bin")]
    assert "checksum" in odd("data", "verify", "polynomials", code=2).refusal()
    line = odd("data", "fetch", "polynomials", code=2).refusal()
    assert "convert" in line
    assert "verify" in line
