"""Compiled code on disk is of the sources that are there."""

from ufh_cli.core.compiled import source_digest


def test_compiled_code_goes_with_its_sources(tmp_path):
    files = [tmp_path / "a.py", tmp_path / "b.py"]

    def digest(*contents):
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
        return source_digest(files)

    first = digest(b"x = 1", b"y = 2")
    assert digest(b"x = 1", b"y = 2") == first
    assert len({first, digest(b"x = 2", b"y = 2"), digest(b"x = 1", b"y = 1"), digest(b"x = 1y", b" = 2")}) == 4
