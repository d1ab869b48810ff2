"""``ufh cache``: what it prints, merges and drops."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ufh_cli as ufh
from ufh_cli.commands.cache import cache_app
from ufh_cli.configuration.errors import InputError


def ufh_cache(*arguments: object) -> str:
    result = CliRunner().invoke(cache_app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def fill(path: Path, *candidates: float, space: str = "digits", bits: int = 24) -> None:
    decorate = ufh.functional_cache(outputs=lambda c: [c], path=path, space=space, mantissa_bits=bits)
    evaluate = decorate(lambda candidate: (candidate, {"half": candidate / 2}))
    for candidate in candidates:
        evaluate(candidate)


def test_files_are_told_merged_pruned_and_exported(tmp_path: Path) -> None:
    a, b = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    fill(a, 1.0, 2.0, 3.0)
    fill(b, 3.0, 4.0)
    fill(b, 9.0, space="other")
    assert "space 'digits', values 3, under way 0" in ufh_cache("show", a)
    assert "'mantissa_bits'" not in ufh_cache("show", a)
    assert "mantissa_bits 24" in ufh_cache("show", a)
    assert ufh_cache("merge", b, a).startswith("2 values are new")
    lines = ufh_cache("export", a).splitlines()
    assert lines[0] == "space,key,evaluations,value"
    assert len(lines) == 6
    assert sum(line.startswith("digits,") and line.endswith('[1.0,{""half"":0.5}]}"') for line in lines) == 1
    assert f"{ufh.functional_key([1.0], mantissa_bits=24):016x}" in "".join(lines)
    assert ufh_cache("prune", a, "--space", "other") == "1 values dropped\n"
    assert ufh_cache("prune", a, "--entries", 1) == "3 values dropped\n"
    assert "values 1," in ufh_cache("show", a)
    assert ufh_cache("prune", a, "--bytes", 1_000_000) == "0 values dropped\n"
    assert ufh_cache("prune", a, "--bytes", 0) == "1 values dropped\n"


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    a, b, text = tmp_path / "a.sqlite", tmp_path / "b.sqlite", tmp_path / "text"
    fill(a, 1.0)
    fill(b, 1.0, bits=12)
    text.write_text("no cache at all\n" * 99)
    for arguments, message in (
        (("merge", a, b), "made with different settings"),
        (("show", text), "cannot be used as a cache"),
        (("show", tmp_path / "none"), "there is no file"),
        (("show", tmp_path), "is no file"),
        (("prune", a), "say what to drop"),
        (("prune", a, "--bytes", 9, "--entries", 1), "say what to drop"),
        (("prune", a, "--bytes", -1), "bytes must be at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            ufh_cache(*arguments)
    assert not (tmp_path / "none").exists()


HOSTILE = {
    "keys that are texts": "UPDATE entries SET key = 'abc'",
    "spaces that are bytes": "UPDATE entries SET space = x'00ff'",
    "counts that are texts": "UPDATE entries SET count = 'x'",
    "values that are bytes": "UPDATE entries SET value = x'ff'",
    "a setting that is a list": "UPDATE meta SET value = '[1]' WHERE name <> 'format'",
    "a setting that is no JSON": "UPDATE meta SET value = '{' WHERE name <> 'format'",
    "a setting of lists in lists": "UPDATE meta SET value = printf('%.*c', 100000, '[') WHERE name <> 'format'",
    "a setting that is bytes": "UPDATE meta SET value = x'ff' WHERE name <> 'format'",
    "other columns": "DROP TABLE entries; CREATE TABLE entries (a)",
    "a view without an end": "DROP TABLE entries; CREATE VIEW entries AS WITH RECURSIVE n(key) AS "
    "(SELECT 1 UNION ALL SELECT key FROM n) SELECT 'x' AS space, key, '1' AS value, 1 AS count FROM n",
    "what runs by itself": "CREATE TRIGGER t AFTER DELETE ON entries BEGIN SELECT raise(FAIL, '\x1b[2J'); END",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_from_others_that_ufh_did_not_write_is_refused(tmp_path: Path, case: str) -> None:
    bad, good = tmp_path / "bad.sqlite", tmp_path / "good.sqlite"
    fill(bad, 1.0)
    fill(good, 2.0)
    with closing(sqlite3.connect(bad)) as connection:
        connection.executescript(HOSTILE[case])
    commands = [("show", bad), ("export", bad), ("merge", bad, tmp_path / "new"), ("merge", good, bad)]
    if "setting" in case:  # what does not look at it may go on
        commands = [("show", bad), ("merge", good, bad)]
    for arguments in (*commands, *([("prune", bad, "--entries", 0)] if "setting" not in case else [])):
        with pytest.raises(InputError) as refused:
            ufh_cache(*arguments)
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, suffix: str, kind: str) -> None:
    cache, outside = tmp_path / "a.sqlite", tmp_path / "outside"
    outside.write_text("not yours")
    if suffix:
        fill(cache, 1.0)
    place = Path(f"{cache}{suffix}")
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(outside if kind == "link" else "/dev/zero")
    for arguments in (("show", cache), ("export", cache), ("prune", cache, "--entries", 0), ("merge", cache, cache)):
        with pytest.raises(ValueError, match=r"is no file|cannot be used"):
            ufh_cache(*arguments)
    assert outside.read_text() == "not yours"


def test_damage_anywhere_in_a_file_is_one_line(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole.sqlite", tmp_path / "bad.sqlite"
    fill(whole, 1.0)
    with closing(sqlite3.connect(whole)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content, told = whole.read_bytes(), []
    for place in range(0, len(content), 509):
        bad.write_bytes(content[:place] + b"\xa5" * 200 + content[place + 200 :])
        for arguments in (("show", bad), ("export", bad), ("prune", bad, "--entries", 0)):
            try:
                ufh_cache(*arguments)
            except InputError as error:  # nothing else; damage to what is not used is not noticed
                told.append(str(error))
    assert told
    assert all(line.isprintable() for line in told)


def test_numbers_beyond_those_of_the_file_are_as_good_as_no_bound(tmp_path: Path) -> None:
    fill(tmp_path / "a", 1.0)
    for option in ("--entries", "--bytes"):
        assert ufh_cache("prune", tmp_path / "a", option, 10**30) == "0 values dropped\n"


def test_nothing_of_a_cache_steers_the_terminal(tmp_path: Path) -> None:
    fill(tmp_path / "a", 1.0)
    with closing(sqlite3.connect(tmp_path / "a")) as connection, connection:
        connection.execute("UPDATE entries SET space = space || char(27) || '[2J'")
        connection.execute("""UPDATE meta SET value = '{"\\u001b[2J": 1}' WHERE name <> 'format'""")
    for command in ("show", "export"):
        shown = ufh_cache(command, tmp_path / "a")
        assert r"\x1b[2J" in shown
        assert "\x1b" not in shown
