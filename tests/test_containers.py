"""Containers: users without a home, without an entry, who may write neither there nor where the package is."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ufh_command import later

from ufh_cli import compiled_code
from ufh_cli.compiled_code import VARIABLE, find_folder

SOMEBODY = 47_113
NOWHERE = "/dev/null/home"  # root too can write nothing there


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No home, no package to write to, no variable; temporary files go to a folder of their own."""
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(compiled_code, "__file__", "/dev/null/package/module.py")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "numba", type(sys)("numba"))
    sys.modules["numba"].config = type(sys)("config")
    return monkeypatch


def test_where_nothing_else_can_be_written_a_temporary_folder_of_ones_own_is_kept(bare, tmp_path):
    folder = find_folder()
    assert folder is not None
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o077 == 0
    assert os.environ[VARIABLE] == sys.modules["numba"].config.CACHE_DIR == str(folder)
    assert find_folder() is None  # nothing new
    bare.delenv(VARIABLE)
    assert find_folder() is None
    assert os.environ[VARIABLE] == str(folder)


@pytest.mark.parametrize("trap", ["a link", "open to others"])
def test_a_folder_that_somebody_else_could_have_laid_there_is_not_used(bare, tmp_path, trap):
    """numba runs what it reads from its cache."""
    theirs = tmp_path / f"ufh-numba-{os.getuid()}"
    if trap == "a link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        theirs.symlink_to(tmp_path / "theirs")
    else:
        theirs.mkdir()
        theirs.chmod(0o777)
    folder = find_folder()
    assert folder not in (None, theirs)
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("place", ["home", "package", "variable"])
def test_a_usual_place_is_preferred(bare, tmp_path, place):
    if place == "home":
        bare.setenv("HOME", str(tmp_path / "not" / "yet"))
    elif place == "variable":
        bare.setenv(VARIABLE, str(tmp_path / "chosen"))
    else:
        bare.setattr(compiled_code, "__file__", str(tmp_path / "module.py"))
    before = os.environ.get(VARIABLE)
    assert find_folder() is None
    assert os.environ.get(VARIABLE) == before


def as_somebody(folder, *words, **environment):
    """A command by a user who has no entry and no home, and who may read everything and write only in `folder`."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ} | environment
    read = "dac_read_search"
    become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", f"--inh-caps=+{read}",
              f"--ambient-caps=+{read}", sys.executable, "-m", "ufh_cli"]  # fmt: skip
    return subprocess.run([*become, *words], cwd=folder, env=kept, capture_output=True, text=True)


@pytest.fixture
def theirs():
    """A folder of that user's."""
    if not hasattr(os, "getuid") or os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, SOMEBODY, SOMEBODY)
        if as_somebody(name, "--version", TMPDIR=name).returncode:
            pytest.skip("root may not be somebody else here")
        shutil.rmtree(Path(name, f"ufh-numba-{SOMEBODY}"), ignore_errors=True)
        yield Path(name)


def test_without_entry_home_and_package_commands_run_and_no_folder_is_called_tilde(theirs):
    done = as_somebody(theirs, "setups", TMPDIR=str(theirs))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "NUMBA_CACHE_DIR" in done.stderr
    again = as_somebody(theirs, "data", "verify", "nasbench", TMPDIR=str(theirs), UFH_DATA="")
    assert again.returncode == 2
    assert later(again.stderr) == "ufh: there is no home to keep data in: set UFH_DATA to a folder for them\n"
    assert not (theirs / "~").exists()
