"""`ufh new` writes a package that runs at once, and `ufh check` tells in a line each what a setup does wrong."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ufh_command import REPOSITORY, Command, install

from ufh_cli.testing import CHECKS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The command where the package that it wrote has been installed."""
    folder = tmp_path_factory.mktemp("new")
    out = Command(folder, [])("new", "my_curves").out
    assert "next:  cd my_curves && " in out
    package = folder / "my_curves"
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(folder / "site", name=project["name"], version=project["version"],
            entry_points=project["entry-points"]["ufh.setups"])  # fmt: skip
    return Command(package, [package, folder / "site"])


def test_the_new_package_runs_at_once_without_being_installed(written):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "my_curves.py"],
        cwd=written.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "| fec | 10 |" in done.stdout
    assert (written.folder / "results" / "my_curves" / "curves.png").is_file()


@pytest.mark.parametrize("active", [True, False])
def test_what_is_to_be_typed_next_runs_where_ufh_is_installed(active, tmp_path, monkeypatch):
    """Also where another Python, or none, is called ``python``."""
    (tmp_path / "python").symlink_to(sys.executable)
    first = Path(sys.executable).parent if active else tmp_path
    monkeypatch.setenv("PATH", os.pathsep.join([str(first), os.environ["PATH"]]))
    typed = Command(tmp_path, [])("new", "fresh").out.splitlines()[1].removeprefix("next:  ").partition("    ")[0]
    assert typed == f"cd fresh && {'python' if active else shlex.quote(sys.executable)} fresh.py"


def test_the_new_setup_conforms_and_is_run_by_name(written):
    lines = written("check", "my_curves").out.splitlines()
    assert lines[-1] == f"setup my_curves passes all {len(CHECKS)} checks"
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * len(CHECKS)
    assert "MyCurves" not in written("run", "my_curves", "--technique=fec", "--budget=50", "--trials=2").err


def test_nothing_of_the_template_is_left(written):
    files = {path.name: path.read_text(encoding="utf-8") for path in written.folder.iterdir() if path.is_file()}
    assert files.keys() == {"my_curves.py", "test_my_curves.py", "pyproject.toml", "README.md"}
    assert not any("myspace" in text.lower() for text in files.values())
    kind = next(node for node in ast.parse(files["my_curves.py"]).body if isinstance(node, ast.ClassDef))
    assert kind.name == "MyCurves"
    assert kind.end_lineno - kind.lineno < 60


@pytest.mark.parametrize("name", ["Big", "a-b", "../x", "class", "nasbench", "json", "1x", "my_curves"])
def test_a_name_that_cannot_be(written, name):
    place = Command(written.folder.parent, written.path)
    before = sorted(written.folder.parent.iterdir())
    place("new", name, code=2).refusal()
    assert sorted(written.folder.parent.iterdir()) == before


def test_a_check_that_fails(odd):
    outcome = odd("check", "wholefitness", code=2)
    failed = [text for text in outcome.out.splitlines() if text.startswith("FAIL")]
    assert "FAIL  evaluations: the fitness is a int64, not a float" in failed
    assert len(outcome.out.splitlines()) == len(CHECKS)
    assert outcome.refusal() == f"ufh: setup wholefitness fails {len(failed)} of {len(CHECKS)} checks\n"


def test_what_would_spoil_every_check_is_told_once(odd, ufh):
    assert "setup refusing: the table is missing" in odd("check", "refusing", code=2).refusal()
    assert "terms must be at least 1" in ufh("check", "polynomials", "--set=options.terms=0", code=2).refusal()
