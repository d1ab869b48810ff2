"""`ufh run` and `ufh sweep`: what they write, and that the numbers in it belong together."""

import json
import math
import os
import re
import shlex
import tomllib

import pytest
from ufh_command import SMALL, contents, rows

from ufh_cli.core.hashing import functional_key

COLUMNS = [
    "trial", "seed", "status", "auc", "best_fitness", "reevaluated_fitness", "candidates", "evaluations", "cache_hits",
    "hit_fraction", "cost", "cost_unit", "wall_seconds", "stopped_by",
]  # fmt: skip
CURVE_COLUMNS = ["trial", "cost", "candidates", "evaluations", "best_fitness", "test_fitness"]
SWEEP = ("sweep", "polynomials", *SMALL, "--over=technique=none,fec", "--trials=5", "--seed=7")
FIGURES = ("auc", "best_fitness", "reevaluated_fitness", "hit_fraction", "cost")


@pytest.fixture(scope="module")
def swept(ufh):
    """A sweep over two techniques run by a real process on two processes: its folder and what it printed."""
    outcome = ufh.process(*SWEEP, "--name=swept", "--jobs=2")
    return ufh.folder / "results" / "swept", outcome


def test_the_columns_are_the_documented_ones(ufh, swept):
    path, _ = swept
    assert list(rows(path / "trials.csv")[0])[: 1 + len(COLUMNS)] == ["technique", *COLUMNS]
    assert list(rows(path / "curves.csv")[0]) == ["technique", *CURVE_COLUMNS]
    ufh("run", "polynomials", *SMALL, "--trials=2", "--jobs=1", "--name=single")
    single = ufh.folder / "results" / "single"
    assert list(rows(single / "trials.csv")[0])[: len(COLUMNS)] == COLUMNS
    assert list(rows(single / "curves.csv")[0]) == CURVE_COLUMNS


def test_nothing_else_is_left_in_the_folder(swept):
    path, _ = swept
    assert {one.name for one in path.iterdir()} - {".lock", "journal.jsonl"} == {
        "experiment.toml",
        "trials.csv",
        "curves.csv",
        "best.json",
    }


def test_there_is_a_row_for_every_trial_of_every_cell(swept):
    path, _ = swept
    trials = rows(path / "trials.csv")
    assert [(row["technique"], row["trial"]) for row in trials] == [
        (technique, str(trial)) for technique in ("none", "fec") for trial in range(5)
    ]
    assert {row["seed"] for row in trials} == {"7"}
    assert {row["status"] for row in trials} == {"finished"}
    assert {row["cost_unit"] for row in trials} == {"points"}
    assert {row["stopped_by"] for row in trials} == {"budget"}


def test_the_counts_add_up(swept):
    for row in rows(swept[0] / "trials.csv"):
        candidates, evaluations, hits = (int(row[key]) for key in ("candidates", "evaluations", "cache_hits"))
        assert candidates == evaluations + hits
        assert float(row["hit_fraction"]) == hits / candidates
        assert float(row["cost"]) == 120.0
        assert (hits > 0) == (row["technique"] == "fec")


def test_trials_differ(swept):
    for technique in ("none", "fec"):
        aucs = [row["auc"] for row in rows(swept[0] / "trials.csv") if row["technique"] == technique]
        assert len(set(aucs)) == len(aucs)


def test_floats_read_back_equal(swept):
    trials, curves = rows(swept[0] / "trials.csv"), rows(swept[0] / "curves.csv")
    texts = [row[key] for row in trials for key in FIGURES]
    texts += [row[key] for row in curves for key in ("cost", "best_fitness", "test_fitness")]
    assert all(repr(float(text)) == text for text in texts)
    assert any(len(text) >= 17 for text in texts)


def test_the_auc_is_the_mean_of_the_curve(swept):
    """The running best as a step function of the cost; before the first evaluation is done, its outcome."""
    curves = rows(swept[0] / "curves.csv")
    for row in rows(swept[0] / "trials.csv"):
        curve = [one for one in curves if (one["technique"], one["trial"]) == (row["technique"], row["trial"])]
        costs = [float(one["cost"]) for one in curve]
        best = [float(one["best_fitness"]) for one in curve]
        assert costs == sorted(costs)
        assert best == sorted(set(best))
        assert best[-1] == float(row["best_fitness"])
        assert all(int(one["evaluations"]) <= int(one["candidates"]) <= int(row["candidates"]) for one in curve)
        area = sum(
            value * (end - start) for value, start, end in zip(best, [0, *costs[1:]], [*costs[1:], 120], strict=True)
        )
        assert math.isclose(area / 120, float(row["auc"]), rel_tol=1e-12)


def test_the_best_candidates_are_worth_what_is_written(swept, ufh):
    from ufh_polynomials import SEEN, UNSEEN, Polynomials

    setup = Polynomials(terms=3)
    trials = {(row["technique"], int(row["trial"])): row for row in rows(swept[0] / "trials.csv")}
    best = json.loads((swept[0] / "best.json").read_text(encoding="utf-8"))
    assert [(entry["technique"], entry["trial"]) for entry in best] == list(trials)
    for entry in best:
        candidate = setup.parse(entry["description"])
        row = trials[entry["technique"], entry["trial"]]
        assert setup._fitness(candidate, SEEN) == entry["fitness"] == float(row["best_fitness"])
        assert setup._fitness(candidate, UNSEEN) == entry["reevaluated_fitness"] == float(row["reevaluated_fitness"])
        if entry["technique"] == "fec":
            assert entry["key"] == f"{functional_key(setup.hashable_outputs(candidate)):016x}"


def test_the_curve_follows_the_best_on_unseen_data(swept):
    curves = rows(swept[0] / "curves.csv")
    for row in rows(swept[0] / "trials.csv"):
        last = [one for one in curves if (one["technique"], one["trial"]) == (row["technique"], row["trial"])][-1]
        assert last["test_fitness"] == row["reevaluated_fitness"]


def test_what_was_run_is_written_down(swept):
    experiment = tomllib.loads((swept[0] / "experiment.toml").read_text(encoding="utf-8"))
    assert experiment["setup"] == "polynomials"
    assert (experiment["seed"], experiment["trials"]) == (7, 5)
    assert experiment["over"] == {"technique": ["none", "fec"]}
    assert experiment["options"] == {"terms": 3, "noise": 0.0, "delay": 0.0}
    assert experiment["search"]["method"] == "regularized_evolution"
    assert experiment["search"]["population_size"] == 20
    assert experiment["budget"]["cost"] == 120.0
    provenance = experiment["provenance"]
    assert provenance["data"] == "sin(3x) at 16 points"
    assert {"ufh", "numpy", "numba"} <= set(provenance["versions"])
    assert provenance["python"].count(".") == 2


def test_the_summary_tells_what_was_found_and_what_to_type_next(swept):
    path, outcome = swept
    assert outcome.err == ""
    for word in ("none", "fec", "AUC", "hits", os.path.join("results", "swept"), "ufh plot swept", "ufh show"):
        assert word in outcome.out
    values = [float(row["auc"]) for row in rows(path / "trials.csv") if row["technique"] == "fec"]
    mean = sum(values) / 5
    sem = math.sqrt(sum((value - mean) ** 2 for value in values) / 4 / 5)
    assert f"{mean:.5f} ± {2 * sem:.5f}" in outcome.out


def test_the_data_notice_is_shown_whole(swept):
    assert "a toy [not a benchmark]" in swept[1].out


def test_the_number_of_jobs_does_not_matter(swept, ufh):
    ufh(*SWEEP, "--name=serial", "--jobs=1")
    assert contents(ufh.folder / "results" / "serial") == contents(swept[0])


def test_a_run_is_the_cell_of_a_sweep(swept, ufh):
    ufh("run", "polynomials", *SMALL, "--technique=fec", "--trials=5", "--seed=7", "--jobs=1", "--name=cell")
    alone = contents(ufh.folder / "results" / "cell")
    cell = [row for row in contents(swept[0])["trials"] if row.pop("technique") == "fec"]
    assert alone["trials"] == cell


def test_another_seed_is_another_experiment_with_other_trials(swept, ufh):
    ufh("run", "polynomials", *SMALL, "--technique=fec", "--trials=5", "--seed=8", "--jobs=1", "--name=eight")
    other = {row["auc"] for row in rows(ufh.folder / "results" / "eight" / "trials.csv")}
    assert not other & {row["auc"] for row in rows(swept[0] / "trials.csv")}


def test_without_collisions_or_noise_the_cache_leaves_the_search_as_it_was(ufh):
    """§6.2, seen from the command line: the same number of candidates, the same best ones, fewer evaluations."""
    shared = ("run", "polynomials", *SMALL[1:], "--set=budget.candidates=150", "--set=hash.mantissa_bits=23")
    for technique in ("none", "fec"):
        ufh(*shared, f"--technique={technique}", "--trials=4", "--jobs=1", f"--name=same-{technique}")
    none, fec = (contents(ufh.folder / "results" / f"same-{technique}") for technique in ("none", "fec"))
    assert [one["description"] for one in none["best"]] == [one["description"] for one in fec["best"]]
    assert {row["stopped_by"] for row in fec["trials"]} == {"candidates"}
    for without, cached in zip(none["trials"], fec["trials"], strict=True):
        assert without["candidates"] == cached["candidates"] == "150"
        assert int(cached["evaluations"]) < int(without["evaluations"]) == 150


def test_the_default_name_tells_setup_and_technique(ufh):
    shared = ("run", "polynomials", *SMALL, "--trials=1", "--results=dated")
    ufh(*shared, "--technique=fcm")
    (first,) = (ufh.folder / "dated").iterdir()
    assert first.name.startswith("polynomials-fcm-20")
    ufh(*shared, "--technique=fcm")
    assert len(list((ufh.folder / "dated").iterdir())) == 1
    ufh(*shared, "--technique=fcm", "--seed=1")
    assert len(list((ufh.folder / "dated").iterdir())) == 2


def test_a_file_with_everything_in_it(ufh):
    (ufh.folder / "own.toml").write_text(
        'setup = "polynomials"\ntechnique = "fec"\ntrials = 2\n[search]\nmethod = "tournament"\npopulation_size = 10\n'
        "tournament_size = 3\n[budget]\ncost = 50\n[options]\nterms = 2\n[over]\n"
        '"cache.counterfactual" = [true, false]\n"hash.mantissa_bits" = [4, 23]\n',
        encoding="utf-8",
    )
    ufh("run", "polynomials", "--config=own.toml", "--jobs=1", "--name=own", "--seed=3")
    path = ufh.folder / "results" / "own"
    experiment = tomllib.loads((path / "experiment.toml").read_text(encoding="utf-8"))
    assert (experiment["search"]["method"], experiment["seed"], experiment["options"]["terms"]) == ("tournament", 3, 2)
    trials = rows(path / "trials.csv")
    cells = {(row["cache.counterfactual"].lower(), row["hash.mantissa_bits"]) for row in trials}
    assert cells == {("true", "4"), ("true", "23"), ("false", "4"), ("false", "23")}
    assert len(trials) == 8


@pytest.mark.parametrize("options", [("--technique=fec",), ()])
def test_the_configuration_of_results_runs_them_again(swept, ufh, options):
    source = swept[0] if not options else ufh.folder / "results" / "cell"
    if options:
        ufh("run", "polynomials", *SMALL, *options, "--trials=5", "--seed=7", "--jobs=1", "--name=cell")
    ufh("run", "polynomials", f"--config={source / 'experiment.toml'}", "--jobs=1", f"--name=again{len(options)}")
    assert contents(ufh.folder / "results" / f"again{len(options)}") == contents(source)


@pytest.mark.parametrize("technique", ["forgetful-fec", "fea", "tabulist", "fec+fcm", "fec+tabulist"])
def test_every_technique_runs_with_every_method(ufh, technique):
    for method in ("regularized_evolution", "tournament"):
        name = f"{technique}-{method}"
        options = (f"--technique={technique}", f"--search={method}", "--trials=1")
        ufh("run", "polynomials", *SMALL, *options, f"--name={name}")
        (row,) = rows(ufh.folder / "results" / name / "trials.csv")
        assert int(row["candidates"]) >= int(row["evaluations"]) > 10
        assert float(row["cost"]) == 120


def test_random_search_needs_no_population(ufh):
    ufh("run", "polynomials", "--budget=50", "--search=random_search", "--trials=1", "--name=random")
    (row,) = rows(ufh.folder / "results" / "random" / "trials.csv")
    assert int(row["candidates"]) > 10


def test_a_method_given_on_the_command_line_does_not_inherit_the_parameters_of_the_files(ufh):
    (ufh.folder / "evolution.toml").write_text(
        'setup = "polynomials"\n[search]\nmethod = "regularized_evolution"\npopulation_size = 10\n'
        "tournament_size = 3\nfresh_probability = 0.1\n[budget]\ncost = 50\n",
        encoding="utf-8",
    )
    for method in ("random_search", "tournament"):
        ufh("run", "polynomials", "--config=evolution.toml", f"--search={method}", "--trials=1", f"--name=by-{method}")
        assert len(rows(ufh.folder / "results" / f"by-{method}" / "trials.csv")) == 1


def test_values_of_a_configuration_may_hold_commas(ufh):
    """Only the command line's are divided there."""
    (ufh.folder / "lists.toml").write_text('[over]\n"options.mutations" = [["alter", "insert"], ["remove"]]\n')
    small = ("--set=budget.candidates=3", "--trials=1", "--jobs=1", "--set=options.heldout_tasks=1")
    ufh("sweep", "automl_zero", "--config=lists.toml", *small, "--name=lists")
    path = ufh.folder / "results" / "lists"
    assert [row["options.mutations"] for row in rows(path / "trials.csv")] == ["alter, insert", "remove"]
    ufh("sweep", "automl_zero", f"--config={path / 'experiment.toml'}", *small, "--name=again")
    assert contents(ufh.folder / "results" / "again") == contents(path)
    shown = ufh("show", "lists:options.mutations=alter, insert").out
    assert "alter, insert" in shown
    assert "remove" not in shown


@pytest.mark.parametrize("other", [("run", "--set=hash.mantissa_bits=8"), ("sweep", "--over=hash.mantissa_bits=8,9")])
def test_one_kind_of_precision_takes_the_place_of_the_file_s_other_kind(ufh, other):
    (ufh.folder / "rounded.toml").write_text("[hash]\ndecimals = 4\n", encoding="utf-8")
    command, option = other
    options = ("--config=rounded.toml", "--trials=1", "--jobs=1", f"--name={command}ed")
    ufh(command, "polynomials", *SMALL, *options, option)
    written = tomllib.loads((ufh.folder / "results" / f"{command}ed" / "experiment.toml").read_text(encoding="utf-8"))
    assert written["hash"]["mantissa_bits"] == 8
    assert "decimals" not in written["hash"]


def test_the_next_command_can_be_typed_as_it_stands(ufh):
    options = (*SMALL, "--trials=1", "--jobs=1", "--results=other results", "--name=so so")
    next_line = ufh("run", "polynomials", *options).out.splitlines()[-1]
    first, second = re.split(r"\s{2,}", next_line.removeprefix("next:").strip())
    for command in (first, second):
        ufh(*shlex.split(command)[1:])
    assert (ufh.folder / "other results" / "so so" / "curves.png").exists()


def test_searches_come_before_analyses_in_the_help(ufh):
    text = ufh("--help").out
    listed = [line.split()[0] for line in text[text.index("Commands:") :].splitlines()[1:] if line.strip()]
    assert listed[:6] == ["run", "sweep", "status", "plot", "show", "compare"]
    assert {"speedup", "calibrate", "report"} <= set(listed[6:])
