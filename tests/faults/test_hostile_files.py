"""Results that come from others: what lies in the place of a file harms nothing outside and is told."""

import json
import os
import shutil
import warnings

import numpy as np
import pytest
from ufh_command import PACKAGE, contents

from ufh_cli.core.rng import Rng
from ufh_cli.core.setup import Evaluation
from ufh_cli.core.workers import WrongCost, evaluate_as_asked

RUN = (
    "run",
    "paired",
    "--search=nsga2",
    "--trials=3",
    "--jobs=1",
    "--set=budget.candidates=30",
    "--set=search.population_size=10",
    "--set=options.terms=3",
    "--set=journal=yes",
)
FILES = ("experiment.toml", "trials.csv", "curves.csv", "best.json", "front.json", "journal.jsonl", ".lock")
WRITTEN = ("experiment.toml", "trials.csv", "curves.csv", "best.json", "front.json")
SECRET = "not yours\n"


@pytest.fixture(scope="module")
def made(ufh):
    """A finished result."""
    ufh(*RUN, "--name=made")
    return ufh.folder / "results" / "made"


@pytest.fixture
def copy(ufh, made):
    """A copy of it, and a file outside."""
    path = ufh.folder / "results" / "copy"
    shutil.copytree(made, path)
    outside = ufh.folder / "outside"
    outside.write_text(SECRET)
    yield path
    shutil.rmtree(path)
    assert outside.read_text() == SECRET
    outside.unlink()


def trap(path, kind):
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link": "../../outside", "device": "/dev/zero", "nowhere": "../../new"}[kind])


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "nowhere"])
def test_a_trap_in_the_place_of_an_unfinished_file_is_taken_away(ufh, copy, kind):
    for name in WRITTEN:
        trap(copy / f"{name}.part", kind)
    ufh(*RUN, "--trials=4", "--name=copy")
    assert not list(copy.glob("*.part"))
    assert not (ufh.folder / "new").exists()
    assert len(contents(copy)["trials"]) == 4


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "nowhere", "folder"])
@pytest.mark.parametrize("name", FILES)
def test_only_regular_files_are_read_and_written(ufh, copy, kind, name):
    trap(copy / name, kind)
    line = ufh(*RUN, "--trials=4", "--name=copy", code=2).refusal()
    assert name in line or "experiment.toml" in line
    assert not (ufh.folder / "new").exists()


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", FILES[:-1])
def test_whatever_reads_results_is_not_held_up(ufh, copy, kind, name):
    trap(copy / name, kind)
    for command in (("show", "copy", "--best"), ("status", "copy"), ("run", "quick", "--config", str(copy / name))):
        ended = ufh(*command, code=None) if name != "journal.jsonl" else None
        assert ended is None or ended.code == 0 or ended.refusal()


@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_figures_and_tables_are_written_through_no_link(ufh, copy, kind):
    for name in ("curves.png.part", "one.csv.part", "two.png", "two.csv"):
        trap(copy / name, kind)
    ufh("plot", "copy", "--table", str(copy / "one.csv"))
    assert not (copy / "curves.png").is_symlink()
    for option in ("--out", "--table"):
        where = copy / ("two.png" if option == "--out" else "two.csv")
        assert str(where) in ufh("plot", "copy", option, str(where), code=2).refusal()
        assert not where.is_file() or where.is_symlink()


def test_a_torn_journal_behind_a_link_is_not_cut(ufh, copy):
    outside = ufh.folder / "outside"
    torn = (copy / "journal.jsonl").read_text() + "torn"
    outside.write_text(torn)
    trap(copy / "journal.jsonl", "link")
    ufh(*RUN, "--trials=4", "--name=copy", code=2).refusal()
    assert outside.read_text() == torn
    outside.write_text(SECRET)


def edited(path, name, old, new):
    text = (path / name).read_text()
    assert old in text
    (path / name).write_text(text.replace(old, new, 1))


WHOLE = {"decimal": "1" + "0" * 309, "long": "1" + "0" * 5000, "negative": "-1"}


@pytest.mark.parametrize("number", WHOLE)
@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("experiment.toml", "seed = 0"),
        ("best.json", '"trial": 0'),
        ("front.json", '"trial": 0'),
        ("journal.jsonl", '"number": 0'),
        ("experiment.toml", "candidates = 30"),
    ],
)
def test_whole_numbers_beyond_all_measure_are_refused(ufh, copy, name, old, number):
    edited(copy, name, old, old[: -len(old.rpartition(" ")[2])] + WHOLE[number])
    commands = [("show", "copy", "--best"), (*RUN, "--trials=4", "--name=copy")]
    ended = [ufh(*command, code=None) for command in commands]
    assert all(one.code == 0 or one.refusal() for one in ended)
    assert any(one.code == 2 for one in ended)


ENTRY = {"trial": 0, "objectives": {"fitness": 0.5, "degree": -1.0}, "description": "+1x^1"}
NO_FRONTS = {
    "no list": {},
    "no entry": [5],
    "a trial below 0": [ENTRY | {"trial": -1}],
    "a trial that is true": [ENTRY | {"trial": True}],
    "no objectives": [{"trial": 0, "description": ""}],
    "one objective": [ENTRY | {"objectives": {"fitness": 0.5}}],
    "a list of objectives": [ENTRY | {"objectives": [0.5, 1.0]}],
    "a text": [ENTRY | {"objectives": {"fitness": "0.5", "degree": 1.0}}],
    "a whole number beyond measure": [ENTRY | {"objectives": {"fitness": 10**309, "degree": 1.0}}],
    "a description of numbers": [ENTRY | {"description": [5]}],
    "a key of numbers": [ENTRY | {"key": 5}],
}


@pytest.mark.parametrize("case", NO_FRONTS)
def test_what_is_no_front_is_refused(ufh, copy, case):
    (copy / "front.json").write_text(json.dumps(NO_FRONTS[case]))
    for command in (("show", "copy"), ("plot", "copy", "--kind=front"), (*RUN, "--trials=4", "--name=copy")):
        assert "front.json: not a list of non-dominated candidates" in ufh(*command, code=2).refusal()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e308])
def test_fronts_far_out_are_drawn_or_refused(ufh, copy, value):
    (copy / "front.json").write_text(json.dumps([ENTRY | {"objectives": {"fitness": value, "\x1b[2J": value}}]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one would repeat what steers terminals
        ended = ufh("plot", "copy", "--kind=front", code=None)
    assert ended.code == 0 or ended.refusal()


WRONG = (
    "evaluation = 5",
    "technique = 5",
    "technique = 'fex'",
    "search = 5",
    "options = 5",
    "trials = 0",
    "workers = -1",
    "cache = []",
    "over = {technique = 7}",
    "over = {technique = [7]}",
    "over = {'budget.cost' = ['0']}",
    "over = {x = {y = 1}}",
)


@pytest.mark.parametrize(
    "line", [*WRONG, *(f"budget = {{cost = {cost}}}" for cost in ("0", "-1", "inf", "nan", "'5'", "[]"))]
)
def test_what_is_of_the_wrong_kind_is_refused_with_its_name(ufh, copy, line):
    key = line.partition(" ")[0]
    lines = (copy / "experiment.toml").read_text().splitlines()
    section = next((i for i, one in enumerate(lines) if one == f"[{key}]"), None)
    if section is not None:
        end = next((i for i in range(section + 1, len(lines)) if lines[i].startswith("[")), len(lines))
        del lines[section:end]
    lines = [line, *(one for one in lines if not one.startswith(f"{key} ="))]
    (copy / "experiment.toml").write_text("\n".join(lines) + "\n")
    for command in (
        ("show", "copy"),
        ("status", "copy"),
        ("plot", "copy"),
        ("compare", "copy", "made"),
        (*RUN, "--name=copy"),
    ):
        told = ufh(*command, code=2).refusal()
        assert key in told or "budget.cost" in told


def test_an_empty_key_in_a_journal_is_none(ufh, copy):
    path = copy / "journal.jsonl"
    head, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([head, json.dumps(json.loads(first) | {"key": ""}), *rest]) + "\n")
    assert "line 2" in ufh(*RUN, "--technique=fec", "--warm-cache=copy", "--name=warmed", code=2).refusal()


def test_nothing_of_a_result_steers_the_terminal(ufh, copy):
    escape = "\x1b]0;title\x07\x1b[2J"
    best = json.loads((copy / "best.json").read_text())
    for entry in best:
        entry |= {"description": escape, "details": escape, "key": escape}
    (copy / "best.json").write_text(json.dumps(best))
    text = (
        (copy / "experiment.toml")
        .read_text()
        .replace('notice = "', 'notice = "' + json.dumps(escape)[1:-1].replace("\\u00", "\\u00"))
    )
    (copy / "experiment.toml").write_text(text)
    for command in (
        ("show", "copy", "--best"),
        ("status", "copy"),
        ("compare", "copy", "made"),
        ("show", f"no{escape}", "--best"),
    ):
        ended = ufh(*command, code=None)
        assert all(one.isprintable() or one in "\n\t" for one in ended.out + ended.err), command
    assert r"\x1b" in ufh("show", "copy", "--best").out


def test_what_the_user_typed_is_not_repeated_at_length(ufh):
    long = "x" * 90_000
    for arguments in (
        ("show", long),
        ("run", long),
        ("run", "quick", f"--set={long}=1"),
        ("run", "quick", f"--config={long}"),
        ("run", "quick", f"--trials={long}"),
        ("show", "a", "--results", long),
        ("status", f"/{long}/{long}"),
        ("run", "quick", f"--technique={long}"),
        ("plot", "a", "--kind", long),
        ("run", "quick", f"--name={long}"),
        ("hash", "quick", long),
        ("hash", "quick", "1" * 5000),
        ("run", "quick", "--set=seed=0x" + "f" * 5000),
        ("run", "quick", "--set=options." + ".".join("a" * 990) + "=1"),
        ("run", "quick", "--results", long),
    ):
        assert len(ufh(*arguments, code=2).refusal()) < 1500, arguments[0]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_refusal_is_one_where_it_cannot_be_told(ufh):
    import subprocess
    import sys

    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ufh_cli", "show", "nothing"], stderr=full, cwd=PACKAGE.parents[1]
        )
    assert ended.returncode == 2


class Words:
    """Of a setup, what tells whose evaluation it was."""

    def __init__(self, fitness, cost=1.0):
        self.found = Evaluation(fitness, cost)

    def evaluate(self, candidate, rng):
        return self.found

    def describe(self, candidate):
        return "candidate seven"


@pytest.mark.parametrize("value", [None, [1.0], np.array([1.0, 2.0]), 1j, np.complex64(1), "1", "x", b"1", {}, 10**400])
def test_a_fitness_or_cost_that_is_no_real_number_is_told_with_whose_it_is(value):
    for words in (Words(value), Words(0.5, value)):
        with pytest.raises(WrongCost, match="candidate seven"):
            evaluate_as_asked(words, 7, Rng.from_seed(0))


@pytest.mark.parametrize("value", [1, True, np.float16(0.5), np.int8(3), np.array(0.25), float("inf")])
def test_every_kind_of_real_number_is_a_fitness(value):
    found = evaluate_as_asked(Words(value), 7, Rng.from_seed(0))
    assert found.fitness == float(value)
    assert type(found.fitness) is float
