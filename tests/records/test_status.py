"""`ufh status`: how a running, interrupted or finished experiment stands, from another terminal."""

import signal
import time

from ufh_command import rows

RUN = (
    "run", "faulty", "--trials=3", "--technique=fec", "--set=budget.candidates=40", "--set=search.population_size=10",
    "--set=search.tournament_size=3", "--set=options.delay=0.06",
)  # fmt: skip


def test_it_follows_an_experiment_to_its_end(ufh):
    journal = ufh.folder / "results" / "watched" / "journal.jsonl"
    process = ufh.start(*RUN, "--jobs=2", "--name=watched")
    end = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 8):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    out = ufh("status", "watched").out
    for _ in range(5):  # looking does not disturb it
        ufh("status", "watched")
    first, heading, *standing = out.splitlines()
    assert first.startswith("watched: running, 0 of 3 trials finished, last evaluation ")
    assert heading.split()[:2] == ["trial", "evaluations"]
    assert {line.split()[0] for line in standing} <= {"0", "1", "2"}
    assert all(0.0 < float(line.split()[2]) <= 1.0 for line in standing)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    out = ufh("status", "watched").out
    assert "interrupted" in out
    assert "goes on from there" in out
    ufh(*RUN, "--jobs=1", "--name=watched")
    assert ufh("status", "watched").out.startswith("watched: finished, 3 of 3 trials finished")


def test_evaluations_and_losses_are_counted(ufh):
    path = ufh.folder / "results" / "lossy"
    options = ("--trials=1", "--set=options.endless=8", "--set=evaluation.timeout=0.2", "--set=options.delay=0.0")
    ufh(*RUN, *options, "--name=lossy")
    (row,) = rows(path / "trials.csv")
    trials = (path / "trials.csv").read_text().splitlines(True)
    (path / "trials.csv").write_text(trials[0])
    standing = ufh("status", "lossy").out.splitlines()[2].split()
    assert standing[:2] == ["0", row["evaluations"]]
    assert float(standing[2]) == float(f"{float(row['best_fitness']):.6g}")
    assert standing[-2:] == [row["lost"], "timeout"]


def test_sweeps_show_their_cells_and_quick_setups_only_their_trials(ufh):
    ufh("sweep", *RUN[1:], "--over=hash.mantissa_bits=4,8", "--set=options.delay=0.0", "--name=swept")
    (ufh.folder / "results" / "swept" / "trials.csv").unlink()
    out = ufh("status", "swept").out
    assert "interrupted, 0 of 6" in out
    assert out.splitlines()[1].split()[0] == "hash.mantissa_bits"
    assert [line.split()[:2] for line in out.splitlines()[2:8]] == [[b, t] for b in "48" for t in "012"]
    ufh("run", "quick", *RUN[2:-1], "--set=options.terms=3", "--name=quick")
    assert ufh("status", "quick").out == "quick: finished, 3 of 3 trials finished\n"


def test_unknown_names_are_refused(ufh):
    assert "nothing" in ufh("status", "nothing", code=2).refusal()
