"""Recommending settings of the hash."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from ufh_cli.analyses.calibrate import Setting, advice, default_sweep, measured, recommend
from ufh_cli.analyses.series import Series
from ufh_cli.commands.cli import app
from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import load_setup
from ufh_cli.configuration.schema import make_config

Run = Callable[..., list[Series]]


def setting(bits: int, collisions: int, hits: int, cost: float = 1.0, comparisons: int = 1000) -> Setting:
    return Setting({"hash.mantissa_bits": str(bits)}, abs(bits - 26), cost, 2000, hits, comparisons, collisions)


def recommended_bits(settings: list[Setting]) -> int:
    found = recommend(settings)
    assert found is not None
    return int(found.swept["hash.mantissa_bits"])


def test_few_collisions_come_before_many_hits() -> None:
    assert recommended_bits([setting(2, 300, 1900), setting(26, 0, 1000)]) == 26


def test_of_equal_collision_rates_the_one_with_more_hits_wins() -> None:
    assert recommended_bits([setting(20, 0, 1000), setting(26, 0, 500), setting(52, 0, 300)]) == 20


def test_of_equal_rates_the_cheaper_hash_and_then_the_middle_precision_wins() -> None:
    assert recommended_bits([setting(26, 0, 1000, cost=2.0), setting(40, 1, 1001), setting(30, 0, 999)]) == 30


def test_without_hits_nothing_is_recommended() -> None:
    settings = [setting(26, 0, 0, comparisons=0)]
    assert recommend(settings) is None
    assert "nothing can be said" in advice(settings, None)


def test_rates_and_intervals() -> None:
    one = setting(5, 10, 500)
    assert one.collision_rate == 0.01
    assert one.collision_interval[0] < 0.01 < one.collision_interval[1]
    assert one.hit_interval[0] < 0.25 < one.hit_interval[1]


def test_noise_is_warned_of() -> None:
    settings = [setting(26, 900, 1000)]
    assert "warning" in advice(settings, recommend(settings))


def test_what_is_tried_covers_the_precision_and_the_examples() -> None:
    config = make_config({"setup": "dials", "options": {"hash_examples": 4}}, "test")
    over = default_sweep(load_setup("dials")(), config)
    assert over == {"hash.mantissa_bits": ["2", "6", "18", "52"], "options.hash_examples": ["2", "4", "8"]}


def test_decimals_are_tried_where_they_are_what_is_configured() -> None:
    config = make_config({"setup": "dials", "hash": {"decimals": 4}}, "test")
    over = default_sweep(load_setup("dials")(), config)
    assert list(over) == ["hash.decimals", "options.hash_examples"]
    assert over["hash.decimals"] == ["1", "2", "4", "6", "15"]  # a float64 has 15


def test_the_middle_of_the_precision_is_that_of_what_is_hashed(experiment: Run) -> None:
    common = {"technique": "fec", "trials": 1, "budget": {"candidates": 5}}
    bits = experiment("bits", over=["hash.mantissa_bits=none,20,52"], **common)
    assert [one.off_middle for one in measured(bits)] == [0, 6, 26]
    decimals = experiment("decimals", over=["hash.decimals=2,7,15"], **common)
    assert [one.off_middle for one in measured(decimals)] == [5, 0, 8]


def test_the_command_recommends_decimals_and_refuses_structural_keys(tmp_path: Path) -> None:
    command = ["calibrate", "dials", "--results", str(tmp_path), "--candidates", "60", "--trials", "1", "--jobs", "1"]
    result = CliRunner().invoke(app, [*command, "--set", "hash.decimals=4"])
    assert result.exit_code == 0, result.output
    assert "recommended: decimals " in result.output
    refused = CliRunner().invoke(app, [*command, "--set", "hash.kind=structural", "--name", "other"])
    assert isinstance(refused.exception, InputError)
    assert "hash.kind=functional" in str(refused.exception)
    assert not (tmp_path / "other").exists()


def test_the_command_finds_that_fewer_examples_collide(tmp_path: Path) -> None:
    command = ["calibrate", "dials", "--results", str(tmp_path), "--candidates", "150", "--trials", "2", "--jobs", "1"]
    result = CliRunner().invoke(
        app, [*command, "--over", "options.hash_examples=1,5", "--set", "hash.mantissa_bits=30"]
    )
    assert result.exit_code == 0, result.output
    assert "recommended: hash examples 5" in result.output
    assert (tmp_path / "calibrate-dials" / "calibration.png").stat().st_size > 5000


def test_where_the_rate_does_not_fall_with_the_precision_the_hash_is_not_to_blame() -> None:
    flat = [setting(bits, 8, 900) for bits in (2, 8, 26, 52)]
    assert "does not fall with the precision" in advice(flat, recommend(flat))
    for falling in ([setting(2, 40, 900), setting(52, 5, 900)], [setting(2, 8, 900), setting(52, 0, 900)]):
        assert "does not fall" not in advice(falling, recommend(falling))


def test_last_digits_are_no_wrong_hits(tmp_path: Path) -> None:
    """Noise far below what a fitness is, as of sums in another order."""
    command = ["calibrate", "dials", "--candidates=200", "--trials=2", "--jobs=1", "--results", str(tmp_path)]
    rates = []
    for number, noise in enumerate(("1e-14", "1e-3")):
        table = tmp_path / f"{number}.csv"
        words = [*command, f"--name=n{number}", "--over=hash.mantissa_bits=26", "--table", str(table)]
        result = CliRunner().invoke(app, [*words, f"--set=options.noise={noise}"])
        assert result.exit_code == 0, result.output
        with table.open() as file:
            rates += [float(row["collision rate"]) for row in csv.DictReader(file)]
    assert rates[0] == 0.0
    assert rates[1] > 0.5
