"""Every `ufh` command of the README: run as it stands, or with the cut said here, or, for the reason said here, not."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import ufh_cli
from ufh_cli.commands.cli import app

README = (Path(ufh_cli.__file__).parents[1] / "README.md").read_text(encoding="utf-8")

FEWER = {"--trials 500": "--trials 3", "--trials 100": "--trials 3", "--trials 10 ": "--trials 1 "}
"""What is written in the place of numbers of trials that take longer than seconds."""

SMALLER = {
    "ufh run automl_zero": ("--trials=1", "--budget=1e6"),
    "ufh run nasbench --config nasbench-front": ("--trials=2", "--set=budget.candidates=500"),
}
"""What is added to searches that take minutes as they stand."""

NOT_RUN = {
    "ufh run autorl": "minutes; test_autorl.py runs smaller ones",
    "ufh plot autorl-": "a result of one of those; test_autorl.py draws every kind",
    "ufh run mnas": "minutes; test_mnas.py runs a smaller one",
    "ufh plot net": "a result of that one; test_mnas.py draws it",
    "ufh export mnas": "a result of that one; test_mnas.py exports it and loads it with keras alone",
    "ufh run automl_zero --technique fec --cluster": "needs a scheduler; tests/faults/test_cluster.py starts one",
    "ufh data fetch": "fetches 1.95 GB, or images; test_fetch.py fetches from a server of its own",
    "ufh data convert": "needs the file of 1.95 GB; test_official.py converts one of a few cells",
    "ufh run nasbench --technique fec --set options.table=official": "needs the table made of that file",
    "ufh new myspace && cd": "test_new_check.py does it, under another name",
    "ufh check myspace": "as above",
    "ufh --install-completion": "changes the start-up files of the user's shell",
    "ufh report CLAIMS.toml": "stands for a name; test_report.py",
    "ufh report FOLDER": "stands for a name; test_report.py",
    "ufh calibrate SETUP": "stands for a name; test_calibrate.py",
    "ufh cache show": "a file that the reader made; test_cache_command.py",
}
"""Why."""


def commands() -> list[str]:
    """In their order: lines of a console without their remarks, and what stands in a sentence."""
    found = []
    for block, sentence in re.findall(r"```console\n(.*?)```|`(ufh [^`]+)`", README, re.DOTALL):
        lines = re.findall(r"^\$ (.*)$", block, re.MULTILINE) or [" ".join(sentence.split())]
        found += [line.partition("  #")[0].strip() for line in lines]
    return [line[line.index("ufh ") :] for line in found if re.search(r"(^|&& )ufh ", line)]


def why_not(command: str) -> str | None:
    """Why a command is not run; None where it is."""
    if " autorl" in command and importlib.util.find_spec("gymnasium") is None:
        return "needs gymnasium"
    return next((reason for beginning, reason in NOT_RUN.items() if command.startswith(beginning)), None)


def test_the_readme_has_commands_and_every_exception_is_of_one():
    assert len(commands()) > 40
    for beginning in (*NOT_RUN, *SMALLER):
        assert any(command.startswith(beginning) for command in commands()), beginning
    for number in FEWER:
        assert any(number in f"{command} " for command in commands()), number


def test_the_commands_of_the_readme_run(ufh):
    ran = []
    for command in commands():
        if why_not(command):
            continue
        asked = f"{command} "
        for written, cut in FEWER.items():
            asked = asked.replace(written, cut)
        extra = next((words for beginning, words in SMALLER.items() if command.startswith(beginning)), ())
        assert ufh(*shlex.split(asked)[1:], *extra).out, command
        ran.append(command)
    assert len(ran) > 25


@pytest.mark.parametrize("command", [one for one in commands() if why_not(one) and not re.search("&&|ufh --", one)])
def test_commands_that_are_not_run_are_understood(command):
    kind, words = typer.main.get_command(app), shlex.split(command)[1:]
    while words[0] in getattr(kind, "commands", {}):
        kind, words = kind.commands[words[0]], words[1:]
    assert kind.make_context("ufh", words).params
