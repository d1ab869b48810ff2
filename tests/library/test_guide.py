"""Every block of the library's guide runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "library.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_blocks_of_the_guide_run(block: str) -> None:
    if needs := re.match(r"# needs (\w+)\n", block):
        pytest.importorskip(needs[1])
    exec(compile(block, "docs/library.md", "exec"), {})


def test_the_guide_has_blocks() -> None:
    assert len(BLOCKS) >= 8
