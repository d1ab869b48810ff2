"""Every operation, alone, against what the original computed of the same values, special ones included.

Left out are the original's operations that our language does not have (an encoder of states, a value network on
encodings, a Q value of one action), and the values of random constants.
"""

import numpy as np
import pytest
from autorl_originals import our_name

from setups.autorl import microcode as mc
from setups.autorl.encode import Encoder
from setups.autorl.graph_kernel import run
from setups.autorl.operations import NUMBERS
from setups.autorl.types import Type
from setups.autorl.workspace import pack

FOREIGN = {"LossOpNode", "QValueListFromVecOpNode", "StateEncoderOpNode", "QValueOpNode"}
NETWORK = ("w0", "b0", "w1", "b1", "w2", "b2")


@pytest.fixture(scope="module")
def vectors(autorl_vectors, vector_lines):
    arrays = (dict(np.load(autorl_vectors / name)) for name in ("ops.npz", "batch.npz"))
    return vector_lines("ops.jsonl"), *arrays


def computed(record, arrays, batch):
    """What our kernels make of a record's values."""
    actions = record["A"]
    network = [batch[f"A{actions}__q_param__{name}"] for name in NETWORK]
    sizes = (4, 16, 16, actions)
    encoder = Encoder(sizes)
    kinds = [Type[{"FLOATCONSTANT": "CONSTANT"}.get(kind, kind)] for kind in record["types"]]
    given = []
    for j, (kind, bank) in enumerate(zip(kinds, record["signature"], strict=True)):
        if kind not in (Type.PARAM, Type.CONSTANT):
            array = arrays[f"A{actions}__in{min(j, 1)}__{bank}"]
            array = array.reshape(len(array), -1)
            given.append((encoder.value(*array.shape), array))
    operands = [value for value, _ in given]
    if kinds[0] is Type.PARAM:
        out = encoder.network(mc.Q, operands[0])
    else:
        out = encoder.apply(NUMBERS[our_name(record["op"])], kinds[0], operands)
    program = encoder.finish(out, {})
    memory = np.zeros(program.memory, np.float32)
    for value, array in given:
        memory[value.offset : value.offset + array.size] = array.ravel()
    for offset, constant in program.constants:
        memory[offset] = constant
    run(program.codes, pack(network, network, sizes, np.float32), memory, np.zeros(6), mc.FORWARD)
    return memory[out.offset : out.offset + out.rows * out.columns].reshape(out.rows, out.columns)


# Sums that cancel: the last bit of their terms, which are up to 1 or up to 10, is more than 1e-6 of the result.
CANCELS = {"KLDiv": 1.2e-7, "MeanBatch": 1.2e-6, "QValueList": 1.2e-6}
DENORMAL = 1.2e-38  # TensorFlow takes smaller numbers for 0


def test_every_record_agrees(vectors):
    records, arrays, batch = vectors
    wrong, seen = [], set()
    for record in records:
        if record["op"] in FOREIGN or record["random"]:
            continue
        name = our_name(record["op"])
        found, expected = computed(record, arrays, batch), arrays[record["key"]].astype(np.float64)
        expected = expected.reshape(len(expected), -1)  # of actions
        seen.add(name)
        assert found.shape == expected.shape, record
        tolerance = 1e-6 * np.abs(np.nan_to_num(expected, posinf=0.0, neginf=0.0)) + CANCELS.get(name, 0.0) + DENORMAL
        with np.errstate(invalid="ignore"):
            close = (np.abs(found - expected) <= tolerance) | (found == expected)
        close |= np.isnan(found) & np.isnan(expected)
        if not close.all():
            wrong.append((name, record["signature"], record["A"], found[~close][:4], expected[~close][:4]))
    assert not wrong
    assert seen == set(NUMBERS) - {"ConstantGaussian", "ConstantUniform"}
