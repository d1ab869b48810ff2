"""`--technique guided` from the command line: its columns, its keys, and what is refused."""

import pytest
from ufh_command import SMALL, contents, rows

ASKED = ("--set=guided.tries=4", "--set=guided.warmup=20", "--set=guided.refit=10")
COLUMNS = ("predictions", "rejected", "asked", "at_once", "skipped", "children", "online_auc_4", "model_seconds")


def test_a_sweep_counts_what_the_model_did(ufh):
    sweep = ("sweep", "polynomials", *SMALL, "--over=technique=fec,fec+guided", "--trials=2", *ASKED)
    ufh(*sweep, "--jobs=1", "--name=guided")
    path = ufh.folder / "results" / "guided"
    plain, guided = ([row for row in rows(path / "trials.csv") if row["technique"] == t] for t in ("fec", "fec+guided"))
    for row in guided:
        assert int(row["predictions"]) >= int(row["asked"]) > 0
        assert 0 < int(row["children"]) <= int(row["evaluations"])
        assert 0.0 < float(row["better_share"]) < 1.0
        assert 0.0 <= float(row["online_auc"]) <= 1.0
        assert 0.0 < float(row["model_seconds"]) < float(row["wall_seconds"]) + 0.01
    assert {row["predictions"] for row in plain} == {"0"}
    ufh(*sweep, "--jobs=2", "--name=again")
    assert contents(ufh.folder / "results" / "again") == contents(path)


def test_results_without_guidance_say_nothing_of_it(ufh):
    ufh("run", "polynomials", *SMALL, "--technique=fec", "--trials=1", "--jobs=1", "--name=plain")
    path = ufh.folder / "results" / "plain"
    assert not set(COLUMNS) & set(rows(path / "trials.csv")[0])
    assert "guided" not in (path / "experiment.toml").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--technique=guided", "--search=random_search"], ["guided", "random_search", "no parents"]),
        (["--technique=fec+guided", "--set=guided.try=4"], ["guided.try", "tries"]),
        (["--technique=fec+guided", "--set=guided.tries=0"], ["guided.tries", "1", "0"]),
        (["--technique=fec+guided", "--set=guided.model=forest"], ["guided.model", "trees", "forest"]),
        (["--technique=fec+guided", "--set=guided.model=oracle"], ["guided.model", "look-ups"]),
        (
            ["--technique=fec+guided", "--set=guided.model=gnn", "--set=guided.features=outputs"],
            ["guided.features", "trees"],
        ),
        (["--technique=fec+guide"], ["guide", "guided"]),
        (["--technique=guided", "--search=nsga2", "--set=search.unique_keys=true"], ["unique_keys", "fec"]),
    ],
)
def test_what_does_not_go_is_refused_in_one_line(ufh, options, words):
    line = ufh("run", "polynomials", *options, "--trials=1", "--budget=10", "--name=refused", code=2).refusal()
    assert all(word in line for word in words)
    assert not (ufh.folder / "results" / "refused").exists()
