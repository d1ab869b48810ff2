"""A real Dask scheduler with real worker processes on loopback: joining, dying, and lost altogether."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ufh_command import REPOSITORY, contents, entries, lines, rows

pytest.importorskip("distributed")

from ufh_faulty_setups import Fleeting

from ufh_cli.machines.cluster import ClusterSite
from ufh_cli.machines.sites import error_of

RUN = (
    "run", "faulty", "--trials=1", "--technique=fec", "--set=budget.candidates=80", "--set=search.population_size=20",
    "--set=search.tournament_size=5",
)  # fmt: skip
SLOW = "--set=options.delay=0.05"


class Cluster:
    """Started as a user would, with Dask's own commands."""

    def __init__(self, folder: Path, path: list[Path]) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *path])),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        }
        self.processes: list[subprocess.Popen] = []
        self.file = folder / "scheduler.json"
        self.scheduler = self._start("dask_scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard")
        self._wait_for(
            lambda: self.file.exists() and self.file.read_text().endswith("}")
        )  # it is there before it is full
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self, *options: str) -> subprocess.Popen:
        return self._start("dask_worker", "--host=127.0.0.1", "--nthreads=1", "--no-dashboard", *options)

    def wait_for_workers(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)

    def close(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # a nanny and its process
            process.wait()

    def _start(self, program: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", f"--scheduler-file={self.file}", *arguments]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.processes.append(process)
        return process

    @staticmethod
    def _wait_for(condition) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)


@pytest.fixture
def cluster(ufh, tmp_path):
    found = Cluster(tmp_path, ufh.path)
    yield found
    found.close()


@pytest.fixture(scope="module")
def lasting(ufh, tmp_path_factory):
    """A cluster for several experiments, of two processes that Dask starts again when they die."""
    found = Cluster(tmp_path_factory.mktemp("lasting"), ufh.path)
    found.add_worker("--nanny", "--nworkers=2")
    yield found
    found.close()


def wait_until(condition, process) -> None:
    end = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_worker_dies_and_another_joins_and_nothing_is_lost(ufh, cluster, tmp_path):
    log, path = tmp_path / "evaluations.log", ufh.folder / "results" / "joined"
    for _ in range(2):
        cluster.add_worker("--no-nanny")
    cluster.wait_for_workers(2)
    process = ufh.start(*RUN, SLOW, f"--set=options.log={log}", f"--cluster={cluster.address}", "--name=joined")
    wait_until(lambda: lines(log) >= 8, process)
    victim = int(log.read_text().split()[0])
    os.kill(victim, signal.SIGKILL)
    added = cluster.add_worker("--no-nanny")
    _, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (0, "")
    (row,) = rows(path / "trials.csv")
    assert (row["candidates"], row["lost"]) == ("80", "0")
    found = entries(path)
    assert len({entry["number"] for entry in found}) == len(found) == int(row["evaluations"])
    workers = {int(line.split()[0]) for line in log.read_text().splitlines()}
    assert {victim, added.pid} <= workers
    before = contents(path)
    for name in ("trials.csv", "curves.csv", "best.json"):
        (path / name).unlink()
    ufh(*RUN, SLOW, f"--set=options.log={log}", "--name=joined")
    assert contents(path) == before


def test_a_lost_scheduler_is_told_in_one_line_and_this_machine_goes_on(ufh, cluster, tmp_path):
    log, path = tmp_path / "evaluations.log", ufh.folder / "results" / "lost"
    options = (*RUN, SLOW, "--set=budget.candidates=40", f"--set=options.log={log}", "--name=lost")
    cluster.add_worker("--no-nanny")
    cluster.wait_for_workers(1)
    process = ufh.start(*options, f"--cluster={cluster.address}")
    wait_until(lambda: lines(log) >= 8, process)
    cluster.scheduler.kill()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1, err
    assert cluster.address in err
    kept = len(entries(path))
    assert lines(log) - 1 <= kept <= lines(log)
    ufh(*options, "--workers=2")
    assert len({entry["number"] for entry in entries(path)}) == len(entries(path)) > kept
    assert lines(log) <= len(entries(path)) + 1


@pytest.mark.parametrize(
    ("status", "options"), [("died", ("--set=options.deadly=20",)),
                            ("timeout", ("--set=options.endless=20", "--set=options.loading=2"))]
)  # fmt: skip
def test_evaluations_that_never_end_well_are_given_up_and_the_rest_goes_on(ufh, lasting, status, options):
    """That a process loads the setup for longer than an evaluation may take does not count."""
    lasting.wait_for_workers(2)
    # A random search proposes the same candidates whatever the order in which they are evaluated.
    run = ("run", "faulty", "--trials=1", "--search=random_search", "--set=budget.candidates=40")
    process = ufh.start(
        *run, *options, "--set=evaluation.timeout=1.5", f"--name=there-{status}", f"--cluster={lasting.address}"
    )
    _, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (0, "")
    ufh(*run, "--set=options.worthless=20", f"--name=here-{status}")
    there, here = ({entry["number"]: entry for entry in entries(ufh.folder / "results" / f"{where}-{status}")}
                   for where in ("there", "here"))  # fmt: skip
    assert len(here) == 40
    assert {number: entry["fitness"] for number, entry in there.items()} == {
        number: entry["fitness"] for number, entry in here.items()
    }
    lost = [number for number, entry in here.items() if entry["fitness"] == "-inf"]
    assert lost == [number for number in sorted(there) if there[number]["status"] == status]
    assert {entry["status"] for entry in there.values()} == {status, "finished"}
    (row,) = rows(ufh.folder / "results" / f"there-{status}" / "trials.csv")
    assert (row["candidates"], row["lost"]) == ("40", str(len(lost)))


def test_a_result_that_goes_with_its_process_is_lost_and_nobody_waits_for_it(lasting, tmp_path):
    lasting.wait_for_workers(2)
    site = ClusterSite(lasting.address)
    try:
        call = site.start(Fleeting, str(tmp_path / "mark"))
        assert site.wait([call], 60) == [call]
        assert site.is_lost(error_of(call))
    finally:
        site.close()


def test_a_worker_that_has_other_data_is_told_in_one_line(ufh, lasting):
    lasting.wait_for_workers(2)
    outcome = ufh(*RUN, "--set=options.own=true", "--name=own", f"--cluster={lasting.address}", code=2)
    assert "other data" in outcome.refusal()


def test_quick_setups_run_whole_trials_there_with_the_same_outcome(ufh, lasting):
    lasting.wait_for_workers(1)
    options = ("run", "quick", *RUN[2:], "--trials=4", "--set=options.terms=3")
    ufh(*options, "--name=there", f"--cluster={lasting.address}")
    ufh(*options, "--name=here", "--jobs=1")
    assert contents(ufh.folder / "results" / "there") == contents(ufh.folder / "results" / "here")


def test_an_address_where_nobody_answers_is_told_in_one_line(ufh, monkeypatch):
    monkeypatch.setattr("ufh_cli.machines.cluster._CONNECT", 0.5)
    assert "127.0.0.1:9" in ufh(*RUN, "--cluster=tcp://127.0.0.1:9", "--name=nobody", code=2).refusal()
    for address in ("nonsense://x", "nonsense", "http://127.0.0.1:9"):
        assert address in ufh(*RUN, f"--cluster={address}", "--name=nobody", code=2).refusal()
    assert not (ufh.folder / "results" / "nobody").exists()  # another experiment may have the name


def test_what_is_no_address_leaves_nothing_to_complain_about(ufh):
    """A client of Dask's that was given one complains when it is thrown away, after the line."""
    assert "nonsense" in ufh.process(*RUN, "--cluster=nonsense", "--name=nobody", code=2).refusal()


def test_a_scheduler_without_workers_is_said_to_be_waited_for(ufh, cluster):
    process = ufh.start(*RUN, f"--cluster={cluster.address}", "--name=waited")
    line = process.stderr.readline()
    assert "no workers yet" in line
    assert cluster.address in line
    cluster.add_worker("--no-nanny")
    _, err = process.communicate(timeout=90)
    assert (process.returncode, err) == (0, "")
