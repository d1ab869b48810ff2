"""Setups of a notebook or a script in other processes, which cannot import them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from functools import partial

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.registry import give_setup, given_setup


def bringing_setup(name: str) -> Callable[[], object]:
    """What a new process does first, so that it knows the setup `name` as this one does.

    Raises
    ------
    InputError
        When a notebook's class cannot be brought there: cloudpickle is missing, or it holds what does not travel.
    """
    kind = given_setup(name)
    if kind is None:
        return os.getpid
    try:
        import cloudpickle
    except ImportError as error:
        raise InputError(
            f"jobs: several processes know {name} only through cloudpickle: pip install cloudpickle"
        ) from error
    try:
        return partial(_receive, name, cloudpickle.dumps(kind))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(f"jobs: {name} cannot be brought to another process ({error}); use jobs=1") from error


def _receive(name: str, kind: bytes) -> None:
    """The bytes are this very program's, made a moment ago; no file holds them."""
    give_setup(name, pickle.loads(kind))
