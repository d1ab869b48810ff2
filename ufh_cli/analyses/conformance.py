"""The conformance suite on an installed setup, a line a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ufh_cli.configuration.errors import one_line
from ufh_cli.configuration.registry import load_setup
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
    # A class that lacks a method cannot be made; one line says so, rather than one for each check.
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        yield Verdict("methods", f"{kind.__name__} lacks {', '.join(missing)}")
        return
    with preparation(name, kind.prepared) as progress:
        kind.prepare(options, progress)
    for check in CHECKS:
        words = check.__name__.removeprefix("check_").replace("_", " ")
        yield Verdict(words, _fault(kind, check, lambda: kind(**options)))


def _fault(kind: type[Setup], check: Callable[[Callable[[], Setup]], None], make: Callable[[], Setup]) -> str:
    told = _Told(kind)
    with told:
        check(make)
    return told.fault


class _Told:
    """Whatever a check, or the setup in it, raises is not raised here but kept as a line."""

    def __init__(self, kind: type[Setup]) -> None:
        self._kind = kind
        self.fault = ""

    def __enter__(self) -> _Told:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, AssertionError):
            self.fault = one_line(str(error) or "an assertion failed")
        else:
            self.fault = one_line(f"{self._where(trace)}{type(error).__name__}: {error}")
        return True

    def _where(self, trace: TracebackType | None) -> str:
        """The setup's method, the candidate it was given and the line in which the error came up."""
        where = ""
        while trace is not None:
            frame, line = trace.tb_frame, trace.tb_lineno
            if isinstance(frame.f_locals.get("self"), self._kind):
                candidate = frame.f_locals.get("candidate")
                of = "" if candidate is None else f" of {candidate!r}"
                where = f"{self._kind.__name__}.{frame.f_code.co_name}{of[:100]}, line {line}: "
            trace = trace.tb_next
        return where
