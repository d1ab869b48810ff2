"""The first use of a setup compiles for seconds: whoever waits is told, once, and nobody where all is compiled."""

import os
import subprocess
import sys

from ufh_command import COMPILES, REPOSITORY

LIBRARY = "import ufh_cli as ufh; print(ufh.run('nasbench', technique='fec', trials=2, set={'budget.candidates': 200}))"
COMMAND = ("run", "nasbench", "--technique=fec", "--trials=2", "--set=budget.candidates=200", "--jobs=2")


def test_the_first_use_says_once_that_it_compiles_and_the_next_are_silent(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "PYTHONPATH": str(REPOSITORY)}

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)

    first, second = run("-c", LIBRARY), run("-c", LIBRARY)
    assert first.stderr.count(COMPILES) == 1
    assert "compiling" not in second.stderr
    assert COMPILES not in run("-m", "ufh_cli", *COMMAND, "--name=command").stderr
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "compiled").rglob("*") if path.is_file()}
    assert files
    again = run("-m", "ufh_cli", *COMMAND, "--name=again")
    assert "compiling" not in again.stdout + again.stderr
    assert files == {path: path.stat().st_mtime_ns for path in files}
