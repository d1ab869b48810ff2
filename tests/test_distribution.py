"""What the distribution says of itself: its name, its metadata, and hints that install what is meant."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = [path for room in ("ufh_cli", "setups") for path in (ROOT / room).rglob("*.py")]


def bare(requirement):
    """``gymnasium[box2d]>=1.0`` without its version and marker."""
    return re.split(r"[<>=;]", requirement)[0].strip()


def test_the_name_is_our_own_and_what_people_type_is_not_changed():
    assert distribution("unified-functional-hashing").metadata["Name"] == PROJECT["name"]
    assert PROJECT["scripts"] == {"ufh": "ufh_cli.commands.cli:main"}
    ours = {entry.name for entry in entry_points(group="ufh.setups") if entry.dist.name == PROJECT["name"]}
    assert ours == set(PROJECT["entry-points"]["ufh.setups"])
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert all((ROOT / room / "py.typed").is_file() for room in ("ufh_cli", "setups"))


def test_extras_that_name_the_distribution_name_this_one():
    named = [one for extra in PROJECT["optional-dependencies"].values() for one in extra if "[" in one]
    own = [one for one in named if not one.startswith("gymnasium[")]
    assert own
    assert all(one.startswith(f"{PROJECT['name']}[") for one in own)


def test_no_hint_installs_somebody_elses_package():
    """A hint names libraries, for the distribution is on no index: it works from a checkout and from a wheel."""
    known = {bare(one) for extra in PROJECT["optional-dependencies"].values() for one in extra}
    known |= {one.replace("-cpu", "") for one in known}
    word = r"(?:'[^'\n]+'|[a-z][\w-]*)"
    hint = re.compile(rf"pip install ({word}(?: {word}(?=[ \"'(;:]))*)")
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    found = [word.strip("'") for text in texts for command in hint.findall(text) for word in command.split()]
    assert {"distributed", "tensorflow", "scikit-learn", "gymnasium[box2d]", "minigrid"} <= set(found)
    assert set(found) <= known, found


@pytest.mark.parametrize("name", ["CITATION.cff", "CHANGELOG.md"])
def test_how_to_cite_and_what_changed_is_told(name):
    from ufh_cli import __version__

    assert __version__ in (ROOT / name).read_text(encoding="utf-8")


def test_addresses_are_those_that_are_cited():
    assert PROJECT["urls"]
    for address in PROJECT["urls"].values():
        assert f'url: "{address}"' in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert "arXiv:" + PROJECT["urls"]["Paper"].rpartition("/")[2] in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_package_runs_where_another_setups_folder_lies(tmp_path):
    """`python -m` and notebooks look first into the folder where they are."""
    theirs = tmp_path / "setups"
    theirs.mkdir()
    (theirs / "__init__.py").write_text("MINE = 1\n")
    (theirs / "mine.py").write_text("HERE = 2\n")
    run = [sys.executable, "-m", "ufh_cli", "run", "nasbench", "--trials=1", "--budget=1e4", "--jobs=1"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results").is_dir()
    notebook = (
        "from {first} import *\n"
        "from ufh_cli.configuration.registry import load_setup\n"
        "assert load_setup('nasbench').__module__.startswith('setups.nasbench')\n"
        "import setups.mine\n"
        "assert setups.mine.HERE == 2\n"
    )
    for first in ("setups", "math"):  # theirs was imported before, or comes after
        done = subprocess.run([sys.executable, "-c", notebook.format(first=first)], cwd=tmp_path, capture_output=True,
                              text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_module_called_setups_is_no_obstacle_either(tmp_path):
    (tmp_path / "setups.py").write_text("MINE = 1\n")
    code = "import setups; from ufh_cli.configuration import registry; registry.load_setup('nasbench'); setups.MINE"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
