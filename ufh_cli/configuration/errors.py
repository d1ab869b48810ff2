"""Bad input, told in one line."""

from __future__ import annotations

import re
from typing import Any
from unicodedata import category

from ufh_cli.core.names import nearest

__all__ = ["InputError", "nearest", "one_line", "printable", "shorten", "shown"]

_LONG_WORD = re.compile(r"\S{300,}")
_LONGEST = 2000


class InputError(ValueError):
    """What the user gave does not fit. The message is one line: what, where, and what would be right.

    Whatever of the input it repeats is shortened, and shows what would steer a terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(message: str) -> str:
    """`message` as a line that is safe to print and not too long."""
    line = " ".join(message.split("\n"))
    return shorten(_LONG_WORD.sub(lambda word: shorten(word[0], 200), printable(line)), _LONGEST)


def shorten(text: str, most: int) -> str:
    """The beginning and the end of a text that has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"


def shown(value: Any, most: int = 100) -> str:
    """`value` as a message repeats it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, or tables in tables
        return f"a value of type {type(value).__name__} that is too large to show"
    return text if len(text) <= most else f"{text[:most]}…"


def printable(text: str) -> str:
    r"""`text` with what would steer a terminal, such as ``\x1b``, spelt out; ends of lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" or category(one) == "Zs" else _spelt(one) for one in text)


def _spelt(one: str) -> str:
    return one.encode("unicode_escape").decode("ascii")
