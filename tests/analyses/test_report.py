"""Claims against results: verdicts, pages, what is kept of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import ufh_cli
from ufh_cli.analyses.compare import compare, holm
from ufh_cli.analyses.findings import find
from ufh_cli.analyses.report import write_report, write_reports
from ufh_cli.analyses.series import Series, select_all
from ufh_cli.configuration.errors import InputError

Run = Callable[..., list[Series]]


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
    assert finding.trials == "4"


def test_verdicts_follow_the_tests(experiment: Run, tmp_path: Path) -> None:
    experiment("same", over=["hash.cost=0,1"], technique="none", trials=6)  # the cost of a key that is never computed
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
    assert find(shorter | {"expect": "equal"}, tmp_path).agrees == "no"


def test_unequal_budgets_are_compared_only_where_the_claim_says_so(experiment: Run, tmp_path: Path) -> None:
    for name, cost in (("short", 20.0), ("long", 300.0)):
        experiment(name, over=["technique=fec"], trials=20, budget={"cost": cost})
    claim = {"measure": "between", "quantity": "best_fitness", "series": ["short", "long"]}
    with pytest.raises(InputError, match="different budgets"):
        find(claim, tmp_path)
    found = find(claim | {"budgets": "any"}, tmp_path)
    assert found.agrees == "yes"
    assert "fec (short), cost 20 → fec (long), cost 300:" in found.measured
    with pytest.raises(InputError, match="auc is of a budget"):
        find(claim | {"budgets": "any", "quantity": "auc"}, tmp_path)
    with pytest.raises(InputError, match="budgets must be 'equal' or 'any', got 'all'"):
        find(claim | {"budgets": "all"}, tmp_path)


def test_several_pairs_of_one_claim_are_adjusted_after_holm(experiment: Run, tmp_path: Path) -> None:
    experiment("costs", over=["hash.cost=20,3,0.1"], technique="fec", trials=12)
    pairs = [("costs:hash.cost=20", "costs:hash.cost=0.1"), ("costs:hash.cost=3", "costs:hash.cost=0.1")]
    raw = [compare(*select_all(pair, tmp_path), quantities=("auc",))[0].p_value for pair in pairs]
    together = find({"measure": "between", "series": [name for pair in pairs for name in pair]}, tmp_path)
    for p_value in holm(raw):
        assert f"p = {p_value:.1g})" in together.measured
    assert holm(raw) != raw
    assert together.agrees == "yes"
    with pytest.raises(InputError, match="of pairs of series, got 3"):
        find({"measure": "between", "series": ["costs"]}, tmp_path)


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
        (FIGURE + FIGURE, "figure one: two figures have this name"),
        (FIGURE.replace("ufh run dials", "ufh run 'dials"), "figure one: run: No closing quotation"),
        (FIGURE.replace("ufh run dials", "ufh run dials --name one --seed 5"), "has the seed 0, but the claims are of"),
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


# ---- what is kept ----


PLANNED = FIGURE.replace("ufh run dials", "ufh sweep dials --over technique=none,fec --name one")
DIFFERENCE = PLANNED.replace('"level"', '"difference"').replace("above = 0.01\n", "")
DIFFERENCE = DIFFERENCE.replace('"hit_fraction"', '"auc"').replace("one:technique=fec", "one")


def page(folder: Path, body: str, name: str = "dials") -> str:
    """The page that `body` becomes."""
    write_report(claims_file(folder / f"{name}.toml", body), folder, out := folder / f"{name}.md")
    return out.read_text(encoding="utf-8")


def test_a_page_stays_as_it_was_when_the_results_are_gone(experiment: Run, tmp_path: Path) -> None:
    experiment()
    once = page(tmp_path, DIFFERENCE)
    shutil.rmtree(tmp_path / "one")
    assert page(tmp_path, DIFFERENCE) == once
    reworded = page(tmp_path, DIFFERENCE.replace("FEC answers most", "FEC is better"))
    assert reworded == once.replace("FEC answers most", "FEC is better")
    other = page(tmp_path, DIFFERENCE.replace('"auc"', '"best_fitness"'))  # which was never measured
    assert "| FEC answers most | not finished yet | – | – |" in other


def test_trials_that_are_not_run_or_not_finished_have_no_verdict(experiment: Run, tmp_path: Path) -> None:
    assert "| FEC answers most | not finished yet | – | – |" in page(tmp_path, PLANNED)
    experiment(trials=2)
    more = PLANNED.replace("--name one", "--trials 3 --name=one")
    assert "| FEC answers most | unfinished: 4 of 6 trials | – | – |" in page(tmp_path, more)
    experiment(trials=3)
    assert "| 3 | yes |" in (measured := page(tmp_path, more))
    # What was measured of all trials is not given up for a part of others.
    shutil.rmtree(tmp_path / "one")
    experiment(trials=2, seed=9)
    assert page(tmp_path, more) == measured


def test_figures_and_tables_are_shown_once_they_are_made(tmp_path: Path) -> None:
    shown = PLANNED.replace("run =", 'image = "one.png"\ntable = "one.csv"\nrun =')
    assert "one.png" not in page(tmp_path, shown)
    (tmp_path / "one.png").touch()
    (tmp_path / "one.csv").write_text("bits,keys\n1,2\n", encoding="utf-8")
    text = page(tmp_path, shown)
    assert "![The first](one.png)" in text
    assert "| bits | keys |\n| --- | --- |\n| 1 | 2 |\n" in text


def test_a_sweep_that_has_not_reached_a_cell_is_not_finished(experiment: Run, tmp_path: Path) -> None:
    experiment()
    trials = tmp_path / "one" / "trials.csv"
    lines = trials.read_text(encoding="utf-8").splitlines(keepends=True)
    trials.write_text("".join(line for line in lines if not line.startswith("fec,")), encoding="utf-8")
    assert "| FEC answers most | not finished yet | – | – |" in page(tmp_path, PLANNED)
    assert "| FEC answers most | unfinished: 4 of 8 trials | – | – |" in page(tmp_path, DIFFERENCE)


def test_the_page_has_all_quantities_of_what_is_compared(experiment: Run, tmp_path: Path) -> None:
    none, fec = experiment(trials=6, reevaluate="improvements")
    text = page(tmp_path, DIFFERENCE)
    (heading,) = (line for line in text.splitlines() if line.startswith("| technique | trials"))
    for quantity in ("AUC", "re-evaluated AUC", "final", "re-evaluated final", "candidates", "hits"):
        assert quantity in heading.strip("| ").split(" | ")
    (row,) = (line for line in text.splitlines() if line.startswith("| fec | 6 |"))
    assert f"{fec.column('reevaluated_auc').mean():.5f}" in row
    found = compare(none, fec)
    assert [one.quantity for one in found] == ["auc", "reevaluated_auc", "best_fitness", "reevaluated_fitness"]
    for name, one in zip(("AUC", "re-evaluated AUC", "final", "re-evaluated final"), found, strict=True):
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {name} | fec |"))
        assert f"| {one.difference:.5g} |" in row


@pytest.mark.parametrize("text", ["{", "[]", '{"figures": {"one": {}}}', '{"figures": 3}', "\udcff"])
def test_what_is_kept_is_checked(experiment: Run, tmp_path: Path, text: str) -> None:
    experiment(trials=2)
    (tmp_path / "dials.json").write_bytes(content := text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"dials\.json: not the verdicts that ufh report keeps"):
        page(tmp_path, FIGURE)
    assert (tmp_path / "dials.json").read_bytes() == content


# ---- the page of all verdicts ----


def test_all_verdicts_are_on_one_page(experiment: Run, tmp_path: Path) -> None:
    experiment()
    claims_file(tmp_path / "b.toml", FIGURE)
    (tmp_path / "README.md").write_text("# Verdicts\n\nbefore\n", encoding="utf-8")
    assert write_reports(tmp_path, tmp_path) == [tmp_path / "b.md", tmp_path / "README.md"]
    claims_file(tmp_path / "a.toml", PLANNED.replace("one", "two").replace("The first", "2: the second"))
    pages = write_reports(tmp_path, tmp_path)
    assert [one.name for one in pages] == ["a.md", "b.md", "README.md"]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Verdicts\n\nbefore\n")
    rows = [line for line in text.splitlines() if line.startswith("| [")]
    assert rows[0] == "| [FEC answers most](a.md#2-the-second) | [dials](a.md) | not finished yet | – | – |"
    assert rows[1].startswith("| [FEC answers most](b.md#the-first) | [dials](b.md) | hit_fraction of fec: ")
    assert rows[1].endswith(" | 4 | yes |")
    assert len(rows) == 2
    assert "*dials: a toy.*" in text


def test_a_verdict_is_of_the_setup_of_its_own_commands(tmp_path: Path) -> None:
    """On a page of several setups; where a figure has no command of one, it is the page's."""
    lines = {"a": "ufh run dials --name a", "b": "ufh run levers --name b", "c": "ufh plot a --kind auc"}
    body = ""
    for name, line in lines.items():
        body += f'[[figure]]\nname = "{name}"\ntitle = "{name}"\nrun = ["{line}"]\n'
        body += '[[figure.claim]]\npaper = "It hits"\nmeasure = "level"\nseries = ["a"]\n'
    claims_file(tmp_path / "both.toml", body)
    write_reports(tmp_path, tmp_path)
    rows = [row.split(" | ") for row in (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()]
    setups = [row[1] for row in rows if row[0].startswith("| [It hits]")]
    assert setups == ["[dials](both.md)", "[levers](both.md)", "[dials](both.md)"]


def test_a_folder_without_claims_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of claims"):
        write_reports(tmp_path, tmp_path)


def test_our_own_pages_are_what_their_claims_and_what_is_kept_make(tmp_path: Path) -> None:
    """No number in them is typed by hand, and none is of other claims than those beside it."""
    ours = Path(ufh_cli.__file__).parents[1] / "results"
    files = [path for path in ours.iterdir() if path.is_file()]
    for path in files:
        shutil.copy(path, tmp_path)
    shutil.copytree(ours / "figures", tmp_path / "figures")
    write_reports(tmp_path, tmp_path)
    for path in files:
        again = (tmp_path / path.name).read_text(encoding="utf-8")
        assert again == path.read_text(encoding="utf-8"), f"{path.name}: run ufh report results"
