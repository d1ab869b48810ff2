"""The setup nasbench as the core and the command line see it."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import numpy as np
import pytest

from setups.nasbench import NasBench
from setups.nasbench.space import SPEC_MASK
from setups.nasbench.store import open_table
from setups.nasbench.table import write_table
from setups.nasbench.text import to_matrix_ops
from ufh_cli.configuration.schema import make_config, read_config
from ufh_cli.core.hashing import FunctionalHash, functional_key
from ufh_cli.core.rng import Rng
from ufh_cli.core.trial import functional_keys
from ufh_cli.experiment.trials import make_trial
from ufh_cli.testing import CHECKS


@pytest.fixture(scope="module")
def setup() -> NasBench:
    return NasBench()


def paper_config(**changes):
    tables, source = read_config("nasbench", None)
    return make_config(tables | changes, source)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(NasBench)


def test_the_bundled_configuration_is_the_paper_s():
    config = paper_config()
    assert (config.search["population_size"], config.search["tournament_size"]) == (100, 10)
    assert (config.hash.mantissa_bits, config.hash.cost, config.budget.cost) == (24, 10.0, 5e6)


def test_hashable_outputs_are_the_authors_four_accuracies(setup):
    table = open_table("surrogate")
    rng = Rng.from_seed(1)
    for _ in range(50):
        candidate = setup.random_candidate(rng)
        first = table.accuracy4[setup.structural_key(candidate), 0]
        train, validation = first[:, 0], first[:, 1]
        expected = [train[1], train[0], validation[1], validation[0]]  # the end before half-way
        assert setup.hashable_outputs(candidate).tolist() == [float(value) for value in expected]
        assert setup.hashable_outputs(candidate).dtype == np.float64


@pytest.mark.parametrize("bits", [1, 4, 8, 24, 52])
def test_keys_tell_the_same_sets_apart_as_the_authors_hash(reference, bits):
    """Their hash values differ from ours, but two sets of accuracies share a key exactly when they share theirs."""
    file = reference / "vectors" / "nasbench" / "official_hashes.json"
    if not file.exists():
        pytest.skip("no vectors of the authors' hash")
    data = json.loads(file.read_text())
    rows = [row for row in data["sets"] + data["repo_fixture"] if all(np.isfinite(row["accuracies"]))]
    theirs = [row["hashes"][str(bits)] for row in rows]
    ours = [functional_key(np.array(row["accuracies"]), mantissa_bits=bits) for row in rows]
    for a, b in itertools.combinations(range(len(rows)), 2):
        assert (theirs[a] == theirs[b]) == (ours[a] == ours[b]), (rows[a], rows[b])


def test_an_evaluation_is_a_run_of_the_table(setup):
    table = open_table("surrogate")
    candidate = setup.random_candidate(Rng.from_seed(2))
    cell = setup.structural_key(candidate)
    runs = {(float(table.accuracy108[cell, run, 1, 1]), float(table.time108[cell, run, 1])) for run in range(3)}
    found = Counter(setup.evaluate(candidate, Rng.from_word(word))[:2] for word in range(300))
    assert set(found) == runs
    assert min(found.values()) > 60  # each about a third


def test_a_fixed_run_is_deterministic():
    setup = NasBench(run="1")
    candidate = setup.random_candidate(Rng.from_seed(3))
    assert len({setup.evaluate(candidate, Rng.from_word(word)) for word in range(20)}) == 1


def test_noise_has_the_strength_asked_for():
    quiet, noisy = NasBench(run="0"), NasBench(run="0", noise=0.01)
    candidate = quiet.random_candidate(Rng.from_seed(4))
    fitness, cost = quiet.evaluate(candidate, Rng.from_word(0))[:2]
    evaluations = [noisy.evaluate(candidate, Rng.from_word(word)) for word in range(2000)]
    differences = np.array([evaluation.fitness for evaluation in evaluations]) - fitness
    assert {evaluation.cost for evaluation in evaluations} == {cost}
    assert abs(differences.mean()) < 4 * 0.01 / np.sqrt(2000)
    assert differences.std() == pytest.approx(0.01, rel=0.06)


def test_reevaluation_is_the_mean_test_accuracy(setup):
    table = open_table("surrogate")
    candidate = setup.random_candidate(Rng.from_seed(5))
    expected = table.accuracy108[setup.structural_key(candidate), :, 1, 2].astype(float).mean()
    assert setup.reevaluate(candidate, Rng.from_word(0)) == pytest.approx(expected, abs=1e-9)


def test_isomorphic_specs_share_the_structural_and_the_functional_key(setup):
    """The same graph with its interior vertices in another order."""
    one = "input-1 input-2 1-3 2-3 3-output 1=conv3x3-bn-relu 2=maxpool3x3 3=conv1x1-bn-relu"
    other = "input-1 input-2 1-4 2-4 4-output 1=maxpool3x3 2=conv3x3-bn-relu 4=conv1x1-bn-relu"
    different = one.replace("maxpool3x3", "conv1x1-bn-relu")
    key = functional_keys(setup, FunctionalHash(mantissa_bits=24))
    a, b, c = (setup.parse(text) for text in (one, other, different))
    assert a != b
    assert setup.structural_key(a) == setup.structural_key(b) != setup.structural_key(c)
    assert key(a) == key(b) != key(c)


def test_mutation_keeps_silent_vertices(setup):
    """It acts on the unpruned spec, so most specs of a lineage have parts that do nothing."""
    rng = Rng.from_seed(6)
    candidate = setup.random_candidate(rng)
    edges = []
    for _ in range(200):
        candidate = setup.mutate(candidate, rng)
        edges.append(int(to_matrix_ops(candidate & SPEC_MASK)[0].sum()))
    assert max(edges) > 9  # more than a cell may have: the rest is silent


def test_fec_proposes_more_candidates_in_the_same_budget():
    candidates = {}
    for technique in ("none", "fec"):
        results = [make_trial(paper_config(technique=technique), trial).run() for trial in range(5)]
        candidates[technique] = sum(result.candidates for result in results)
        assert all(result.cost == 5e6 for result in results)
    assert 2 < candidates["fec"] / candidates["none"] < 10
    assert all(result.hit_fraction > 0.5 for result in results)


def test_the_guarantee_at_the_paper_s_size():
    """§6.2: serially, with a fixed run and the structural key (no collisions), FEC proposes the same candidates."""
    proposed = {}
    for technique in ("none", "fec"):
        config = paper_config(
            technique=technique, hash={"kind": "structural"}, options={"run": "2"}, budget={"candidates": 3000}
        )
        trial = make_trial(config, 7)
        seen = proposed[technique] = []
        told = trial.search.tell
        trial.search.tell = lambda individual, seen=seen, told=told: (
            seen.append(individual.candidate),
            told(individual),
        )
        trial.run()
    assert len(proposed["fec"]) == 3000
    assert proposed["fec"] == proposed["none"]


def test_a_table_of_other_cells_is_refused(tmp_path):
    table = open_table("surrogate")
    columns = {name: table.columns[name][:1000] for name in ("cells", "accuracy4", "time4", "accuracy108", "time108")}
    write_table(tmp_path / "small", columns, source="surrogate")
    with pytest.raises(ValueError, match="does not hold exactly the cells"):
        NasBench(table=str(tmp_path / "small"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "oficial"}, "did you mean 'official'"),
        ({"noise": -1.0}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"mutation_rate": 0.0}, "mutation_rate"),
        ({"mutation_rate": 9.0}, "mutation_rate"),
    ],
)
def test_impossible_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        NasBench(**options)
    assert "\n" not in str(refused.value)


def test_surrogate_results_say_so(setup):
    assert "surrogate" in setup.notice()
    assert "surrogate" in setup.fingerprint()


def test_results_of_a_file_that_is_not_the_published_one_say_so(tmp_path):
    table = open_table("surrogate")
    notices = {}
    for published in (True, False):
        path = tmp_path / str(published)
        write_table(path, table.columns, source="official", provenance={"is_published_file": published})
        notices[published] = NasBench(table=str(path)).notice()
    assert notices == {True: "", False: "accuracies are of a file that is not the published one"}
