"""Hints at the name that was meant."""

from __future__ import annotations

import pytest

from ufh_cli.core.names import nearest


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("nasbensh", ["automl_zero", "nasbench"], "did you mean 'nasbench'?"),
        ("xyz", ["b", "a"], "known are a, b"),
        ("anything", [], "there are none"),
        ("", iter(["only"]), "known are only"),
    ],
)
def test_a_hint_names_what_is_near_or_all_there_is(name: str, known: object, hint: str) -> None:
    assert nearest(name, known) == hint  # type: ignore[arg-type]
