"""Tables in narrow terminals: no digit is cut, whatever the width."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ufh_cli.analyses import tables
from ufh_cli.analyses.rows import print_rows
from ufh_cli.analyses.series import Series
from ufh_cli.analyses.tables import print_summary
from ufh_cli.commands.cli import app

COMMANDS = {
    "show": ["show", "one"],
    "trials": ["show", "one", "--trials"],
    "two": ["compare", "one:technique=none,hash.cost=1", "one:technique=fec,hash.cost=1"],
    "all": ["compare", "one"],
    "speedup": ["speedup", "one"],
}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, int], str]:
    """What a command prints in a terminal of some width."""

    def run(command: str, width: int) -> str:
        monkeypatch.setattr(tables.console, "width", width)
        result = CliRunner().invoke(app, [*COMMANDS[command], "--results", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.output

    return run


def numbers(text: str) -> Counter[str]:
    return Counter(re.findall(r"[+-]?\d[\d.,]*(?:e[+-]?\d+)?", text))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_digit_is_cut(experiment: Callable[..., list[Series]], printed: Callable[[str, int], str], command) -> None:
    experiment(over=["hash.cost=0.1,1", "technique=none,fec"])
    whole = printed(command, 10_000)
    for width in (120, 80, 40):
        narrow = printed(command, width)
        assert max(map(len, narrow.splitlines())) <= width
        assert not numbers(whole) - numbers(narrow)
    assert len(printed(command, 40).splitlines()) > len(whole.splitlines())


def test_a_table_that_fits_has_a_line_a_row(experiment: Callable[..., list[Series]], printed) -> None:
    experiment()
    assert printed("show", 140) == printed("show", 10_000)


def test_rows_stand_beside_each_other_where_there_is_room(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(tables.console, "width", 20)
    tables.print_table(["name", "first", "second", "third"], [[f"r{i}", "1.25", "2", f"{i}"] for i in range(4)], left=1)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        *("name      r0    r1", "first   1.25  1.25", "second     2     2", "third      0     1", ""),
        *("name      r2    r3", "first   1.25  1.25", "second     2     2", "third      2     3"),
    ]


def test_what_is_no_terminal_is_not_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{f"column {i}": 1.2345e-05 for i in range(40)}], notices=["as measured " * 40])
    headings, values, notice = capsys.readouterr().out.splitlines()
    assert len(headings) > 400
    assert values.split() == ["1.2345e-05"] * 40
    assert notice.startswith("note: as measured as measured")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.25], "0.25000"),
        ([0.2, 0.3], "0.25000 ± 0.10000"),
        ([1e-7], "1e-07"),
        ([1.0e-7, 1.5e-7], "1.25e-07 ± 5e-08"),
        ([1e308, 1.7e308], "1.35e+308 ± 7e+307"),
        ([-1.7e308], "-1.7e+308"),
        ([5e-324, 5e-324], "4.9407e-324 ± 0"),
        ([0.0, 0.0], "0.00000 ± 0.00000"),
        ([123456.5, 123457.5], "123457.00000 ± 1.00000"),
        ([float("inf")], "–"),
    ],
)
def test_means_are_shown_with_digits_that_tell_something(experiment, tmp_path, capsys, values, shown):
    (series,) = experiment(over=["technique=none"], trials=len(values))
    for row, value in zip(series.trials, values, strict=True):
        row["best_fitness"] = value
    print_summary([series])
    assert f"  {shown}  " in capsys.readouterr().out
