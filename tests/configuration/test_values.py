"""What is given as a value: texts stay as they are written, and nothing is beyond all measure."""

import time

import pytest
from ufh_command import PACKAGE

from ufh_cli.configuration.errors import InputError, one_line
from ufh_cli.configuration.registry import load_setup
from ufh_cli.configuration.schema import apply_setting, make_config, options_model, read_toml
from ufh_cli.configuration.sweep import make_cells, parse_over
from ufh_cli.configuration.values import Given, fitted, parse_value
from ufh_cli.core.streams import Streams

BUDGET = {"setup": "polynomials", "budget": {"cost": 10}}
TEXTS = [
    "0x10",
    "1_000",
    "5 # c",
    "1e3",
    "true",
    "nan",
    "1979-05-27",
    "[1, 2]",
    "{a = 1}",
    "0o17",
    "+5",
    "5.0",
    "07:32:00",
]


class Worded:
    """Has options of every kind that holds texts."""

    def __init__(
        self, *, word: str = "", perhaps: str | None = None, number: int = 3, either: float | str = 1.0
    ) -> None:
        pass


class Listed:
    """Has options that are lists."""

    def __init__(
        self,
        *,
        three: tuple[int, int, int] = (1, 2, 3),
        numbers: tuple[float, ...] = (),
        words: tuple[str, ...] = (),
        named: str | tuple[tuple[int, ...], tuple[int, ...]] = "all",
    ) -> None:
        pass


@pytest.fixture(autouse=True)
def installed(monkeypatch, user_site):
    for path in (PACKAGE, user_site):
        monkeypatch.syspath_prepend(path)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_as_it_is_written(text):
    read = options_model(Worded).model_validate({"word": Given(text), "perhaps": Given(text)})
    assert (read.word, read.perhaps) == (text, text)
    tables = {**BUDGET, "cache": {}}
    apply_setting(tables, "cache.warm", Given(text))
    assert make_config(tables, "test").cache.warm == text
    assert make_cells(BUDGET, {"cache.warm": [text]}, "test")[0].config.cache.warm == text


@pytest.mark.parametrize(
    ("text", "value"), [("'0x10'", "0x10"), ('"a\\tb"', "a\tb"), ("''", ""), ("'", "'"), ("'a", "'a")]
)
def test_a_text_in_quotes_is_what_is_in_them(text, value):
    assert options_model(Worded).model_validate({"word": Given(text)}).word == value


def test_numbers_are_numbers_and_none_is_none():
    read = options_model(Worded).model_validate(
        {"number": Given("0x10"), "perhaps": Given("none"), "either": Given("1e3")}
    )
    assert (read.number, read.perhaps, read.either) == (16, None, 1000.0)


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("three", "4,5, 6", (4, 5, 6)),
        ("three", "[4, 5, 6]", (4, 5, 6)),
        ("numbers", "2", (2.0,)),
        ("numbers", "0.5,1e3", (0.5, 1000.0)),
        ("numbers", "[]", ()),
        ("words", "alter:3, 10", ("alter:3", "10")),
        ("words", "'a, b'", ("'a", "b'")),
        ("words", '["a, b"]', ("a, b",)),
        ("named", "some", "some"),
        ("named", "[[1, 2], []]", ((1, 2), ())),
    ],
)
def test_a_list_is_divided_by_commas_or_as_in_toml(option, text, value):
    read = options_model(Listed).model_validate({option: Given(text)})
    assert getattr(read, option) == value
    again = options_model(Listed).model_validate({option: value if isinstance(value, str) else [*value]})
    assert again == read


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("memory", "5/9/2", "must be a list of 3, got '5/9/2'"),
        ("memory", [4, 5], "must be a list of 3, got [4, 5]"),
        ("memory", Given("4,5,x"), "input should be a valid integer, got 'x'"),
        ("mutations", "alter, insert", "must be a list, got 'alter, insert'"),
        ("mutations", ["alter", 1], "input should be a valid string, got 1"),
        ("operations", [[1]], "operations: input should be a valid string or field required, got"),
        ("operations", [[1], [2], ["x"]], "valid string or input should be a valid integer, got"),
    ],
)
def test_what_is_no_such_list_is_refused_in_a_short_line(option, value, complaint):
    with pytest.raises(InputError) as caught:
        make_config({"setup": "automl_zero", "options": {option: value}}, "test")
    message = str(caught.value)
    assert message.startswith(f"test: options.{option}")
    assert complaint in message
    assert "\n" not in message
    assert len(message) < 200


def test_lists_can_be_swept():
    assert parse_over(["options.memory=[5,9,2], [8, 14, 3]", "technique=none,fec"]) == {
        "options.memory": ["[5,9,2]", "[8, 14, 3]"],
        "technique": ["none", "fec"],
    }
    assert parse_over(["options.operations=all,[[1],[2,3]]"]) == {"options.operations": ["all", "[[1],[2,3]]"]}


def test_a_section_in_one_piece_can_be_set_further():
    tables = dict(BUDGET)
    apply_setting(tables, "hash", Given("{mantissa_bits = 5}"))
    apply_setting(tables, "hash.kind", Given("structural"))
    config = make_config(tables, "test")
    assert (config.hash.mantissa_bits, config.hash.kind) == (5, "structural")


@pytest.mark.parametrize("seed", [2**32, 2**32 + 5, 2**63, 2**64, 10**300])
def test_a_seed_that_would_run_into_the_trials_of_another_is_refused(seed):
    # SeedSequence takes a large seed as two words, and so [2**32 + 5, 0] as [5, 1, 0].
    with pytest.raises(InputError, match="seed"):
        make_config({**BUDGET, "seed": seed}, "test")
    with pytest.raises(ValueError, match="seed"):
        Streams.of(seed, 0)


def test_trials_of_all_seeds_are_distinct():
    seeds = [0, 1, 5, 2**31, 2**32 - 1]
    assert [make_config({**BUDGET, "seed": seed}, "test").seed for seed in seeds] == seeds
    words = {Streams.of(seed, trial).search.word() for seed in seeds for trial in (0, 1, 5, 2**32 - 1)}
    assert len(words) == len(seeds) * 4
    with pytest.raises(ValueError, match="trial"):
        Streams.of(5, 2**32)


BEYOND = {
    "trials": ({"trials": 10**9}, {}, "1000000"),
    "simulated workers": ({"workers": 10**9}, {}, "100000"),
    "cells": (
        {},
        {"hash.mantissa_bits": list(map(str, range(1, 21))), "workers": list(map(str, range(1000)))},
        "5,000",
    ),
    "endless cells": ({}, {f"options.a{key}": list(map(str, range(1000))) for key in range(100)}, "5,000"),
    "trials of cells": ({"trials": 10**6}, {"hash.mantissa_bits": ["1", "2"]}, "1,000,000"),
    "tries": ({"proposals": {"max_tries": 10**9}}, {}, "proposals.max_tries"),
    "memory": ({"evaluation": {"memory": 1e19}}, {}, "evaluation.memory"),
    "timeout": ({"evaluation": {"timeout": 1e300}}, {}, "evaluation.timeout"),
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_is_beyond_all_measure_is_refused_at_once(case):
    tables, over, word = BEYOND[case]
    start = time.process_time()
    with pytest.raises(InputError, match=word):
        make_cells(BUDGET | tables, over, "test")
    assert time.process_time() - start < 5


DOCUMENTS = {
    "a key of many parts": ".".join("a" * 20_000) + " = 1",
    "a header of many parts": "[" + " . ".join(["a"] * 20_000) + "]",
    "quoted parts": ".".join(["'a'"] * 20_000) + " = 1",
    "an inline key of many parts": "x = {" + ".".join("a" * 20_000) + " = 1}",
    "lists in lists": "x = " + "[" * 200 + "]" * 200,
    "many lists in lists": "x = " + "[" * 20_000,
    "a decimal whole number": "x = 1" + "0" * 309,
    "a long decimal whole number": "x = 1" + "0" * 5000,
    "a hexadecimal whole number": "x = 0x" + "f" * 5000,
    "one in a list in a table": "x = [{y = 0x" + "f" * 5000 + "}]",
    "a day that is none": "x = 2001-02-30",
    "a large file": "x = 1\n" + "#" * (1 << 20),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents_beyond_all_measure_are_refused_in_a_short_line(case, tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(DOCUMENTS[case])
    with pytest.raises(InputError, match="cannot be read") as refused:
        read_toml(path)
    assert len(str(refused.value)) < 700
    if DOCUMENTS[case].startswith("x = ") and case != "a large file":
        assert parse_value(DOCUMENTS[case][4:]) == DOCUMENTS[case][4:]


@pytest.mark.parametrize("parts", [100, 990, 30_000])
def test_keys_of_many_parts_are_refused(parts):
    with pytest.raises(InputError, match="parts"):
        apply_setting({}, ".".join("a" * parts), "1")


def test_whole_numbers_that_are_large_are_floats():
    assert parse_value("1" + "0" * 30) == 1e30
    assert parse_value(str(2**63 - 1)) == 2**63 - 1
    assert isinstance(parse_value("1" + "0" * 400), str)


HUGE = {
    "hexadecimal": 0xF << 20_000, "decimal": 10**400, "list": [0xF << 20_000], "table": {"a": 10**5000},
    "text": "x" * 500_000,
}  # fmt: skip


def test_a_whole_number_has_64_bits():
    for value in (1e19, 1e195, -1e195):
        with pytest.raises(InputError, match="terms"):
            make_config({**BUDGET, "options": {"terms": value}}, "test")


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("key", ["seed", "trials", "technique", "budget", "hash", "search", "options", "evaluation"])
def test_whatever_lies_where_something_else_belongs_is_told_in_a_short_line(key, value):
    with pytest.raises(InputError) as refused:
        make_config({**BUDGET, key: HUGE[value]}, "test")
    assert len(str(refused.value)) < 1000


def test_a_byte_order_mark_is_no_mistake_and_another_encoding_is_named(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text("trials = 3", encoding="utf-8-sig")
    assert read_toml(path) == {"trials": 3}
    for encoding in ("utf-16", "utf-32"):
        path.write_text("trials = 3", encoding=encoding)
        with pytest.raises(InputError, match=r"UTF-16.*UTF-8"):
            read_toml(path)
    path.write_text("trials = 3", encoding="utf-16-le")  # without a mark
    with pytest.raises(InputError, match=r"zero bytes.*UTF-8"):
        read_toml(path)
    path.write_bytes(b"trials = 3 # caf\xe9")
    with pytest.raises(InputError, match="not in UTF-8"):
        read_toml(path)


def test_a_message_steers_no_terminal_and_is_short():
    line = one_line(
        "\x1b]0;title\x07 name\x9b31m \u202e right \r over, café – ünï 日本 and "
        + "x" * 450_000
        + "; did you mean 'y'?"
    )
    assert line.isprintable()
    assert all(word in line for word in (r"\x1b", r"\x07", r"\x9b", r"\u202e", r"\r", "café – ünï 日本", "mean 'y'?"))
    assert len(line) < 400
    assert len(one_line("a b " * 100_000)) <= 2000


def test_what_is_not_known_is_left_to_be_refused():
    assert fitted({"unknown": Given("5")}, options_model(Worded)) == {"unknown": 5}


def test_setups_are_found_that_are_installed_later(tmp_path, monkeypatch):
    from ufh_command import install

    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="unknown setup 'later'"):
        load_setup("later")
    install(tmp_path, name="later", version="1", entry_points={"later": "ufh_polynomials:Polynomials"})
    assert load_setup("later").__name__ == "Polynomials"
