"""A bug of a setup is told as what it is, and costs nothing that was finished."""

import json
import os
import re
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from ufh_command import PACKAGE, Command, install, rows

from ufh_cli.configuration.sweep import Cell
from ufh_cli.experiment.side_by_side import run_beside
from ufh_cli.machines.sites import LocalSite
from ufh_cli.records.trial_record import TrialRecord

HERE = Path(__file__).parent
RUN = (
    "--trials=2", "--set=budget.candidates=60", "--set=search.population_size=20", "--set=search.tournament_size=5",
    "--set=options.terms=3",
)  # fmt: skip


@pytest.fixture(scope="module")
def buggy(tmp_path_factory, user_site):
    """The command with these setups in sight."""
    site = tmp_path_factory.mktemp("buggy-site")
    classes = ("Buggy", "BuggyStaged", "BuggySimulated", "Elsewhere", "Unjournalled")
    install(site, name="ufh-buggy-setups", version="0.1.0",
            entry_points={name.lower(): f"ufh_buggy_setups:{name}" for name in classes})  # fmt: skip
    return Command(tmp_path_factory.mktemp("buggy"), [PACKAGE, HERE, user_site, site])


@pytest.fixture
def bug(buggy):
    """Gives the setups a bug, until the test's end."""
    path = buggy.folder / "bug"
    yield path.write_text
    path.unlink(missing_ok=True)


def journal(path):
    """The evaluations of each trial."""
    trials = {0: [], 1: []}
    for line in (path / "journal.jsonl").read_text().splitlines()[1:]:
        entry = json.loads(line)
        trials[entry["trial"]].append((entry["number"], entry["fitness"], entry["cost"]))
    return trials


COSTS = {
    "here, nan": ("nan", "buggy", "--jobs=1"),
    "here, inf": ("inf", "buggy", "--jobs=1"),
    "here, below 0": ("-1.0", "buggy", "--jobs=1"),
    "in two workers": ("nan", "buggy", "--workers=2"),
    "in two trials": ("nan", "buggy", "--jobs=2"),
    "behind a hurdle": ("nan", "buggystaged", "--jobs=1", "--set=evaluation.hurdle_percentile=1"),
    "simulated": ("nan", "buggysimulated", "--jobs=1", "--set=journal=yes"),
    "without a journal": ("-1.0", "unjournalled", "--jobs=1"),
}


@pytest.mark.parametrize("case", COSTS)
def test_a_cost_that_is_none_is_told_with_whose_it_is_and_what_is_finished_is_kept(buggy, bug, case):
    cost, setup, *options = COSTS[case]
    path = buggy.folder / "results" / case
    run = ("run", setup, *RUN, *options, f"--name={case}")
    bug(cost)
    line = buggy(*run, code=2).refusal()
    assert f"setup {setup}, regularized_evolution, trial " in line
    assert re.search(r"cost must be .* but that of '([+-]\dx\^\d ?){3}' is " + cost, line)
    assert rows(path / "trials.csv") == []
    kept = {} if setup == "unjournalled" else journal(path)
    assert all(0 < entry[-1] < 2 for entries in kept.values() for entry in entries)
    (buggy.folder / "bug").unlink()
    buggy(*run, "--jobs=1", "--workers=1")
    assert len(rows(path / "trials.csv")) == 2
    for trial, entries in kept.items():
        assert len(entries) < len(journal(path)[trial])
        assert journal(path)[trial][: len(entries)] == entries


class AllAtOnce:
    """Trials that end at the same time, the first with an error."""

    places = 2

    def __init__(self):
        self.closed = False

    def start(self, function, config, cell, trial, surroundings):
        future = Future()
        if trial == 0:
            future.set_exception(ArithmeticError("a bug"))
        else:
            future.set_result(TrialRecord(cell, trial, {}, []))
        return future

    def wait(self, futures, timeout):
        return list(futures)

    def finish(self, future):
        pass

    def is_lost(self, error):
        return False

    def close(self):
        self.closed = True


def test_a_trial_that_is_finished_when_another_fails_is_handed_on_first():
    site = AllAtOnce()
    batches = run_beside([Cell({}, None)], [(0, 0), (0, 1)], site, None)
    assert [record.trial for record in next(batches)] == [1]
    with pytest.raises(ArithmeticError):
        next(batches)
    assert site.closed


RAISING = {
    "serial": ("unjournalled", "--jobs=1"),
    "journalled": ("buggy", "--jobs=1"),
    "in two workers": ("buggy", "--workers=2"),
    "in two trials": ("buggy", "--jobs=2"),
    "behind a hurdle": ("buggystaged", "--jobs=1", "--set=evaluation.hurdle_percentile=1"),
    "simulated": ("buggysimulated", "--jobs=1"),
    "simulated with a journal": ("buggysimulated", "--jobs=1", "--set=journal=yes"),
}


@pytest.mark.parametrize("case", RAISING)
def test_an_evaluation_that_raises_is_told_with_whose_it_is_and_may_be_counted_as_lost(buggy, bug, case):
    setup, *options = RAISING[case]
    run = ("run", setup, *RUN, *options)
    bug("a typo")
    line = buggy(*run, f"--name=raised {case}", code=2).refusal()
    assert re.search(
        rf"setup {setup}, regularized_evolution, trial \d: the evaluation of '([+-]\dx\^\d ?){{3}}' raised ", line
    )
    assert "KeyError: 'no such layer" in line
    assert len(line) < 700
    shown = buggy(*run, f"--name=raised {case}", "--debug", code=2).err
    assert "ufh_buggy_setups.py" in shown
    assert shown.splitlines()[-1].startswith(f"ufh: setup {setup}, ")
    caught = (*run, f"--name=caught {case}", "--set=evaluation.catch=true")
    buggy(*caught)
    path = buggy.folder / "results" / f"caught {case}"
    assert sum(int(row["lost"]) for row in rows(path / "trials.csv")) > 0
    trials = (path / "trials.csv").read_text().splitlines()
    if setup != "unjournalled" and "two" not in case and case != "simulated":
        (path / "trials.csv").write_text("\n".join(trials[:1]) + "\n")
        (buggy.folder / "bug").unlink()  # what is lost stays lost: the journal says so
        before = rows(path / "trials.csv"), trials
        buggy(*caught)
        assert [row.split(",")[:11] for row in (path / "trials.csv").read_text().splitlines()] == [
            row.split(",")[:11] for row in before[1]
        ]


ELSEWHERE = {
    "mutate": (r"Elsewhere\.mutate of .+ \(line \d+\): IndexError: no such term",),
    "hashable_outputs": (r"Elsewhere\.hashable_outputs of .+ \(line \d+\): KeyError: 'no such term'",),
    "nothing": (r"Elsewhere\.hashable_outputs of .+: nothing to hash",),
    "structural_key": (r"TypeError: unhashable type: 'list'|structural_key", "--set=hash.kind=structural"),
    "few": (r"Elsewhere\.structural_key: unhashable type: 'list': return a tuple",),
    "few structures": (
        r"Elsewhere\.structural_key: unhashable type: 'list': return a tuple",
        "--set=hash.kind=structural",
    ),
    "reevaluate": (r"Elsewhere\.reevaluate of .+ \(line \d+\): ZeroDivisionError: no data",),
}


@pytest.mark.parametrize(
    ("where", "jobs"),
    [*((where, jobs) for where in ELSEWHERE for jobs in ("--jobs=1", "--workers=2")), ("mutate", "--jobs=2")],
)
def test_a_bug_outside_of_evaluations_is_told_in_a_line_too(buggy, where, jobs):
    message, *settings = ELSEWHERE[where]
    setting = f"--set=options.where={where.partition(' ')[0]}"
    run = ("run", "elsewhere", *RUN, "--technique=fec", *settings, setting, jobs)
    line = buggy(*run, f"--name={where}{jobs}", code=2).refusal()
    assert re.search(r"(setup elsewhere, regularized_evolution, trial \d|elsewhere): ", line)
    assert re.search(message, line)
    assert "evaluation.catch" not in line  # of no use there
    if where in ("mutate", "hashable_outputs", "reevaluate"):
        assert "ufh_buggy_setups.py" in buggy(*run, f"--name={where}{jobs}", "--debug", code=2).err


@pytest.mark.parametrize("found", ["None", "array", "complex", "text"])
def test_a_fitness_on_unseen_data_that_is_no_number_is_told_with_whose_it_is(buggy, found):
    for when in ("end", "improvements"):
        run = ("run", "elsewhere", *RUN, "--jobs=1", f"--set=options.found={found}", f"--set=reevaluate={when}")
        line = buggy(*run, f"--name=found {found} {when}", code=2).refusal()
        assert re.search(
            r"what reevaluate returns must be a number, but that of '([+-]\dx\^\d ?){3}' is of type ", line
        )


def test_where_every_evaluation_raises_the_refusal_does_not_speak_of_memory(buggy, bug):
    run = ("run", "buggy", *RUN, "--workers=2", "--set=evaluation.catch=true", "--name=hopeless")
    bug("every")
    line = buggy(*run, code=2).refusal()
    assert "could not be evaluated, the last one because of: raised; without evaluation.catch=true its error is" in line
    assert "memory" not in line


def test_an_error_that_cannot_be_read_back_is_told_as_the_bug_that_it_is(buggy, bug):
    """With the place where it is, and not as a process that died."""
    bug("two words")
    process = buggy.start("run", "buggy", *RUN, "--workers=2", "--name=words", "--debug")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "TwoWords: broken network" in err
    assert "ufh_buggy_setups.py" in err
    written = (buggy.folder / "results" / "words" / "journal.jsonl").read_text()
    assert '"finished"' in written
    assert '"died"' not in written


class Unreadable:
    """Can be pickled, but not read back."""

    def __init__(self, *words):
        self.words = words

    def __reduce__(self):
        return refuse, self.words


def refuse(*words):
    raise ValueError(" ".join(words))


def returned(value):
    return value


def made_unreadable():
    return Unreadable("lost", "on", "the", "way")


def made_unpicklable():
    return threading.Lock()


def raises_unpicklable():
    raise KeyError("the", threading.Lock())


def test_what_does_not_survive_the_way_there_or_back_is_an_error_of_its_call_alone():
    site = LocalSite(1)
    try:
        process = result_of(site, os.getpid)
        for words, function, *arguments in (
            ("does not survive pickling: ValueError: lost on the way", made_unreadable),
            ("does not survive pickling: TypeError: cannot pickle", made_unpicklable),
            (r"KeyError: \('the', <unlocked", raises_unpicklable),
            ("never arrived", returned, Unreadable("never", "arrived")),
        ):
            with pytest.raises((RuntimeError, ValueError), match=words):
                result_of(site, function, *arguments)
        assert result_of(site, os.getpid) == process
    finally:
        site.close()


def result_of(site, function, *arguments):
    future = site.start(function, *arguments)
    while not site.wait([future], 1.0):
        pass
    site.finish(future)
    return future.result()
