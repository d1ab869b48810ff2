"""Which series is whose baseline, how much sooner a technique is as good, and tests of several claims at once."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from ufh_cli.analyses.baseline import condition_label, key_words, with_baselines
from ufh_cli.analyses.compare import holm
from ufh_cli.analyses.findings import speed_between
from ufh_cli.analyses.rows import difference_rows, summary_rows, write_rows
from ufh_cli.analyses.series import Series
from ufh_cli.analyses.speedup import speed_up
from ufh_cli.commands.cli import app
from ufh_cli.configuration.errors import InputError
from ufh_cli.records.curves import Curve


def made(technique: str, curves: list[list[tuple[float, float]]], *, seed: int = 0, budget: float = 100.0) -> Series:
    """A series with these time-courses, each a list of (cost, best fitness)."""
    results = SimpleNamespace(
        experiment={"seed": seed, "budget": {"cost": budget}, "setup": "x"},
        path=Path(technique),
        name=technique,
        notice="",
    )
    trials = [{"trial": i, "cost": budget, "best_fitness": curve[-1][1]} for i, curve in enumerate(curves)]
    courses = {}
    for i, curve in enumerate(curves):
        cost, best = np.array(curve).T
        courses[i] = Curve(cost, np.arange(len(cost)), np.arange(len(cost)), best, np.full(len(cost), np.nan))
    return Series(technique, {"technique": technique}, trials, courses, results)  # type: ignore[arg-type]


def test_each_technique_finds_the_baseline_of_its_own_condition(experiment: Callable[..., list[Series]]) -> None:
    series = experiment(over=["search.tournament_size=2,4", "technique=none,fec,fcm"], trials=1)
    pairs = with_baselines(series)
    assert len(pairs) == 4
    for baseline, one in pairs:
        assert baseline.technique == "none"
        assert one.technique in ("fec", "fcm")
        assert baseline.swept["search.tournament_size"] == one.swept["search.tournament_size"]


def test_a_baseline_may_be_in_another_result_but_the_own_one_comes_first(
    experiment: Callable[..., list[Series]],
) -> None:
    first = experiment("first", trials=1)
    second = experiment("second", over=["technique=fcm"], trials=1)
    third = experiment("third", over=["technique=none,fec"], trials=1)
    assert [b.results.name for b, _ in with_baselines(first + second)] == ["first", "first"]
    assert [b.results.name for b, _ in with_baselines(first + third)] == ["first", "third"]


def test_series_without_a_baseline_are_refused(experiment: Callable[..., list[Series]]) -> None:
    with pytest.raises(InputError, match="baseline"):
        with_baselines(experiment(over=["technique=fec,fcm"], trials=1))


def test_a_baseline_has_the_same_budget_and_data(experiment: Callable[..., list[Series]]) -> None:
    fec = experiment("first", over=["technique=fec"], trials=1)
    longer = experiment("longer", over=["technique=none"], trials=1, budget={"cost": 200.0})
    with pytest.raises(InputError, match=r"different budgets: budget\.cost: 200 and 150"):
        with_baselines(fec + longer)
    other = experiment("other", over=["technique=none"], trials=1)
    other[0].results.experiment["provenance"]["data"] = "other dials"
    with pytest.raises(InputError, match="different data: other dials and dials"):
        with_baselines(fec + other)
    same = experiment("same", over=["technique=none"], trials=1)
    assert with_baselines(fec + longer + other + same) == [(same[0], fec[0])]


def test_labels_say_what_differs(experiment: Callable[..., list[Series]]) -> None:
    series = experiment(over=["hash.cost=1,2", "technique=fec"], trials=1)
    assert [condition_label(one) for one in series] == ["hash cost = 1", "hash cost = 2"]
    assert key_words("search.population_size") == "population size"


def test_a_technique_twice_as_fast_has_a_speed_up_of_two() -> None:
    ramp = [[(10.0 * k, k / 10 + 0.01 * i) for k in range(1, 11)] for i in range(6)]
    fast = [[(cost / 2, fitness) for cost, fitness in curve] for curve in ramp]
    found = speed_up((made("none", ramp), made("fec", fast)))
    assert found.factor == pytest.approx(2.0, abs=0.01)
    assert found.cost == pytest.approx(50.0, abs=0.2)
    assert found.low == pytest.approx(2.0, abs=0.01)
    assert found.high == pytest.approx(2.0, abs=0.01)
    assert found.median_trial == pytest.approx(2.0, abs=0.01)
    assert (found.reached, found.trials) == (6, 6)


@pytest.mark.parametrize("span", ["100", "none"])
def test_a_swept_budget_is_the_span_of_its_own_trials(span: str) -> None:
    """The experiment's file has that of the first cell."""
    ramp = [[(10.0 * k, k / 10 + 0.01 * i) for k in range(1, 11)] for i in range(6)]
    fast = [[(cost / 2, fitness) for cost, fitness in curve] for curve in ramp]
    pair = (made("none", ramp), made("fec", fast))
    for one in pair:
        one.swept["budget.cost"] = span
        one.results.experiment["budget"]["cost"] = 50.0
    found = speed_up(pair)
    assert found.factor == pytest.approx(2.0, abs=0.01)
    assert found.cost == pytest.approx(50.0, abs=0.2)


def test_a_technique_that_never_gets_there_has_no_speed_up() -> None:
    good = [[(10.0, 0.5), (50.0, 1.0 + 0.01 * i)] for i in range(5)]
    poor = [[(10.0, 0.5)] for _ in range(5)]
    found = speed_up((made("none", good), made("fec", poor)))
    assert np.isnan(found.factor)
    assert found.cost == np.inf
    assert (found.low, found.high, found.median_trial, found.reached) == (0.0, 0.0, 0.0, 0)


def test_the_interval_widens_with_the_spread_of_trials_and_holds_the_factor() -> None:
    rng = np.random.default_rng(0)
    base = [[(1.0, 0.0), (100.0, 1.0)] for _ in range(30)]
    fast = [[(1.0, 0.0)] + [(c, 1.1) for c in [rng.uniform(20, 80)]] for _ in range(30)]
    found = speed_up((made("none", base), made("fec", fast)))
    assert 1.0 < found.low < found.factor < found.high


def test_a_speed_up_whose_interval_is_not_above_one_is_told_from_none_only_where_less_was_expected() -> None:
    base = [[(1.0, 0.0), (100.0, 1.0)] for _ in range(10)]
    uneven = [[(1.0, 0.0), (50.0, 1.4 if i % 2 else 0.65)] for i in range(10)]  # now far above, now short of it
    pair = [made("none", base), made("fec", uneven)]
    found = speed_up((pair[0], pair[1]))
    assert found.low < 1.0 < found.factor < 4.0
    assert speed_between(pair, low=1.0, high=4.0).agrees == "cannot tell"
    assert speed_between(pair, low=0.5, high=4.0).agrees == "yes"
    assert speed_between(pair, low=50.0, high=60.0).agrees == "no"
    even = [pair[0], made("fec", [[(1.0, 0.0), (50.0, 1.4)] for _ in range(10)])]
    assert speed_between(even, low=1.0, high=4.0).agrees == "yes"


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_a_speed_up_wants_trials_and_one_budget(seeds: tuple[int, int]) -> None:
    curve = [[(10.0, 0.5)]]
    with pytest.raises(InputError, match="two finished trials"):
        speed_up((made("none", curve, seed=seeds[0]), made("fec", curve, seed=seeds[1])))
    with pytest.raises(InputError, match="same budget"):
        speed_up((made("none", curve * 2), made("fec", curve * 2, budget=50.0)))


def test_holm_is_right_on_an_example_and_never_below_the_raw_value() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_tables_hold_the_means_and_read_back(experiment: Callable[..., list[Series]], tmp_path: Path) -> None:
    series = experiment()
    rows = summary_rows(series)
    assert [row["technique"] for row in rows] == ["none", "fec"]
    assert rows[0]["mean auc"] == pytest.approx(series[0].column("auc").mean())
    assert rows[1]["total cache_hits"] == series[1].column("cache_hits").sum() > 0
    write_rows(rows, tmp_path / "deep" / "table.csv")
    with (tmp_path / "deep" / "table.csv").open(encoding="utf-8") as file:
        back = list(csv.DictReader(file))
    assert float(back[1]["mean hit_fraction"]) == pytest.approx(rows[1]["mean hit_fraction"], rel=1e-5)


def test_differences_are_adjusted_within_a_quantity(experiment: Callable[..., list[Series]]) -> None:
    rows = difference_rows(with_baselines(experiment(over=["technique=none,fec,fcm,tabulist"])))
    for quantity in ("auc", "best_fitness"):
        chosen = [row for row in rows if row["quantity"] == quantity]
        assert [row["p (Holm)"] for row in chosen] == pytest.approx(holm([row["p"] for row in chosen]))
        assert len(chosen) == 3


@pytest.mark.parametrize("techniques", ["none,fec", "none,fec,fcm"])
def test_trials_that_found_nothing_are_not_compared(
    experiment: Callable[..., list[Series]], tmp_path: Path, techniques: str
) -> None:
    """The budget ends before the first evaluation does."""
    experiment(over=[f"technique={techniques}"], trials=3, budget={"cost": 0.05})
    result = CliRunner().invoke(app, ["compare", "one", "--results", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith("nothing to compare: ")
    assert result.output == ""


def test_the_reevaluated_auc_follows_the_incumbents_on_unseen_data() -> None:
    """Falling values count as they are: unlike the best so far, what is measured again may sink."""
    one = made("none", [[(10.0, 1.0), (50.0, 3.0)], [(20.0, 2.0)], [(20.0, 2.0)]])
    for number, values in enumerate([[2.0, 1.0], [0.5], [math.nan]]):
        one.curves[number].test_fitness[:] = values
    np.testing.assert_array_equal(one.column("reevaluated_auc"), [1.5, 0.5, np.nan])
