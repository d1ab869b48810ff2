"""The command with setups in sight whose evaluations go wrong, and a way to start many commands quickly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "user_package"))

from ufh_command import PACKAGE, REPOSITORY, Command, install, user_site  # noqa: E402, F401


@pytest.fixture(scope="module")
def ufh(tmp_path_factory: pytest.TempPathFactory, user_site: Path) -> Iterator[Command]:  # noqa: F811
    """The command in a folder that all tests of a module share."""
    site = tmp_path_factory.mktemp("faulty-site")
    classes = ("Faulty", "Quick", "Paired", "Staged", "Subsets")
    install(
        site,
        name="ufh-faulty-setups",
        version="0.1.0",
        entry_points={name.lower(): f"ufh_faulty_setups:{name}" for name in classes},
    )
    return Command(tmp_path_factory.mktemp("faults"), [PACKAGE, HERE, user_site, site])


class Zygote:
    """Starts commands by a fork of a process that has imported ufh, so that a kill hits the search, not the start."""

    def __init__(self, command: Command) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *command.path]))}
        self._server = subprocess.Popen(
            [sys.executable, str(HERE / "forking_server.py")],
            cwd=command.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pid = 0

    def start(self, *arguments: str) -> int:
        """Begin a command; its process id, which is also its group's."""
        self._tell(json.dumps(arguments))
        self._pid = int(self._hear())
        return self._pid

    def kill(self) -> bool:
        """SIGKILL to the command; whether it was still at work."""
        os.killpg(self._pid, signal.SIGKILL)
        return self.wait() != 0

    def wait(self) -> int:
        """The exit code, negative for a signal."""
        self._tell("")
        return int(self._hear())

    def close(self) -> None:
        self._server.communicate(timeout=20)

    def _tell(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()

    def _hear(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


@pytest.fixture(scope="module")
def zygote(ufh: Command) -> Iterator[Zygote]:
    server = Zygote(ufh)
    yield server
    server.close()
