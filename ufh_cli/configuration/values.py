"""Values as people write them: in TOML files, and on the command line where what is no TOML value is a text."""

from __future__ import annotations

import math
import re
import tomllib
import typing
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal

from pydantic import BaseModel

_MOST_PARTS = 32  # as in the expression
_DEEPEST = 64
_LONGEST_WHOLE = 1 << 63
# A dotted key of so many parts, each taken whole, so that a search is linear; tomllib's own time is quadratic in them.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")


class Given(str):
    """A value as the command line gave it. Whether it is a text or a number, the key that it is for decides."""

    __slots__ = ()


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML document; `ValueError` with one clear line where it is none, or beyond all measure."""
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {_MOST_PARTS} parts")
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("there are too many tables or lists in each other") from error
    except OverflowError as error:  # of a date
        raise ValueError(str(error)) from error
    return _bounded(tables)


def parse_value(text: str) -> Any:
    """A value as TOML has it; what is no TOML value is a string."""
    try:
        tables = parse_toml(f"value = {text}")
    except ValueError:
        return str(text)
    return tables["value"] if len(tables) == 1 else str(text)


def fitted(tables: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """`tables` where each `Given` is what the field of its name in `model` wants: a text stays as it was written."""
    return {
        key: _fit(value, model.model_fields[key].annotation if key in model.model_fields else None)
        for key, value in tables.items()
    }


def _fit(value: Any, wanted: Any) -> Any:
    if not isinstance(value, Given):
        return value
    if (element := _element(wanted)) is not None and not value.startswith("[") and value != "none":
        return [_fit(Given(part.strip()), element) for part in value.split(",") if part.strip()]
    return as_text(value) if _is_text(wanted) else parse_value(value)


def _element(wanted: Any) -> Any:
    """The type of what is in a field that holds nothing but a list, or None."""
    union = typing.get_origin(wanted) in (typing.Union, UnionType)
    kinds = [kind for kind in (typing.get_args(wanted) if union else [wanted]) if kind is not type(None)]
    return typing.get_args(kinds[0])[0] if len(kinds) == 1 and typing.get_origin(kinds[0]) is tuple else None


def divided(text: str) -> list[str]:
    """The parts of `text` between its commas, but for those within brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def as_text(value: str) -> str:
    """The text that is written so; one in quotes is what TOML finds in them."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return str(parse_value(value) if quoted else value)


def _is_text(wanted: Any) -> bool:
    """Whether a field of this type holds nothing but texts, or None."""
    if typing.get_origin(wanted) is typing.Annotated:
        return _is_text(typing.get_args(wanted)[0])
    if typing.get_origin(wanted) is Literal:
        return all(isinstance(word, str) for word in typing.get_args(wanted))
    if typing.get_origin(wanted) in (typing.Union, UnionType):
        return all(one is type(None) or _is_text(one) for one in typing.get_args(wanted))
    return wanted is str


def _bounded(value: Any, depth: int = 0) -> Any:
    """`value` with whole numbers as TOML bounds them; larger ones are floats, where those reach so far."""
    if depth > _DEEPEST:
        raise ValueError(f"there are more than {_DEEPEST} tables or lists in each other")
    if isinstance(value, dict):
        return {key: _bounded(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item, depth + 1) for item in value]
    if type(value) is int and not -_LONGEST_WHOLE <= value < _LONGEST_WHOLE:
        if value.bit_length() > 1023:
            raise ValueError(f"a whole number has about {math.ceil(value.bit_length() * math.log10(2)):,} digits")
        return float(value)
    return value
