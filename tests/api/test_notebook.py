"""The notebook of the examples in a kernel of its own: a class written in it, two jobs, and a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ufh_cli as ufh

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("cloudpickle")
NOTEBOOK = Path(__file__).parents[2] / "examples" / "own_space.ipynb"


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Execute the notebook in a new kernel, for so many trials: the outputs of its cells."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    monkeypatch.delenv("UFH_RESULTS", raising=False)

    def run(trials: int, seam: str = " ") -> list[Any]:
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        text = "".join(cell.source for cell in notebook.cells)
        for written, other in (("TRIALS = 10", f"TRIALS = {trials}"), ('" ".join', f'"{seam}".join')):
            assert text.count(written) == 1
            for cell in notebook.cells:
                cell.source = cell.source.replace(written, other)
        client = nbclient.NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
        return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]

    return run


def data(outputs: list[Any], form: str) -> str:
    """What a cell shows, in one of its forms."""
    return "".join(one["data"].get(form, "") for one in outputs if "data" in one)


def test_a_class_of_a_notebook_to_a_figure_and_a_table_and_on_after_a_restart(execute, tmp_path: Path) -> None:
    *_, table, compared, figure, latex, best = execute(trials=2)
    folder = tmp_path / "results" / "calculator"
    assert data(table, "text/html").count("<tr>") == 3
    assert "<td>fec" in data(compared, "text/html")
    assert data(figure, "image/png").startswith("iVBOR")
    assert r"\begin{tabular}" in latex[0]["text"]
    assert ufh.load(folder).best["description"] in data(best, "text/plain")
    before = (folder / "trials.csv").read_text(encoding="utf-8").splitlines()
    assert len(before) == 1 + 2 * 2

    execute(trials=3)
    after = (folder / "trials.csv").read_text(encoding="utf-8").splitlines()
    assert len(after) == 1 + 2 * 3
    assert set(before) < set(after)  # the finished trials, with their seconds, were not run again
    config = ufh.load(folder).config
    assert config["setup"] == "notebook.Calculator"
    assert config["provenance"]["class"].startswith("__main__.Calculator")

    with pytest.raises(nbclient.exceptions.CellExecutionError, match=r"holds another experiment \(source:"):
        execute(trials=3, seam="-")
    assert (folder / "trials.csv").read_text(encoding="utf-8").splitlines() == after
