"""What is asked of a figure besides its kind, and what holds of all: nothing covered, nothing cut, readable in grey."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from ufh_cli.analyses.equivalents import find_equivalents
from ufh_cli.analyses.rerun import rerun
from ufh_cli.analyses.series import Series, call
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.kinds import KINDS
from ufh_cli.figures.pairs import plot_pairs
from ufh_cli.figures.style import Look, line_styles, looking

Run = Callable[..., list[Series]]
EIGHT = ["none", "fec", "forgetful-fec", "fea", "fcm", "tabulist", "fec+fcm", "fec+tabulist"]
WIDTHS = {"a page": (6.7, 4.4), "a column": (3.3, 3.0)}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures as they were saved."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    kept: list[Any] = []
    monkeypatch.setattr(plt, "close", kept.append)
    yield kept
    monkeypatch.undo()
    plt.close("all")


@pytest.fixture
def draw(tmp_path: Path, drawn: list[Any]) -> Callable[..., Any]:
    """Draw a kind of figure and give it back as it was saved."""

    def run(kind: str, series: list[Series], look: Look, name: str = "figure.png") -> Any:
        KINDS[kind](series, tmp_path / name, look)
        return drawn[-1]

    return run


def boxes(figure: Any) -> list[Any]:
    """Where everything is that can be seen, in pixels."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    seen = [axes for axes in figure.axes if axes.axison] + figure.legends + figure.texts
    return [one.get_tightbbox(renderer) for one in seen]


@pytest.mark.parametrize("size", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("kind", ["curves", "hits-along", "auc", "differences", "distribution", "scatter"])
def test_nothing_is_cut_or_covered(experiment: Run, draw: Callable[..., Any], kind: str, size: tuple) -> None:
    series = experiment(over=["technique=" + ",".join(EIGHT)], trials=3, options={"noise": 0.1})
    figure = draw(kind, series, Look(size=size, title="Of eight techniques"))
    whole = figure.bbox
    for box in boxes(figure):
        assert whole.x0 - 1 <= box.x0
        assert box.x1 <= whole.x1 + 1
        assert whole.y0 - 1 <= box.y0
        assert box.y1 <= whole.y1 + 1
    for axes in figure.axes:
        for legend in [axes.get_legend(), *figure.legends]:
            if legend is None:
                continue
            extent = legend.get_window_extent()
            for line in axes.lines:
                path = line.get_path().transformed(line.get_transform())
                assert not path.intersects_bbox(extent, filled=False) or not axes.bbox.overlaps(extent)
            for other in figure.legends + figure.texts:
                assert other is legend or not other.get_window_extent().overlaps(extent)


@pytest.mark.parametrize(
    ("size", "lines", "letters", "whole"),
    [(None, 40, 50, "as large as ever"), (WIDTHS["a page"], 25, 50, "smaller"), (None, 150, 10, "not")],
)
def test_a_description_has_room(
    experiment: Run, drawn: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size, lines, letters, whole
) -> None:
    run = rerun(experiment()[1], 0)
    pairs = find_equivalents(run, 2)
    monkeypatch.setattr(type(run.setup), "describe", lambda setup, candidate: "\n".join(["x" * letters] * lines))
    with warnings.catch_warnings(), looking(Look(size=size, dpi=50)):
        warnings.simplefilter("error")  # matplotlib says so where there is no room
        plot_pairs(run.setup, pairs, tmp_path / "figure.png")
    drawn[-1].canvas.draw()
    for axes in drawn[-1].axes:
        (text,) = axes.texts
        inside, room = text.get_window_extent(), axes.get_window_extent()
        assert inside.width <= 1.02 * room.width
        assert inside.height <= 1.02 * room.height
        assert text.get_fontsize() >= (6.5 if whole == "as large as ever" else 3.5)
        assert text.get_text().endswith("…") == (whole == "not")


def test_eight_are_told_apart_without_colours(experiment: Run, draw: Callable[..., Any]) -> None:
    styles = line_styles(EIGHT)
    assert len({(str(dash), marker) for _, dash, marker in styles}) == 8
    assert len({(str(dash), marker) for _, dash, marker in line_styles(["fec"] * 8)}) == 8
    series = experiment(over=["technique=" + ",".join(EIGHT)], trials=2)
    lines = draw("curves", series, Look()).axes[0].get_lines()
    assert len({line.get_marker() for line in lines}) == 8
    places = [{(line.get_markevery()[0] + i * line.get_markevery()[1]) for i in range(6)} for line in lines]
    assert len(set.union(*places)) == sum(map(len, places))


def test_size_dots_title_and_labels_are_as_asked(experiment: Run, draw: Callable[..., Any], tmp_path: Path) -> None:
    series = call(experiment(over=["technique=none,fec"], trials=2), ["theirs", "ours, $1 each"])
    figure = draw("curves", series, Look(size=(5.0, 3.0), dpi=100, title="A title"))
    assert imread(tmp_path / "figure.png").shape[:2] == (300, 500)
    assert figure.get_suptitle() == "A title"
    legend = figure.axes[0].get_legend() or figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["theirs (n = 2)", "ours, $1 each (n = 2)"]
    ticks = draw("auc", series, Look()).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["theirs\n(n = 2)", "ours, $1 each\n(n = 2)"]
    assert draw("panels", series, Look()).legends[0].get_texts()[0].get_text() == "theirs (n = 2)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": (0.5, 3.0)}, "between 1 and 100 inches, not 0.5"),
        ({"size": (3.0, float("nan"))}, "between 1 and 100 inches, not nan"),
        ({"dpi": 0.0}, "between 10 and 2400"),
        ({"size": (100.0, 3.0), "dpi": 1200.0}, "up to 24,000 dots a side"),
    ],
)
def test_what_nobody_could_see_or_hold_is_refused(options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Look(**options)


def test_there_are_as_many_labels_as_series(experiment: Run) -> None:
    series = experiment(over=["technique=none,fec"], trials=2)
    with pytest.raises(InputError, match=r"each of the 2 series is needed \(none; fec\), but 1 given"):
        call(series, ["one"])


def test_a_pdf_has_its_fonts_as_truetype(experiment: Run, draw: Callable[..., Any], tmp_path: Path) -> None:
    draw("curves", experiment(over=["technique=none,fec"], trials=2), Look(), "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("name", ["figure.png", "figure.svg", "figure.pdf"])
def test_the_same_figure_has_the_same_bytes(
    experiment: Run, draw: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    series = experiment(over=["technique=none,fec"], trials=2)
    draw("curves", series, Look(), name)
    first = (tmp_path / name).read_bytes()
    draw("curves", series, Look(), name)
    assert (tmp_path / name).read_bytes() == first


def test_differences_are_those_that_compare_finds(experiment: Run, draw: Callable[..., Any]) -> None:
    from ufh_cli.analyses.compare import compare

    series = experiment(over=["technique=none,fec,fcm"], trials=4, options={"noise": 0.1})
    axes = draw("differences", series, Look()).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["FEC", "FCM"]
    for bars, one in zip(axes.containers, series[1:], strict=True):
        (found,) = compare(series[0], one, ["auc"])
        (segment,) = bars[2][0].get_segments()
        assert np.allclose(segment[:, 0], [found.low, found.high])
        assert np.isclose(bars[0].get_xdata()[0], found.difference)
    swept = experiment("swept", over=["hash.cost=0.1,0.2,0.4"], trials=4, options={"noise": 0.1})
    axes = draw("differences", swept, Look()).axes[0]  # no baseline: the others with the first
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["hash cost = 0.2", "hash cost = 0.4"]
