"""``curves.csv`` is read by columns, and only where it is looked at."""

import csv

import numpy as np
import pytest

from ufh_cli.configuration.errors import InputError
from ufh_cli.records.curves import read_curves
from ufh_cli.records.folder import CURVE_COLUMNS

ROWS = [
    (0, 1.5, 1, 1, 0.1, 0.2),
    (0, 2.5, 7, 3, 0.30000000000000004, float("nan")),
    (1, 1e-300, 2, 2, float("inf"), 5e-324),
]


def written(path, cells, keys):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*keys, *CURVE_COLUMNS])
        for cell in cells:
            writer.writerows([*cell, *map(repr, row)] for row in ROWS)
    return path


@pytest.mark.parametrize("cells", [[()], [("none",), ("fec",)], [('a, "b"', "1/N"), ("1,5", "x"), ('a, "b"', "2")]])
def test_all_numbers_are_read_back_equal(tmp_path, cells):
    path = written(tmp_path / "curves.csv", cells, [f"key{i}" for i in range(len(cells[0]))])
    found = read_curves(path, [f"key{i}" for i in range(len(cells[0]))])
    assert list(found) == cells
    for trials in found.values():
        assert list(trials) == [0, 1]
        for trial, curve in trials.items():
            np.testing.assert_array_equal(np.array(curve).T, [row[1:] for row in ROWS if row[0] == trial])


def test_trials_may_lie_in_any_order_and_a_torn_line_is_left_out(tmp_path):
    path = tmp_path / "curves.csv"
    lines = ["1,1.0,1,1,0.5,nan", "0,1.0,1,1,0.6,nan", "1,2.0,2,2,0.7,nan", "0,2.0,2,"]
    path.write_text("\n".join([",".join(CURVE_COLUMNS), *lines]))
    found = read_curves(path, [])[()]
    assert {trial: curve.best_fitness.tolist() for trial, curve in found.items()} == {0: [0.6], 1: [0.5, 0.7]}


NO_ROWS = (
    "0,1.0,1,1,0.5", "0,1.0,1,1,0.5,x", "0,inf,1,1,0.5,1", "0.5,1.0,1,1,0.5,1", "0,1,-1,1,1,1", "0,1.0,1,1,0.5,1,7",
    "0,1.0,,1,0.5,1", "nan,1.0,1,1,0.5,1",
)  # fmt: skip


@pytest.mark.parametrize("line", NO_ROWS)
def test_what_is_no_curve_is_refused_in_a_line(tmp_path, line):
    path = tmp_path / "curves.csv"
    path.write_text(",".join(CURVE_COLUMNS) + f"\n0,1.0,1,1,0.5,1\n{line}\n")
    with pytest.raises(InputError, match=r"curves\.csv: [^\n]+$"):
        read_curves(path, [])
