"""The same command again: only what is missing is run, and what is there is never spoilt."""

import json
import shutil

import pytest
from ufh_command import SMALL, contents, rows

RUN = ("run", "polynomials", *SMALL, "--technique=fec", "--jobs=1", "--name=one")


@pytest.fixture(scope="module")
def finished(ufh):
    """The results of an uninterrupted run of six trials, kept aside."""
    ufh(*RUN, "--trials=6", "--results=aside")
    return ufh.folder / "aside" / "one"


@pytest.fixture
def one(ufh, finished):
    """A copy of them in results, to be spoilt."""
    path = ufh.folder / "results" / "one"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(finished, path)
    return path


def files(path):
    return {one.name: one.read_bytes() for one in path.iterdir()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_run_again(ufh, one, finished, jobs):
    ufh(*RUN, "--trials=6", f"--jobs={jobs}")
    assert files(one) == files(finished)


@pytest.mark.parametrize("first", [1, 4])
def test_more_trials_add_only_the_missing(ufh, finished, first):
    shutil.rmtree(ufh.folder / "results" / "one", ignore_errors=True)
    path = ufh.folder / "results" / "one"
    ufh(*RUN, f"--trials={first}")
    seconds = [row["wall_seconds"] for row in rows(path / "trials.csv")]
    ufh(*RUN, "--trials=6")
    assert contents(path) == contents(finished)
    assert [row["wall_seconds"] for row in rows(path / "trials.csv")][:first] == seconds


def test_fewer_trials_take_nothing_away(ufh, one, finished):
    ufh(*RUN, "--trials=2")
    assert files(one) == files(finished)


def test_resume_insists_that_there_is_something(ufh, one, finished):
    ufh(*RUN, "--trials=6", "--resume")
    assert files(one) == files(finished)
    line = ufh(*RUN, "--trials=6", "--resume", "--results=elsewhere", code=2).refusal()
    assert "resume" in line
    assert not (ufh.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget=121"], ["budget.cost", "120", "121"]),
        (["--seed=5"], ["seed", "0", "5"]),
        (["--set=hash.mantissa_bits=5"], ["hash.mantissa_bits", "5"]),
        (["--technique=none"], ["technique", "fec", "none"]),
        (["--set=options.terms=4"], ["options.terms", "3", "4"]),
        (["--search=random_search"], ["search.method", "random_search"]),
    ],
)
def test_another_configuration_under_the_same_name_is_refused(ufh, one, finished, options, words):
    shared = [part for part in RUN if "population" not in part and "tournament" not in part]
    line = ufh(*(shared if "--search=random_search" in options else RUN), *options, "--trials=6", code=2).refusal()
    assert all(word in line for word in [*words, "--name"])
    assert files(one) == files(finished)


def test_a_sweep_under_the_name_of_a_run_is_refused(ufh, one, finished):
    line = ufh("sweep", *RUN[1:], "--trials=6", "--over=hash.mantissa_bits=3,4", code=2).refusal()
    assert "over" in line
    assert files(one) == files(finished)


@pytest.mark.parametrize("name", ["trials.csv", "curves.csv"])
@pytest.mark.parametrize("cut", [1, 9, 60])
def test_a_torn_last_line_is_run_again(ufh, one, finished, name, cut):
    path = one / name
    path.write_bytes(path.read_bytes()[:-cut])
    ufh(*RUN, "--trials=6")
    assert contents(one) == contents(finished)


@pytest.mark.parametrize("name", ["trials.csv", "curves.csv", "best.json"])
def test_a_lost_file_is_made_again(ufh, one, finished, name):
    (one / name).unlink()
    ufh(*RUN, "--trials=6")
    assert contents(one) == contents(finished)


def test_lines_written_before_a_crash_are_not_counted_twice(ufh, one, finished):
    """A crash between the curve and the row of trials.csv leaves a curve without a trial."""
    trials = one / "trials.csv"
    trials.write_text("".join(trials.read_text(encoding="utf-8").splitlines(True)[:-2]), encoding="utf-8")
    ufh(*RUN, "--trials=6")
    assert contents(one) == contents(finished)


def test_lines_written_twice_are_read_once(ufh, one, finished):
    """Two Ctrl-C in a row may have the same trials appended twice."""
    for name in ("trials.csv", "curves.csv"):
        lines = (finished / name).read_text(encoding="utf-8").splitlines(True)
        last = [line for line in lines if line.startswith("5,")]
        (one / name).write_text("".join(lines + last), encoding="utf-8")
    ufh(*RUN, "--trials=6")
    assert contents(one) == contents(finished)


def spoil_cell(path, text):
    lines = path.read_text(encoding="utf-8").splitlines(True)
    cells = lines[1].split(",")
    cells[3] = text
    path.write_text("".join([lines[0], ",".join(cells), *lines[2:]]), encoding="utf-8")


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace_number(path, text):
    path.write_text(path.read_text(encoding="utf-8").replace("\n0,", f"\n{text},", 1), encoding="utf-8")


SPOILT = {
    "trials: other columns": ("trials.csv", lambda path: path.write_text("a,b\n1,2\n")),
    "trials: a short row": ("trials.csv", lambda path: append(path, "6,0,finished\n")),
    "trials: no number": ("trials.csv", lambda path: spoil_cell(path, "high")),
    "trials: no trial number": ("trials.csv", lambda path: replace_number(path, "zero")),
    "trials: a negative trial number": ("trials.csv", lambda path: replace_number(path, "-1")),
    "trials: not text": ("trials.csv", lambda path: path.write_bytes(path.read_bytes() + b"\xff\xfe\n")),
    "trials: an endless field": ("trials.csv", lambda path: append(path, '"' + "x" * 200_000 + "\n")),
    "curves: other columns": ("curves.csv", lambda path: path.write_text("cost\n1\n")),
    "curves: no number": ("curves.csv", lambda path: spoil_cell(path, "many")),
    "curves: no trial number": ("curves.csv", lambda path: replace_number(path, "-")),
    "experiment: not TOML": ("experiment.toml", lambda path: path.write_text("setup = \n")),
    "experiment: foreign": ("experiment.toml", lambda path: path.write_text("[tool.other]\nx = 1\n")),
    "experiment: odd provenance": ("experiment.toml", lambda path: path.write_text("provenance = 3\n")),
    "experiment: odd over": ("experiment.toml", lambda path: path.write_text('over = 3\nsetup = "polynomials"\n')),
    "experiment: odd setup": ("experiment.toml", lambda path: path.write_text("setup = [3]\n")),
    "best: not JSON": ("best.json", lambda path: path.write_text("[{]")),
    "best: not a list": ("best.json", lambda path: path.write_text("3")),
    "best: odd entries": ("best.json", lambda path: path.write_text('[{"trial": 0, "fitness": "high"}]')),
    "best: lacking": ("best.json", lambda path: path.write_text('[{"trial": 0, "fitness": 0.5}]')),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_spoilt_files_are_refused_in_one_line_and_left_alone(ufh, one, spoilt):
    name, spoil = SPOILT[spoilt]
    spoil(one / name)
    before = files(one)
    if name != "curves.csv":  # which is read only where it is drawn or compared
        assert name in ufh("show", "one", "--best", code=2).refusal()
    line = ufh(*RUN, "--trials=6", code=2).refusal()
    assert name in line or "another experiment" in line
    assert files(one) == before
    ufh("compare", "one", "one", code=2).refusal()
    ufh("plot", "one", code=2).refusal()


def test_infinite_and_missing_figures_survive_json(odd):
    """best.json is JSON to every reader: no bare NaN or Infinity."""
    odd("run", "failing", *SMALL, "--technique=fec", "--trials=3", "--jobs=1", "--name=failing")
    path = odd.folder / "results" / "failing"
    bare: list[str] = []
    best = json.loads((path / "best.json").read_text(encoding="utf-8"), parse_constant=bare.append)
    assert bare == []
    fitnesses = [entry["fitness"] for entry in best]
    assert fitnesses == [row["best_fitness"] for row in rows(path / "trials.csv")]
    assert len(fitnesses) == 3
    assert set(fitnesses) <= {"-inf", "nan"}


def test_trials_of_nobody_knows_what_are_not_taken_over(ufh, one):
    """Without experiment.toml nothing tells whether they are of the experiment asked for."""
    (one / "experiment.toml").unlink()
    before = files(one)
    line = ufh(*RUN, "--trials=6", "--seed=7", code=2).refusal()
    assert "trials.csv without experiment.toml" in line
    assert files(one) == before


def test_a_trial_written_twice_counts_once_and_two_different_rows_are_refused(ufh, one):
    shown = ufh("show", "one").out
    text = (one / "trials.csv").read_text()
    last = text.splitlines(True)[-1]
    (one / "trials.csv").write_text(text + last)
    assert ufh("show", "one").out == shown
    (one / "trials.csv").write_text(text + last.replace("finished", "unfinished"))
    line = ufh("compare", "one", "one", code=2).refusal()
    assert "trials.csv: two different rows of trial 5" in line


EDITED = {
    # what replaces what in experiment.toml: the words that the line must hold
    ("cost = 120.0", 'cost = "x"'): ["budget.cost", "'x'"],
    ("cost = 120.0", ""): ["budget", "neither cost nor candidates"],
    ("data = ", "data = 3 #"): ["provenance.data", "3"],
    ("seed = 0", "seed = " + "9" * 5000): ["cannot be read"],
}


@pytest.mark.parametrize("edit", EDITED, ids=lambda edit: edit[1][:20])
@pytest.mark.parametrize("command", ["plot", "speedup", "equivalents", "show", "status"])
def test_a_configuration_that_was_edited_is_refused(ufh, one, command, edit):
    before = (one / "experiment.toml").read_text()
    assert edit[0] in before
    (one / "experiment.toml").write_text(before.replace(*edit))
    line = ufh(command, "one", code=2).refusal()
    assert all(word in line for word in ["experiment.toml", *EDITED[edit]]), line


def test_without_what_names_its_data_a_trial_is_not_run_again(ufh):
    ufh("run", "nasbench", "--technique=none", "--budget=3e4", "--trials=1", "--jobs=1", "--name=nameless")
    file = ufh.folder / "results" / "nameless" / "experiment.toml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("data = ")))
    assert "data" in ufh("equivalents", "nameless", code=2).refusal()
    assert "none" in ufh("show", "nameless").out


def test_a_file_of_best_candidates_that_is_too_deep_is_refused(ufh, one):
    (one / "best.json").write_text("[" * 100_000)
    assert "best.json: cannot be read" in ufh("show", "one", "--best", code=2).refusal()
