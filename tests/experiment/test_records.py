"""The files: a crash at any write leaves what the same command can go on from."""

import errno
import math
import os
from unittest import mock

import pytest
from ufh_command import PACKAGE, contents

from ufh_cli.configuration.errors import InputError
from ufh_cli.experiment.plan import make_experiment
from ufh_cli.experiment.trials import Surroundings, make_setup, run_one
from ufh_cli.records.curves import read_curves
from ufh_cli.records.folder import Results, experiment_differences
from ufh_cli.records.recorder import Recorder

TABLES = {"setup": "polynomials", "trials": 3, "budget": {"cost": 40}, "options": {"terms": 3}}
TASKS = [(cell, trial) for trial in range(3) for cell in range(2)]


@pytest.fixture(autouse=True)
def installed(monkeypatch, user_site):
    for path in (PACKAGE, user_site):
        monkeypatch.syspath_prepend(path)


@pytest.fixture
def experiment():
    return make_experiment(TABLES, {"technique": ["none", "fec"]}, "test")


@pytest.fixture
def records(experiment):
    return {(cell, trial): run_one(experiment.cells[cell].config, cell, trial, Surroundings()) for cell, trial in TASKS}


def recorder(experiment, path):
    return Recorder(path, experiment.tables, experiment.provenance, [cell.swept for cell in experiment.cells])


def write(experiment, records, path, batch):
    """What a run does: take over what is there, write the rest in batches, put everything in order."""
    one = recorder(experiment, path)
    try:
        missing = [task for task in TASKS if task not in one.finished()]
        for start in range(0, len(missing), batch):
            one.add([records[task] for task in missing[start : start + batch]])
        one.write_all()
    finally:
        one.close()


class Crash(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("batch", [1, 2, 6])
def test_a_crash_at_any_write_can_be_gone_on_from(experiment, records, tmp_path, batch):
    write(experiment, records, tmp_path / "whole", batch)
    for crash_at in range(1000):
        calls = iter(range(10_000))

        def crashing(function, calls=calls, crash_at=crash_at):
            def call(*arguments, **options):
                if next(calls) == crash_at:
                    raise Crash
                return function(*arguments, **options)

            return call

        path = tmp_path / f"crash-{crash_at}"
        with (
            mock.patch.object(os, "replace", crashing(os.replace)),
            mock.patch.object(os, "fsync", crashing(os.fsync)),
        ):
            try:
                write(experiment, records, path, batch)
                finished = True
            except Crash:
                finished = False
        if finished:
            break
        write(experiment, records, path, batch)
        assert contents(path) == contents(tmp_path / "whole")
    assert crash_at >= 5


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_full_disk_is_told_in_one_line(experiment, records, tmp_path, function, at):
    write(experiment, records, tmp_path / "whole", 2)
    calls, real = iter(range(10_000)), getattr(os, function)

    def full(*arguments):
        if next(calls) >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    with mock.patch.object(os, function, full), pytest.raises(InputError, match=r"(?s)one.*No space left"):
        write(experiment, records, tmp_path / "one", 2)
    write(experiment, records, tmp_path / "one", 2)
    assert contents(tmp_path / "one") == contents(tmp_path / "whole")


def test_the_order_of_finishing_does_not_show(experiment, records, tmp_path):
    for name, order in {"forth": TASKS, "back": TASKS[::-1]}.items():
        one = recorder(experiment, tmp_path / name)
        one.add([records[task] for task in order])
        one.write_all()
        one.close()
    assert contents(tmp_path / "forth") == contents(tmp_path / "back")


def test_a_finished_trial_is_on_disk_when_add_returns(experiment, records, tmp_path):
    one = recorder(experiment, tmp_path / "one")
    try:
        one.add([records[0, 1]])
        results = Results(tmp_path / "one")
        assert [(row["technique"], row["trial"]) for row in results.trials] == [("none", 1)]
        assert results.trials[0]["auc"] == records[0, 1].row["auc"]
        (curve,) = read_curves(tmp_path / "one" / "curves.csv", results.over)["none",].values()
        assert curve.best_fitness.tolist() == [point.best_fitness for point in records[0, 1].curve]
        assert results.best[0]["description"] == records[0, 1].best["description"]
    finally:
        one.close()


def test_only_one_may_write(experiment, tmp_path):
    first = recorder(experiment, tmp_path / "one")
    try:
        with pytest.raises(ValueError, match="another run"):
            recorder(experiment, tmp_path / "one")
    finally:
        first.close()
    recorder(experiment, tmp_path / "one").close()


def test_a_refused_recorder_does_not_keep_the_lock(experiment, tmp_path):
    recorder(experiment, tmp_path / "one").close()
    other = make_experiment({**TABLES, "seed": 1}, {"technique": ["none", "fec"]}, "test")
    with pytest.raises(ValueError, match="seed"):
        recorder(other, tmp_path / "one")
    recorder(experiment, tmp_path / "one").close()


def test_other_data_are_another_experiment(experiment, tmp_path):
    recorder(experiment, tmp_path / "one").close()
    with pytest.raises(ValueError, match=r"data.*16 points.*other table"):
        Recorder(
            tmp_path / "one",
            experiment.tables,
            {**experiment.provenance, "data": "other table"},
            [cell.swept for cell in experiment.cells],
        )


def test_other_versions_are_not(experiment, records, tmp_path):
    write(experiment, records, tmp_path / "one", 6)
    newer = {**experiment.provenance, "python": "9.9.9", "versions": {"ufh": "99"}}
    one = Recorder(tmp_path / "one", experiment.tables, newer, [cell.swept for cell in experiment.cells])
    one.close()
    assert one.finished() == set(TASKS)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0])
def test_any_float_reads_back_equal(experiment, records, tmp_path, value):
    record = records[0, 0]
    record.row["auc"] = value
    record.best["fitness"] = value
    one = recorder(experiment, tmp_path / "one")
    one.add([record])
    one.close()
    results = Results(tmp_path / "one")
    assert repr(results.trials[0]["auc"]) == repr(value)
    assert repr(float(results.best[0]["fitness"])) == repr(value)


def test_a_trial_is_the_same_wherever_it_runs(experiment, records):
    for cell, trial in TASKS[::2]:
        again = run_one(experiment.cells[cell].config, cell, trial, Surroundings())
        again.row["wall_seconds"] = records[cell, trial].row["wall_seconds"]
        assert again == records[cell, trial]


@pytest.mark.parametrize("limit", ["timeout", "memory"])
def test_a_limit_that_nothing_would_see_to_is_refused(experiment, monkeypatch, limit):
    """Evaluations of which only the cost is simulated are not ended."""
    tables = TABLES | {"evaluation": {limit: 100}}
    make_experiment(tables, {}, "test")
    monkeypatch.setattr(type(make_setup(experiment.cells[0].config)), "simulated_cost", True)
    with pytest.raises(InputError, match=f"test: evaluation.{limit} has no effect"):
        make_experiment(tables, {}, "test")


def test_results_of_a_version_that_knew_fewer_keys_are_gone_on_with(experiment, records, tmp_path):
    """A key that came later has its default; that an older file lacks it is no difference."""
    write(experiment, records, path := tmp_path / "old", 6)
    file = path / "experiment.toml"
    text = file.read_text(encoding="utf-8")
    assert 'ties = "random"\n' in text
    file.write_text(text.replace('ties = "random"\n', ""), encoding="utf-8")
    assert experiment_differences(path, experiment.tables, experiment.provenance) == []
    other = make_experiment({**TABLES, "search": {"ties": "newest"}}, {"technique": ["none", "fec"]}, "test")
    (line,) = experiment_differences(path, other.tables, other.provenance)
    assert line == "search.ties: 'random' there, 'newest' asked for"
