"""Recommending settings of the hash; claims against results."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ufh_cli.analyses.calibrate import Setting, advice, default_sweep, measured, recommend
from ufh_cli.analyses.findings import find
from ufh_cli.analyses.report import write_report
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


def claims_file(path: Path, body: str) -> Path:
    path.write_text(f'title = "A test"\n{body}', encoding="utf-8")
    return path


FIGURE = """
[[figure]]
name = "one"
title = "The first"
run = ["ufh run dials"]
[[figure.claim]]
paper = "FEC answers most"
measure = "level"
quantity = "hit_fraction"
above = 0.01
series = ["one:technique=fec"]
"""


def test_a_report_has_a_row_a_claim_and_leaves_other_text_alone(experiment: Run, tmp_path: Path) -> None:
    experiment()
    claims, out = claims_file(tmp_path / "dials.toml", FIGURE), tmp_path / "README.md"
    out.write_text("# Results\n\nkept before\n", encoding="utf-8")
    write_report(claims, tmp_path, out)
    out.write_text(out.read_text(encoding="utf-8") + "\nkept after\n", encoding="utf-8")
    once = out.read_text(encoding="utf-8")
    write_report(claims, tmp_path, out)
    assert out.read_text(encoding="utf-8") == once
    assert once.startswith("# Results\n\nkept before\n")
    assert once.endswith("kept after\n")
    rows = [line for line in once.splitlines() if line.startswith("| FEC answers most")]
    assert len(rows) == 1
    assert rows[0].endswith("| yes |")
    assert "*a toy.*" in once


def test_the_numbers_are_those_of_the_results(experiment: Run, tmp_path: Path) -> None:
    fec = experiment()[1]
    finding = find({"measure": "level", "quantity": "hit_fraction", "series": ["one:technique=fec"]}, tmp_path)
    assert f"{fec.column('hit_fraction').mean():.4g}" in finding.measured
    assert "n = 4" in finding.measured


def test_verdicts_follow_the_tests(experiment: Run, tmp_path: Path) -> None:
    experiment("same", over=["hash.cost=0,1"], technique="none")  # the cost of a key that is never computed
    same = find({"measure": "between", "series": ["same"], "expect": "equal"}, tmp_path)
    assert same.agrees == "no difference found"
    assert find({"measure": "between", "series": ["same"], "expect": "higher"}, tmp_path).agrees == "cannot tell"
    # Keys so dear that the budget ends after a few candidates are worse, and a test of many pairs sees it.
    experiment("longer", over=["hash.cost=20,0.1"], technique="fec", trials=20)
    longer = {"measure": "between", "quantity": "best_fitness", "series": ["longer"]}
    assert find(longer, tmp_path).agrees == "yes"
    shorter = longer | {"series": ["longer:hash.cost=0.1", "longer:hash.cost=20"]}
    assert find(shorter, tmp_path).agrees == "no"
    assert find(shorter | {"expect": "not lower"}, tmp_path).agrees == "no"


def test_five_pairs_are_too_few_to_find_no_harm(experiment: Run, tmp_path: Path) -> None:
    """Even if all five agreed, p would be 2 / 2**5."""
    for trials, agrees in ((5, "cannot tell"), (6, "no harm found")):
        experiment(f"of-{trials}", over=["technique=none,fec"], trials=trials)
        claim = {"measure": "difference", "series": [f"of-{trials}"], "expect": "not lower"}
        assert find(claim, tmp_path).agrees == agrees


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "missing key figure"),
        ("figure = 3", "figure: input should be a valid list, got 3"),
        ("figure = [3]", "figure 1: input should be a valid dictionary, got 3"),
        ('[[figure]]\nname="a"\ntitle="b"\n', "figure a: missing key run"),
        ('[[figure]]\nname="a"\ntitle="b"\nrun=[]\nlok="c"\n', "figure a: unknown key lok; did you mean 'look'"),
        (FIGURE.replace('["ufh run dials"]', "3"), "figure one: run: input should be a valid list, got 3"),
        (FIGURE.replace('["ufh run dials"]', '"ufh run dials"'), "figure one: run: input should be a valid list"),
        (FIGURE.replace('["ufh run dials"]', "[3]"), r"figure one: run\.0: input should be a valid string, got 3"),
        *(
            (f"[[figure]]\nname = 'b'\ntitle = ''\nrun = []\n{key} = 3", f"figure b: {key}: input should be a valid")
            for key in ("look", "note", "table", "image", "claim")
        ),
        ("text = 3\n" + FIGURE, "text: input should be a valid string, got 3"),
        (FIGURE.replace('"level"', '"levle"'), "claims.toml: figure one: claim 1: .* did you mean 'level'"),
        (FIGURE.replace('"level"', '["level"]'), "figure one: claim 1: measure: input should be a valid string"),
        (
            FIGURE.replace('"level"', '"speed-up"').replace('quantity = "hit_fraction"\nabove', "high"),
            "argument: 'low'",
        ),
        (FIGURE.replace("above", "abowe"), "abowe"),
        (FIGURE.replace("0.01", '"much"'), "above must be a number, got 'much'"),
        (FIGURE.replace('"hit_fraction"', "true"), "quantity must be text, got True"),
        (FIGURE.replace('"hit_fraction"', '"hit_fractoin"'), "unknown quantity 'hit_fractoin'; did you mean 'hit_frac"),
        (FIGURE.replace('"hit_fraction"', '"status"'), "unknown quantity 'status'"),
        (FIGURE.replace('["one:technique=fec"]', '"one"'), "claim 1: series: input should be a valid list, got 'one'"),
        (FIGURE.replace('["one:technique=fec"]', "[]"), "claim 1: series: list should have at least 1 item"),
        (FIGURE.replace('["one:technique=fec"]', "[3]"), r"claim 1: series\.0: input should be a valid string, got 3"),
        (FIGURE.replace('series = ["one:technique=fec"]', ""), "claim 1: missing key series"),
        (FIGURE.replace("one:", "two:"), "figure one: claim 1: .*no results called 'two'"),
        (FIGURE.replace('paper = "FEC answers most"', ""), "figure one: claim 1: missing key paper"),
        ("[[", "cannot be read"),
    ],
)
def test_mistakes_in_claims_are_told(experiment: Run, tmp_path: Path, body: str, message: str) -> None:
    experiment(trials=2)
    with pytest.raises(InputError, match=message):
        write_report(claims_file(tmp_path / "claims.toml", body), tmp_path, tmp_path / "out.md")
    assert not (tmp_path / "out.md").exists()


def test_a_page_that_is_no_text_is_left_alone(experiment: Run, tmp_path: Path) -> None:
    experiment(trials=2)
    (out := tmp_path / "out.md").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"out\.md: cannot be read"):
        write_report(claims_file(tmp_path / "claims.toml", FIGURE), tmp_path, out)
    assert out.read_bytes() == b"\xff\xfe"


def test_a_fault_in_a_measurement_is_not_taken_for_one_in_the_claim(
    experiment: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment(trials=2)

    def faulty(*_: object) -> None:
        raise TypeError("of the measurement")

    monkeypatch.setattr(Series, "column", faulty)
    with pytest.raises(TypeError, match=r"^of the measurement$"):
        find({"measure": "level", "quantity": "auc", "series": ["one"]}, tmp_path)


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
