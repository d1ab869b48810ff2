"""Setup B of the paper: AutoML-Zero, programs that learn."""

from setups.automl_zero.setup import AutoMLZero

__all__ = ["AutoMLZero"]
