"""`ufh list`, and results handed on: `ufh show --json`, `ufh compare --latex`, `--markdown`, `--json`."""

from __future__ import annotations

import json

import pytest
from ufh_command import SMALL, rows


@pytest.fixture(scope="module")
def two(ufh):
    """A sweep of two cells, and a result whose last trials are missing."""
    ufh("sweep", "polynomials", "--over=technique=none,fec", "--trials=3", "--name=two", *SMALL)
    ufh("run", "polynomials", "--trials=2", "--name=half", *SMALL)
    file = ufh.folder / "results" / "half" / "experiment.toml"
    file.write_text(file.read_text().replace("trials = 2", "trials = 5"))
    return ufh


def test_list(two):
    listed = {row["name"]: row for row in json.loads(two("list", "--json").out)}
    assert listed["two"] | {"when": ""} == {
        "name": "two", "setup": "polynomials", "technique": "none, fec", "trials": "6/6", "when": "",
        "state": "finished",
    }  # fmt: skip
    assert (listed["half"]["trials"], listed["half"]["state"]) == ("2/5", "interrupted")
    lines = two("list").out.splitlines()
    assert lines[0].split() == ["name", "setup", "technique", "trials", "when", "state"]
    assert len(lines) == 3


def test_list_tells_what_cannot_be_read_and_goes_on(two, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "experiment.toml").write_text("setup = 3\n")
    row = json.loads(two("list", "--json", f"--results={tmp_path}").out)[0]
    assert row["name"] == "broken"
    assert "not the configuration of an experiment" in row["state"]
    (tmp_path / "empty").mkdir()
    assert two("list", f"--results={tmp_path / 'empty'}").out.startswith("no results in")
    assert two("list", "--json", f"--results={tmp_path / 'empty'}").out == "[]\n"


def test_show_as_json(two):
    told = json.loads(two("show", "two", "--json").out)
    assert told["experiment"]["setup"] == "polynomials"
    assert [cell["technique"] for cell in told["cells"]] == ["none", "fec"]
    written = rows(two.folder / "results" / "two" / "trials.csv")
    shown = [trial for cell in told["cells"] for trial in cell["trials"]]
    assert [trial["auc"] for trial in shown] == [float(row["auc"]) for row in written]
    one = json.loads(two("show", "two:technique=fec", "--json").out)["cells"]
    assert one == told["cells"][1:]


def test_compare_in_every_form(two):
    differences = json.loads(two("compare", "two", "--json").out)
    assert {row["of"] for row in differences} == {"fec"}
    best = next(row for row in differences if row["quantity"] == "best_fitness")
    assert best["low"] <= best["difference"] <= best["high"]
    table = two("compare", "two", "--latex").out
    assert table.startswith("\\begin{tabular}{ll")
    assert "best\\_fitness & fec &" in table
    assert "& -" not in table  # a minus is no hyphen
    lines = two("compare", "two", "--markdown").out.splitlines()
    assert len(lines) == 2 + len(differences)
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert "one form at a time" in two("compare", "two", "--latex", "--json", code=2).refusal()


def test_what_is_no_number_is_null_and_markup_is_escaped():
    from ufh_cli.analyses.markup import html_table, json_text, latex, markdown

    assert json.loads(json_text({"a": [float("nan"), float("inf"), 1.5, None, "x"]})) == {
        "a": [None, None, 1.5, None, "x"]
    }
    rows = [{"a_b": r"50 % of {x} & \y", "n": -1.5}]
    assert r"50 \% of \{x\} \& \textbackslash{}y & $-$1.5" in latex(rows)
    assert markdown([{"a": "x|y"}]).splitlines()[2] == r"| x\|y |"
    assert "<b>" not in html_table([{"a": "<b>"}])
