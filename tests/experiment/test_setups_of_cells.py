"""Which setups the cells of an experiment have: each is made once, and has the same data wherever a trial runs."""

from collections import Counter

import pytest
from ufh_command import PACKAGE, contents

from ufh_cli.configuration.errors import InputError
from ufh_cli.experiment.plan import make_experiment
from ufh_cli.experiment.run import run_experiment

TABLES = {"setup": "polynomials", "trials": 3, "budget": {"cost": 15}}
OVER = {"technique": ["none", "fec"], "options.terms": ["11", "12", "13", "14", "15", "16"]}


@pytest.fixture
def polynomials(monkeypatch, user_site):
    for path in (PACKAGE, user_site):
        monkeypatch.syspath_prepend(path)
    from ufh_polynomials import Polynomials

    return Polynomials


def test_each_setup_of_a_sweep_is_made_once(monkeypatch, tmp_path, polynomials):
    """However many options are swept: to plan the experiment, and to run it in one process."""
    made = Counter()
    monkeypatch.setattr(
        polynomials, "prepare", classmethod(lambda cls, options, progress: made.update([options["terms"]]))
    )
    experiment = make_experiment(TABLES, OVER, "test")
    assert made == dict.fromkeys(range(11, 17), 1)
    made.clear()
    results = run_experiment(experiment, tmp_path / "one", jobs=1)
    assert max(made.values()) == 1
    order = [(row["technique"], row["options.terms"], row["trial"]) for row in results.trials]
    assert order == [(technique, terms, trial) for technique in OVER["technique"] for terms in OVER["options.terms"]
                     for trial in range(3)]  # fmt: skip


def test_cells_that_share_a_setup_advance_together(polynomials):
    """An interrupted comparison of techniques has pairs of trials."""
    experiment = make_experiment(TABLES, {"technique": ["none", "fec"], "options.terms": ["2", "3"]}, "test")
    first, second = (0, 2), (1, 3)
    assert experiment.tasks() == [(cell, trial) for cells in (first, second) for trial in range(3) for cell in cells]


@pytest.mark.parametrize("journal", ["yes", "no"])
def test_a_trial_where_the_data_are_others_is_refused(monkeypatch, tmp_path, polynomials, journal):
    """As on a node of a cluster to which whole trials are sent."""
    monkeypatch.setattr(polynomials, "fingerprint", lambda setup: f"table {setup.terms}")
    experiment = make_experiment({**TABLES, "journal": journal}, {"options.terms": ["2", "3"]}, "test")
    run_experiment(experiment, tmp_path / "same", jobs=1)
    monkeypatch.setattr(polynomials, "fingerprint", lambda setup: "table 2")
    with pytest.raises(InputError, match=r"other data .* 'table 2' there, 'table 3' here"):
        run_experiment(experiment, tmp_path / "other", jobs=1)
    assert contents(tmp_path / "other")["trials"] == contents(tmp_path / "same")["trials"][:3]
