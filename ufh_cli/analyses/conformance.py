"""The conformance suite on an installed setup, a line a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ufh_cli.configuration.errors import one_line
from ufh_cli.configuration.registry import load_setup
from ufh_cli.core.raised import told
from ufh_cli.core.setup import Setup
from ufh_cli.progress import preparation
from ufh_cli.testing import CHECKS


@dataclass(frozen=True)
class Verdict:
    """How a check ended.

    Attributes
    ----------
    check : str
        What was checked, in words.
    fault : str
        What is wrong, in a line; "" for nothing.
    """

    check: str
    fault: str


def conformance(name: str, options: Mapping[str, Any]) -> Iterator[Verdict]:
    """Run every check on the setup `name` with these options of its constructor."""
    kind = load_setup(name)
    with preparation(name, kind.prepared) as progress:
        kind.prepare(options, progress)
    for check in CHECKS:
        words = check.__name__.removeprefix("check_").replace("_", " ")
        yield Verdict(words, _fault(kind, check, lambda: kind(**options)))


def _fault(kind: type[Setup], check: Callable[[Callable[[], Setup]], None], make: Callable[[], Setup]) -> str:
    """Whatever the check, or the setup in it, raises, as a line."""
    try:
        check(make)
    except AssertionError as error:
        return one_line(str(error) or "an assertion failed")
    except Exception as error:
        return one_line(told(kind, error) or f"{type(error).__name__}: {error}")
    return ""
