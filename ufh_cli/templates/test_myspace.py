"""The search space keeps the promises on which searches, caches and resuming rely."""

import pytest
from myspace import MySpace

from ufh_cli.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(MySpace)
