"""`ufh plot`: every kind makes a picture that shows what is in the files."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from ufh_command import SMALL, rows

mpl.use("Agg")

KINDS = ("curves", "test-curves", "auc", "fitness", "reevaluation", "hits")


@pytest.fixture(scope="module")
def grid(ufh):
    """A sweep of three cells and a run of one trial."""
    ufh("sweep", "polynomials", *SMALL, "--over=technique=none,fec,fec+fcm", "--trials=4", "--jobs=1", "--name=grid")
    ufh("run", "polynomials", *SMALL, "--trials=1", "--technique=fec", "--name=single")
    return ufh.folder / "results" / "grid"


@pytest.fixture
def axes(monkeypatch):
    """The axes that the next figure was drawn on, kept from being thrown away."""
    import matplotlib.pyplot as plt

    kept = []
    close = plt.close

    def keep(figure):
        kept.append(figure)
        close(figure)

    monkeypatch.setattr(plt, "close", keep)
    return lambda: kept[-1].axes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn(ufh, grid, kind):
    out = grid / f"{kind}.png"
    assert str(out.relative_to(ufh.folder)) in ufh("plot", "grid", f"--kind={kind}").out
    picture = imread(out)[..., :3]
    height, width, _ = picture.shape
    assert min(height, width) > 300
    inked = (picture.min(axis=2) < 0.9).mean()
    assert 0.005 < inked < 0.5
    assert len(np.unique((picture[::4, ::4] * 15).astype(int).reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_one_trial_is_enough(ufh, grid, kind, recwarn):
    ufh("plot", "single", f"--kind={kind}", f"--out=single-{kind}.png")
    assert imread(ufh.folder / f"single-{kind}.png").size > 0
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(("name", "start"), [("a.pdf", b"%PDF"), ("b.svg", b"<?xml"), ("new/folder/c.png", b"\x89PNG")])
def test_the_ending_chooses_the_format(ufh, grid, name, start):
    assert name in ufh("plot", "grid", f"--out={name}").out
    assert (ufh.folder / name).read_bytes().startswith(start)


def test_the_curves_are_means_of_the_step_functions(ufh, grid, axes):
    from ufh_cli.analyses.series import select
    from ufh_cli.figures.style import technique_name

    ufh("plot", "grid", "--kind=curves")
    drawn = {line.get_label(): line for line in axes().get_lines()}
    assert axes().get_xlabel().endswith("(points)")
    for one in select("grid", grid.parent):
        (line,) = [line for label, line in drawn.items() if label.partition(" (n")[0] == technique_name(one.technique)]
        assert "n = 4" in line.get_label()
        x, y = line.get_data()
        assert x[-1] == 120
        last = np.mean([curve.best_fitness[-1] for curve in one.curves.values()])
        assert np.isclose(y[-1], last, rtol=1e-12)
        for i in (100, 250):
            steps = [curve.best_fitness[curve.cost <= x[i]] for curve in one.curves.values()]
            assert np.isclose(y[i], np.mean([values[-1] for values in steps if values.size]), rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "column"), [("auc", "auc"), ("reevaluation", "reevaluated_fitness"), ("hits", "hit_fraction")]
)
def test_the_strips_have_a_point_a_trial(ufh, grid, axes, kind, column):
    from ufh_cli.analyses.series import select

    ufh("plot", "grid", f"--kind={kind}")
    clouds = [cloud.get_offsets() for cloud in axes().collections if len(cloud.get_offsets()) == 4]
    series = select("grid", grid.parent)[kind == "hits" :]  # without a cache nothing is ever hit
    assert len(clouds) == len(series)
    for place, (cloud, one) in enumerate(zip(clouds, series, strict=True)):
        assert sorted(cloud[:, 1]) == sorted(one.column(column))
        assert np.all(np.abs(cloud[:, 0] - place) < 0.5)
    labels = [label.get_text().split("\n")[0] for label in axes().get_xticklabels()]
    assert labels == ["baseline", "FEC", "FEC + FCM"][kind == "hits" :]


def test_several_results_in_one_figure(ufh, grid, axes):
    ufh("plot", "single", "grid:technique=none", "grid:technique=fec", "--kind=auc")
    labels = [label.get_text() for label in axes().get_xticklabels()]
    assert len(set(labels)) == 3
    assert (ufh.folder / "results" / "single" / "auc.png").exists()


def test_every_figure_carries_the_notice(ufh, grid):
    for kind in KINDS:
        ufh("plot", "grid", f"--kind={kind}", "--out=notice.svg")
        text = (ufh.folder / "notice.svg").read_text(encoding="utf-8")
        assert "a toy [not a benchmark]" in text


def test_cells_with_different_budgets_are_shown_to_the_end(ufh, axes):
    ufh("sweep", "polynomials", *SMALL[1:], "--over=budget.cost=40,160", "--trials=2", "--jobs=1", "--name=budgets")
    ufh("plot", "budgets")
    assert max(line.get_xdata().max() for line in axes().get_lines()) == 160


def test_a_budget_of_candidates_is_drawn_as_well(ufh, axes):
    ufh("run", "polynomials", *SMALL[1:], "--set=budget.candidates=30", "--trials=3", "--jobs=1", "--name=counted")
    ufh("plot", "counted")
    (line,) = [line for line in axes().get_lines() if "n = 3" in line.get_label()]
    assert np.isfinite(line.get_ydata()[-1])


def test_unseen_data_that_were_not_followed(odd):
    """No curve can be drawn of what was measured at the end only; that is said in one line."""
    odd("run", "arrayfitness", *SMALL, "--trials=2", "--jobs=1", "--name=not-followed", "--set=reevaluate=end")
    assert "unseen" in odd("plot", "not-followed", "--kind=test-curves", code=2).refusal()


@pytest.mark.parametrize("backend", ["nonsense", "module://matplotlib_inline.backend_inline", "tkagg"])
def test_what_a_notebook_draws_with_does_not_matter(ufh, grid, monkeypatch, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    assert "wrote " in ufh.process("plot", "grid", f"--out={backend[:3]}.png").out


def test_guidance_is_drawn_by_quarters(ufh, axes):
    asked = ("--set=guided.tries=4", "--set=guided.warmup=20", "--set=guided.refit=10")
    ufh(
        "sweep",
        "polynomials",
        *SMALL,
        "--over=technique=fec,fec+guided",
        *asked,
        "--trials=3",
        "--jobs=1",
        "--name=led",
    )
    ufh("plot", "led", "--kind=guidance")
    (line,) = [line for line in axes().get_lines() if len(line.get_xdata()) == 4]
    guided = [row for row in rows(ufh.folder / "results" / "led" / "trials.csv") if row["technique"] == "fec+guided"]
    shown = line.get_ydata()
    for quarter in range(4):
        found = np.array([float(row[f"online_auc_{quarter + 1}"]) for row in guided])
        if np.isfinite(found).all():
            assert shown[quarter] == pytest.approx(found.mean())
    ufh("run", "polynomials", *SMALL, "--trials=1", "--technique=fec", "--jobs=1", "--name=alone")
    assert "fec+guided" in ufh("plot", "alone", "--kind=guidance", code=2).refusal()
