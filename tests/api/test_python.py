"""`ufh` from Python does what the command does, with setups that nobody installed too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ufh_command import PACKAGE, REPOSITORY, SMALL, contents

import ufh_cli as ufh

SEARCH = {"search.population_size": 20, "search.tournament_size": 5}
OVER = {"technique": ["none", "fec"]}

# What the cells of a notebook do, in two kernels one after the other: a class that no file holds to import.
NOTEBOOK = """
import sys
import ufh_cli as ufh
from ufh_polynomials import Polynomials

class Mine(Polynomials):
    def describe(self, candidate):
        return "mine: " + super().describe(candidate)

result = ufh.run(Mine, over={"technique": ["none", "fec"]}, trials=int(sys.argv[1]), budget=60, name="mine",
                 set={"search.population_size": 20, "search.tournament_size": 5}, jobs=int(sys.argv[2]))
print(len(result.trials), result.best["description"][:5], len(result.compare()) > 0, result.plot("auc"))
"""


@pytest.fixture
def polynomials(monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE)
    from ufh_polynomials import Polynomials

    return Polynomials


@pytest.fixture
def rows(monkeypatch):
    """Tables are rows, whether pandas is installed or not."""
    monkeypatch.setitem(sys.modules, "pandas", None)


def small(setup, folder, **given):
    return ufh.run(setup, over=OVER, trials=3, budget=120, set=SEARCH, results=folder, **given)


def test_it_writes_what_the_command_writes(ufh, polynomials, tmp_path, monkeypatch):
    import ufh_cli

    command = ufh
    command("sweep", "polynomials", "--over=technique=none,fec", "--trials=3", "--name=same", *SMALL)
    with monkeypatch.context() as patch:
        for place in command.path:
            patch.syspath_prepend(place)
        for setup in ("polynomials", polynomials):  # by name, and by its class: it is the installed one
            result = ufh_cli.run(
                setup, over=OVER, trials=3, budget=120.0, set={**SEARCH, "options.terms": 3}, name="same",
                results=tmp_path,
            )  # fmt: skip
            assert contents(result.path) == contents(command.folder / "results" / "same")
        instance = ufh_cli.run(
            polynomials(terms=3), over=OVER, trials=3, budget=120, set=SEARCH, name="same", results=tmp_path
        )
    assert instance.config["options"] == {"terms": 3, "noise": 0.0, "delay": 0.0}


def test_tables_comparison_and_markup(polynomials, tmp_path, rows):
    result = small(polynomials, tmp_path, name="one")
    assert [(row["technique"], row["trial"]) for row in result.trials] == [
        (t, i) for t in OVER["technique"] for i in range(3)
    ]
    assert max(row["best_fitness"] for row in result.trials) == result.best["fitness"]
    assert {row["trial"] for row in result.curves} == {0, 1, 2}
    assert result.front == []
    assert {row["of"] for row in result.compare()} == {"fec"}
    assert result.to_latex().count(r"\\") == 3
    assert r"$\pm$" in result.to_latex()
    assert result.to_markdown().splitlines()[0].startswith("| technique | trials |")
    page = result._repr_html_()
    assert page.count("<tr>") == 3
    assert "note: a toy" in page
    drawing = result.plot("curves")
    assert Path(drawing) == tmp_path / "one" / "curves.png"
    assert drawing._repr_png_().startswith(b"\x89PNG")


def test_results_are_read_back(polynomials, tmp_path, rows):
    small(polynomials, tmp_path, name="one")
    small(polynomials, tmp_path, name="two", seed=1)
    assert ufh.load(tmp_path / "one").trials == ufh.load("one", tmp_path).trials
    both = ufh.load_all(tmp_path / "*")
    assert [row["results"] for row in both.trials] == ["one"] * 6 + ["two"] * 6
    assert len({series.label for series in both.series}) == 4
    with pytest.raises(ValueError, match="no folder of results matches"):
        ufh.load_all(tmp_path / "three*")


def test_tables_are_frames_where_there_is_pandas(polynomials, tmp_path):
    pandas = pytest.importorskip("pandas")
    result = small(polynomials, tmp_path, name="one")
    assert isinstance(result.trials, pandas.DataFrame)
    assert list(result.trials.columns[:2]) == ["technique", "trial"]


def test_a_class_of_a_notebook_runs_in_processes_and_resumes(tmp_path):
    pytest.importorskip("cloudpickle")
    (tmp_path / "cells.py").write_text(NOTEBOOK)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY, PACKAGE]))}

    def kernel(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "cells.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    first = kernel("2", "1")
    assert first.stdout.split() == ["4", "mine:", "True", "results/mine/auc.png"], first.stderr
    before = (tmp_path / "results" / "mine" / "trials.csv").read_text()
    second = kernel("3", "2")
    assert second.stdout.split()[0] == "6", second.stderr
    after = (tmp_path / "results" / "mine" / "trials.csv").read_text()
    assert set(before.splitlines()) < set(after.splitlines())  # the finished trials were not run again
    result = ufh.load(tmp_path / "results" / "mine")
    assert result.config["setup"] == "notebook.Mine"
    assert result.config["provenance"]["class"].startswith("__main__.Mine")
    (tmp_path / "cells.py").write_text(NOTEBOOK.replace('"mine: "', '"other"'))
    changed = kernel("3", "1")
    assert "holds another experiment (source:" in changed.stderr


def test_what_does_not_fit_is_one_line(polynomials, tmp_path):
    class Unfinished(ufh.Setup):
        def evaluate(self, candidate, rng):
            return ufh.Evaluation(1.0, 1.0)

    class Hidden(polynomials):
        def __init__(self, *, size: int = 3) -> None:
            super().__init__(terms=size)

    wrong = {
        "must be a name, or a subclass": lambda: ufh.run(int, results=tmp_path),
        "a method is missing: write Unfinished's describe": lambda: ufh.run(Unfinished, results=tmp_path),
        "has no attribute size": lambda: ufh.run(Hidden(size=2), results=tmp_path),
        "unknown setup": lambda: ufh.run("polynomial", results=tmp_path),
        "a budget is missing": lambda: ufh.run(polynomials, results=tmp_path),
        "jobs must be": lambda: ufh.run(polynomials, budget=9, jobs=0, results=tmp_path),
        "must be a list of values": lambda: ufh.run(polynomials, over={"technique": "fec"}, results=tmp_path),
        "search.populaton_size": lambda: ufh.run(
            polynomials, budget=9, set={"search.populaton_size": 2}, results=tmp_path
        ),
    }
    for line, call in wrong.items():
        with pytest.raises(ValueError, match=line) as refused:
            call()
        assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_the_notebook_its_own(polynomials, tmp_path):
    class Interrupted(polynomials):
        left = 30

        def evaluate(self, candidate, rng):
            type(self).left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return super().evaluate(candidate, rng)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        small(Interrupted, tmp_path, name="one")
    assert signal.getsignal(signal.SIGINT) is before
    assert len(small(Interrupted, tmp_path, name="one").trials) == 6


def test_a_class_defined_again_is_the_new_one(polynomials, tmp_path, rows):
    def define(sign):
        class Again(polynomials):
            def evaluate(self, candidate, rng):
                found = super().evaluate(candidate, rng)
                return found._replace(fitness=sign * found.fitness)

        return Again

    assert small(define(1.0), tmp_path, name="one").best["fitness"] > 0
    assert small(define(-1.0), tmp_path, name="two").best["fitness"] < 0
