"""A setup of one's own passes the suite that ours pass."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from ufh_cli.testing import CHECKS

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def setup_class(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    module, _, name = PROJECT["entry-points"]["ufh.setups"]["polynomials"].partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, setup_class):
    check(setup_class)


def test_it_has_what_the_other_tests_rely_on(setup_class):
    """Different candidates that behave the same, and the same ones reached in different ways."""
    setup = setup_class(terms=3)
    same = [setup.parse(text) for text in ("+2x^3 -1x^3 +0x^1", "+1x^3 +0x^0 +0x^0", "+0x^2 +3x^3 -2x^3")]
    outputs = [setup.hashable_outputs(candidate)[0].tolist() for candidate in same]
    assert len(set(same)) == 3
    assert outputs[0] == outputs[1] == outputs[2]
    assert [setup.parse(setup.describe(candidate)) for candidate in same] == same
