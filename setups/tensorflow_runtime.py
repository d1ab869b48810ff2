"""The one place where setups import tensorflow, so that it is set up the same way everywhere.

oneDNN is off: with it results depend on the number of threads. One thread an operation and one operation at a time,
because searches use a core for each worker; who wants more sets TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",  # it tells of missing GPUs in many lines
}


@cache
def load_tensorflow() -> Any:
    """The module tensorflow, imported with oneDNN off and, where the environment does not say other, one thread.

    Raises
    ------
    ValueError
        When tensorflow is not installed, or was imported before with oneDNN on, which cannot be undone.
    """
    if "tensorflow" in sys.modules and os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0":
        raise ValueError(
            "tensorflow was imported with oneDNN on, which makes results depend on threads: "
            "set TF_ENABLE_ONEDNN_OPTS=0 in the environment"
        )
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not os.path.isabs(os.path.expanduser("~")):  # keras would make a folder of the name ~
        os.environ.setdefault("KERAS_HOME", os.path.join(os.devnull, "keras"))
    try:
        tensorflow = importlib.import_module("tensorflow")
    except ImportError as error:
        raise ValueError(f"tensorflow is needed: pip install tensorflow ({error})") from None
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(gpu, True)  # else the first worker takes all its memory
    return tensorflow


@contextmanager
def out_of_memory_as_memory_error() -> Iterator[None]:
    """Turn tensorflow's own error for a lack of memory into Python's `MemoryError`."""
    tf = load_tensorflow()
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        lines = [line for line in str(error.message).splitlines() if "OOM" in line] or [str(error.message)]
        raise MemoryError(f"tensorflow has not enough memory: {lines[0].strip()}") from None
