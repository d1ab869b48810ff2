"""Hints at the name that was meant, and names with weights."""

from __future__ import annotations

import pytest

from ufh_cli.core.names import nearest, weights


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


def test_each_name_has_its_weight_whatever_their_order() -> None:
    assert weights("kinds", ["c: 2.5", "a", "b:0"], ("a", "b", "c", "d")) == [1.0, 0.0, 2.5, 0.0]


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        (["alter", "remov"], "unknown 'remov'; did you mean 'remove'?"),
        (["alter:1", "alter:2"], "alter is named twice"),
        (["alter:-1"], "weight of alter must be a number from 0 on, got '-1'"),
        (["alter:nan"], "from 0 on, got 'nan'"),
        (["alter:inf"], "from 0 on, got 'inf'"),
        (["alter:"], "from 0 on, got ''"),
        (["alter:x"], "from 0 on, got 'x'"),
        (["alter:0"], "name at least one with a weight above 0 of alter, remove"),
        ([], "name at least one"),
    ],
)
def test_weights_that_are_of_no_use_are_one_line(items: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^kinds: ") as caught:
        weights("kinds", items, ("alter", "remove"))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
