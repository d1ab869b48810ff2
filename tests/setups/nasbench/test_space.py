"""The cells of NAS-Bench-101 against an independent implementation, the reference data and themselves."""

from __future__ import annotations

import json
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasbench_specs import LABELS, SEVEN, peer_spec, raw_specs, valid_specs

from setups.nasbench.enumeration import N_CELLS, OPS, canonical_cell, is_code, is_valid, prune
from setups.nasbench.space import SPEC_BITS, SPEC_MASK, Space
from setups.nasbench.text import describe, from_matrix_ops, pad, to_matrix_ops
from ufh_cli.core.rng import Rng


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


@given(word=st.integers(0, 2**64 - 1), rate=st.floats(0.0, 5.0))
def test_located_specs_are_the_same_specs_with_their_row(space, word, rate):
    located = space.random_located(word)
    child = space.mutate_located(located, word, rate)
    assert located == space.locate(space.random(word))
    assert child == space.locate(space.mutate(space.random(word), word, rate))
    assert (child & SPEC_MASK, child >> SPEC_BITS) == (
        space.mutate(located & SPEC_MASK, word, rate),
        space.index(child & SPEC_MASK),
    )
