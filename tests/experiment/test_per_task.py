"""Keys a task in whole experiments: what is written of them, and that a resumed search has the same ones."""

import json

import pytest
from ufh_command import contents, entries, rows

RUN = (
    "run", "automl_zero", "--technique=fec", "--set=hash.kind=per-task", "--set=journal=yes", "--trials=1", "--jobs=1",
    "--budget=1e9", "--set=budget.candidates=800", "--set=search.population_size=20", "--set=search.tournament_size=5",
    "--set=options.tasks=6", "--set=options.train_examples=40", "--set=options.valid_examples=20",
    "--set=options.operations=all", "--set=options.fixed_noise=true", "--set=options.initial=random",
    "--set=options.initial_sizes=3,5,8",
)  # fmt: skip


def forget(ufh, name, kept):
    """As if a kill had come after so many evaluations."""
    path = ufh.folder / "results" / name
    lines = (path / "journal.jsonl").read_text().splitlines(keepends=True)
    (path / "journal.jsonl").write_text("".join(lines[: kept + 1]))
    for file in ("trials.csv", "curves.csv", "best.json"):
        (path / file).unlink()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_resumed_search_knows_the_same_tasks(ufh, workers):
    name = f"tasks-{workers}"
    # With two bits, different programs share the keys of many tasks.
    run = (*RUN, "--set=hash.mantissa_bits=2", f"--workers={workers}", f"--name={name}")
    path = ufh.folder / "results" / name
    ufh(*run)
    before, whole = contents(path), entries(path)
    (row,) = rows(path / "trials.csv")
    partial = [entry for entry in whole if None in entry["tasks"]]
    assert 0 < len(partial) == int(row["partial_hits"]) < int(row["evaluations"]) == len(whole)
    assert all(len(entry["key"].split()) == len(entry["tasks"]) == 6 for entry in whole)
    assert all(entry["cost"] <= 60 * sum(task is not None for task in entry["tasks"]) for entry in whole)
    half = len(whole) // 2
    forget(ufh, name, half)
    ufh(*run)
    assert entries(path)[:half] == whole[:half]
    if workers == 1:
        assert contents(path) == before
    again, journal = contents(path), entries(path)
    forget(ufh, name, len(journal))
    ufh(*run)
    assert contents(path) == again
    assert entries(path) == journal


def test_the_search_is_the_same_with_keys_of_tasks_of_the_whole_and_without(ufh):
    curves = []
    for name, options in {
        "by-task": (), "by-candidate": ("--set=hash.kind=functional",), "by-none": ("--technique=none",),
    }.items():  # fmt: skip
        ufh(*RUN, *options, f"--name={name}")
        path = ufh.folder / "results" / name
        curves.append([(row["candidates"], row["best_fitness"]) for row in rows(path / "curves.csv")])
    assert curves[0] == curves[1] == curves[2]
    costs = [
        float(rows(ufh.folder / "results" / name / "trials.csv")[0]["cost"]) for name in ("by-task", "by-candidate")
    ]
    assert costs[0] < costs[1]


def test_a_cache_is_warmed_task_by_task(ufh):
    ufh(*RUN, "--name=task-source")
    ufh(*RUN, "--name=task-warmed", "--warm-cache=task-source")
    (row,) = rows(ufh.folder / "results" / "task-warmed" / "trials.csv")
    assert row["evaluations"] == "0"
    assert row["warm_hits"] == row["candidates"]
    line = ufh(*RUN, "--set=hash.kind=functional", "--name=unfit", "--warm-cache=task-source", code=2).refusal()
    assert "hash.kind: 'per-task' there, 'functional' asked for" in line


def test_a_journal_that_tells_of_other_tasks_is_refused(ufh):
    ufh(*RUN, "--name=other-tasks")
    path = ufh.folder / "results" / "other-tasks" / "journal.jsonl"
    lines = path.read_text().splitlines()
    entry = json.loads(lines[1])
    for tasks in (None, [0.5], [0.5] * 5 + [None], ["x"] * 6, 7):
        lines[1] = json.dumps({k: v for k, v in (entry | {"tasks": tasks}).items() if v is not None})
        path.write_text("\n".join(lines) + "\n")
        for file in ("trials.csv", "curves.csv", "best.json"):
            (path.parent / file).unlink(missing_ok=True)
        assert "journal.jsonl" in ufh(*RUN, "--name=other-tasks", code=2).refusal()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--technique=fea",), "fea and keys per task"),
        (("--technique=none", "--set=options.hurdle_tasks=2"), "evaluates tasks apart"),
        (("--set=options.hurdle_tasks=2", "--set=options.hurdle_fitness=0.5"), "evaluates tasks apart"),
    ],
)
def test_what_does_not_go_together_is_told(ufh, arguments, words):
    assert words in ufh(*RUN, *arguments, "--name=unfit", code=2).refusal()
    assert not (ufh.folder / "results" / "unfit").exists()


def test_setups_without_tasks_are_told(ufh):
    line = ufh("run", "faulty", "--technique=fec", "--set=hash.kind=per-task", "--budget=10", code=2).refusal()
    assert "faulty" in line
    assert "evaluates tasks apart" in line
