"""Hurdles in whole experiments: what is written of them, and that a resumed search has the same ones."""

import json
import random

import pytest
from ufh_command import contents, entries, rows

RUN = (
    "run", "staged", "--trials=1", "--jobs=1", "--set=budget.candidates=150", "--set=search.population_size=20",
    "--set=search.tournament_size=5", "--set=evaluation.hurdle_percentile=60",
)  # fmt: skip


def stages(ufh, log):
    """How many first stages there were, and how many second ones."""
    lines = (ufh.folder / log).read_text().splitlines() if (ufh.folder / log).exists() else []
    whole = sum(line.endswith(" whole") for line in lines)
    return len(lines) - whole, whole


def stopped(entry):
    return float(entry["early"]) < float(entry["hurdle"])


@pytest.mark.parametrize("technique", ["none", "fec", "forgetful-fec+fcm"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_hurdle_stops_some_and_the_files_say_which(ufh, technique, workers):
    name = f"hurdle-{technique}-{workers}"
    ufh(*RUN, f"--technique={technique}", f"--workers={workers}", f"--name={name}", f"--set=options.log={name}.log")
    (row,) = rows(ufh.folder / "results" / name / "trials.csv")
    found = entries(ufh.folder / "results" / name)
    count = sum(map(stopped, found))
    assert 0 < count == int(row["stopped"]) < int(row["evaluations"]) == len(found)
    assert stages(ufh, f"{name}.log") == (len(found), len(found) - count)
    # Until the population is there, hits included, there is no hurdle.
    assert {entry["hurdle"] for entry in found if entry["number"] < 20} == {"-inf"}
    for entry in found:
        assert entry["fitness"] == entry["early"] if stopped(entry) else entry["cost"] == 1.0
        assert entry["cost"] == (0.5 if stopped(entry) else 1.0)
    assert float(row["best_fitness"]) == max(entry["fitness"] for entry in found if not stopped(entry))


def test_without_a_hurdle_a_staged_setup_is_evaluated_to_the_end(ufh):
    ufh(*RUN, "--set=evaluation.hurdle_percentile=none", "--name=plain", "--set=options.log=plain.log")
    (row,) = rows(ufh.folder / "results" / "plain" / "trials.csv")
    first, whole = stages(ufh, "plain.log")
    assert first == whole == int(row["evaluations"])
    assert "stopped" not in row
    assert not {"hurdle", "early"} & set().union(*entries(ufh.folder / "results" / "plain"))


@pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 1), (1, 3)])
def test_a_whole_journal_leaves_nothing_to_evaluate(ufh, before, after):
    name = f"whole-{before}-{after}"
    run = (*RUN, "--technique=fec", f"--name={name}", f"--set=options.log={name}.log")
    path = ufh.folder / "results" / name
    ufh(*run, f"--workers={before}")
    once, log = contents(path), stages(ufh, f"{name}.log")
    (path / "trials.csv").unlink()
    ufh(*run, f"--workers={after}")
    again = contents(path)
    assert again["experiment"].pop("workers") == after
    assert again == once | {"experiment": {k: v for k, v in once["experiment"].items() if k != "workers"}}
    assert stages(ufh, f"{name}.log") == log


@pytest.mark.parametrize("technique", ["none", "fec", "forgetful-fec"])
def test_a_search_interrupted_anywhere_has_the_same_hurdles_afterwards(ufh, technique):
    name = f"cut-{technique}"
    run = (*RUN, f"--technique={technique}", f"--name={name}", f"--set=options.log={name}.log")
    path = ufh.folder / "results" / name
    ufh(*run)
    once, journal = contents(path), (path / "journal.jsonl").read_bytes().splitlines(True)
    hurdles = [(entry["number"], entry["hurdle"], entry["early"]) for entry in entries(path)]
    for cut in random.Random(technique).sample(range(1, len(journal)), 6):
        (path / "trials.csv").unlink()
        (path / "journal.jsonl").write_bytes(b"".join(journal[:cut]) + journal[cut][:30])
        (ufh.folder / f"{name}.log").unlink()
        ufh(*run)
        assert contents(path) == once
        assert [(entry["number"], entry["hurdle"], entry["early"]) for entry in entries(path)] == hurdles
        assert stages(ufh, f"{name}.log")[0] == len(journal) - cut


def test_a_journal_with_another_hurdle_is_refused(ufh):
    run = (*RUN, "--technique=fec", "--name=foreign")
    ufh(*run)
    path = ufh.folder / "results" / "foreign"
    journal = (path / "journal.jsonl").read_text().splitlines(True)
    entry = json.loads(journal[60])
    journal[60] = json.dumps(entry | {"hurdle": entry["hurdle"] + 0.125}) + "\n"
    (path / "journal.jsonl").write_text("".join(journal))
    (path / "trials.csv").unlink()
    refusal = ufh(*run, code=2).refusal()
    assert f"candidate {entry['number']}, is not about a candidate that this search proposes" in refusal


def test_what_a_hurdle_stopped_does_not_warm_another_cache(ufh):
    ufh(*RUN, "--technique=fec", "--name=source")
    whole = {entry["key"] for entry in entries(ufh.folder / "results" / "source") if not stopped(entry)}
    cut = {entry["key"] for entry in entries(ufh.folder / "results" / "source")} - whole
    plain = ("--set=evaluation.hurdle_percentile=none", "--technique=fec", "--name=warmed", "--warm-cache=source")
    ufh(*RUN, *plain)
    again = {entry["key"] for entry in entries(ufh.folder / "results" / "warmed")}
    assert cut & again
    assert not whole & again


def test_hurdles_can_be_swept(ufh):
    arguments = [one for one in RUN[1:] if "hurdle" not in one]
    ufh("sweep", *arguments, "--over=evaluation.hurdle_percentile=none,60,90", "--name=swept")
    found = rows(ufh.folder / "results" / "swept" / "trials.csv")
    none, low, high = (int(row["stopped"]) for row in found)
    assert none == 0 < low < high
    table = [line.split() for line in ufh("show", "swept").out.splitlines() if line]
    assert table[0][-1] == "stopped"
    assert [line[-1] for line in table[1:4]] == [str(none), str(low), str(high)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("faulty", "--set=evaluation.hurdle_percentile=75"), "its options, has none"),
        (("staged", "--set=evaluation.hurdle_percentile=75", "--technique=fea"), "fea and a hurdle do not go together"),
        (("staged", "--set=evaluation.hurdle_percentile=0"), "evaluation.hurdle_percentile"),
        (("staged", "--set=evaluation.hurdle_percentile=101"), "evaluation.hurdle_percentile"),
        (("staged", "--set=evaluation.hurdle_window=0"), "evaluation.hurdle_window"),
        (("staged", "--set=evaluation.hurdle_percentil=75"), "hurdle_percentile"),
    ],
)
def test_impossible_hurdles_are_refused_in_one_line(ufh, arguments, message):
    assert message in ufh("run", *arguments, "--set=budget.candidates=20", code=2).refusal()
