"""The space of NAS-Bench-101 against an independent implementation, the reference data and itself."""

from __future__ import annotations

import json
import re
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from setups.nasbench.space import (
    MAX_EDGES,
    N_CELLS,
    OPS,
    Space,
    canonical_cell,
    count_edges,
    describe,
    from_matrix_ops,
    is_code,
    is_valid,
    pad,
    parse,
    prune,
    to_matrix_ops,
)
from ufh_cli.core.rng import Rng

SEVEN = 7 << 29
LABELS = 21
CHAIN = "input-1 1-output 1=maxpool3x3"
# Nine edges after pruning, and silent ones at vertex 4: nearly every added edge makes it invalid.
DENSE = (
    "input-1 input-2 input-5 1-2 1-4 1-output 2-3 2-4 2-5 3-4 3-output 5-output "
    "1=conv1x1-bn-relu 2=conv3x3-bn-relu 3=maxpool3x3 4=conv3x3-bn-relu 5=conv1x1-bn-relu"
)

# The specs of the words 0, 1 and 2**64 − 1: a search of a given seed proposes the same in every version.
GOLDEN_RANDOM = [3978052629, 4138869061, 3974563327]
GOLDEN_MUTATED = [3969193907, 3762624423, 3987800487]

raw_specs = st.builds(
    lambda labels, edges: SEVEN | labels << LABELS | edges, st.integers(0, 3**5 - 1), st.integers(0, 2**21 - 1)
)
valid_specs = raw_specs.filter(is_valid)


def random_raw_specs(seed: int, n: int, edge_probability: float) -> list[int]:
    """Specs drawn without rejection."""
    rng = np.random.default_rng(seed)
    edges = (rng.random((n, 21)) < edge_probability) @ (1 << np.arange(21))
    return [SEVEN | int(labels) << LABELS | int(e) for labels, e in zip(rng.integers(0, 243, n), edges, strict=True)]


def relabelings(cell: int) -> list[int]:
    """The codes of `cell` under all renumberings of its interior that keep a topological order."""
    matrix, ops = to_matrix_ops(cell)
    last = len(ops) - 1
    codes = []
    for interior in permutations(range(1, last)):
        order = [0, *interior, last]
        relabeled = matrix[np.ix_(order, order)]
        if not np.tril(relabeled).any():
            labels = sum(OPS.index(ops[v]) * 3**i for i, v in enumerate(interior))
            edges = sum(1 << (x + y * (y - 1) // 2) for x, y in np.argwhere(relabeled).tolist())
            codes.append(len(ops) << 29 | labels << LABELS | edges)
    return codes


def peer_spec(peer: SimpleNamespace, spec: int):
    """The peer's view of a spec, and whether the benchmark accepts it."""
    model = peer.ModelSpec(*to_matrix_ops(spec))
    return model, bool(model.valid_spec and model.matrix.sum() <= MAX_EDGES)


def peer_hash(peer: SimpleNamespace, model) -> str:
    return peer.hash_module(np.array(model.matrix), [-1, *map(OPS.index, model.ops[1:-1]), -2])


# The enumeration


def test_the_space_has_the_published_number_of_cells(space):
    assert space.cells.dtype == np.uint32
    assert len(space.cells) == N_CELLS == 423_624
    assert np.bincount(space.cells >> 29).tolist() == [0, 0, 1, 6, 84, 2_441, 62_010, 359_082]


def test_every_cell_is_canonical_and_found_in_its_own_row(space):
    cells = space.cells.tolist()
    assert cells == sorted(set(cells))
    assert all(canonical_cell(cell) == cell and is_valid(cell) for cell in cells)
    assert [space.index(pad(cell)) for cell in cells] == list(range(N_CELLS))


def test_the_cells_are_those_of_the_reference(space, reference):
    path = reference / "nasbench101" / "nasbench101_public.npz"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    with np.load(path, allow_pickle=False) as data:
        cells = np.cumsum(data["cell_delta"].astype(np.uint64)).tolist()
    assert sorted(map(canonical_cell, cells)) == space.cells.tolist()


@pytest.mark.parametrize("edge_probability", [0.3, 0.5, 0.7])
def test_the_index_is_the_row_of_the_canonical_cell(space, edge_probability):
    specs = [spec for spec in random_raw_specs(3, 5_000, edge_probability) if is_valid(spec)]
    rows = [space.index(spec) for spec in specs]
    assert space.cells[rows].tolist() == [canonical_cell(spec) for spec in specs]


# Against the peer package


@pytest.mark.parametrize("edge_probability", [0.2, 0.5, 0.6])
def test_validity_and_pruning_are_those_of_the_peer(peer, edge_probability):
    accepted = 0
    specs = random_raw_specs(1, 1_500, edge_probability)
    for spec in specs:
        model, valid = peer_spec(peer, spec)
        assert is_valid(spec) == valid
        assert (prune(spec) != 0) == model.valid_spec
        if model.valid_spec:
            matrix, ops = to_matrix_ops(prune(spec))
            assert matrix.tolist() == model.matrix.tolist()
            assert ops == model.ops
        accepted += valid
    assert 0.1 < accepted / len(specs) < 0.95  # both sides are tried


def test_isomorphism_classes_are_those_of_the_peer(peer):
    hash_of_cell: dict[int, str] = {}
    cells = {prune(spec) for spec in random_raw_specs(2, 1_500, 0.5) if is_valid(spec)}
    # Few random cells are isomorphic to each other, so all relabelings of some are added.
    cells |= {code for cell in sorted(cells)[::10] for code in relabelings(cell)}
    for cell in cells:
        graph_hash = peer_hash(peer, peer_spec(peer, cell)[0])
        assert hash_of_cell.setdefault(canonical_cell(cell), graph_hash) == graph_hash
    assert len(set(hash_of_cell.values())) == len(hash_of_cell) < len(cells)


def test_the_official_vectors_agree(reference, space):
    path = reference / "vectors" / "nasbench" / "graph_hashes.json"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    vectors = json.loads(path.read_text())
    row_of_hash: dict[str, int] = {}
    for entry in vectors["specs"] + vectors["isomorphic_copies"]:
        spec = from_matrix_ops(entry["matrix"], entry["ops"])
        matrix, ops = to_matrix_ops(prune(spec))
        assert (matrix.tolist(), ops) == (entry["pruned_matrix"], entry["pruned_ops"])
        assert is_valid(spec)
        row = space.index(spec)
        assert row_of_hash.setdefault(entry["graph_hash"], row) == row
    assert len(set(row_of_hash.values())) == len(row_of_hash) > 50
    for entry in vectors["rejected"]:
        spec = from_matrix_ops(entry["matrix"], entry["ops"])
        assert not is_valid(spec)
        assert (prune(spec) == 0) == (entry["why"] == "disconnected")


# Pruning and canonical form


@given(raw_specs)
def test_pruning_again_changes_nothing(spec):
    cell = prune(spec)
    assert cell == 0 or (prune(cell) == cell and prune(pad(cell)) == cell)


@given(valid_specs)
def test_the_canonical_cell_is_the_smallest_relabeling(spec):
    codes = relabelings(prune(spec))
    assert canonical_cell(spec) == min(codes)
    assert all(canonical_cell(code) == min(codes) for code in codes)


@pytest.mark.parametrize(
    "number",
    [-1, 0, 1 << 29, 8 << 29, SEVEN | 243 << LABELS, 2 << 29 | 1 << LABELS, 2 << 29 | 2, 6 << 29 | 1 << 15, 2**40],
)
def test_a_number_that_is_no_code_is_refused(number):
    assert not is_code(number)
    assert not is_valid(number)
    for function in (prune, canonical_cell, pad, to_matrix_ops, describe):
        with pytest.raises(ValueError, match=r"2 to 7 vertices"):
            function(number)


@pytest.mark.parametrize("number", [SEVEN, SEVEN | 2**21 - 1, 2 << 29 | 1, SEVEN | 243 << LABELS, -5, 2**62])
def test_only_valid_specs_are_mutated_and_looked_up(space, number):
    with pytest.raises(ValueError, match=r"only a valid spec"):
        space.mutate(number, 1, 1.0)
    with pytest.raises(ValueError, match=r"only a valid spec"):
        space.index(number)


# Random specs and mutation


def slow_random_spec(peer: SimpleNamespace, rng: np.random.Generator) -> int:
    while True:
        matrix = np.triu(rng.integers(0, 2, (7, 7)), 1)
        spec = from_matrix_ops(matrix, ["input", *rng.choice(OPS, 5), "output"])
        if peer_spec(peer, spec)[1]:
            return spec


def slow_mutation(peer: SimpleNamespace, parent: int, rng: np.random.Generator, rate: float) -> int:
    """The rejection process on matrices and names, one decision at a time."""
    while True:
        matrix, ops = to_matrix_ops(parent)
        for x, y in zip(*np.triu_indices(7, 1), strict=True):
            if rng.random() < rate / 7:
                matrix[x, y] = 1 - matrix[x, y]
        for v in range(1, 6):
            if rng.random() < rate / 5:
                ops[v] = rng.choice([op for op in OPS if op != ops[v]])
        spec = from_matrix_ops(matrix, ops)
        if peer_spec(peer, spec)[1]:
            return spec


def statistics(specs: list[int]) -> dict[str, np.ndarray]:
    """Histograms that tell two distributions of specs apart."""
    codes = np.array(specs)
    bits = (codes[:, None] >> np.arange(21)) & 1
    digits = ((codes >> LABELS) & 255)[:, None] // 3 ** np.arange(5) % 3
    result = {"edges": np.bincount(bits.sum(axis=1), minlength=22)}
    result |= {f"edge {i}": np.bincount(bits[:, i], minlength=2) for i in range(21)}
    result |= {f"operation {v}": np.bincount(digits[:, v], minlength=3) for v in range(5)}
    result["operations changed"] = np.bincount((digits != digits[0]).sum(axis=1), minlength=6)
    result["edges kept"] = np.bincount([count_edges(prune(spec)) for spec in specs], minlength=10)
    return result


def assert_same_distribution(fast: list[int], slow: list[int]) -> None:
    """A chi-squared test of every histogram at 1e-4; the seeds are fixed, so that the verdict is always the same."""
    a, b = statistics(fast), statistics(slow)
    for name in a:
        table = np.array([a[name], b[name]])
        table = table[:, table.sum(axis=0) >= 20]
        if table.shape[1] > 1:
            assert chi2_contingency(table).pvalue > 1e-4, name


def test_random_specs_are_distributed_as_by_slow_rejection(space, peer):
    words, rng = Rng.from_seed(11), np.random.default_rng(11)
    fast = [space.random(words.word()) for _ in range(50_000)]
    assert all(map(is_valid, fast))
    first = fast[0]
    slow = [first] + [slow_random_spec(peer, rng) for _ in range(4_000)]
    assert_same_distribution([first, *fast], slow)


@pytest.mark.parametrize(("text", "rate"), [(DENSE, 1.0), (CHAIN, 2.5)])
def test_mutations_are_distributed_as_by_slow_rejection(space, peer, text, rate):
    parent = parse(text)
    words, rng = Rng.from_seed(12), np.random.default_rng(12)
    fast = [space.mutate(parent, words.word(), rate) for _ in range(50_000)]
    assert all(map(is_valid, fast))
    slow = [slow_mutation(peer, parent, rng, rate) for _ in range(4_000)]
    assert_same_distribution([parent, *fast], [parent, *slow])


def test_a_changed_operation_is_a_different_one_and_both_others_occur(space):
    parent = parse(CHAIN)
    words = Rng.from_seed(13)
    children = [space.mutate(parent, words.word(), 5.0) for _ in range(300)]
    for v in range(5):
        digits = {(child >> LABELS & 255) // 3**v % 3 for child in children}
        assert digits == {0, 1, 2} - {(parent >> LABELS & 255) // 3**v % 3}


@given(spec=valid_specs, word=st.integers(0, 2**64 - 1))
def test_the_same_word_gives_the_same_spec_and_rate_zero_the_parent(space, spec, word):
    assert space.mutate(spec, word, 0.0) == spec
    assert space.mutate(spec, word, 1.0) == space.mutate(spec, word, 1.0)
    assert space.random(word) == space.random(word)


def test_the_specs_of_given_words_never_change(space):
    words = [0, 1, 2**64 - 1]
    assert [space.random(word) for word in words] == GOLDEN_RANDOM
    assert [space.mutate(parse(DENSE), word, 1.0) for word in words] == GOLDEN_MUTATED


@pytest.mark.parametrize("rate", [-0.1, 5.1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(space, rate):
    with pytest.raises(ValueError, match="between 0 and 5"):
        space.mutate(parse(CHAIN), 1, rate)


# Matrices and text


@given(raw_specs)
def test_matrix_and_operations_read_back_equal(spec):
    assert from_matrix_ops(*to_matrix_ops(spec)) == spec


@given(valid_specs)
def test_text_reads_back_equal(spec):
    assert "\n" not in describe(spec)
    assert parse(describe(spec)) == spec
    assert parse(describe(prune(spec))) == pad(prune(spec))
    assert prune(parse(describe(prune(spec)))) == prune(spec)


def test_text_is_readable_and_the_order_of_items_is_free():
    spec = from_matrix_ops([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["input", "maxpool3x3", "output"])
    assert describe(prune(spec)) == "input-1 input-output 1-output 1=maxpool3x3"
    assert parse("1=maxpool3x3,  1-output, input-output\ninput-1") == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no path of edges leads from input to output"),
        ("input-1 1=maxpool3x3", "no path of edges leads from input to output"),
        ("input-1 1-output", "vertex 1 has edges but no operation"),
        ("input-1 1-output 1=conv3x3", "unknown operation 'conv3x3'; did you mean 'conv3x3-bn-relu'?"),
        ("input-1 1-output 1=maxpool", "unknown operation 'maxpool'; did you mean 'maxpool3x3'?"),
        ("input-1 1-output 1=", "unknown operation ''; did you mean"),
        ("input-6 6-output", "'input-6': no vertex '6'; there are input, 1, 2, 3, 4, 5, output"),
        ("inptu-1", "no vertex 'inptu'"),
        ("output-input", "from a lower to a higher vertex"),
        ("input-output 2-1", "from a lower to a higher vertex"),
        ("input-output 1-1", "from a lower to a higher vertex"),
        ("input-output input-output", "an edge goes once"),
        ("input-output input=maxpool3x3", "each of the vertices 1 to 5 has one operation"),
        ("input-output 1=maxpool3x3 1=maxpool3x3", "each of the vertices 1 to 5 has one operation"),
        ("input->output", "no vertex '>output'"),
        ("7516192769", "expected an edge such as input-1 or an operation such as 1=conv3x3-bn-relu"),
        (f"{DENSE} input-output", "10 edges lie between input and output, at most 9 are allowed"),
    ],
)
def test_a_wrong_text_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


_items = st.sampled_from(["input", "output", "1", "2", "5", "9", "-", "=", ",", " ", "\n", *OPS])


@given(st.one_of(st.text(), st.lists(_items).map("".join)))
def test_any_text_gives_a_valid_spec_or_one_short_line(text):
    refusal = ""
    try:
        valid = is_valid(parse(text))
    except ValueError as error:
        valid, refusal = False, str(error)
    assert valid or (len(refusal.splitlines()) == 1 and len(refusal) < 200)


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        ([[0, 1], [0]], ["input", "output"], "rows of different lengths"),
        (0, [], "must be square"),
        ([0, 1], ["input", "output"], "must be square"),
        ([[0]], ["input"], "must be square with 2 to 7 rows"),
        (np.zeros((8, 8)), ["input", *[OPS[0]] * 6, "output"], "must be square with 2 to 7 rows"),
        (np.zeros((2, 3)), ["input", "output"], "must be square"),
        ([[0, 2], [0, 0]], ["input", "output"], "only 0 and 1"),
        ([[0, np.nan], [0, 0]], ["input", "output"], "only 0 and 1"),
        ([["0", "1"], ["0", "0"]], ["input", "output"], "only 0 and 1"),
        ([[0, 1], [1, 0]], ["input", "output"], "upper triangular"),
        ([[1, 1], [0, 0]], ["input", "output"], "upper triangular"),
        ([[0, 1], [0, 0]], ["input", OPS[0], "output"], "must be 'input', 0 of"),
        ([[0, 1], [0, 0]], ["output", "input"], "must be 'input'"),
        (np.zeros((3, 3)), ["input", "conv1x1", "output"], "did you mean 'conv1x1-bn-relu'"),
        (np.zeros((3, 3)), ["input", 1, "output"], "unknown operation 1"),
    ],
)
def test_a_wrong_matrix_or_operation_is_refused(matrix, ops, message):
    with pytest.raises(ValueError, match=message):
        from_matrix_ops(matrix, ops)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float64])
def test_a_matrix_of_any_number_type_is_read(dtype):
    matrix = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=dtype)
    assert describe(prune(from_matrix_ops(matrix, ["input", OPS[1], "output"]))) == (
        "input-1 1-output 1=conv1x1-bn-relu"
    )


# Files


def test_a_saved_space_behaves_as_the_built_one(space, tmp_path):
    path = tmp_path / "space.npy"
    space.save(path)
    loaded = Space.load(path)
    assert np.array_equal(loaded.cells, space.cells)
    words = Rng.from_seed(14)
    for _ in range(1_000):
        word = words.word()
        spec = space.random(word)
        assert loaded.random(word) == spec
        assert loaded.mutate(spec, word, 1.0) == space.mutate(spec, word, 1.0)
        assert loaded.index(spec) == space.index(spec)
    assert [file.name for file in tmp_path.iterdir()] == ["space.npy"]


def test_a_torn_changed_or_foreign_file_is_refused(space, tmp_path):
    path = tmp_path / "space.npy"
    space.save(path)
    whole = path.read_bytes()
    for size in (0, 5, 64, 128, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"space\.npy is not a whole table"):
            Space.load(path)
    for place in (0, 20, 200, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"space\.npy is not a whole table"):
            Space.load(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="is not a whole table"):
        Space.load(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="is not a whole table"):
        Space.load(path)
    space.save(path)  # over the bad file
    assert np.array_equal(Space.load(path).cells, space.cells)
    with pytest.raises(FileNotFoundError):
        Space.load(tmp_path / "absent.npy")


@pytest.mark.parametrize("size", [0, 100, N_CELLS])
def test_another_array_is_no_space(size):
    with pytest.raises(ValueError, match="not the table of the NAS-Bench-101 space"):
        Space(np.zeros(size, dtype=np.uint32))


def test_the_cells_cannot_be_overwritten(space):
    with pytest.raises(ValueError, match="read-only"):
        space.cells[0] = 1
