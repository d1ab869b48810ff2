"""Fixtures: the user's package as pip would have installed it, and the `ufh` command with that package in sight."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import ufh_cli

PACKAGE = Path(__file__).parent
ODD = PACKAGE / "odd"
REPOSITORY = Path(ufh_cli.__file__).parents[1]
# The search is small enough for a test and large enough for evolution to begin and for duplicates to occur.
SMALL = ("--budget=120", "--set=search.population_size=20", "--set=search.tournament_size=5", "--set=options.terms=3")

COMPILES = "compiling functions, once: takes some seconds\n"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line of a refused command; asserts that it is one, but for a notice of what a first run prepares."""
        assert self.code == 2, (self.code, self.err)
        told = re.sub(r"\A\w+: building .*, once\n", "", self.err)
        assert told.startswith("ufh: "), self.err
        assert told.count("\n") == 1, self.err
        assert told.endswith("\n")
        return told


def install(site: Path, *, name: str, version: str, entry_points: dict[str, str]) -> None:
    """Write what an installer leaves in `site` so that Python finds the entry points of group ``ufh.setups``."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    listed = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[ufh.setups]\n{listed}")


def later(err: str) -> str:
    """What a command says on its error output where all that it uses was compiled before."""
    return err.replace(COMPILES, "")


class Command:
    """`ufh` in a working folder.

    Called, it runs in this process, through the same entry point: quick. `process` and `start` make a real process.
    """

    def __init__(self, folder: Path, path: list[Path]) -> None:
        self.folder = folder
        self.path = path

    def __call__(self, *arguments: str, code: int | None = 0) -> Outcome:
        from ufh_cli.commands.cli import main

        out, err = io.StringIO(), io.StringIO()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            with (
                contextlib.chdir(self.folder),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                mock.patch.object(sys, "argv", ["ufh", *arguments]),
                mock.patch.object(sys, "path", [*sys.path, *map(str, self.path)]),
                pytest.raises(SystemExit) as ended,
            ):
                main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        outcome = Outcome(int(ended.value.code or 0), out.getvalue(), later(err.getvalue()))
        assert code is None or outcome.code == code, outcome
        return outcome

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A real process, the leader of a group of its own, as a terminal's job is."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *self.path]))}
        return subprocess.Popen(
            [sys.executable, "-m", "ufh_cli", *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def process(self, *arguments: str, code: int = 0) -> Outcome:
        """A real process, from start to end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        outcome = Outcome(process.returncode, out, later(err))
        assert outcome.code == code, outcome
        return outcome


def group(leader: int) -> list[int]:
    """The living processes of a process group."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, number = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == leader and state != "Z":
            members.append(int(stat.parent.name))
    return members


def nothing_runs(leader: int) -> bool:
    """Whether the last of a group ends soon."""
    end = time.monotonic() + 5
    while group(leader) and time.monotonic() < end:
        time.sleep(0.02)
    return not group(leader)


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file as written."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def entries(path: Path) -> list[dict[str, Any]]:
    """What the journal in a folder of results holds below its header."""
    return [json.loads(line) for line in (path / "journal.jsonl").read_text(encoding="utf-8").splitlines()[1:]]


def lines(path: Path) -> int:
    """How many lines are finished in a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def contents(path: Path) -> dict[str, Any]:
    """Everything that an experiment's files say, but for when and how long, and how many trials were asked for."""
    experiment = tomllib.loads((path / "experiment.toml").read_text(encoding="utf-8"))
    assert experiment["provenance"].pop("run").keys() <= {"date", "host", "command"}
    trials = rows(path / "trials.csv")
    for row in trials:
        del row["wall_seconds"]
        row.pop("model_seconds", None)
    return {
        "experiment": {key: value for key, value in experiment.items() if key != "trials"},
        "trials": trials,
        "curves": (path / "curves.csv").read_text(encoding="utf-8"),
        "best": json.loads((path / "best.json").read_text(encoding="utf-8")),
    }


@pytest.fixture(scope="session")
def user_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the metadata of the user's package, from its own pyproject.toml, and of setups that go wrong."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(site, name=project["name"], version=project["version"], entry_points=project["entry-points"]["ufh.setups"])
    faulty = {name.lower(): f"ufh_faulty_setups:{name}" for name in ("Faulty", "Quick", "Paired", "Staged", "Subsets")}
    install(site, name="ufh-faulty-setups", version="0.1.0", entry_points=faulty)
    return site


@pytest.fixture(scope="module")
def ufh(tmp_path_factory: pytest.TempPathFactory, user_site: Path) -> Command:
    """The command in a folder that all tests of a module share."""
    return Command(tmp_path_factory.mktemp("work"), [PACKAGE, user_site])


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, user_site: Path) -> Command:
    """The command where setups are installed that are hard to be good to, some of them broken."""
    site = tmp_path_factory.mktemp("odd-site")
    classes = ("Logged", "ArrayFitness", "WholeFitness", "Failing", "Brackets", "Exhausted", "Refusing", "Dying")
    entry_points = {name.lower(): f"ufh_odd_setups:{name}" for name in (*classes, "NoSetup", "Nowhere")}
    entry_points["notthere"] = "ufh_not_installed:Setup"
    install(site, name="ufh-odd-setups", version="0.1.0", entry_points=entry_points)
    return Command(tmp_path_factory.mktemp("odd-work"), [PACKAGE, ODD, user_site, site])
