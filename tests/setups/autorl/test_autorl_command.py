"""AutoRL through the real command, as small as it goes."""

from __future__ import annotations

import tomllib

import pytest

pytest.importorskip("gymnasium")

TINY = (
    "--set=budget.candidates=12", "--budget=1e9", "--set=search.population_size=4", "--set=search.tournament_size=2",
    "--set=options.steps=120", "--set=options.hidden=8", "--set=options.replay_start=20",
    "--set=options.trainings=2", "--set=options.heldout_trainings=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(ufh):
    return ufh("run", "autorl", "--technique=fec", "--trials=2", "--jobs=1", "--name=losses", *TINY)


def test_a_search_ends_with_its_best_loss_as_a_formula(ufh, searched):
    assert "best of fec" in searched.out
    assert "\n# L = " in searched.out
    assert ufh("show", "losses", "--best").out.count("# L = ") == 1
    assert len((ufh.folder / "results" / "losses" / "journal.jsonl").read_text().splitlines()) > 4


@pytest.mark.parametrize("kind", ["learning", "evaluations", "hits"])
def test_figures_are_drawn(ufh, searched, kind, tmp_path):
    out = tmp_path / "figure.png"
    assert ufh("plot", "losses", "--kind", kind, "--out", str(out)).out == f"wrote {out}\n"
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_best_loss_is_read_back(ufh, searched):
    """What `show` prints can be given to `hash`, which reads the same loss."""
    text = ufh("show", "losses", "--best").out.partition("# L = ")[2]
    again = ufh("hash", "autorl", f"# L = {text}").out
    assert text.splitlines()[0] in again


def test_known_losses_have_names(ufh):
    key, formula = ufh("hash", "autorl", "dqn").out.splitlines()[:2]
    assert len(key) == 16
    assert formula == "# L = 0.5*(Q(s, a) - (r + γ*max_a(Qt(s'))))²"


@pytest.mark.parametrize(
    ("setting", "recorded"),
    [
        ("hidden=8", {"hidden": [8]}),
        ("hidden=8, 4", {"hidden": [8, 4]}),
        ("heldout_environments=Acrobot-v1,MountainCar-v0", {"heldout_environments": ["Acrobot-v1", "MountainCar-v0"]}),
        ("lowest_returns=-0.5", {"lowest_returns": [-0.5], "highest_returns": [200]}),
    ],
)
def test_options_that_are_lists_are_divided_by_commas(ufh, setting, recorded):
    """One value is a list of one; the record holds lists."""
    others = ["--set=options.highest_returns=200"] if "lowest" in setting else []
    search = ["--set=budget.candidates=2", "--set=search.population_size=2", "--set=search.tournament_size=1"]
    name = f"lists-{setting.partition('=')[0]}-{len(setting)}"
    tiny = ["--set=options.steps=120", "--set=options.replay_start=20", "--set=options.heldout_trainings=1"]
    ufh("run", "autorl", f"--name={name}", "--trials=1", *search, *tiny, f"--set=options.{setting}", *others)
    experiment = tomllib.loads((ufh.folder / "results" / name / "experiment.toml").read_text(encoding="utf-8"))
    assert experiment["options"].items() >= recorded.items()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "autorl", "--set=options.environments=CartPol-v0"], ["CartPol-v0", "CartPole-v0"]),
        (["run", "autorl", "--set=options.hiden=8"], ["hiden", "hidden"]),
        (["run", "autorl", "--set=options.hidden=16/8"], ["options.hidden", "16/8", "integer"]),
        (["run", "autorl", "--set=options.lowest_returns=0,low"], ["options.lowest_returns", "low", "number"]),
        (["run", "autorl", "--set=hash.mantissa_bits=24"], ["hash", "24", "23"]),
        (["hash", "autorl", "n0 = QValueList(q_param, s_tm1)\nn1 = SelectList(n0, reward)"], ["line 2", "SelectList"]),
        (["hash", "autorl", "n0 = QValuList(q_param, s_tm1)"], ["line 1", "QValueList"]),
        (["hash", "autorl", "n0 = QValueList(q_param, s_tm1)"], ["FLOAT", "LIST"]),
        (["export", "autorl", "losses", "--out", "a.keras"], ["nothing to export"]),
    ],
    ids=["environment", "option", "widths", "returns", "bits", "types", "operation", "no loss", "export"],
)
def test_bad_input_is_one_line(ufh, searched, arguments, words):
    refusal = ufh(*arguments, code=2).refusal()
    for word in words:
        assert word in refusal
