"""Configurations: what is filled in, what a value means, where two differ."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from ufh_command import PACKAGE

from ufh_cli.configuration.schema import apply_setting, differences, make_config, options_model, parse_value
from ufh_cli.configuration.sweep import make_cells, parse_over

BUDGET = {"setup": "polynomials", "budget": {"cost": 10}}


@pytest.fixture(autouse=True)
def installed(monkeypatch, user_site):
    for path in (PACKAGE, user_site):
        monkeypatch.syspath_prepend(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("1e6", 1e6),
        ("-inf", float("-inf")),
        ("true", True),
        ("none", "none"),
        ("fec+fcm", "fec+fcm"),
        ("1/N", "1/N"),
        ("'12'", "12"),
        ('"a b"', "a b"),
        ("[1, 2]", [1, 2]),
        ("a=b", "a=b"),
    ],
)
def test_values_are_those_of_toml_and_else_words(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@given(st.text(max_size=20))
def test_any_text_is_a_value(text):
    assert parse_value(text) is not None


names = st.text("abcdef", min_size=1, max_size=3)
tables = st.recursive(st.integers() | st.booleans() | names, lambda inner: st.dictionaries(names, inner, max_size=3))


@given(st.dictionaries(names, tables, max_size=4), st.dictionaries(names, tables, max_size=4))
def test_differences_are_none_exactly_where_tables_are_equal(first, second):
    assert differences(first, first) == []
    assert bool(differences(first, second)) == (first != second)
    assert len(differences(first, second)) == len(differences(second, first))


def test_a_setting_makes_its_sections_and_leaves_the_others():
    nested = {"hash": {"kind": "structural"}}
    apply_setting(nested, "hash.mantissa_bits", 8)
    apply_setting(nested, "search.method", "tournament")
    apply_setting(nested, "technique", "fec")
    assert nested == {
        "hash": {"kind": "structural", "mantissa_bits": 8},
        "search": {"method": "tournament"},
        "technique": "fec",
    }


def test_defaults_are_the_papers_and_the_setups():
    config = make_config(BUDGET, "test")
    assert config.search == {
        "method": "regularized_evolution", "population_size": 100, "tournament_size": 10, "fresh_probability": 0.0,
        "restart": 0, "ties": "random",
    }  # fmt: skip
    assert config.options == {"terms": 5, "noise": 0.0, "delay": 0.0}
    assert (config.technique, config.seed, config.workers) == ("none", 0, 1)
    assert (config.proposals.max_tries, config.proposals.max_seen) == (100, 10)


@pytest.mark.parametrize(
    "tables",
    [
        BUDGET,
        {**BUDGET, "hash": {"mantissa_bits": "none", "cost": 0.5}, "cache": {"max_entries": 3}},
        {"setup": "polynomials", "budget": {"candidates": 1e3}, "search": {"method": "random_search"}},
        {**BUDGET, "cache": {"forget_probability": "1/N"}, "options": {"noise": 1}},
    ],
)
def test_a_resolved_configuration_resolves_to_itself_through_toml(tables):
    config = make_config(tables, "test")
    written = tomllib.loads(tomli_w.dumps(config.as_dict()))
    assert make_config(written, "again") == config
    assert make_config(written, "again").as_dict() == config.as_dict()


def test_a_whole_number_stands_for_a_float_and_a_round_float_for_a_whole_number():
    config = make_config({**BUDGET, "trials": 1e1, "options": {"noise": 1, "terms": 4.0}}, "test")
    assert (config.trials, config.options["terms"]) == (10, 4)
    assert type(config.options["noise"]) is float
    assert type(config.options["terms"]) is int


def test_the_callers_tables_are_left_as_they_were():
    given_tables = {**BUDGET, "search": {"population_size": 20}}
    make_cells(given_tables, {"search.tournament_size": ["2", "3"]}, "test")
    assert given_tables == {**BUDGET, "search": {"population_size": 20}}


def test_cells_are_the_product_in_the_order_given():
    over = parse_over(["technique=none, fec", "hash.mantissa_bits=3,none"])
    cells = make_cells(BUDGET, over, "test")
    assert [tuple(cell.swept.values()) for cell in cells] == [
        ("none", "3"), ("none", "none"), ("fec", "3"), ("fec", "none"),
    ]  # fmt: skip
    assert [(cell.config.technique, cell.config.hash.mantissa_bits) for cell in cells] == [
        ("none", 3), ("none", None), ("fec", 3), ("fec", None),
    ]  # fmt: skip


def test_without_sweep_there_is_one_cell():
    (cell,) = make_cells(BUDGET, {}, "test")
    assert cell.swept == {}
    assert cell.config == make_config(BUDGET, "test")


class Typed:
    """Options of all the types that a file can hold."""

    def __init__(self, *, needed: int, name: str = "a", size: int | None = None, exact: bool = False) -> None:
        pass


@pytest.mark.parametrize(
    ("options", "resolved"),
    [
        ({"needed": 1}, {"needed": 1, "name": "a", "size": None, "exact": False}),
        ({"needed": 2.0, "size": 3}, {"needed": 2, "name": "a", "size": 3, "exact": False}),
        ({"needed": 2, "size": "none"}, {"needed": 2, "name": "a", "size": None, "exact": False}),
        ({"needed": 2, "name": 64}, {"needed": 2, "name": "64", "size": None, "exact": False}),
    ],
)
def test_options_by_the_types_of_the_constructor(options, resolved):
    assert options_model(Typed).model_validate(options).model_dump() == resolved


@pytest.mark.parametrize(
    "options", [{}, {"needed": "1"}, {"needed": 1, "exact": 1}, {"needed": 1, "name": 0.5}, {"x": 1}]
)
def test_options_of_other_types_are_refused(options):
    with pytest.raises(ValueError, match=r"needed|exact|name|x"):
        options_model(Typed).model_validate(options)
