"""The wheel alone, in an environment that knows nothing of the repository but the libraries that ufh depends on."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """
import ufh_cli as ufh

print(ufh.__file__)
result = ufh.run("nasbench", over={"technique": ["none", "fec"]}, trials=2, budget=2e4, name="python")
print(len(result.trials), len(result.compare()) > 0, result.plot("auc"))
print(f"{ufh.functional_key([1.5, 2.5]):016x}")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("pip", "hatchling"):
        pytest.importorskip(tool)
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of a clean environment are."""
    environment = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    commands = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(commands / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = environment.rglob("site-packages")
    libraries = [entry for entry in sys.path if any(Path(entry or ".").glob("*.dist-info"))]
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    return commands


def run(command: list[str | Path], folder: Path) -> str:
    """What a command prints that is run in `folder`, with no path to anywhere else."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "UFH_"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_the_packages_and_what_they_read(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = {name.split("/")[0].partition("-")[0] for name in names}
    assert packages == {"ufh_cli", "setups", "unified_functional_hashing"}
    for name in ("ufh_cli/py.typed", "ufh_cli/pages/page.html", "ufh_cli/templates/myspace.py"):
        assert name in names
    configs = {f"ufh_cli/{file.relative_to(ROOT)}" for file in (ROOT / "configs").rglob("*.toml")}
    assert configs
    assert configs <= names


def test_it_runs_alone(bin_folder: Path, tmp_path: Path) -> None:
    ufh = bin_folder / "ufh"
    out = run([ufh, "run", "nasbench", "--technique=fec", "--trials=2", "--budget=2e4", "--name=one"], tmp_path)
    assert "files: results/one" in out
    run([ufh, "report", "one", "--html=page.html"], tmp_path)
    assert (tmp_path / "page.html").stat().st_size > 10_000

    where, told, key = run([bin_folder / "python", "-c", PYTHON], tmp_path).splitlines()
    assert Path(where).is_relative_to(bin_folder.parent)
    assert told == "4 True results/python/auc.png"
    assert len(key) == 16

    run([ufh, "new", "my_space"], tmp_path)
    folder = tmp_path / "my_space"
    pip = [sys.executable, "-m", "pip", "--python", bin_folder / "python"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "."], folder)
    assert run([ufh, "check", "my_space"], tmp_path).splitlines()[-1].startswith("setup my_space passes all")
    assert "my_space" in run([ufh, "setups"], tmp_path)
    run([ufh, "run", "my_space", "--technique=fec", "--trials=2", "--budget=50", "--name=mine"], tmp_path)
    assert (tmp_path / "results" / "mine" / "trials.csv").is_file()
