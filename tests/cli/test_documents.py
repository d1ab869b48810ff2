"""What the README, the help and the configurations tell is so."""

from __future__ import annotations

import inspect
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

import ufh_cli
from ufh_cli.analyses.claims import read_claims
from ufh_cli.commands.cli import app
from ufh_cli.commands.options import KIND_NAMES
from ufh_cli.configuration.schema import ExperimentConfig, config_directory
from ufh_cli.core.guided.settings import Guidance
from ufh_cli.figures.kinds import KINDS

README = Path(ufh_cli.__file__).parents[1] / "README.md"
CLAIMS = sorted((README.parent / "results").glob("*.toml"))


def test_the_help_lists_every_kind_of_figure():
    assert set(KIND_NAMES) == set(KINDS)


def test_the_version_is_told(ufh):
    assert ufh("--version").out == f"ufh {ufh_cli.__version__}\n"


def keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += keys(field.annotation, f"{name}.")
        elif name == "guided":
            found += [f"guided.{parameter}" for parameter in inspect.signature(Guidance).parameters]
        elif name not in ("search", "options"):
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("key", keys(ExperimentConfig))
def test_the_configuration_of_nasbench_names_every_key(key):
    text = (config_directory() / "nasbench.toml").read_text(encoding="utf-8")
    section, _, name = key.rpartition(".")
    part = text.partition(f"[{section}]")[2] if section else text
    part = part.partition("\n[")[0]
    assert re.search(rf"^(# )?{name} = .*#|^(# )?{name} = ", part, re.MULTILINE), f"{key} is not in nasbench.toml"


@pytest.mark.parametrize("path", sorted(config_directory().glob("**/*.toml")), ids=lambda path: path.stem)
def test_every_configuration_is_right(ufh, path):
    setup = tomllib.loads(path.read_text(encoding="utf-8"))["setup"]
    if path.stem in ("automl_zero-paper", "automl_zero-baseline"):
        pytest.skip("needs CIFAR-10")
    command = "sweep" if "over" in tomllib.loads(path.read_text(encoding="utf-8")) else "run"
    line = ufh(command, setup, "--config", path.stem, "--set", "no.such=1", code=2).refusal()
    assert "no.such" in line or "unknown key no" in line
    assert line.startswith("ufh: command line: ")


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: path.stem)
def test_the_commands_of_claims_are_right(ufh, path):
    lines = [line for figure in read_claims(path).figure for line in figure.run]
    assert lines
    for line in lines:
        program, *words = shlex.split(line)
        if program == "python":
            assert (README.parent / words[0]).is_file()
            continue
        assert program == "ufh", line
        if words[0] in ("run", "sweep"):  # refused for the jobs alone, which are looked at last
            assert ufh(*words, "--jobs=0", code=2).refusal() == "ufh: --jobs must be at least 1, got 0\n", line
        else:
            asked = typer.main.get_command(app).commands[words[0]].make_context(words[0], words[1:]).params
            assert asked.get("kind", "curves") in KIND_NAMES, line
