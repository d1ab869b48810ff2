"""Every block of the library's guide runs as it stands, and so does README's; what they say is printed is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = FENCED.findall((ROOT / "docs" / "library.md").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Only the hash and the cache")[2]


def promised(block: str) -> list[str]:
    """What comments behind ``print`` say, each up to the dots."""
    return [text.partition(", …")[0] for text in re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_blocks_of_the_guide_run(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if needs := re.match(r"# needs (\w+)\n", block):
        pytest.importorskip(needs[1])
    monkeypatch.chdir(tmp_path)
    assert re.search("^assert ", block, re.MULTILINE), "a block shows what holds"
    exec(compile(block, "docs/library.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.startswith(said) for line, said in zip(printed, promised(block), strict=True)] == [True] * len(printed)
    assert not list(tmp_path.iterdir())


def test_the_guide_has_blocks() -> None:
    assert len(BLOCKS) >= 8
    assert sum(map(len, map(promised, BLOCKS))) >= 1


def test_the_block_of_the_readme_runs_on_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a candidate that is the slope of a line, written in two ways."""
    import ufh_cli as ufh

    monkeypatch.chdir(tmp_path)
    trained = []

    def predict_on_probe(candidate: tuple[float, float]) -> np.ndarray:
        return np.float32(candidate[0] * candidate[1]) * np.linspace(0, 1, 32, dtype=np.float32)

    def train_and_score(candidate: tuple[float, float], epochs: int) -> float:
        trained.append((candidate, epochs))
        return epochs * candidate[0] * candidate[1]

    names: dict[str, Any] = {
        "predictions": predict_on_probe((2.0, 3.0)),
        "predict_on_probe": predict_on_probe,
        "train_and_score": train_and_score,
    }
    (block,) = FENCED.findall(README)
    exec(compile(block, "README.md", "exec"), names)
    evaluate = names["evaluate"]
    assert names["key"] == ufh.functional_key(predict_on_probe((6.0, 1.0)), mantissa_bits=16)
    assert evaluate((2.0, 3.0)) == evaluate((6.0, 1.0)) == 60.0
    assert evaluate((6.0, 1.0), epochs=20) == 120.0
    assert trained == [((2.0, 3.0), 10), ((6.0, 1.0), 20)]
    assert len(ufh.SqliteCache("fitness.sqlite")) == 2
