"""Whole loss graphs, with their gradients, against what the original computed of the same batch.

A vector is robust when it is finite and well conditioned, and was confirmed in double precision; the others are only
asked whether they are finite.
"""

import numpy as np
import pytest
from autorl_originals import graph_of

from setups.autorl.engine import Batch, EngineSettings
from setups.autorl.fast_engine import FastEngine

NETWORK = ("w0", "b0", "w1", "b1", "w2", "b2")


@pytest.fixture(scope="module")
def vectors(autorl_vectors, vector_lines):
    arrays = (dict(np.load(autorl_vectors / name)) for name in ("programs_public.npz", "batch.npz"))
    return vector_lines("programs_public.jsonl"), *arrays


def outcome(program, arrays, actions):
    """Losses and gradients: ours and the original's."""
    tag = f"A{actions}__"
    q, target = ([arrays[f"{tag}{net}__{name}"] for name in NETWORK] for net in ("q_param", "q_targ_param"))
    engine = FastEngine(graph_of(program), q, EngineSettings(hidden=(16, 16)), target=target)
    batch = Batch(*(arrays[f"{tag}{name}"] for name in ("s_tm1", "action", "reward", "discount", "s_t")))
    batch = batch._replace(rewards=batch.rewards.ravel(), discounts=batch.discounts.ravel())
    weight = np.float32(program["loss_weight"])
    _, gradients = engine.loss_and_gradients(batch, 0)
    return engine.losses(batch, 0) * weight, [gradient * weight for gradient in gradients]


@pytest.mark.parametrize("actions", [2, 3])
def test_losses_and_gradients_agree(vectors, actions):
    programs, expected, arrays = vectors
    wrong, checked = [], 0
    for program in programs:
        result = program["results"][f"A{actions}"]
        losses, gradients = outcome(program, arrays, actions)
        key = f"p{program['id']}__A{actions}__"
        original = expected[f"{key}loss"]
        assert losses.shape == original.shape
        assert (np.isnan(losses) == np.isnan(original)).all()
        if not result["robust"]:
            continue
        checked += 1
        flat = np.concatenate([g.ravel() for g in gradients])
        theirs = np.concatenate([expected[f"{key}g{name}"].ravel() for name in NETWORK])
        loss_apart = np.abs(losses - original).max() / max(np.abs(original).max(), 1e-30)
        apart = np.linalg.norm(flat - theirs) / max(np.linalg.norm(theirs), 1e-30)
        if loss_apart > 1e-4 or apart > 1e-3:
            wrong.append((program["id"], loss_apart, apart))
    assert not wrong
    assert checked >= 50


def test_most_agree_to_the_last_digits(vectors):
    programs, expected, arrays = vectors
    close = []
    for program in programs:
        losses, _ = outcome(program, arrays, 3)
        original = expected[f"p{program['id']}__A3__loss"]
        close.append(np.allclose(losses, original, rtol=1e-5, atol=1e-6 * np.abs(original).max()))
    assert np.mean(close) >= 0.9
