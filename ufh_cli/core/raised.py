"""Which method of a setup an error came out of, as its traceback tells."""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Mapping
from typing import Any

from ufh_cli.core import hashing

_SHORT = reprlib.Repr()
_SHORT.maxtuple = _SHORT.maxlist = 12
_SHORT.maxother = _SHORT.maxstring = 100


def told(kind: type, error: BaseException) -> str:
    """`error` with the method of a setup of this `kind`, its candidate, and the line of its file where it came up.

    What the hash refuses is laid to ``hashable_outputs``. "" where the setup had no part in it, or cannot help it:
    where there is no memory, or no folder for compiled code.
    """
    if isinstance(error, MemoryError) or str(error).startswith("cannot cache function"):  # numba's only way to say it
        return ""
    where = file = ""
    line = 0
    caller: Mapping[str, Any] = {}
    for frame, number in traceback.walk_tb(error.__traceback__):
        names, code = frame.f_locals, frame.f_code
        if not where and isinstance(names.get("self"), kind):
            where, file = method_of(kind, code.co_name, names), code.co_filename
        elif not where and frame.f_globals.get("__name__") == hashing.__name__:
            return f"{method_of(kind, 'hashable_outputs', caller)}: {error}"
        line = number if code.co_filename == file else line
        caller = names
    return f"{where} (line {line}): {type(error).__name__}: {error}" if where else ""


def method_of(kind: type, method: str, names: Mapping[str, Any]) -> str:
    """``Kind.method``, and the candidate if there is one among the `names`."""
    of = f" of {_SHORT.repr(names['candidate'])}" if "candidate" in names else ""
    return f"{kind.__name__}.{method}{of}"
