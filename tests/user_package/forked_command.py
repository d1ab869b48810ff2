"""A way to start many commands quickly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ufh_command import PACKAGE, REPOSITORY, Command


class Zygote:
    """Starts commands by a fork of a process that has imported ufh, so that a kill hits the search, not the start."""

    def __init__(self, command: Command) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, *command.path]))}
        self._server = subprocess.Popen(
            [sys.executable, str(PACKAGE / "forking_server.py")],
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
