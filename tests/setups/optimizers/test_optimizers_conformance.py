"""What every setup must do, from several starting points."""

from __future__ import annotations

import pytest

from setups.optimizers import Optimizers
from ufh_cli.testing import CHECKS

_QUICK = {"tasks": ("softmax", "quadratic")}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "options", [{"initial": "adamw"}, {"initial": "random", "hurdle_tasks": 1}], ids=["adamw", "random-in-stages"]
)
def test_conformance(check, options):
    check(lambda: Optimizers(**_QUICK, **options))
