"""OpenEvolve: an evaluator that looks a program up by what it does before it evaluates it.

``evaluate(program_path)`` is what OpenEvolve calls, in processes of its own, so the cache is a file. Here a list of
programs stands for the language model, and for the loop around it.
"""

import os
import runpy
import tempfile
from pathlib import Path

import numpy as np

import ufh_cli as ufh

CACHE = os.environ.get("EVALUATOR_CACHE", "evaluator.sqlite")
PROBE = np.linspace(0.1, 2.0, 16)
# Programs that behave alike may differ in speed: where time is part of the score, do not cache, or add it to the key.


def outputs(program_path):
    """Under the sandbox and the time limit that the evaluation has."""
    return runpy.run_path(str(program_path))["f"](PROBE)


def costly(program_path):
    x = np.linspace(0.0, 3.0, 100_000)
    return {"error": float(np.mean(np.abs(runpy.run_path(str(program_path))["f"](x) - np.sin(x))))}


def make_evaluator(path=CACHE):
    # A program that cannot be run on the probe goes to the evaluation, which says so in its own way.
    return ufh.functional_cache(outputs=outputs, path=path, mantissa_bits=24, on_error=(ArithmeticError, NameError))(
        costly
    )


def main():
    programs = [
        "def f(x): return x - x**3 / 6",
        "def f(x):\n    # another spelling\n    cube = x * x * x\n    return x - cube / 6",
        "def f(x): return x",
        "def f(x): return (x + x) / 2",
        "def f(x): return x - x**3 / 6 + x**5 / 120",
    ]
    with tempfile.TemporaryDirectory() as folder:
        evaluate = make_evaluator(Path(folder) / "evaluator.sqlite")
        for number, text in enumerate(programs):
            path = Path(folder) / f"program{number}.py"
            path.write_text(text)
            metrics = evaluate(path)
            assert set(metrics) == {"error"}
        again = make_evaluator(Path(folder) / "evaluator.sqlite")  # as another process would
        assert again(path) == metrics
        assert again.stats().evaluated == 0
        return evaluate.stats()


if __name__ == "__main__":
    print(main())
