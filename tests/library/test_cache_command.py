"""``ufh cache``: what it prints, merges and drops."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import ufh_cli as ufh
from ufh_cli.commands.cache import cache_app


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
