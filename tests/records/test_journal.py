"""What may be found in a journal after an accident: torn and repeated lines are mended, foreign ones refused."""

import json
import resource
import shutil
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest
from ufh_command import contents

from ufh_cli.records.journal import parse_line

RUN = (
    "run", "faulty", "--trials=2", "--jobs=1", "--set=budget.candidates=60", "--set=search.population_size=20",
    "--set=search.tournament_size=5", "--technique=fec", "--set=options.log=evaluations.log",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(ufh):
    """An experiment that nothing has happened to."""
    ufh(*RUN, "--name=one", "--results=aside")
    return ufh.folder / "aside" / "one"


@pytest.fixture
def interrupted(ufh, finished):
    """It again, as it was before the first trial was finished: only the journal is there."""
    path = ufh.folder / "results" / "one"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for name in ("experiment.toml", "journal.jsonl"):
        shutil.copy(finished / name, path / name)
    (ufh.folder / "evaluations.log").unlink(missing_ok=True)
    return path


def evaluations(ufh):
    log = ufh.folder / "evaluations.log"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def journal(path):
    return (path / "journal.jsonl").read_bytes().splitlines(True)


def resume(ufh):
    return ufh(*RUN, "--name=one")


def test_a_whole_journal_leaves_nothing_to_evaluate(ufh, finished, interrupted):
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert evaluations(ufh) == 0
    assert journal(interrupted) == journal(finished)


def test_what_real_workers_did_is_told_again_from_the_journal(ufh):
    ufh(*RUN, "--workers=2", "--name=several")
    (ufh.folder / "evaluations.log").unlink()
    said = ufh("equivalents", "several", "--trials=2").out
    trials = (ufh.folder / "results" / "several" / "trials.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split()[:2] for line in said.splitlines()[1:3]] == [[line.split(",")[0], "60"] for line in trials]
    assert evaluations(ufh) == 0


@pytest.mark.parametrize("cut", [1, 2, 40, 150])
def test_a_torn_last_line_is_evaluated_again(ufh, finished, interrupted, cut):
    whole = b"".join(journal(interrupted))
    (interrupted / "journal.jsonl").write_bytes(whole[:-cut])
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert evaluations(ufh) == 1
    assert len(journal(interrupted)) == len(journal(finished))


@pytest.mark.parametrize("kept", [0, 1, 30])
def test_a_torn_first_line_is_begun_anew(ufh, finished, interrupted, kept):
    (interrupted / "journal.jsonl").write_bytes(journal(interrupted)[0][:kept])
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert journal(interrupted)[0] == journal(finished)[0]


def test_another_process_may_have_written_behind_a_torn_line(ufh, finished, interrupted):
    lines = journal(interrupted)
    place = next(i for i, line in enumerate(lines) if b'"trial": 1' in line)
    lines[place] = lines[place - 1][:57] + lines[place]
    (interrupted / "journal.jsonl").write_bytes(b"".join(lines))
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert evaluations(ufh) == 0


def test_repeated_lines_are_read_once_the_first_of_them(ufh, finished, interrupted):
    lines = journal(interrupted)
    other = json.loads(lines[3]) | {"fitness": 0.5}
    lines[10:10] = [*lines[1:6], lines[0].replace(b"ufh journal", b"ufh journal"), json.dumps(other).encode() + b"\n"]
    del lines[15]  # a second header is none
    (interrupted / "journal.jsonl").write_bytes(b"".join(lines))
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert evaluations(ufh) == 0


def test_trials_may_lie_mixed_as_those_side_by_side_write_them(ufh, finished, interrupted):
    first, *lines = journal(interrupted)
    trials = [[line for line in lines if b'"trial": %d,' % trial in line] for trial in (0, 1)]
    mixed = [line for pair in zip_longest(*trials, fillvalue=b"") for line in pair]
    (interrupted / "journal.jsonl").write_bytes(b"".join([first, *mixed]))
    resume(ufh)
    assert contents(interrupted) == contents(finished)
    assert evaluations(ufh) == 0


ENTRY = {
    "cell": 0, "trial": 0, "number": 1, "proposed": 2, "candidate": "", "key": None, "fitness": 1.0, "cost": 1.0,
    "seconds": 1.0, "elapsed": 1.0, "status": "finished",
}  # fmt: skip


def changed(**values):
    return json.dumps(ENTRY | values).encode() + b"\n"


FOREIGN = {
    "prose": b"hello\n",
    "empty": b"\n",
    "other JSON": b'{"a": 1}\n',
    "a list": b"[1, 2]\n",
    "deep": b"[" * 5000 + b"\n",
    "not text": b"\xff\xfe\x00\n",
    "a value missing": b'{"cell": 0, "trial": 0, "number": 3}\n',
    "a word for a number": changed(fitness="high"),
    "a negative number": changed(number=-1),
    "a negative cost": changed(cost=-5.0),
    "a cost without end": changed(cost="inf"),
    "a cost that is none": changed(cost="nan"),
    "a cell that is not there": changed(cell=99),
    "a key that is none": changed(key="zzz"),
    "an unknown status": changed(status="lucky"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_lines_are_refused_with_their_number_and_left_alone(ufh, interrupted, kind):
    lines = journal(interrupted)
    lines.insert(7, FOREIGN[kind])
    (interrupted / "journal.jsonl").write_bytes(b"".join(lines))
    line = ufh(*RUN, "--name=one", code=2).refusal()
    assert "journal.jsonl, line 8" in line
    assert journal(interrupted) == lines


@pytest.mark.parametrize("status", ["finished", "died"])
def test_the_line_that_others_are_made_of_is_an_entry(status):
    """A lost evaluation has no cost."""
    assert parse_line(changed(status=status, cost=1.0 if status == "finished" else "nan")) is not None


def test_a_folder_in_the_journal_s_place_is_told(ufh, interrupted):
    (interrupted / "journal.jsonl").unlink()
    (interrupted / "journal.jsonl").mkdir()
    assert "journal.jsonl" in ufh(*RUN, "--name=one", code=2).refusal()
    assert "journal.jsonl" in ufh(*RUN, "--name=two", "--warm-cache=one", code=2).refusal()


@pytest.mark.parametrize("name", ["candidate", "number", "proposed"])
def test_an_entry_about_another_candidate_is_refused(ufh, interrupted, name):
    """As when the setup was changed in between: better to stop than to give a candidate another one's fitness."""
    lines = journal(interrupted)
    entry = json.loads(lines[4])
    changed = {"candidate": "0" * 16, "number": 58, "proposed": 0}[name]
    lines[4] = json.dumps(entry | {name: changed}).encode() + b"\n"
    (interrupted / "journal.jsonl").write_bytes(b"".join(lines))
    if name == "proposed":
        resume(ufh)  # it only says when, and here it can have been no other time
        return
    line = ufh(*RUN, "--name=one", code=2).refusal()
    assert "journal.jsonl" in line
    assert "trial 0" in line


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (b"hello\n", "not a journal"),
        (b'{"format": "another"}\n', "not a journal"),
        (b'{"format": "ufh journal", "version": 99, "experiment": ""}\n', "version 99"),
        (b'{"format": "ufh journal", "version": 1, "experiment": "0123"}\n', "another experiment"),
    ],
)
def test_a_journal_of_something_else_is_refused(ufh, interrupted, header, word):
    lines = [header, *journal(interrupted)[1:]]
    (interrupted / "journal.jsonl").write_bytes(b"".join(lines))
    assert word in ufh(*RUN, "--name=one", code=2).refusal()
    assert journal(interrupted) == lines


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on the size of files")
@pytest.mark.parametrize("limit", [100, 1500, 4321])
def test_a_full_disk_is_told_in_one_line_and_the_rest_can_follow(ufh, finished, limit):
    """A limit on the size of files stands for the full disk: a line is cut off where it ends."""
    path = ufh.folder / "results" / f"full-{limit}"
    process = ufh.start(*RUN, f"--name={path.name}", "--set=options.delay=0.02")
    while not (path / "journal.jsonl").exists() and process.poll() is None:
        pass
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.count("\n") == 1, err
    assert err.startswith("ufh: ")
    assert "large" in err
    ufh(*RUN, f"--name={path.name}", "--set=options.delay=0.02")
    after, expected = contents(path), contents(finished)
    assert {**after, "experiment": None} == {**expected, "experiment": None}


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs mount")
def test_a_disk_that_is_really_full(ufh, finished, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "ufh-test", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        line = ufh(*RUN, "--name=one", f"--results={small}", code=2).refusal()
        assert "space" in line
        for file in small.glob("*/*"):
            assert file.stat().st_size <= 16384
        subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)
        ufh(*RUN, "--name=one", f"--results={small}")
        assert contents(small / "one") == contents(finished)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_quick_setups_keep_no_journal(ufh):
    ufh("run", "quick", "--trials=1", "--set=budget.candidates=30", "--set=options.terms=3", "--name=quick")
    assert not Path(ufh.folder / "results" / "quick" / "journal.jsonl").exists()


def test_candidates_that_are_sets_are_known_again_in_another_process(ufh, monkeypatch):
    """Their order, and so their pickles, depend on the process."""
    run = ("run", "subsets", *RUN[2:-1], "--name=sets")
    path = ufh.folder / "results" / "sets"
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    ufh.process(*run)
    before, lines = contents(path), journal(path)
    for name in ("trials.csv", "curves.csv", "best.json"):
        (path / name).unlink()
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    ufh.process(*run)
    assert contents(path) == before
    assert journal(path) == lines
