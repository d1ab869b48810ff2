"""What figures say: names, colours and legends, and that unlike things are not on one axis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from ufh_cli.analyses.compare import compare
from ufh_cli.analyses.series import Series
from ufh_cli.configuration.errors import InputError
from ufh_cli.figures.kinds import KINDS
from ufh_cli.figures.style import labels_of, line_styles, style_of

Run = Callable[..., list[Series]]
Draw = Callable[[str, list[Series]], Any]
NAMES = ["baseline", "FEC", "forgetful FEC", "FEA", "FCM", "tabulist"]
TECHNIQUES = ["none", "fec", "forgetful-fec", "fea", "fcm", "tabulist"]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Draw a kind of figure and give back its first axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    kept: list[Any] = []
    close = plt.close
    monkeypatch.setattr(plt, "close", lambda fig: (kept.append(fig), close(fig)))

    def run(kind: str, series: list[Series]) -> Any:
        KINDS[kind](series, tmp_path / f"{kind}.png")
        return kept[-1].axes[0]

    return run


def legend_of(axes: Any) -> Any:
    """Where it is: in the axes, or below them all."""
    return axes.get_legend() or axes.figure.legends[0]


def legend(axes: Any) -> list[str]:
    return [text.get_text() for text in legend_of(axes).get_texts()]


def looks(axes: Any) -> dict[str, tuple[str, str]]:
    """Of each line with a name: colour and dash."""
    lines = {line.get_label().partition(" (n")[0]: line for line in axes.get_lines()}
    return {
        name: (to_hex(line.get_color()), line.get_linestyle())
        for name, line in lines.items()
        if not name.startswith("_")
    }


def test_a_technique_looks_the_same_in_every_figure(experiment: Run, draw: Draw) -> None:
    series = experiment(over=["technique=" + ",".join(TECHNIQUES)], trials=2)
    curves = looks(draw("curves", series))
    assert list(curves) == NAMES
    assert len(set(map(str, curves.values()))) == len(NAMES)
    subset = looks(draw("curves", series[::-1][:3]))
    assert subset == {name: curves[name] for name in NAMES[::-1][:3]}
    swept = experiment("swept", over=["hash.cost=0.1,1", "technique=" + ",".join(TECHNIQUES[::-1])], trials=2)
    assert looks(draw("response", swept)) == curves
    along = looks(draw("hits-along", series))
    assert along == {name: curves[name] for name in ("FEC", "forgetful FEC", "FEA")}
    axes = draw("auc", series)
    clouds = [cloud for cloud in axes.collections if cloud.get_offsets().shape == (2, 2)]
    assert [to_hex(cloud.get_facecolor()[0]) for cloud in clouds] == [colour for colour, _ in curves.values()]
    assert [label.get_text().split("\n")[0] for label in axes.get_xticklabels()] == NAMES


def test_lines_of_one_technique_differ_in_colour_and_dash_and_combinations_have_a_look_of_their_own() -> None:
    fec = style_of("fec")
    first, second, baseline = line_styles(["fec", "fec", "none"])
    assert (first, baseline) == (fec, style_of("none"))
    assert second[0] not in (first[0], baseline[0])
    assert second[1] not in (first[1], baseline[1])
    assert style_of("fec+fcm") == (fec[0], *style_of("fcm")[1:])
    assert len({str(style) for style in line_styles(["fec"] * 5)}) == 5


def test_labels_name_what_is_swept(experiment: Run, draw: Draw) -> None:
    series = experiment(over=["hash.cost=0.1,1", "technique=none,fec"], trials=2)
    assert legend(draw("curves", series))[1] == "FEC, hash cost = 0.1 (n = 2)"
    assert legend(draw("hits-along", series)) == ["hash cost = 0.1 (n = 2)", "hash cost = 1 (n = 2)"]
    axes = draw("hits", series)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1\n(n = 2)", "1\n(n = 2)"]
    assert axes.get_xlabel() == "hash cost"
    plain = experiment("two", over=["technique=fec"], trials=1)
    assert labels_of([series[1], *plain]) == ["FEC, hash cost = 0.1", "FEC"]
    both = experiment("a", over=[], trials=1) + experiment("b", over=[], trials=1)
    assert labels_of(both) == ["baseline (a)", "baseline (b)"]


def test_results_without_a_cache_alone_have_their_hits_drawn(experiment: Run, draw: Draw) -> None:
    axes = draw("hits", experiment(over=["technique=none,fcm"], trials=2))
    assert [label.get_text().split("\n")[0] for label in axes.get_xticklabels()] == ["baseline", "FCM"]


def test_trials_without_a_curve_are_not_counted(experiment: Run, draw: Draw) -> None:
    series = experiment(over=["technique=none"], trials=12, budget={"cost": 2.5})
    found = int(np.isfinite(series[0].column("best_fitness")).sum())
    assert 0 < found < 12
    assert legend(draw("curves", series)) == [f"baseline (n = {found})"]
    (tick,) = draw("fitness", series).get_xticklabels()
    assert tick.get_text() == f"baseline\n(n = {found})"


def test_a_curve_ends_at_its_own_budget(experiment: Run, draw: Draw) -> None:
    lines = draw("curves", experiment(over=["budget.cost=50,100"], trials=2)).get_lines()
    assert [line.get_xdata()[-1] for line in lines] == [50.0, 100.0]


def test_what_learns_alike_is_one_line(experiment: Run, draw: Draw) -> None:
    same = experiment("a", over=["technique=fec"], trials=2) + experiment("b", over=["technique=fec"], trials=2)
    other = experiment("c", over=["technique=none"], trials=1, seed=9)
    assert same[0].best()["description"] == same[1].best()["description"] != other[0].best()["description"]
    assert legend(draw("learning", [*same, *other])) == ["FEC (a), FEC (b)", "baseline"]


def test_the_best_of_many_stand_in_two_columns(experiment: Run, draw: Draw, tmp_path: Path) -> None:
    series = experiment(over=["technique=none,fec,fcm"], trials=1)
    axes = draw("best", series)
    assert imread(tmp_path / "best.png").shape[:2] == (1800, 1800)
    assert axes.get_title().startswith("baseline: fitness ")


def test_setups_and_units_do_not_share_an_axis(experiment: Run, draw: Draw, tmp_path: Path) -> None:
    mixed = experiment("a") + experiment("b", setup="counted")
    words = r"^cannot compare results of dials with results of counted$"
    for refused in (lambda: compare(mixed[0], mixed[2]), lambda: KINDS["curves"](mixed, tmp_path / "a.png")):
        with pytest.raises(InputError, match=words):
            refused()
    assert not (tmp_path / "a.png").exists()
    assert len(draw("hits", mixed).get_xticklabels()) == 2  # fractions have no unit
    hours = experiment("c")
    for row in (row for one in hours for row in one.trials):
        row["cost_unit"] = "hours"
    words = r"^cannot compare results in turns with results in hours$"
    for refused in (lambda: compare(mixed[0], hours[1]), lambda: KINDS["auc"](mixed[:2] + hours, tmp_path / "a.png")):
        with pytest.raises(InputError, match=words):
            refused()


def test_a_figure_of_lines_has_a_colour_for_each() -> None:
    for techniques in (["none", "fec", "forgetful-fec", "forgetful-fec"], ["fec", "fec+fcm", "fcm", "none", "fcm+fea"]):
        styles = line_styles(techniques)
        assert len({colour for colour, _, _ in styles}) == len(techniques)
        assert styles[:2] != styles[1::-1]
    assert line_styles(["fec+fcm", "fec"])[1] == style_of("fec")


def test_points_of_a_scatter_do_not_share_a_colour(experiment: Run, draw: Draw) -> None:
    sizes = ",".join(map(str, range(4, 13)))
    axes = draw("scatter", experiment(over=[f"search.population_size={sizes}", "technique=none,fec"], trials=2))
    colours = [to_hex(bars[0].get_color()) for bars in axes.containers]
    assert len(set(colours)) == len(colours) == 9


def test_a_response_is_drawn_from_the_same_seeds_everywhere(experiment: Run, draw: Draw) -> None:
    """The baseline does not look at the hash: its line is level, also where one result has more trials."""
    over = ["technique=none,fec"]
    few = experiment("few", over=["hash.mantissa_bits=1,2", *over], trials=3)
    many = experiment("many", over=["hash.mantissa_bits=8,24", *over], trials=9)
    axes = draw("response", [*few, *many])
    (baseline,) = [line for line in axes.get_lines() if line.get_label() == "baseline"]
    assert len(set(baseline.get_ydata())) == 1
    assert "n = 3" in legend_of(axes).get_title().get_text()
