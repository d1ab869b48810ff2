"""Compiled code on disk is of the sources that are there."""

from __future__ import annotations

import runpy

from ufh_cli.core.compiled import cached_jit, source_digest


def test_compiled_code_goes_with_its_sources(tmp_path):
    files = [tmp_path / "a.py", tmp_path / "b.py"]

    def digest(*contents):
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
        return source_digest(files)

    first = digest(b"x = 1", b"y = 2")
    assert digest(b"x = 1", b"y = 2") == first
    assert len({first, digest(b"x = 2", b"y = 2"), digest(b"x = 1", b"y = 1"), digest(b"x = 1y", b" = 2")}) == 4


def test_what_is_on_disk_is_used_until_a_source_changes(tmp_path):
    kernel, table = tmp_path / "kernel.py", tmp_path / "table.py"
    kernel.write_text("def scaled(x):\n    return FACTOR * x\n")

    def compiled(factor):
        """As in a new process."""
        table.write_text(f"FACTOR = {factor}")
        return cached_jit(runpy.run_path(str(kernel), runpy.run_path(str(table)))["scaled"], [table])

    assert compiled(3)(2) == 6
    again = compiled(3)
    assert again(2) == 6
    assert sum(again.stats.cache_hits.values()) == 1
    changed = compiled(5)
    assert changed(2) == 10
    assert sum(changed.stats.cache_misses.values()) == 1
