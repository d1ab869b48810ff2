"""What a shell sees: help, completion, folders with a tilde, the next command, where errors come from."""

import datetime
import inspect
import json
import platform
import re
import shlex
import shutil
import tomllib

import pytest
from ufh_command import SMALL

from ufh_cli.commands.options import Asked
from ufh_cli.commands.search import run, sweep
from ufh_cli.library.sqlite import SqliteCache


@pytest.fixture(scope="module")
def searched(ufh):
    """A result that tests look at."""
    ufh("run", "polynomials", "--trials=2", "--jobs=1", *SMALL, "--name=searched")
    return ufh.folder / "results" / "searched"


@pytest.mark.parametrize("words", [("-h",), ("run", "-h"), ("data", "-h"), ("data", "fetch", "-h")])
def test_help_has_a_short_name_everywhere(ufh, words):
    assert ufh(*words).out.startswith("Usage: ufh ")


def test_shells_can_complete(ufh):
    assert "--install-completion" in ufh("--help").out


def test_run_and_sweep_have_the_same_options():
    own = {"setup", "over"}
    asked = set(inspect.signature(run).parameters) - own
    assert asked == set(inspect.signature(sweep).parameters) - own == set(Asked.__annotations__)


def test_a_tilde_is_the_home_wherever_a_file_or_folder_is_asked_for(ufh, searched, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.toml").write_text('setup = "polynomials"\nbudget.cost = 50.0\n')
    made = ufh("run", "polynomials", "--trials=1", "--jobs=1", "--results=~/kept", "--config=~/mine.toml", "--name=a")
    assert f"files: {tmp_path}/kept/a" in made.out
    ufh("plot", "searched", "--out=~/figure.png", "--table=~/table.csv")
    monkeypatch.setenv("UFH_RESULTS", "~/kept")
    assert "none" in ufh("show", "a").out
    assert {path.name for path in tmp_path.glob("[!.]*")} == {"mine.toml", "kept", "figure.png", "table.csv"}
    assert not (ufh.folder / "~").exists()


def test_where_there_is_no_home_no_folder_is_called_tilde(ufh, searched, monkeypatch):
    def nobody(user):
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    run = ("run", "polynomials", "--trials=1", "--jobs=1", "--budget=9")
    for words in (
        (*run, "--results=~/kept"),
        (*run, "--config=~/mine.toml"),
        ("plot", "searched", "--out=~/a.png"),
        ("plot", "searched", "--table=~/a.csv"),
        ("cache", "show", "~/a.sqlite"),
    ):
        assert "there is no home" in ufh(*words, code=2).refusal()
    monkeypatch.setenv("UFH_RESULTS", "~/kept")
    monkeypatch.setenv("UFH_DATA", "~/data")
    for words in ((*run, "--name=a"), ("data", "verify", "nasbench"), ("run", "nasbench", "--results=here")):
        assert "there is no home" in ufh(*words, code=2).refusal()
    with pytest.raises(ValueError, match="there is no home"):
        SqliteCache("~/a.sqlite")
    assert not (ufh.folder / "~").exists()
    assert "there is no file ~nobody-at-all" in ufh("cache", "show", "~nobody-at-all/a.sqlite", code=2).refusal()


def test_the_next_command_has_the_options_that_it_needs_and_no_more(ufh, tmp_path, monkeypatch):
    run = ("run", "polynomials", "--trials=1", "--jobs=1", *SMALL)
    plain = ufh(*run, "--name=plain").out
    assert re.search(r"ufh plot plain +ufh show plain --best", plain)
    elsewhere = ufh(*run, "--name=there", f"--results={tmp_path / 'two words'}").out
    assert f"ufh plot there --results '{tmp_path}/two words'" in elsewhere
    monkeypatch.setenv("UFH_RESULTS", str(tmp_path / "set"))
    assert re.search(r"ufh plot set +ufh show set --best", ufh(*run, "--name=set").out)
    assert "ufh plot usual --results results" in ufh(*run, "--name=usual", "--results=results").out


def test_a_refusal_shows_where_it_comes_from_when_asked(ufh, monkeypatch):
    refused = ("show", "nothing")
    line = ufh(*refused, code=2).refusal()
    for outcome in (ufh("--debug", *refused, code=2), ufh(*refused, "--debug", code=2)):
        assert outcome.err.startswith("Traceback")
        assert outcome.err.endswith(line)
    monkeypatch.setenv("UFH_DEBUG", "1")
    assert ufh(*refused, code=2).err.startswith("Traceback")
    monkeypatch.setenv("UFH_DEBUG", "0")
    assert ufh(*refused, code=2).refusal() == line


def test_what_shows_no_curve_reads_none(ufh, searched):
    """A file of curves may be large; the figure of them is what wants it."""
    curves = searched / "curves.csv"
    kept = curves.read_text()
    try:
        curves.write_text(kept + "0,what is this,1,1,1,1\n")
        for words in (("show", "searched", "--best"), ("show", "searched", "--trials"), ("status", "searched")):
            ufh(*words)
        assert "curves.csv" in ufh("plot", "searched", code=2).refusal()
    finally:
        curves.write_text(kept)


def test_a_folder_may_have_colons_in_its_name(ufh, searched, tmp_path):
    folder = tmp_path / "12:30:a" / "named:technique=none"
    shutil.copytree(searched, folder)
    assert "none" in ufh("show", str(folder)).out
    assert ufh("show", str(folder), f"--results={tmp_path}").out == ufh("show", "searched").out
    ufh("sweep", "polynomials", *SMALL, "--over=technique=none,fec", "--trials=1", "--jobs=1", "--name=cells",
        f"--results={folder.parent}")  # fmt: skip
    assert len(ufh("show", f"{folder.parent}/cells:technique=fec").out.splitlines()) == 3


def test_results_say_when_where_how_and_at_which_precision_they_were_made(ufh):
    run = ("run", "polynomials", "--trials=1", "--jobs=1", *SMALL, "--technique=fec", "--name=how it was made")
    ufh(*run)
    file = ufh.folder / "results" / "how it was made" / "experiment.toml"
    provenance = tomllib.loads(file.read_text())["provenance"]
    assert datetime.datetime.fromisoformat(provenance["run"]["date"]).tzinfo is not None
    assert provenance["run"]["host"] == platform.node()
    assert shlex.split(provenance["run"]["command"]) == ["ufh", *run]
    assert provenance["precision"] == "hash.mantissa_bits = 11 (float32)"
    file.write_text(file.read_text().replace(provenance["run"]["date"], "2001-01-01T00:00:00+00:00"))
    ufh(*run, "--trials=2")  # goes on all the same
    assert tomllib.loads(file.read_text())["trials"] == 2


def test_without_a_technique_there_is_no_key_to_tell(ufh, searched):
    (first, _) = json.loads((searched / "best.json").read_text())
    assert "key" not in first
    assert "key" not in ufh("show", "searched", "--best").out


def test_a_search_that_stalls_says_so(ufh):
    settings = ("hash.mantissa_bits=1", "hash.cost=0", "options.terms=1", "search.population_size=5",
                "search.tournament_size=2")  # fmt: skip
    run = ("run", "polynomials", "--trials=1", "--jobs=1", "--technique=fec", "--budget=1e9", "--name=stalls",
           *(f"--set={setting}" for setting in settings))  # fmt: skip
    made = ufh(*run)
    assert "1 of 1 trials stalled" in made.err
    assert "1 of 1 trials stalled" in ufh("show", "stalls").out
    assert "stalled" not in ufh("show", "searched").out
