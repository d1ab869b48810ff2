"""Every kind of figure is drawn from results that fit it, and refuses those that do not."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ufh_cli.analyses.rerun import rerun
from ufh_cli.analyses.series import MIDWAY, Series
from ufh_cli.commands.cli import app
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.schema import config_directory, read_config
from ufh_cli.figures.distribution import evaluations_of_best
from ufh_cli.figures.hits import hits_along
from ufh_cli.figures.kinds import KINDS
from ufh_cli.figures.redundancy import along
from ufh_cli.figures.response import swept_number
from ufh_cli.figures.style import figure

Run = Callable[..., list[Series]]
CONFIGS = sorted((config_directory() / "figures").glob("*.toml"))
OVER = ["hash.cost=0.1,1", "technique=none,fec"]
# Of results with several objectives, or of a guided search: drawn in the tests of those.
OTHERS = {"front", "recurrence", "guidance"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OTHERS])
def test_every_kind_is_drawn(experiment: Run, tmp_path: Path, kind: str) -> None:
    series = experiment(over=OVER, trials=3, options={"noise": 0.1})
    KINDS[kind](series, tmp_path / "figure.png")
    data = (tmp_path / "figure.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 5000


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OTHERS])
def test_one_trial_is_enough_to_draw(experiment: Run, tmp_path: Path, kind: str) -> None:
    KINDS[kind](experiment(over=OVER, trials=1), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OTHERS])
def test_results_without_a_candidate_are_refused_in_one_line(experiment: Run, tmp_path: Path, kind: str) -> None:
    """The budget ends before the first evaluation does."""
    series = experiment("tiny", over=OVER, trials=2, budget={"cost": 0.05})
    with pytest.raises(InputError, match=r"^tiny:hash\.cost=0\.1,technique=none: no trial finished a candidate"):
        KINDS[kind](series, tmp_path / "figure.png")
    with pytest.raises(InputError, match=r"^one: no trial finished a candidate within its budget$"):
        KINDS[kind](experiment(over=[], trials=2, budget={"cost": 0.05}), tmp_path / "figure.png")
    assert not (tmp_path / "figure.png").exists()


def test_a_mistake_in_the_drawing_is_not_taken_for_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^of the drawing$") as caught, figure(tmp_path / "a.png", ""):
        raise ValueError("of the drawing")
    assert not isinstance(caught.value, InputError)
    with pytest.raises(InputError, match="cannot be written"), figure(tmp_path / "a.nonsense", ""):
        pass


@pytest.mark.parametrize("kind", ["scatter", "against-baseline"])
def test_kinds_that_want_a_baseline_say_so(experiment: Run, tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match="baseline"):
        KINDS[kind](experiment(over=["technique=fec"], trials=1), tmp_path / "figure.png")


@pytest.mark.parametrize(("techniques", "words"), [("none,fec", "with FEC"), ("none,fec,fcm", "with a technique")])
def test_a_scatter_says_what_is_above_the_line(experiment: Run, tmp_path: Path, techniques: str, words: str) -> None:
    series = experiment(over=[f"technique={techniques}", "search.tournament_size=2,3"], trials=2)
    KINDS["scatter"](series, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert f"<!-- mean AUC {words} -->" in text
    assert ("<!-- FCM, tournament size = 3 -->" in text) == ("fcm" in techniques)


def test_a_response_wants_one_swept_number(experiment: Run) -> None:
    assert swept_number(experiment("a", over=OVER, trials=1)) == "hash.cost"
    with pytest.raises(InputError, match="there is none"):
        swept_number(experiment("b", trials=1))
    with pytest.raises(InputError, match="several"):
        swept_number(experiment("c", over=["hash.cost=1,2", "search.tournament_size=2,3"], trials=1))


def test_the_hit_fraction_along_a_search_ends_where_the_record_does(experiment: Run) -> None:
    fec = experiment(trials=2)[1]
    for row in fec.trials:
        along = hits_along(fec, row, np.array([1.0, row["cost"]]))
        assert along[1] == pytest.approx(1 - row["evaluations"] / row["candidates"])
        assert 0.0 <= along[0] <= along[1] < 1.0


def test_hits_and_redundancy_are_told_of_every_candidate(experiment: Run) -> None:
    none, fec = experiment(trials=2)
    for one in (none, fec):
        for row in one.trials:
            run = rerun(one, row["trial"])
            hits, redundant = along(run)
            assert hits.sum() == row["cache_hits"]
            assert len(hits) == len(redundant) == row["candidates"]
            assert set(redundant) == {1 / 6}
            if one is fec:
                behaviours = [tuple(sorted(individual.candidate[:5])) for individual in run.individuals]
                assert [b in behaviours[:i] for i, b in enumerate(behaviours)] == hits.astype(bool).tolist()


def test_a_setup_that_tells_no_redundancy_is_refused(experiment: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("dials_for_tests.Dials.redundancy", lambda self, candidate: float("nan"))
    with pytest.raises(InputError, match="the setup dials does not tell what of a candidate is redundant"):
        KINDS["redundancy"](experiment(), tmp_path / "figure.png")


def test_evaluations_of_one_candidate_show_the_noise(experiment: Run) -> None:
    noisy = experiment("noisy", options={"noise": 0.25})[0]
    fitness = evaluations_of_best(noisy, 400)
    assert fitness.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.15)
    assert evaluations_of_best(experiment("quiet")[0], 5).std() == 0.0


def test_the_numbers_behind_a_figure_are_written_beside_it(experiment: Run, tmp_path: Path) -> None:
    experiment(over=OVER)
    out, table = tmp_path / "a.png", tmp_path / "a.csv"
    command = ["plot", "one", "--kind", "scatter", "--results", str(tmp_path), "--out", str(out), "--table", str(table)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert len(table.read_text(encoding="utf-8").splitlines()) == 5


def test_several_techniques_are_compared_with_their_baselines(experiment: Run, tmp_path: Path) -> None:
    experiment(over=["technique=none,fec,fcm"])
    result = CliRunner().invoke(app, ["compare", "one", "--results", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.output.count("reevaluated_fitness") == 2
    assert "Holm" in result.output


def test_the_other_commands_run(experiment: Run, tmp_path: Path) -> None:
    experiment()
    where = ["--results", str(tmp_path)]
    commands = [
        ["speedup", "one", *where, "--table", str(tmp_path / "s.csv")],
        ["equivalents", "one:technique=fec", "--trials", "2", *where, "--table", str(tmp_path / "e.csv")],
        ["collisions", "dials", "--models", "50", "--out", str(tmp_path / "c.png"), "--table", str(tmp_path / "c.csv")],
    ]
    for command in commands:
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.glob("*.csv")} == {"s.csv", "e.csv", "c.csv"}
    assert (tmp_path / "one" / "equivalents.png").exists()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_figures_configurations_say_how_they_are_run(path: Path) -> None:
    tables, source = read_config("nasbench", path.stem)
    assert source == path.name
    assert tables == tomllib.loads(path.read_text(encoding="utf-8"))
    assert f"--config {path.stem}" in path.read_text(encoding="utf-8")


def test_every_figure_of_the_report_can_be_made() -> None:
    """Commands in the claims name configurations that exist."""
    known = {path.stem for path in CONFIGS}
    claims = Path(__file__).parents[2] / "results" / "nasbench.toml"
    words = [
        line.split() for figure in tomllib.loads(claims.read_text(encoding="utf-8"))["figure"] for line in figure["run"]
    ]
    used = {line[line.index("--config") + 1] for line in words if "--config" in line}
    assert used <= known
    assert used >= {path.stem for path in CONFIGS if path.stem.startswith("fig")}


def test_unseen_data_at_half_the_budget_are_those_of_the_best_at_that_time(experiment: Run) -> None:
    for one in experiment(budget={"cost": 60.0}):
        half = one.column(MIDWAY)
        for value, number in zip(half, one.numbers, strict=True):
            curve = one.curves[number]
            early = curve.test_fitness[curve.cost <= 30.0]
            assert value == early[-1]
        late = [curve.cost[-1] > 30.0 for curve in one.curves.values()]
        assert any(late), "no trial improved in its second half, so that nothing was tested"


def test_trials_that_found_nothing_have_nothing_at_half_the_budget(experiment: Run, tmp_path: Path) -> None:
    series = experiment(over=["technique=none"], trials=12, budget={"cost": 2.5})
    found = np.isfinite(series[0].column("best_fitness"))
    assert 0 < found.sum() < 12
    assert not np.isfinite(series[0].column(MIDWAY)[~found]).any()
    KINDS["midway-reevaluation"](series, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_half_the_budget_needs_unseen_data_to_be_followed(experiment: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="reevaluate=improvements"):
        KINDS["midway-reevaluation"](experiment(reevaluate="end"), tmp_path / "figure.png")


def test_a_setup_that_does_not_learn_has_no_learning_curve(experiment: Run, tmp_path: Path, monkeypatch) -> None:
    series = experiment(trials=1)
    monkeypatch.setattr("ufh_cli.core.setup.Setup.learning_curves", lambda *_: None)
    monkeypatch.delattr(sys.modules["dials_for_tests"].Dials, "learning_curves")
    with pytest.raises(InputError, match=r"^one: .* no learning curve"):
        KINDS["learning"](series, tmp_path / "figure.png")


def test_the_best_candidate_is_exported(experiment: Run, tmp_path: Path) -> None:
    series = experiment()
    best = max((one.best() for one in series), key=lambda entry: entry["fitness"])
    out = tmp_path / "best.txt"
    command = ["export", "dials", "one", "--results", str(tmp_path), "--out"]
    result = CliRunner().invoke(app, [*command, str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8") == best["description"]
    assert best["details"].startswith("sum of digits: ")
    refused = CliRunner().invoke(app, [*command, str(tmp_path / "best.doc")])
    assert isinstance(refused.exception, InputError)
    assert ".doc" in str(refused.exception)
    other = CliRunner().invoke(app, ["export", "counted", *command[2:], str(out)])
    assert "is of the setup dials" in str(other.exception)
